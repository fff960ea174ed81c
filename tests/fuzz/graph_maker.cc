#include "tests/fuzz/graph_maker.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "engine/ops/infer.h"
#include "engine/ops/table.h"
#include "tests/fuzz/recipes.h"

namespace modeld::fuzz {
namespace {

using testing::RandomSource;
using testing::Tensor;

constexpr uint64_t kMaxLeafElements = 400;
// An operation that is hard to draw is given up for another one.
constexpr int kAttempts = 12;

// Elements of new tensors.
class Elements {
 public:
  Elements(RandomSource& random, Theme theme) : random_(random), theme_(theme) {}

  Tensor Make(const TensorDescriptor& descriptor, Content content, uint32_t rows) {
    std::vector<double> values(descriptor.ElementCount());
    for (double& value : values) value = One(descriptor.data_type, content, rows);
    return testing::TensorOf(descriptor.data_type, descriptor.shape, values);
  }

 private:
  double One(DataType type, Content content, uint32_t rows) {
    const bool extreme = theme_ == Theme::kExtremes && random_.Once(10);
    if (IsFloat(type)) {
      if (content == Content::kPositive && !extreme) {
        return theme_ == Theme::kIntegers ? std::ldexp(1.0, static_cast<int>(random_.Between(0, 2)) - 1)
                                          : 1.125 + 0.875 * random_.Unit();
      }
      if (extreme) return ExtremeFloat(type);
      return theme_ == Theme::kIntegers ? static_cast<double>(random_.Between(0, 8)) - 4 : 2 * random_.Unit();
    }
    const auto [least, most] = testing::IntegerRange(type);
    double value = static_cast<double>(random_.Between(0, 12)) - 5;
    if (content == Content::kIndices && !random_.Once(20)) {
      value = static_cast<double>(random_.Between(0, 2 * rows - 1)) - rows;
      if (least == 0) value = std::fabs(value + 0.5) - 0.5;
    } else if (extreme) {
      value = random_.Once(2) ? least : most;
    } else if (random_.Once(4)) {
      value = static_cast<double>(random_.Between(0, 200)) - 100;
    }
    return std::clamp(value, least, most);
  }

  double ExtremeFloat(DataType type) {
    constexpr double kInfinite = std::numeric_limits<double>::infinity();
    constexpr double kShared[] = {std::numeric_limits<double>::quiet_NaN(),
                                  kInfinite,
                                  -kInfinite,
                                  0.0,
                                  -0.0,
                                  0.5,
                                  -2.5,
                                  60000,
                                  -65504,
                                  0x1p-20,
                                  4.5,
                                  200};
    constexpr double kWide[] = {0x1p-149, -0x1p-127, 3.4e38, -3.4e38, 1e30, 1e-30, 2147483648.0, 1e19};
    if (type == DataType::kFloat16 || random_.Once(2)) {
      return kShared[random_.Between(0, std::size(kShared) - 1)];
    }
    return kWide[random_.Between(0, std::size(kWide) - 1)];
  }

  RandomSource& random_;
  const Theme theme_;
};

// A graph that grows operation by operation. A body has inputs in place of constants.
class Maker : public Draft {
 public:
  Maker(RandomSource& random, Theme theme, uint32_t depth)
      : random_(random), elements_(random, theme), theme_(theme), depth_(depth) {
    preferred_rank_ = random.Once(4) ? random.Between(0, 8) : random.Once(2) ? 4 : random.Between(1, 3);
    preferred_type_ = random.Once(2)   ? DataType::kFloat32
                      : random.Once(2) ? DataType::kFloat16
                                       : static_cast<DataType>(random.Between(1, 10));
  }

  void Grow(uint32_t operations, const std::string& only) {
    while (graph_.operations.size() < operations) {
      const OpSchema& row = *(only.empty() ? Row() : FindOp(only));
      for (int i = 0; i < kAttempts && !TryAdd(row); ++i) continue;
      // A single operation that cannot be drawn at all must not keep us here.
      if (++rounds_ > 20 * operations) break;
    }
  }

  // Makes outputs of what nobody reads, and of some of the rest.
  void Finish() {
    std::vector<bool> is_read(graph_.operands.size(), false);
    for (const Operation& operation : graph_.operations) {
      for (OperandId id : OperandsRead(operation)) is_read[id.value] = true;
    }
    for (const Operation& operation : graph_.operations) {
      for (OperandId id : operation.outputs) {
        if (is_read[id.value] && !random_.Once(8)) continue;
        graph_.outputs.push_back({depth_ > 0 ? "" : "out" + std::to_string(id.value), id});
      }
    }
  }

