#include "tools/importer/recurrent_layer.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace modeld::importer {
namespace {

// Defaults and use of the parameters, as in the operators of the same names.
struct ActivationRow {
  absl::string_view name;
  bool has_alpha = false;
  bool has_beta = false;
  double alpha = 0;
  double beta = 0;
};
constexpr ActivationRow kActivations[] = {
    {"sigmoid"},
    {"tanh"},
    {"relu"},
    {"softsign"},
    {"softplus"},
    {.name = "affine", .has_alpha = true, .has_beta = true, .alpha = 1, .beta = 0},
    {.name = "leakyrelu", .has_alpha = true, .alpha = 0.01},
    {.name = "thresholdedrelu", .has_alpha = true, .alpha = 1},
    {.name = "scaledtanh", .has_alpha = true, .has_beta = true, .alpha = 1, .beta = 1},
    {.name = "hardsigmoid", .has_alpha = true, .has_beta = true, .alpha = 0.2, .beta = 0.5},
    {.name = "elu", .has_alpha = true, .alpha = 1},
};

struct KindRow {
  absl::string_view op_type;
  RecurrentKind kind;
  uint32_t gates;
  std::vector<std::string> activations;
};
const std::vector<KindRow>& Kinds() {
  static const std::vector<KindRow> kinds = {
      {"LSTM", RecurrentKind::kLstm, 4, {"Sigmoid", "Tanh", "Tanh"}},
      {"GRU", RecurrentKind::kGru, 3, {"Sigmoid", "Tanh"}},
      {"RNN", RecurrentKind::kRnn, 1, {"Tanh"}},
  };
  return kinds;
}

absl::Status ReadActivations(const NodeContext& node, const KindRow& kind, RecurrentLayer& layer) {
  std::vector<std::string> names = node.Strings("activations");
  if (names.empty()) {
    for (uint32_t i = 0; i < layer.directions; ++i) {
      names.insert(names.end(), kind.activations.begin(), kind.activations.end());
    }
  }
  const size_t wanted = kind.activations.size() * layer.directions;
  if (names.size() != wanted) {
    return node.Invalid(absl::StrCat("has ", names.size(), " activations, ", wanted, " are wanted"));
  }
  const std::vector<float> alphas = node.Floats("activation_alpha");
  const std::vector<float> betas = node.Floats("activation_beta");
  size_t next_alpha = 0;
  size_t next_beta = 0;
  for (const std::string& name : names) {
    RecurrentActivation activation{.name = absl::AsciiStrToLower(name)};
    const auto* row = std::find_if(std::begin(kActivations), std::end(kActivations),
                                   [&](const ActivationRow& r) { return r.name == activation.name; });
    if (row == std::end(kActivations)) {
      return node.Unsupported(absl::StrCat("activation \"", name, "\" is unknown"));
    }
    // Parameters are consumed in order by the functions that have them.
    activation.alpha = row->alpha;
    activation.beta = row->beta;
    if (row->has_alpha && next_alpha < alphas.size()) activation.alpha = alphas[next_alpha++];
    if (row->has_beta && next_beta < betas.size()) activation.beta = betas[next_beta++];
    layer.activations.push_back(activation);
  }
  return absl::OkStatus();
}

absl::Status ReadDirection(const NodeContext& node, RecurrentLayer& layer) {
  const std::string direction = node.String("direction", "forward");
  if (direction == "forward") {
    layer.direction = RecurrentDirection::kForward;
  } else if (direction == "reverse") {
    layer.direction = RecurrentDirection::kReverse;
  } else if (direction == "bidirectional") {
    layer.direction = RecurrentDirection::kBoth;
  } else {
    return node.Invalid(absl::StrCat("direction \"", direction, "\" is unknown"));
  }
  layer.directions = layer.direction == RecurrentDirection::kBoth ? 2 : 1;
  return absl::OkStatus();
}

void CheckShape(Emitter& e, OperandId operand, absl::string_view name, const Shape& wanted) {
  if (!e.ok() || e.shape(operand) == wanted) return;
  e.Fail(e.node().Invalid(absl::StrCat(name, " has shape ", ShapeToString(e.shape(operand)), ", ",
                                       ShapeToString(wanted), " is wanted")));
}

// Optional inputs, whose places differ between LSTM and the others only at the end.
void ReadOptionalInputs(Emitter& e, RecurrentLayer& layer) {
  const uint32_t packed = layer.gates * layer.hidden;
  const bool lstm = layer.kind == RecurrentKind::kLstm;
  const auto state = [&](int index, absl::string_view name) {
    std::optional<OperandId> input = e.OptionalInput(index);
    if (input && layer.batch_first) input = e.Transpose(*input, {1, 0, 2});
    if (input) CheckShape(e, *input, name, {layer.directions, layer.batch, layer.hidden});
    return input;
  };
  layer.b = e.OptionalInput(3);
  if (layer.b) CheckShape(e, *layer.b, "B", {layer.directions, 2 * packed});
  layer.h0 = state(5, "initial_h");
  if (lstm) {
    layer.c0 = state(6, "initial_c");
    layer.peephole = e.OptionalInput(7);
    if (layer.peephole) CheckShape(e, *layer.peephole, "P", {layer.directions, 3 * layer.hidden});
  }
  NodeContext& node = e.node();
  if (!e.ok() || !node.HasInput(4)) return;
  if (const HostTensor* known = node.HostInput(4)) {
    const std::vector<double> lengths = ToDoubles(*known);
    const auto full = [&](double length) { return length == layer.steps; };
    if (lengths.size() == layer.batch && std::all_of(lengths.begin(), lengths.end(), full)) return;
  }
  layer.lengths = e.Input(4);
  CheckShape(e, *layer.lengths, "sequence_lens", {layer.batch});
}

}  // namespace

