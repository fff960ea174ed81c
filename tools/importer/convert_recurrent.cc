// LSTM, GRU and RNN. What WebNN's lstm and gru take becomes one of these; the rest (RNN, peepholes, sequences
// of various lengths, clipping, other activation functions) is unrolled into steps.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tools/importer/converters.h"
#include "tools/importer/emitter.h"
#include "tools/importer/recurrent_layer.h"

namespace modeld::importer {
namespace {

// Steps of all directions that a node may be unrolled into; each makes some twenty operations.
constexpr uint64_t kMaxUnrolledSteps = 2048;

// Results in ONNX's layout 0.
struct Outputs {
  OperandId y;                 // [steps, directions, batch, hidden]
  OperandId h;                 // [directions, batch, hidden]
  std::optional<OperandId> c;  // as h; LSTM
};

absl::Status SetOutputs(Emitter& e, const RecurrentLayer& layer, const Outputs& outputs) {
  const bool turn = layer.batch_first;
  if (e.node().HasOutput(0)) e.Output(0, turn ? e.Transpose(outputs.y, {2, 0, 1, 3}) : outputs.y);
  if (e.node().HasOutput(1)) e.Output(1, turn ? e.Transpose(outputs.h, {1, 0, 2}) : outputs.h);
  if (outputs.c && e.node().HasOutput(2)) {
    e.Output(2, turn ? e.Transpose(*outputs.c, {1, 0, 2}) : *outputs.c);
  }
  return e.Finish();
}

// Whether WebNN's operation says all that the node says.
bool IsNative(const RecurrentLayer& layer) {
  if (layer.kind == RecurrentKind::kRnn || layer.lengths || layer.clip || layer.input_forget) return false;
  // The output gate's peephole sees the new cell state in ONNX, the one before it in WebNN.
  if (layer.peephole) return false;
  const size_t count = layer.activations_per_direction();
  for (size_t i = 0; i < layer.activations.size(); ++i) {
    const RecurrentActivation& activation = layer.activations[i];
    if (activation != layer.activations[i % count]) return false;
    if (activation.name != "sigmoid" && activation.name != "tanh" && activation.name != "relu") return false;
  }
  return true;
}

Outputs EmitNative(Emitter& e, const RecurrentLayer& layer) {
  const bool lstm = layer.kind == RecurrentKind::kLstm;
  constexpr const char* kDirections[] = {"forward", "backward", "both"};
  std::vector<std::string> activations;
  for (size_t i = 0; i < layer.activations_per_direction(); ++i) {
    activations.push_back(layer.activations[i].name);
  }
  // ONNX's orders of gates are these layouts of WebNN.
  Attributes attributes{{"steps", int64_t{layer.steps}},
                        {"hiddenSize", int64_t{layer.hidden}},
                        {"returnSequence", true},
                        {"direction", std::string(kDirections[static_cast<size_t>(layer.direction)])},
                        {"layout", std::string(lstm ? "iofg" : "zrn")},
                        {"activations", activations}};
  if (!lstm) attributes["resetAfter"] = layer.linear_before_reset;
  if (layer.b) {
    const int64_t half = int64_t{layer.gates} * layer.hidden;
    const std::vector<OperandId> biases =
        e.Ops("split", {*layer.b}, {{"splits", std::vector<int64_t>{half, half}}, {"axis", int64_t{1}}}, 2);
    attributes["bias"] = biases[0];
    attributes["recurrentBias"] = biases[1];
  }
  if (layer.h0) attributes["initialHiddenState"] = *layer.h0;
  if (layer.c0) attributes["initialCellState"] = *layer.c0;
  const std::vector<OperandId> outputs =
      e.Ops(lstm ? "lstm" : "gru", {layer.x, layer.w, layer.r}, std::move(attributes), lstm ? 3 : 2);
  if (lstm) return {.y = outputs[2], .h = outputs[0], .c = outputs[1]};
  return {.y = outputs[1], .h = outputs[0], .c = std::nullopt};
}

OperandId Activate(Emitter& e, const RecurrentLayer& layer, const RecurrentActivation& f, OperandId x) {
  if (layer.clip) x = e.Clamp(x, -*layer.clip, *layer.clip);
  if (f.name == "affine") return e.Linear(x, f.alpha, f.beta);
  if (f.name == "leakyrelu") return e.Op("leakyRelu", {x}, {{"alpha", f.alpha}});
  if (f.name == "elu") return e.Op("elu", {x}, {{"alpha", f.alpha}});
  if (f.name == "hardsigmoid") return e.Op("hardSigmoid", {x}, {{"alpha", f.alpha}, {"beta", f.beta}});
  if (f.name == "scaledtanh") return e.Linear(e.Op("tanh", {e.Linear(x, f.beta, 0)}), f.alpha, 0);
  if (f.name == "thresholdedrelu") {
    const OperandId passes = e.Op("greaterOrEqual", {x, e.Scalar(e.type(x), f.alpha)});
    return e.Where(passes, x, e.Scalar(e.type(x), 0));
  }
  return e.Op(f.name, {x});
}

// One direction, with the parts of the weights that it reads.
struct Direction {
  const RecurrentLayer& layer;
  const RecurrentActivation* f;
  OperandId rt;                         // [hidden, gates * hidden]: R transposed
  std::optional<OperandId> reset_bias;  // [hidden]: GRU with linear_before_reset
  std::vector<OperandId> peepholes;     // i, o, f: [hidden] each
};

struct State {
  OperandId h;  // [batch, hidden]
  OperandId c;
};

OperandId Gate(Emitter& e, const RecurrentLayer& layer, OperandId gates, uint32_t index, uint32_t count = 1) {
  return e.Slice(gates, 1, index * layer.hidden, count * layer.hidden);
}

// The equations of ONNX's LSTM; `x` is [batch, 4 * hidden], the input's share with all biases.
State LstmStep(Emitter& e, const Direction& d, OperandId x, const State& before) {
  const RecurrentLayer& layer = d.layer;
  const OperandId gates = e.Add(x, e.MatMul(before.h, d.rt));
  const auto gate = [&](uint32_t index) { return Gate(e, layer, gates, index); };
  OperandId i = gate(0);
  if (!d.peepholes.empty()) i = e.Add(i, e.Mul(d.peepholes[0], before.c));
  i = Activate(e, layer, d.f[0], i);
  OperandId f;
  if (layer.input_forget) {
    f = e.Linear(i, -1, 1);
  } else {
    f = gate(2);
    if (!d.peepholes.empty()) f = e.Add(f, e.Mul(d.peepholes[2], before.c));
    f = Activate(e, layer, d.f[0], f);
  }
  const OperandId candidate = Activate(e, layer, d.f[1], gate(3));
  const OperandId c = e.Add(e.Mul(f, before.c), e.Mul(i, candidate));
  OperandId o = gate(1);
  if (!d.peepholes.empty()) o = e.Add(o, e.Mul(d.peepholes[1], c));
  o = Activate(e, layer, d.f[0], o);
  return {.h = e.Mul(o, Activate(e, layer, d.f[2], c)), .c = c};
}

// The equations of ONNX's GRU; `x` is [batch, 3 * hidden].
State GruStep(Emitter& e, const Direction& d, OperandId x, const State& before) {
  const RecurrentLayer& layer = d.layer;
  const bool linear = layer.linear_before_reset;
  const OperandId gates = e.MatMul(before.h, linear ? d.rt : e.Slice(d.rt, 1, 0, 2 * layer.hidden));
  const OperandId zr =
      Activate(e, layer, d.f[0], e.Add(Gate(e, layer, x, 0, 2), Gate(e, layer, gates, 0, 2)));
  const OperandId z = Gate(e, layer, zr, 0);
  const OperandId r = Gate(e, layer, zr, 1);
  OperandId recurrent;
  if (linear) {
    recurrent = Gate(e, layer, gates, 2);
    if (d.reset_bias) recurrent = e.Add(recurrent, *d.reset_bias);
    recurrent = e.Mul(r, recurrent);
  } else {
    recurrent = e.MatMul(e.Mul(r, before.h), e.Slice(d.rt, 1, 2 * layer.hidden, layer.hidden));
  }
  const OperandId n = Activate(e, layer, d.f[1], e.Add(Gate(e, layer, x, 2), recurrent));
  return {.h = e.Add(e.Mul(e.Linear(z, -1, 1), n), e.Mul(z, before.h)), .c = before.c};
}

State RnnStep(Emitter& e, const Direction& d, OperandId x, const State& before) {
  return {.h = Activate(e, d.layer, d.f[0], e.Add(x, e.MatMul(before.h, d.rt))), .c = before.c};
}

// Row `index` of the first dimension, without it.
OperandId Row(Emitter& e, OperandId x, uint32_t index) {
  Shape shape = e.shape(x);
  if (shape.empty()) return x;
  shape.erase(shape.begin());
  return e.Reshape(e.Slice(x, 0, index, 1), shape);
}

// The input's share of all steps as one product, [steps, batch, gates * hidden], with every bias that is not
// multiplied by the reset gate; `reset_bias` gets the one that is.
OperandId ProjectInput(Emitter& e, const RecurrentLayer& layer, uint32_t index, Direction& direction) {
  const uint32_t packed = layer.gates * layer.hidden;
  const uint32_t input_size = e.size(layer.x, 2);
  OperandId x = e.Reshape(layer.x, {layer.steps * layer.batch, input_size});
  x = e.MatMul(x, e.Transpose(Row(e, layer.w, index), {1, 0}));
  if (layer.b) {
    const OperandId b = Row(e, *layer.b, index);
    OperandId recurrent = e.Slice(b, 0, packed, packed);
    if (layer.linear_before_reset && layer.kind == RecurrentKind::kGru) {
      direction.reset_bias = e.Slice(recurrent, 0, 2 * layer.hidden, layer.hidden);
      recurrent =
          e.Concat({e.Slice(recurrent, 0, 0, 2 * layer.hidden), e.Zeros(e.type(b), {layer.hidden})}, 0);
    }
    x = e.Add(x, e.Add(e.Slice(b, 0, 0, packed), recurrent));
  }
  return e.Reshape(x, {layer.steps, layer.batch, packed});
}

// Unrolls one direction; outputs have one direction.
Outputs EmitDirection(Emitter& e, const RecurrentLayer& layer, uint32_t index) {
  const bool lstm = layer.kind == RecurrentKind::kLstm;
  const bool backwards = layer.direction == RecurrentDirection::kReverse || index == 1;
  Direction direction{.layer = layer,
                      .f = layer.activations.data() + index * layer.activations_per_direction(),
                      .rt = e.Transpose(Row(e, layer.r, index), {1, 0}),
                      .reset_bias = std::nullopt,
                      .peepholes = {}};
  const OperandId x = ProjectInput(e, layer, index, direction);
  if (layer.peephole) {
    const OperandId row = Row(e, *layer.peephole, index);
    for (uint32_t i = 0; i < 3; ++i) {
      direction.peepholes.push_back(e.Slice(row, 0, i * layer.hidden, layer.hidden));
    }
  }
  const Shape plane = {layer.batch, layer.hidden};
  const OperandId zeros = e.Zeros(e.type(x), plane);
  State state{.h = layer.h0 ? Row(e, *layer.h0, index) : zeros,
              .c = layer.c0 ? Row(e, *layer.c0, index) : zeros};
  const auto step = lstm ? LstmStep : layer.kind == RecurrentKind::kGru ? GruStep : RnnStep;
  std::vector<OperandId> sequence(layer.steps);
  for (uint32_t i = 0; i < layer.steps && e.ok(); ++i) {
    const uint32_t t = backwards ? layer.steps - 1 - i : i;
    State next = step(e, direction, Row(e, x, t), state);
    OperandId y = next.h;
    if (layer.lengths) {
      // Past a sequence's end its output is 0 and its state stays.
      const OperandId lengths = e.Reshape(*layer.lengths, {layer.batch, 1});
      const OperandId inside = e.Op("greater", {lengths, e.Scalar(e.type(lengths), t)});
      y = e.Where(inside, next.h, zeros);
      next.h = e.Where(inside, next.h, state.h);
      if (lstm) next.c = e.Where(inside, next.c, state.c);
    }
    state = next;
    sequence[t] = e.Reshape(y, {1, 1, layer.batch, layer.hidden});
  }
  const Shape last = {1, layer.batch, layer.hidden};
  Outputs outputs{.y = e.Concat(std::move(sequence), 0), .h = e.Reshape(state.h, last), .c = std::nullopt};
  if (lstm) outputs.c = e.Reshape(state.c, last);
  return outputs;
}

absl::StatusOr<Outputs> EmitUnrolled(Emitter& e, const RecurrentLayer& layer) {
  const uint64_t total = uint64_t{layer.steps} * layer.directions;
  if (total > kMaxUnrolledSteps) {
    return e.node().Unsupported(absl::StrCat("has no form as one operation and ", total,
                                             " steps, more than the ", kMaxUnrolledSteps,
                                             " that are unrolled"));
  }
  if (layer.lengths && e.type(*layer.lengths) != DataType::kInt32) {
    return e.node().Invalid("sequence_lens is not of type int32");
  }
  Outputs outputs = EmitDirection(e, layer, 0);
  if (layer.directions == 1) return outputs;
  const Outputs back = EmitDirection(e, layer, 1);
  outputs.y = e.Concat({outputs.y, back.y}, 1);
  outputs.h = e.Concat({outputs.h, back.h}, 0);
  if (outputs.c && back.c) outputs.c = e.Concat({*outputs.c, *back.c}, 0);
  return outputs;
}

absl::Status ConvertRecurrent(NodeContext& node) {
  Emitter e(node);
  MODELD_ASSIGN_OR_RETURN(const RecurrentLayer layer, ReadRecurrentLayer(e));
  if (IsNative(layer)) return SetOutputs(e, layer, EmitNative(e, layer));
  MODELD_ASSIGN_OR_RETURN(const Outputs outputs, EmitUnrolled(e, layer));
  return SetOutputs(e, layer, outputs);
}

constexpr Converter kTable[] = {
    {"LSTM", ConvertRecurrent},
    {"GRU", ConvertRecurrent},
    {"RNN", ConvertRecurrent},
};

}  // namespace

std::span<const Converter> RecurrentConverters() {
  return kTable;
}

}  // namespace modeld::importer
