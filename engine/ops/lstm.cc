// lstm, lstmCell. With ' for transposition, b, rb and p for bias, recurrentBias and peepholeWeight, and
// f, g, k for the activations:
//   i = f(x Wi' + bi + h Ri' + rbi + pi * c), o and f alike, all with the cell state c before the step
//   g = g(x Wg' + bg + h Rg' + rbg)
//   c = f * c + i * g
//   h = o * k(c)
#include <array>

#include "engine/ops/families.h"
#include "engine/ops/recurrent.h"

namespace modeld {
namespace {

using core::CoreBuilder;
using core::ValueId;

// One direction's step. What does not change from step to step is made once.
class LstmStep {
 public:
  LstmStep(DecomposeContext& c, uint32_t direction)
      : b_(c.b),
        sizes_(SizesOf(c, c.b.shape(c.input()))),
        is_iofg_(c.String("layout") == "iofg"),
        activations_(c.Strings("activations")),
        weight_(c.b.TransposeBy(OfDirection(c, c.input(2), direction), {1, 0})) {
    const std::optional<ValueId> peepholes = OfDirection(c, c.OptionalInput("peepholeWeight"), direction);
    if (!peepholes) return;
    const uint32_t hidden = sizes_.hidden;
    for (uint32_t i = 0; i < 3; ++i) {
      const ValueId part = b_.SliceOf(*peepholes, {i * hidden}, {1}, {hidden});
      peepholes_[i] = b_.BroadcastTo(part, {sizes_.batch, hidden});
    }
  }

  Values operator()(ValueId x, const Values& states) const {
    const uint32_t hidden = sizes_.hidden;
    const ValueId cell = states[1];
    const ValueId sum = b_.Add(x, b_.MatMul(states[0], weight_));
    const auto gate = [&](uint32_t index) { return Columns(b_, sum, index * hidden, hidden); };
    const auto peephole_gate = [&](uint32_t index, const std::optional<ValueId>& peephole) {
      const ValueId value = peephole ? b_.Add(gate(index), b_.Mul(*peephole, cell)) : gate(index);
      return Activate(b_, activations_[0], value);
    };
    const ValueId i = peephole_gate(0, peepholes_[0]);
    const ValueId o = peephole_gate(is_iofg_ ? 1 : 3, peepholes_[1]);
    const ValueId f = peephole_gate(is_iofg_ ? 2 : 1, peepholes_[2]);
    const ValueId g = Activate(b_, activations_[1], gate(is_iofg_ ? 3 : 2));
    const ValueId next = b_.Add(b_.Mul(f, cell), b_.Mul(i, g));
    return {b_.Mul(o, Activate(b_, activations_[2], next)), next};
  }

 private:
  CoreBuilder& b_;
  RecurrentSizes sizes_;
  bool is_iofg_;
  std::vector<std::string> activations_;
  // Transposed.
  ValueId weight_;
  // Of i, o and f in both layouts.
  std::array<std::optional<ValueId>, 3> peepholes_;
};

InferResult InferLstm(InferContext& c) {
  return InferRecurrent(c, kLstm);
}

Values DecomposeLstm(DecomposeContext& c) {
  return UnrollRecurrent(c, kLstm, true,
                         [&](uint32_t direction) -> RecurrentStep { return LstmStep(c, direction); });
}

constexpr absl::string_view kFormula =
    "h = o * k(c), c = f * c + i * g, i = f(x Wi' + bi + h Ri' + rbi + pi * c), o and f alike, g = g(x Wg' + "
    "bg + h Rg' + rbg)";

}  // namespace

std::vector<OpSchema> LstmOps() {
  return {
      {.type = "lstm",
       .operands = {{.name = "input", .types = kFloatTypes, .ranks = Rank(3)},
                    {.name = "weight", .types = kFloatTypes, .ranks = Rank(3), .same_type_as = 0},
                    {.name = "recurrentWeight", .types = kFloatTypes, .ranks = Rank(3), .same_type_as = 0}},
       .attributes = {RequiredSize("steps"), RequiredSize("hiddenSize"),
                      OperandAttribute("bias", kFloatTypes, Rank(2)),
                      OperandAttribute("recurrentBias", kFloatTypes, Rank(2)),
                      OperandAttribute("peepholeWeight", kFloatTypes, Rank(2)),
                      OperandAttribute("initialHiddenState", kFloatTypes, Rank(3)),
                      OperandAttribute("initialCellState", kFloatTypes, Rank(3)),
                      BoolAttribute("returnSequence", false),
                      ChoiceAttribute("direction", {"forward", "backward", "both"}),
                      ChoiceAttribute("layout", {"iofg", "ifgo"}),
                      ActivationsAttribute({"sigmoid", "tanh", "tanh"})},
       .formula = kFormula,
       .infer = InferLstm,
       .decompose = DecomposeLstm},
      {.type = "lstmCell",
       .operands = {{.name = "input", .types = kFloatTypes, .ranks = Rank(2)},
                    {.name = "weight", .types = kFloatTypes, .ranks = Rank(2), .same_type_as = 0},
                    {.name = "recurrentWeight", .types = kFloatTypes, .ranks = Rank(2), .same_type_as = 0},
                    {.name = "hiddenState", .types = kFloatTypes, .ranks = Rank(2), .same_type_as = 0},
                    {.name = "cellState", .types = kFloatTypes, .ranks = Rank(2), .same_type_as = 0}},
       .attributes = {RequiredSize("hiddenSize"), OperandAttribute("bias", kFloatTypes, Rank(1)),
                      OperandAttribute("recurrentBias", kFloatTypes, Rank(1)),
                      OperandAttribute("peepholeWeight", kFloatTypes, Rank(1)),
                      ChoiceAttribute("layout", {"iofg", "ifgo"}),
                      ActivationsAttribute({"sigmoid", "tanh", "tanh"})},
       .formula = "one step of lstm",
       .infer = InferLstm,
       .decompose = DecomposeLstm},
  };
}

}  // namespace modeld
