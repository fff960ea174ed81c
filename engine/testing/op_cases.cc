#include "engine/testing/op_cases.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "engine/core/op_types.h"
#include "engine/testing/random_source.h"

namespace modeld::testing {
namespace {

using core::BinaryFunction;
using core::UnaryFunction;

Tolerance Basic(DataType type) {
  return {.absolute = 0, .relative = type == DataType::kFloat16 ? 1e-3 : 1e-6};
}
Tolerance Transcendental(DataType type) {
  if (type == DataType::kFloat16) return {.absolute = 2e-3, .relative = 2e-3};
  return {.absolute = 2e-6, .relative = 2e-5};
}
Tolerance SumOf(DataType type, uint64_t terms) {
  if (type == DataType::kFloat16) return {.absolute = 2e-3, .relative = 2e-3};
  return {.absolute = 2e-7 * static_cast<double>(terms + 16), .relative = 1e-5};
}

// Makes the operands and shapes of each operation. The operation in the case is the kind's, with its
// attributes drawn.
class Generator {
 public:
  Generator(const OpKind& kind, uint64_t seed) : random_(seed), type_(kind.type), op_(kind.op) {}

  OpCase Make() {
    std::visit([this](auto& op) { Draw(op); }, op_);
    core::Graph& graph = result_.graph;
    graph.outputs = {AddValue(graph, {output_type_.value_or(core::OutputTypeOf(op_, type_)), output_})};
    graph.nodes = {{.op = op_, .inputs = operands_, .outputs = graph.outputs, .label = "case"}};
    return std::move(result_);
  }

 private:
  void Operand(const Tensor& tensor) {
    core::Graph& graph = result_.graph;
    if (random_.Once(3)) {
      operands_.push_back(AddConstant(graph, tensor));
      return;
    }
    operands_.push_back(AddValue(graph, tensor.descriptor));
    graph.inputs.push_back(operands_.back());
    result_.inputs.push_back(tensor);
  }
  void Operand(const Shape& shape, Elements elements) { Operand(random_.AnyTensor(type_, shape, elements)); }

  // Of a random index type; most of them within any dimension.
  void Indices(Shape shape) {
    const auto types = core::GatherIndexTypes();
    const DataType type = types[random_.Between(0, static_cast<uint32_t>(types.size()) - 1)];
    Operand(
        random_.AnyTensor(type, std::move(shape), random_.Once(3) ? Elements::kExtreme : Elements::kPlain));
  }

  void Elementwise(size_t operands) {
    output_ = random_.AnyShape();
    const Elements elements = random_.Once(2) ? Elements::kExtreme : Elements::kPlain;
    for (size_t i = 0; i < operands; ++i) Operand(output_, elements);
  }

  void Draw(core::Unary& op) {
    Elementwise(1);
    switch (op.function) {
      case UnaryFunction::kSqrt:
      case UnaryFunction::kReciprocal:
        result_.tolerance = Basic(type_);
        break;
      case UnaryFunction::kExp:
      case UnaryFunction::kLog:
      case UnaryFunction::kSin:
      case UnaryFunction::kCos:
      case UnaryFunction::kTan:
      case UnaryFunction::kTanh:
      case UnaryFunction::kErf:
      case UnaryFunction::kSigmoid:
        result_.tolerance = Transcendental(type_);
        break;
      default:
        break;
    }
  }
  void Draw(core::Binary& op) {
    Elementwise(2);
    if (op.function == BinaryFunction::kPow) {
      result_.tolerance = Transcendental(type_);
    } else if (op.function != BinaryFunction::kMax && op.function != BinaryFunction::kMin) {
      result_.tolerance = Basic(type_);
    }
  }
  void Draw(core::Compare&) { Elementwise(2); }
  void Draw(core::Select&) {
    output_ = random_.AnyShape();
    Tensor condition = random_.AnyTensor(DataType::kUint8, output_, Elements::kPlain);
    Operand(condition);
    for (int i = 0; i < 2; ++i) Operand(output_, Elements::kExtreme);
  }
  void Draw(core::Cast& op) {
    Elementwise(1);
    output_type_ = Unpacked(type_);
    while (!IsPacked(type_)) {
      const std::span<const DataType> types = core::DataTypesOf(op);
      output_type_ = types[random_.Between(0, static_cast<uint32_t>(types.size()) - 1)];
      // Only 8-bit types narrow to packed ones.
      if (!IsPacked(*output_type_) || Unpacked(*output_type_) == type_) break;
    }
  }

