#include <algorithm>
#include <utility>

#include "engine/testing/op_cases.h"
#include "engine/testing/random_source.h"

namespace modeld::testing {
namespace {

using core::BinaryFunction;
using core::UnaryFunction;
using core::ValueId;

// Functions that keep errors and sizes small.
constexpr UnaryFunction kUnary[] = {UnaryFunction::kTanh, UnaryFunction::kSigmoid, UnaryFunction::kAbs,
                                    UnaryFunction::kNeg};
constexpr BinaryFunction kBinary[] = {BinaryFunction::kAdd, BinaryFunction::kSub, BinaryFunction::kMul,
                                      BinaryFunction::kMax, BinaryFunction::kMin};

// Appends elementwise nodes to a case of one node.
class Consumers {
 public:
  Consumers(OpCase& result, uint64_t seed) : result_(result), graph_(result.graph), random_(seed) {}

  void Append() {
    const uint32_t count = random_.Between(1, 3);
    for (uint32_t i = 0; i < count; ++i) {
      if (random_.Once(3)) {
        Add(core::Unary{kUnary[random_.Between(0, std::size(kUnary) - 1)]}, {Last()});
      } else {
        const core::Op op = core::Binary{kBinary[random_.Between(0, std::size(kBinary) - 1)]};
        const ValueId running = Last();
        const ValueId other = random_.Once(12) ? running : Other();
        if (random_.Once(2)) {
          Add(op, {running, other});
        } else {
          Add(op, {other, running});
        }
      }
      // A result that somebody else reads too must not be absorbed.
      if (random_.Once(8)) graph_.outputs.push_back(Last());
    }
    graph_.outputs.push_back(Last());
  }

 private:
  ValueId Last() const { return last_; }
  const TensorDescriptor& Type() const { return graph_.descriptor(last_); }

  void Add(core::Op op, std::vector<ValueId> inputs) {
    const ValueId output = AddValue(graph_, Type());
    graph_.nodes.push_back(
        {.op = std::move(op), .inputs = std::move(inputs), .outputs = {output}, .label = "consumer"});
    last_ = output;
  }

  ValueId Operand(const Shape& shape) {
    const Tensor tensor = random_.AnyTensor(DataType::kFloat32, shape, Elements::kSmall);
    if (random_.Once(2)) return AddConstant(graph_, tensor);
    graph_.inputs.push_back(AddValue(graph_, tensor.descriptor));
    result_.inputs.push_back(tensor);
    return graph_.inputs.back();
  }

  // The other operand of a binary operation: whole, or spread out from a scalar, from one dimension's values,
  // or from a random choice of dimensions.
  ValueId Other() {
    const Shape& whole = Type().shape;
    Shape narrow = whole;
    switch (random_.Between(0, 3)) {
      case 0:
        return Operand(whole);
      case 1:
        narrow.clear();
        break;
      case 2: {
        const uint32_t kept = whole.empty() ? 0 : random_.Between(0, static_cast<uint32_t>(whole.size()) - 1);
        for (uint32_t d = 0; d < narrow.size(); ++d) {
          if (d != kept) narrow[d] = 1;
        }
        break;
      }
      default:
        for (uint32_t& size : narrow) {
          if (random_.Once(2)) size = 1;
        }
        break;
    }
    const Shape target = whole;
    const ValueId operand = Operand(narrow);
    const ValueId spread = AddValue(graph_, {DataType::kFloat32, target});
    graph_.nodes.push_back(
        {.op = core::Broadcast{}, .inputs = {operand}, .outputs = {spread}, .label = "broadcast"});
    return spread;
  }

  OpCase& result_;
  core::Graph& graph_;
  RandomSource random_;
  ValueId last_ = std::exchange(graph_.outputs, {}).at(0);
};

}  // namespace

OpCase RandomFusionCase(uint64_t seed) {
  const core::Op producers[] = {core::Contraction{},
                                core::Convolution{},
                                core::Convolution{.transposed = true},
                                core::Pool{.function = core::PoolFunction::kAverage},
                                core::Reduce{core::ReduceFunction::kSum, {}},
                                core::Transpose{}};
  RandomSource random(seed);
  const core::Op& op = producers[random.Between(0, std::size(producers) - 1)];
  OpCase result = RandomCase({.name = core::OpName(op), .op = op, .type = DataType::kFloat32}, seed + 1);
  Consumers(result, seed + 2).Append();
  // Each consumer at most doubles the error of a sum and adds that of a tanh.
  result.tolerance.absolute = 8 * result.tolerance.absolute + 1e-5;
  result.tolerance.relative = 8 * result.tolerance.relative + 1e-5;
  return result;
}

}  // namespace modeld::testing
