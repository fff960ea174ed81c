// add, sub, mul, div, max, min, pow, with numpy's broadcasting.
#include "engine/ops/families.h"
#include "engine/ops/shared_rules.h"

namespace modeld {
namespace {

// Both operands broadcast to the common shape, then one Binary.
template <core::BinaryFunction kFunction>
Values DecomposeBinary(DecomposeContext& c) {
  return {c.b.Apply(kFunction, c.input(0), c.input(1))};
}

template <core::BinaryFunction kFunction>
OpSchema Row(absl::string_view type, absl::string_view formula) {
  return {.type = type,
          .operands = {{.name = "a"}, {.name = "b", .same_type_as = 0}},
          .attributes = {},
          .formula = formula,
          .infer = BroadcastOfInputs,
          .decompose = DecomposeBinary<kFunction>};
}

}  // namespace

std::vector<OpSchema> ElementwiseBinaryOps() {
  using F = core::BinaryFunction;
  return {
      Row<F::kAdd>("add", "a + b"),
      Row<F::kSub>("sub", "a - b"),
      Row<F::kMul>("mul", "a * b"),
      Row<F::kDiv>("div", "a / b; integers truncate"),
      Row<F::kMax>("max", "max(a, b)"),
      Row<F::kMin>("min", "min(a, b)"),
      Row<F::kPow>("pow", "a to the power b"),
  };
}

}  // namespace modeld