  void Draw(core::Reduce& op) {
    const Shape shape = random_.AnyShape(1);
    output_ = shape;
    uint64_t terms = 1;
    for (uint32_t axis = 0; axis < shape.size(); ++axis) {
      if (!random_.Once(2) && !(axis + 1 == shape.size() && op.axes.empty())) continue;
      op.axes.push_back(axis);
      output_[axis] = 1;
      terms *= shape[axis];
    }
    Operand(shape, Elements::kSmall);
    if (op.function == core::ReduceFunction::kSum) result_.tolerance = SumOf(type_, terms);
    if (op.function == core::ReduceFunction::kProduct) result_.tolerance = SumOf(type_, terms);
  }

  void Draw(core::Contraction&) {
    Shape batch = random_.Once(2) ? Shape{} : random_.AnyShape(0, 2);
    for (uint32_t& size : batch) size = std::min(size, 4u);
    const uint32_t rows = random_.Between(1, 33);
    const uint32_t inner = random_.Between(1, 65);
    const uint32_t columns = random_.Between(1, 33);
    const auto matrices = [&](uint32_t height, uint32_t width) {
      Shape shape = batch;
      shape.insert(shape.end(), {height, width});
      return shape;
    };
    output_ = matrices(rows, columns);
    Operand(matrices(rows, inner), Elements::kSmall);
    Operand(matrices(inner, columns), Elements::kSmall);
    result_.tolerance = SumOf(type_, inner);
  }

  void Draw(core::Convolution& op) {
    op.groups = random_.Once(2) ? 1 : random_.Between(1, 4);
    const uint32_t in_per_group = random_.Once(3) ? 1 : random_.Between(1, 5);
    const uint32_t out_per_group = random_.Once(3) ? 1 : random_.Between(1, 5);
    const uint32_t batch = random_.Between(1, 2);
    // `wide` and `narrow` as a forward convolution has them.
    std::array<uint32_t, 2> wide;
    std::array<uint32_t, 2> narrow;
    std::array<uint32_t, 2> window;
    for (int d = 0; d < 2; ++d) {
      window[d] = random_.Between(1, 4);
      op.strides[d] = random_.Between(1, 3);
      op.dilations[d] = random_.Between(1, 2);
      op.padding[2 * d] = random_.Between(0, 2);
      op.padding[2 * d + 1] = random_.Between(0, 2);
      const uint32_t reach = (window[d] - 1) * op.dilations[d] + 1;
      const uint32_t padding = op.padding[2 * d] + op.padding[2 * d + 1];
      wide[d] = std::max(random_.Between(1, 12), reach > padding ? reach - padding : 1);
      narrow[d] = (wide[d] + padding - reach) / op.strides[d] + 1;
    }
    const uint32_t in_channels = op.groups * in_per_group;
    const uint32_t out_channels = op.groups * out_per_group;
    const auto& from = op.transposed ? narrow : wide;
    const auto& to = op.transposed ? wide : narrow;
    output_ = {batch, out_channels, to[0], to[1]};
    Operand(Shape{batch, in_channels, from[0], from[1]}, Elements::kSmall);
    Operand(op.transposed ? Shape{in_channels, out_per_group, window[0], window[1]}
                          : Shape{out_channels, in_per_group, window[0], window[1]},
            Elements::kSmall);
    result_.tolerance = SumOf(type_, uint64_t{in_per_group} * window[0] * window[1]);
  }

  void Draw(core::Pool& op) {
    output_ = {random_.Between(1, 2), random_.Once(2) ? random_.Between(1, 4) : random_.Between(1, 20), 0, 0};
    Shape input = output_;
    for (int d = 0; d < 2; ++d) {
      op.window[d] = random_.Between(1, 4);
      op.strides[d] = random_.Between(1, 3);
      op.dilations[d] = random_.Once(3) ? 2 : 1;
      const uint32_t reach = (op.window[d] - 1) * op.dilations[d] + 1;
      op.padding[2 * d] = random_.Between(0, reach - 1);
      op.padding[2 * d + 1] = random_.Between(0, reach - 1);
      const uint32_t padding = op.padding[2 * d] + op.padding[2 * d + 1];
      input[2 + d] = std::max(random_.Between(1, 12), reach > padding ? reach - padding : 1);
      const uint32_t room = input[2 + d] + padding - reach;
      output_[2 + d] = (random_.Once(2) ? room : room + op.strides[d] - 1) / op.strides[d] + 1;
    }
    Operand(input, Elements::kSmall);
    if (op.function != core::PoolFunction::kMax) result_.tolerance = SumOf(type_, 16);
  }

