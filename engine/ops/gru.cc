// gru, gruCell. With ' for transposition, b and rb for bias and recurrentBias, and f, g for the activations:
//   z = f(x Wz' + bz + h Rz' + rbz)
//   r = f(x Wr' + br + h Rr' + rbr)
//   n = g(x Wn' + bn + r * (h Rn' + rbn)), or without resetAfter g(x Wn' + bn + (r * h) Rn' + rbn)
//   h = z * h + n * (1 - z)
// n is the last gate of both layouts.
#include "engine/ops/families.h"
#include "engine/ops/recurrent.h"

namespace modeld {
namespace {

using core::CoreBuilder;
using core::ValueId;

// One direction's step. What does not change from step to step is made once.
class GruStep {
 public:
  GruStep(DecomposeContext& c, uint32_t direction)
      : b_(c.b),
        sizes_(SizesOf(c, c.b.shape(c.input()))),
        reset_after_(c.Bool("resetAfter")),
        update_first_(c.String("layout") == "zrn"),
        activations_(c.Strings("activations")) {
    const uint32_t hidden = sizes_.hidden;
    const ValueId weight = b_.TransposeBy(OfDirection(c, c.input(2), direction), {1, 0});
    weight_ = reset_after_ ? weight : Columns(b_, weight, 0, 2 * hidden);
    weight_n_ = reset_after_ ? weight : Columns(b_, weight, 2 * hidden, hidden);
    one_ = b_.BroadcastTo(b_.Scalar(DataType::kFloat32, 1), {sizes_.batch, hidden});
    if (!reset_after_) return;
    bias_ = OfDirection(c, c.OptionalInput("recurrentBias"), direction);
    if (bias_) bias_ = b_.BroadcastTo(*bias_, {sizes_.batch, 3 * hidden});
  }

  Values operator()(ValueId x, const Values& states) const {
    const uint32_t hidden = sizes_.hidden;
    const ValueId h = states[0];
    ValueId product = b_.MatMul(h, weight_);
    if (bias_) product = b_.Add(product, *bias_);
    const ValueId zr = Activate(b_, activations_[0],
                                b_.Add(Columns(b_, x, 0, 2 * hidden), Columns(b_, product, 0, 2 * hidden)));
    const ValueId z = Columns(b_, zr, update_first_ ? 0 : hidden, hidden);
    const ValueId r = Columns(b_, zr, update_first_ ? hidden : 0, hidden);
    const ValueId recurrent = reset_after_ ? b_.Mul(r, Columns(b_, product, 2 * hidden, hidden))
                                           : b_.MatMul(b_.Mul(r, h), weight_n_);
    const ValueId n = Activate(b_, activations_[1], b_.Add(Columns(b_, x, 2 * hidden, hidden), recurrent));
    return {b_.Add(b_.Mul(z, h), b_.Mul(n, b_.Sub(one_, z)))};
  }

 private:
  CoreBuilder& b_;
  RecurrentSizes sizes_;
  bool reset_after_;
  bool update_first_;
  std::vector<std::string> activations_;
  // Transposed: of all gates with resetAfter, else of z and r; and of n, without resetAfter.
  ValueId weight_;
  ValueId weight_n_;
  // With resetAfter, where n's part is scaled by r; else it has gone into x.
  std::optional<ValueId> bias_;
  ValueId one_;
};

InferResult InferGru(InferContext& c) {
  return InferRecurrent(c, kGru);
}

Values DecomposeGru(DecomposeContext& c) {
  return UnrollRecurrent(c, kGru, !c.Bool("resetAfter"),
                         [&](uint32_t direction) -> RecurrentStep { return GruStep(c, direction); });
}

constexpr absl::string_view kFormula =
    "h = z * h + n * (1 - z), z = f(x Wz' + bz + h Rz' + rbz), r = f(x Wr' + br + h Rr' + rbr), n = g(x Wn' "
    "+ "
    "bn + r * (h Rn' + rbn)) or g(x Wn' + bn + (r * h) Rn' + rbn)";

}  // namespace

std::vector<OpSchema> GruOps() {
  return {
      {.type = "gru",
       .operands = {{.name = "input", .types = kFloatTypes, .ranks = Rank(3)},
                    {.name = "weight", .types = kFloatTypes, .ranks = Rank(3), .same_type_as = 0},
                    {.name = "recurrentWeight", .types = kFloatTypes, .ranks = Rank(3), .same_type_as = 0}},
       .attributes = {RequiredSize("steps"), RequiredSize("hiddenSize"),
                      OperandAttribute("bias", kFloatTypes, Rank(2)),
                      OperandAttribute("recurrentBias", kFloatTypes, Rank(2)),
                      OperandAttribute("initialHiddenState", kFloatTypes, Rank(3)),
                      BoolAttribute("resetAfter", true), BoolAttribute("returnSequence", false),
                      ChoiceAttribute("direction", {"forward", "backward", "both"}),
                      ChoiceAttribute("layout", {"zrn", "rzn"}), ActivationsAttribute({"sigmoid", "tanh"})},
       .formula = kFormula,
       .infer = InferGru,
       .decompose = DecomposeGru},
      {.type = "gruCell",
       .operands = {{.name = "input", .types = kFloatTypes, .ranks = Rank(2)},
                    {.name = "weight", .types = kFloatTypes, .ranks = Rank(2), .same_type_as = 0},
                    {.name = "recurrentWeight", .types = kFloatTypes, .ranks = Rank(2), .same_type_as = 0},
                    {.name = "hiddenState", .types = kFloatTypes, .ranks = Rank(2), .same_type_as = 0}},
       .attributes = {RequiredSize("hiddenSize"), OperandAttribute("bias", kFloatTypes, Rank(1)),
                      OperandAttribute("recurrentBias", kFloatTypes, Rank(1)),
                      BoolAttribute("resetAfter", true), ChoiceAttribute("layout", {"zrn", "rzn"}),
                      ActivationsAttribute({"sigmoid", "tanh"})},
       .formula = "one step of gru",
       .infer = InferGru,
       .decompose = DecomposeGru},
  };
}

}  // namespace modeld