  Graph& graph() { return graph_; }
  const std::map<uint32_t, Tensor>& data() const { return data_; }

  RandomSource& random() override { return random_; }
  const OpSchema& schema() const override { return *schema_; }

  TensorDescriptor AnyOperand(std::optional<uint32_t> rank) override {
    const OperandSchema& wanted = NextSchema();
    const TypeSet types = TypesOf(wanted);
    const uint32_t least = rank.value_or(wanted.ranks.min);
    const uint32_t most = std::min(rank.value_or(wanted.ranks.max), SampleLimits().max_rank);
    return Append(
        [&](const TensorDescriptor& found) {
          return types.Contains(found.data_type) && found.shape.size() >= least && found.shape.size() <= most;
        },
        8,
        [&] {
          const uint32_t chosen = preferred_rank_ >= least && preferred_rank_ <= most && !random_.Once(4)
                                      ? preferred_rank_
                                      : random_.Between(least, std::min(most, least + 4));
          return NewLeaf({AnyType(types), AnyShape(chosen)}, Content::kTheme, 1);
        });
  }

  TensorDescriptor OperandOf(const Shape& shape, Content content, uint32_t rows) override {
    const TypeSet types = TypesOf(NextSchema());
    return Append(
        [&](const TensorDescriptor& found) {
          return types.Contains(found.data_type) && found.shape == shape;
        },
        content == Content::kTheme ? 2 : 0,
        [&] {
          return NewLeaf({AnyType(types), shape}, content, rows);
        });
  }

  void ExactOperand(const TensorDescriptor& descriptor) override {
    Append([&](const TensorDescriptor& found) { return found == descriptor; }, 2,
           [&] { return NewLeaf(descriptor, Content::kTheme, 1); });
  }

  void Set(absl::string_view name, AttributeValue value) override {
    operation_.attributes.insert_or_assign(std::string(name), std::move(value));
  }
  void Leave(absl::string_view name) override { left_.emplace(name); }
  bool IsDecided(absl::string_view name) const override {
    return operation_.attributes.count(name) != 0 || left_.count(std::string(name)) != 0;
  }

  void MaybeOperand(absl::string_view name, const Shape& shape, Content content) override {
    if (random_.Once(2)) return;
    const TensorDescriptor descriptor = {graph_.descriptor(operation_.inputs[0]).data_type, shape};
    Set(name, NewLeaf(descriptor, content, 1));
  }

  std::pair<GraphValue, std::vector<TensorDescriptor>> Body() override {
    Maker body(random_, theme_, depth_ + 1);
    body.Grow(random_.Between(1, 4), "");
    body.Finish();
    std::vector<TensorDescriptor> inputs;
    for (OperandId id : body.graph().inputs) inputs.push_back(body.graph().descriptor(id));
    return {GraphValue{std::make_shared<const Graph>(body.graph())}, inputs};
  }

 private:
  const OpSchema* Row() {
    const std::vector<OpSchema>& rows = AllOps();
    const OpSchema* row = &rows[random_.Between(0, static_cast<uint32_t>(rows.size()) - 1)];
    // Bodies in bodies, but not without end.
    while (row->type == "composite" && depth_ >= 2) row = &rows[random_.Between(0, 9)];
    return row;
  }

  const OperandSchema& NextSchema() const {
    return schema_->operands[std::min(operation_.inputs.size(), schema_->operands.size() - 1)];
  }
  TypeSet TypesOf(const OperandSchema& wanted) const {
    if (wanted.same_type_as < 0 || static_cast<size_t>(wanted.same_type_as) >= operation_.inputs.size()) {
      return wanted.types;
    }
    return {graph_.descriptor(operation_.inputs[static_cast<size_t>(wanted.same_type_as)]).data_type};
  }
  DataType AnyType(TypeSet types) {
    if (types.Contains(preferred_type_) && !random_.Once(3)) return preferred_type_;
    std::vector<DataType> allowed;
    for (uint32_t t = 1; t < 32; ++t) {
      if (types.Contains(static_cast<DataType>(t))) allowed.push_back(static_cast<DataType>(t));
    }
    return OneOf(allowed);
  }
  Shape AnyShape(uint32_t rank) {
    Shape shape(rank);
    uint64_t left = kMaxLeafElements;
    for (uint32_t& size : shape) {
      size = random_.Once(5) ? 1 : random_.Once(8) ? random_.Between(7, 40) : random_.Between(2, 6);
      size = static_cast<uint32_t>(std::min<uint64_t>(size, left));
      left /= size;
    }
    std::reverse(shape.begin(), shape.end());
    return shape;
  }

