// The tables of what is computed while importing, and what their rows share. For fold*.cc.
#ifndef MODELD_TOOLS_IMPORTER_FOLDERS_H_
#define MODELD_TOOLS_IMPORTER_FOLDERS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/importer/import_context.h"

namespace modeld::importer {

// The known values of a node's inputs; null for those that are absent.
using HostInputs = std::span<const HostTensor* const>;

// Sets the node's outputs and returns true; false where the general case is the converter's.
using FoldFunction = absl::StatusOr<bool> (*)(NodeContext& node, HostInputs inputs);

// How much of its inputs a folder needs to know.
enum class Needs {
  kNothing,   // it looks at shapes and attributes, or for itself
  kSmall,     // all given inputs known, and small
  kIntegers,  // as kSmall, and integers or few floats: float weights are the engine's to fold
};

struct Folder {
  absl::string_view op_type;
  Needs needs;
  FoldFunction fold;
};

std::span<const Folder> MathFolders();   // fold_math.cc: arithmetic, comparison, reductions
std::span<const Folder> ShapeFolders();  // fold_shape.cc: constants, shapes, what moves elements

// Shapes, axes and scales are shorter than this by far.
inline constexpr uint64_t kMaxFoldedElements = 4096;

// A small tensor as numbers: `ints` for integer types, `doubles` for float types.
struct Small {
  TensorDescriptor descriptor;
  std::vector<double> doubles;
  std::vector<int64_t> ints;

  bool is_float() const { return IsFloat(descriptor.data_type); }
  size_t size() const { return is_float() ? doubles.size() : ints.size(); }
  const Shape& shape() const { return descriptor.shape; }
};

// Nothing where a number is beyond int64.
std::optional<Small> Load(const HostTensor& host);
// A tensor of the numbers, wrapped or rounded to the type.
HostTensor Store(const Small& small);

// Elements of a shape that the caller keeps small; nothing beyond kMaxFoldedElements.
std::optional<uint64_t> SmallCount(const Shape& shape);
// Two-way broadcasting, or nothing where the shapes do not fit or the result is not small.
std::optional<Shape> SmallBroadcast(const Shape& a, const Shape& b);
// For each element of `to`, the element of `from` that broadcasting puts there. Requires: `from` broadcasts
// to `to`, which is small.
std::vector<uint64_t> BroadcastPositions(const Shape& from, const Shape& to);
// The elements of `x` at these flat positions, under another shape.
HostTensor Pick(const HostTensor& x, Shape shape, const std::vector<uint64_t>& positions);

}  // namespace modeld::importer

#endif  // MODELD_TOOLS_IMPORTER_FOLDERS_H_
