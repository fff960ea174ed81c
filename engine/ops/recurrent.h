// What gru, gruCell, lstm and lstmCell share: a cell is one step in one direction of its sequence operation.
#ifndef MODELD_ENGINE_OPS_RECURRENT_H_
#define MODELD_ENGINE_OPS_RECURRENT_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "engine/ops/op_context.h"
#include "engine/ops/schema.h"
#include "engine/ops/shared_rules.h"

namespace modeld {

// What tells the two networks apart.
struct RecurrentKind {
  // Blocks of `hiddenSize` rows in the weights.
  uint32_t gates;
  // Tensors carried from step to step; the first is the hidden state, which is the step's output.
  uint32_t states;
};
inline constexpr RecurrentKind kGru = {.gates = 3, .states = 1};
inline constexpr RecurrentKind kLstm = {.gates = 4, .states = 2};

struct RecurrentSizes {
  bool is_cell;
  uint32_t steps;
  uint32_t directions;
  uint32_t batch;
  uint32_t input;
  uint32_t hidden;
};

// The sizes that the input's shape and the attributes hiddenSize and direction say.
RecurrentSizes SizesOf(const AttributeReader& attributes, const Shape& input);

// Checks all shapes, the number of steps and the activations. Outputs: each state behind the last step, of
// shape [directions, batch, hidden] (a cell: [batch, hidden]); with returnSequence, the hidden states of all
// steps [steps, directions, batch, hidden].
InferResult InferRecurrent(InferContext& c, const RecurrentKind& kind);

// The states behind a step, [batch, hidden] in float32, from `x`, the step's input times the weight plus the
// bias [batch, gates * hidden], and the states before it.
using RecurrentStep = std::function<Values(core::ValueId x, const Values& states)>;

// The outputs that InferRecurrent promises: one product for the inputs of all steps and directions, then
// `make_step(direction)` once per direction and its result once per step. Everything is float32 until an
// output is rounded. `add_recurrent_bias`: into `x`, like the bias.
Values UnrollRecurrent(DecomposeContext& c, const RecurrentKind& kind, bool add_recurrent_bias,
                       absl::FunctionRef<RecurrentStep(uint32_t direction)> make_step);

// An operand's part for one direction, without that dimension, in float32: of a cell, all of it.
core::ValueId OfDirection(DecomposeContext& c, core::ValueId operand, uint32_t direction);
std::optional<core::ValueId> OfDirection(DecomposeContext& c, std::optional<core::ValueId> operand,
                                         uint32_t direction);

// Columns [start, start + count) of a matrix.
core::ValueId Columns(core::CoreBuilder& b, core::ValueId matrix, uint32_t start, uint32_t count);

// "relu", "sigmoid" or "tanh" of x.
core::ValueId Activate(core::CoreBuilder& b, absl::string_view function, core::ValueId x);

// Rows of attributes.
AttributeSchema ActivationsAttribute(std::vector<std::string> defaults);
// steps and hiddenSize.
AttributeSchema RequiredSize(absl::string_view name);

}  // namespace modeld

#endif  // MODELD_ENGINE_OPS_RECURRENT_H_