  // An operand that is there and fits, but one time in `out_of` (never when 0), else a new one.
  template <typename Fits, typename Make>
  TensorDescriptor Append(Fits fits, uint32_t out_of, Make make) {
    std::vector<OperandId> found;
    for (uint32_t i = 0; i < graph_.operands.size(); ++i) {
      if (fits(graph_.operands[i].descriptor)) found.push_back({i});
    }
    OperandId id;
    if (found.empty() || out_of == 0 || random_.Once(out_of)) {
      id = make();
    } else {
      // What came last first, so that graphs grow deep.
      id = random_.Once(3) ? OneOf(found) : found.back();
    }
    operation_.inputs.push_back(id);
    return graph_.descriptor(id);
  }

  OperandId NewLeaf(const TensorDescriptor& descriptor, Content content, uint32_t rows) {
    const OperandId id = {static_cast<uint32_t>(graph_.operands.size())};
    Operand operand;
    operand.descriptor = descriptor;
    Tensor tensor = elements_.Make(descriptor, content, rows);
    if (depth_ == 0 && random_.Once(2)) {
      operand.kind = OperandKind::kConstant;
      operand.digest = Digest::Of(std::span<const std::byte>(tensor.bytes));
      operand.bytes = Region::FromVector(std::move(tensor.bytes));
    } else {
      operand.kind = OperandKind::kInput;
      operand.name = depth_ > 0 ? "" : "in" + std::to_string(id.value);
      graph_.inputs.push_back(id);
      data_[id.value] = std::move(tensor);
    }
    graph_.operands.push_back(std::move(operand));
    return id;
  }

  bool TryAdd(const OpSchema& row) {
    const size_t operands = graph_.operands.size();
    const size_t inputs = graph_.inputs.size();
    schema_ = &row;
    left_.clear();
    operation_ = {.type = std::string(row.type), .label = ""};
    RecipeFor(row.type)(*this);
    const TensorDescriptor first =
        operation_.inputs.empty() ? TensorDescriptor() : graph_.descriptor(operation_.inputs[0]);
    DrawOtherAttributes(*this, first);
    Operation completed = operation_;
    const auto outputs = InferOperation(graph_, completed, 0, SampleLimits());
    bool fits = outputs.ok();
    // A recipe may have asked for a leaf that no graph may have.
    for (size_t i = operands; fits && i < graph_.operands.size(); ++i) {
      fits = CheckDescriptor(graph_.operands[i].descriptor, SampleLimits()).ok();
    }
    for (size_t i = 0; fits && i < outputs->size(); ++i) fits = (*outputs)[i].ElementCount() <= kMaxElements;
    if (!fits) {
      graph_.operands.resize(operands);
      graph_.inputs.resize(inputs);
      data_.erase(data_.lower_bound(static_cast<uint32_t>(operands)), data_.end());
      return false;
    }
    for (const TensorDescriptor& output : *outputs) {
      operation_.outputs.push_back({static_cast<uint32_t>(graph_.operands.size())});
      graph_.operands.push_back({.kind = OperandKind::kIntermediate, .descriptor = output});
    }
    graph_.operations.push_back(std::move(operation_));
    return true;
  }

  RandomSource& random_;
  Elements elements_;
  const Theme theme_;
  const uint32_t depth_;
  uint32_t preferred_rank_;
  DataType preferred_type_;
  uint32_t rounds_ = 0;
  Graph graph_;
  std::map<uint32_t, Tensor> data_;
  const OpSchema* schema_ = nullptr;
  std::set<std::string> left_;
  Operation operation_;
};

Theme AnyTheme(RandomSource& random) {
  const uint32_t choice = random.Between(0, 9);
  return choice < 4 ? Theme::kIntegers : choice < 8 ? Theme::kFloats : Theme::kExtremes;
}

// Mostly short, as a long chain's bounds say little.
uint32_t AnyLength(RandomSource& random, uint32_t most) {
  const uint32_t choice = random.Between(0, 9);
  return std::min(most, choice < 4   ? random.Between(1, 3)
                        : choice < 8 ? random.Between(3, 12)
                                     : random.Between(8, std::max(8u, most)));
}

}  // namespace

GraphLimits SampleLimits() {
  return {.max_tensor_bytes = 1 << 16};
}

Sample RandomSample(uint64_t seed, const MakerOptions& options) {
  RandomSource random(seed);
  const Theme theme = AnyTheme(random);
  Maker maker(random, theme, 0);
  maker.Grow(AnyLength(random, options.max_operations), options.only);
  maker.Finish();
  Sample sample;
  for (const auto& [id, tensor] : maker.data()) sample.inputs[maker.graph().operands[id].name] = tensor;
  sample.graph = std::move(maker.graph());
  return sample;
}

}  // namespace modeld::fuzz