  void Draw(core::Gather& op) {
    const Shape data = random_.AnyShape(1, 4);
    op.axis = random_.Between(0, static_cast<uint32_t>(data.size()) - 1);
    Shape indices = random_.AnyShape(0, 2);
    for (uint32_t& size : indices) size = std::min(size, 9u);
    output_.assign(data.begin(), data.begin() + op.axis);
    output_.insert(output_.end(), indices.begin(), indices.end());
    output_.insert(output_.end(), data.begin() + op.axis + 1, data.end());
    Operand(data, Elements::kExtreme);
    Indices(indices);
  }

  void Draw(core::Scatter&) {
    output_ = random_.AnyShape(1, 4);
    Shape updates = output_;
    updates[0] = random_.Between(1, 12);
    Operand(output_, Elements::kExtreme);
    Indices({updates[0]});
    Operand(updates, Elements::kExtreme);
  }

  void Draw(core::Scan& op) {
    output_ = random_.AnyShape(1);
    op.axis = random_.Between(0, static_cast<uint32_t>(output_.size()) - 1);
    op.exclusive = random_.Once(2);
    op.reversed = random_.Once(2);
    Operand(output_, random_.Once(4) ? Elements::kExtreme : Elements::kSmall);
    result_.tolerance = SumOf(type_, output_[op.axis]);
  }

  void Draw(core::Pad& op) {
    const Shape input = random_.AnyShape(0, 4);
    output_ = input;
    for (uint32_t& size : output_) {
      const uint32_t most = op.mode == core::PadMode::kReflection  ? std::min(size - 1, 3u)
                            : op.mode == core::PadMode::kSymmetric ? std::min(size, 3u)
                                                                   : 3;
      op.before.push_back(random_.Between(0, most));
      op.after.push_back(random_.Between(0, most));
      size += op.before.back() + op.after.back();
    }
    op.value = random_.Between(0, 3);
    Operand(input, Elements::kExtreme);
  }

  void Draw(core::Slice& op) {
    output_ = random_.AnyShape();
    Shape input;
    for (uint32_t size : output_) {
      op.starts.push_back(random_.Once(2) ? 0 : random_.Between(0, 4));
      op.strides.push_back(random_.Once(2) ? 1 : random_.Between(1, 3));
      input.push_back(op.starts.back() + (size - 1) * op.strides.back() + random_.Between(1, 3));
    }
    Operand(input, Elements::kExtreme);
  }

  void Draw(core::Concat& op) {
    output_ = random_.AnyShape(1);
    op.axis = random_.Between(0, static_cast<uint32_t>(output_.size()) - 1);
    Shape part = output_;
    output_[op.axis] = 0;
    const uint32_t parts = random_.Between(1, 4);
    for (uint32_t i = 0; i < parts; ++i) {
      part[op.axis] = random_.Between(1, 6);
      output_[op.axis] += part[op.axis];
      Operand(part, Elements::kExtreme);
    }
  }

  void Draw(core::Transpose& op) {
    const Shape input = random_.AnyShape();
    op.permutation.resize(input.size());
    std::iota(op.permutation.begin(), op.permutation.end(), 0);
    for (uint32_t i = 1; i < input.size(); ++i)
      std::swap(op.permutation[i], op.permutation[random_.Between(0, i)]);
    for (uint32_t dimension : op.permutation) output_.push_back(input[dimension]);
    Operand(input, Elements::kExtreme);
  }

  void Draw(core::Reshape&) {
    const Shape input = random_.AnyShape();
    output_ = input;
    // The same sizes in another order, with some ones and some merged.
    std::reverse(output_.begin(), output_.end());
    if (random_.Once(2)) output_.push_back(1);
    if (output_.size() >= 2 && random_.Once(2)) {
      output_[1] *= output_[0];
      output_.erase(output_.begin());
    }
    Operand(input, Elements::kExtreme);
  }

  void Draw(core::Broadcast&) {
    output_ = random_.AnyShape();
    const auto missing = static_cast<ptrdiff_t>(random_.Between(0, static_cast<uint32_t>(output_.size())));
    Shape input(output_.begin() + missing, output_.end());
    for (uint32_t& size : input) {
      if (random_.Once(2)) size = 1;
    }
    Operand(input, Elements::kExtreme);
  }

  void Draw(core::Native&) {}

  RandomSource random_;
  const DataType type_;
  core::Op op_;
  OpCase result_;
  std::vector<core::ValueId> operands_;
  Shape output_;
  // Where it does not follow from the operands' type.
  std::optional<DataType> output_type_;
};

}  // namespace

OpCase RandomCase(const OpKind& kind, uint64_t seed) {
  return Generator(kind, seed).Make();
}

}  // namespace modeld::testing
