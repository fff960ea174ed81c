// Random valid graphs, made from the table of operations.
#ifndef MODELD_TESTS_FUZZ_GRAPH_MAKER_H_
#define MODELD_TESTS_FUZZ_GRAPH_MAKER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "engine/graph/graph.h"
#include "engine/graph/limits.h"
#include "engine/ops/schema.h"
#include "engine/testing/random_source.h"
#include "engine/testing/tensor.h"

namespace modeld::fuzz {

// What a new input's or constant's elements are like.
enum class Content : uint8_t {
  // As the graph's theme says.
  kTheme,
  // Floats from 0.25 to 2: scales, variances.
  kPositive,
  // Integers of which most are rows of a dimension, from either end.
  kIndices,
};

// What the elements of one graph are like where nothing else is asked for.
enum class Theme : uint8_t {
  // Integers from -4 to 4: sums and products stay exact.
  kIntegers,
  // Floats within [-2, 2].
  kFloats,
  // As kFloats with NaN, infinities, zeros of both signs, subnormals, huge numbers; extremes of integers.
  kExtremes,
};

// A graph that Validate accepts, with its constants' bytes, and a tensor for each input, by name.
struct Sample {
  Graph graph;
  std::map<std::string, testing::Tensor> inputs;
};

struct MakerOptions {
  uint32_t max_operations = 40;
  // Only this operation, or all where it is empty.
  std::string only = "";
};

// No tensor has more elements.
inline constexpr uint64_t kMaxElements = 2'048;

// The limits that samples keep to: those of a daemon, with small tensors.
GraphLimits SampleLimits();

// The same seed gives the same sample. Attributes are as a client would set them: defaults may be missing.
Sample RandomSample(uint64_t seed, const MakerOptions& options = {});

// One operation being drawn: what the recipes (recipes.h) write with. New inputs and constants are added to
// the graph at once and taken back when the operation turns out not to be valid. Not thread-safe.
class Draft {
 public:
  virtual ~Draft() = default;

  virtual testing::RandomSource& random() = 0;
  virtual const OpSchema& schema() const = 0;
  // Appends a required operand of any shape that the i-th OperandSchema allows; prefers what is there.
  virtual TensorDescriptor AnyOperand(std::optional<uint32_t> rank = std::nullopt) = 0;
  // As above, of exactly this shape. The type: that of same_type_as where the schema has it, else any that
  // it allows.
  virtual TensorDescriptor OperandOf(const Shape& shape, Content content = Content::kTheme,
                                     uint32_t rows = 1) = 0;
  // Appends an operand of exactly this kind.
  virtual void ExactOperand(const TensorDescriptor& descriptor) = 0;
  // Sets an attribute.
  virtual void Set(absl::string_view name, AttributeValue value) = 0;
  // Keeps an attribute unset, at its default.
  virtual void Leave(absl::string_view name) = 0;
  // Whether it was set or is to be left.
  virtual bool IsDecided(absl::string_view name) const = 0;
  // Sets an operand of the options, of the first operand's type, one time in two.
  virtual void MaybeOperand(absl::string_view name, const Shape& shape,
                            Content content = Content::kTheme) = 0;
  // A body for `composite`, and the descriptors of its inputs.
  virtual std::pair<GraphValue, std::vector<TensorDescriptor>> Body() = 0;

  void SetUints(absl::string_view name, const std::vector<uint32_t>& values) {
    Set(name, std::vector<int64_t>(values.begin(), values.end()));
  }
  // Sets an attribute, or leaves it, at times, when this is the default.
  void SetOrLeave(absl::string_view name, AttributeValue value, bool is_default) {
    if (is_default && random().Once(2)) return Leave(name);
    Set(name, std::move(value));
  }
  // A shape's dimension, or another small size.
  uint32_t SmallSize() { return random().Once(4) ? 1 : random().Between(1, 6); }
  template <typename List>
  auto OneOf(const List& list) {
    return list[random().Between(0, static_cast<uint32_t>(std::size(list)) - 1)];
  }
};

}  // namespace modeld::fuzz

#endif  // MODELD_TESTS_FUZZ_GRAPH_MAKER_H_