absl::StatusOr<RecurrentLayer> ReadRecurrentLayer(Emitter& e) {
  NodeContext& node = e.node();
  const auto kind = std::find_if(Kinds().begin(), Kinds().end(),
                                 [&](const KindRow& row) { return row.op_type == node.op_type(); });
  RecurrentLayer layer{.kind = kind->kind, .gates = kind->gates};
  MODELD_RETURN_IF_ERROR(ReadDirection(node, layer));
  MODELD_RETURN_IF_ERROR(ReadActivations(node, *kind, layer));
  layer.batch_first = node.Int("layout", 0) != 0;
  layer.input_forget = node.Int("input_forget", 0) != 0;
  layer.linear_before_reset = node.Int("linear_before_reset", 0) != 0;
  if (node.HasAttribute("clip")) {
    const double clip = node.Float("clip", 0);
    if (!(clip >= 0)) return node.Invalid(absl::StrCat("clip ", clip, " is negative"));
    if (clip > 0) layer.clip = clip;
  }
  layer.x = e.Input(0);
  layer.w = e.Input(1);
  layer.r = e.Input(2);
  e.Require(e.rank(layer.x) == 3, "X is not of rank 3");
  e.Require(e.rank(layer.r) == 3, "R is not of rank 3");
  MODELD_RETURN_IF_ERROR(e.status());
  if (layer.batch_first) layer.x = e.Transpose(layer.x, {1, 0, 2});
  layer.steps = e.size(layer.x, 0);
  layer.batch = e.size(layer.x, 1);
  layer.hidden = e.size(layer.r, 2);
  if (layer.hidden > static_cast<uint32_t>(INT32_MAX) / 8)
    return node.Invalid("R has too large a hidden size");
  const int64_t hidden = node.Int("hidden_size", layer.hidden);
  if (hidden != layer.hidden) {
    return node.Invalid(absl::StrCat("hidden_size is ", hidden, ", R says ", layer.hidden));
  }
  const uint32_t packed = layer.gates * layer.hidden;
  CheckShape(e, layer.w, "W", {layer.directions, packed, e.size(layer.x, 2)});
  CheckShape(e, layer.r, "R", {layer.directions, packed, layer.hidden});
  ReadOptionalInputs(e, layer);
  MODELD_RETURN_IF_ERROR(e.status());
  return layer;
}

}  // namespace modeld::importer
