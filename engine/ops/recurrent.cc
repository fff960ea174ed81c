#include "engine/ops/recurrent.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "engine/graph/utf8.h"

namespace modeld {
namespace {

using core::CoreBuilder;
using core::UnaryFunction;
using core::ValueId;

constexpr std::array<absl::string_view, 3> kActivations = {"relu", "sigmoid", "tanh"};

// Of a sequence operation the shape has the directions in front.
Shape PerDirection(const RecurrentSizes& s, Shape shape) {
  if (!s.is_cell) shape.insert(shape.begin(), s.directions);
  return shape;
}

absl::Status CheckSizes(const InferContext& c, const RecurrentKind& kind, const RecurrentSizes& s) {
  if (!s.is_cell && c.Uint("steps") != s.steps) {
    return c.Error("steps", absl::StrCat("is ", c.Uint("steps"), ", but input has ", s.steps),
                   absl::StrCat(s.steps), absl::StrCat(c.Uint("steps")));
  }
  if (s.steps > c.limits().max_recurrent_steps) {
    const std::string expected = absl::StrCat("at most ", c.limits().max_recurrent_steps);
    return c.Error("steps", absl::StrCat("is ", s.steps, ", expected ", expected), expected,
                   absl::StrCat(s.steps));
  }
  // A bias and a recurrent bias must fit into one tensor.
  const int64_t most = kMaxDimension / (2 * kind.gates);
  if (s.hidden > most) {
    const std::string expected = absl::StrCat("at most ", most);
    return c.Error("hiddenSize", absl::StrCat("is ", s.hidden, ", expected ", expected), expected,
                   absl::StrCat(s.hidden));
  }
  return absl::OkStatus();
}

absl::Status CheckShapes(const InferContext& c, const RecurrentKind& kind, const RecurrentSizes& s) {
  const uint32_t rows = kind.gates * s.hidden;
  const Shape state = PerDirection(s, {s.batch, s.hidden});
  const std::pair<absl::string_view, Shape> required[] = {
      {"weight", PerDirection(s, {rows, s.input})},
      {"recurrentWeight", PerDirection(s, {rows, s.hidden})},
      {"hiddenState", state},
      {"cellState", state}};
  for (size_t i = 1; i < c.input_count(); ++i) {
    const auto& [name, expected] = required[i - 1];
    const Shape& found = c.input(i).shape;
    if (found == expected) continue;
    return c.Error(name,
                   absl::StrCat("has shape ", ShapeToString(found), ", expected ", ShapeToString(expected)),
                   ShapeToString(expected), ShapeToString(found));
  }
  const std::pair<absl::string_view, Shape> optional[] = {{"bias", PerDirection(s, {rows})},
                                                          {"recurrentBias", PerDirection(s, {rows})},
                                                          {"peepholeWeight", PerDirection(s, {3 * s.hidden})},
                                                          {"initialHiddenState", state},
                                                          {"initialCellState", state}};
  for (const auto& [name, expected] : optional) {
    MODELD_RETURN_IF_ERROR(CheckOptionalShape(c, name, expected));
  }
  return absl::OkStatus();
}

absl::Status CheckActivations(const InferContext& c) {
  for (const std::string& name : c.Strings("activations")) {
    if (std::find(kActivations.begin(), kActivations.end(), name) != kActivations.end()) continue;
    const std::string expected = absl::StrJoin(kActivations, ", ");
    const std::string found = EscapedForMessage(name);
    return c.Error("activations", absl::StrCat("holds \"", found, "\", expected any of ", expected), expected,
                   found);
  }
  return absl::OkStatus();
}

// x * weight' + bias for all steps and directions, [steps, batch, directions * gates * hidden]: the weights
// of both directions side by side make it one product.
ValueId ProjectInputs(DecomposeContext& c, const RecurrentKind& kind, const RecurrentSizes& s,
                      bool add_recurrent_bias) {
  CoreBuilder& b = c.b;
  const uint32_t columns = s.directions * kind.gates * s.hidden;
  const ValueId x = b.ReshapeTo(Widened(b, c.input(0)), {s.steps * s.batch, s.input});
  const ValueId weight = b.ReshapeTo(Widened(b, c.input(1)), {columns, s.input});
  ValueId result = b.MatMul(x, b.TransposeBy(weight, {1, 0}));
  const std::optional<ValueId> biases[] = {Widened(b, c.OptionalInput("bias")),
                                           Widened(b, c.OptionalInput("recurrentBias"))};
  if (biases[0]) result = b.Add(result, b.ReshapeTo(*biases[0], {columns}));
  if (biases[1] && add_recurrent_bias) result = b.Add(result, b.ReshapeTo(*biases[1], {columns}));
  return b.ReshapeTo(result, {s.steps, s.batch, columns});
}

Values InitialStates(DecomposeContext& c, const RecurrentKind& kind, const RecurrentSizes& s,
                     uint32_t direction) {
  static constexpr absl::string_view kNames[] = {"initialHiddenState", "initialCellState"};
  Values states;
  for (uint32_t i = 0; i < kind.states; ++i) {
    const std::optional<ValueId> given = s.is_cell ? c.input(3 + i) : c.OptionalInput(kNames[i]);
    states.push_back(given ? OfDirection(c, *given, direction)
                           : c.b.BroadcastTo(c.b.Scalar(DataType::kFloat32, 0), {s.batch, s.hidden}));
  }
  return states;
}

// The output that `parts` of [batch, hidden], in its order, make up.
ValueId Join(CoreBuilder& b, const Values& parts, const TensorDescriptor& output) {
  return b.CastTo(b.ReshapeTo(b.ConcatAlong(parts, 0), output.shape), output.data_type);
}

}  // namespace

RecurrentSizes SizesOf(const AttributeReader& attributes, const Shape& input) {
  const bool is_cell = input.size() == 2;
  const bool both = !is_cell && attributes.String("direction") == "both";
  return {.is_cell = is_cell,
          .steps = is_cell ? 1 : input[0],
          .directions = both ? 2u : 1u,
          .batch = input[input.size() - 2],
          .input = input.back(),
          .hidden = attributes.Uint("hiddenSize")};
}

InferResult InferRecurrent(InferContext& c, const RecurrentKind& kind) {
  const RecurrentSizes s = SizesOf(c, c.input().shape);
  MODELD_RETURN_IF_ERROR(CheckSizes(c, kind, s));
  MODELD_RETURN_IF_ERROR(CheckShapes(c, kind, s));
  MODELD_RETURN_IF_ERROR(CheckActivations(c));
  const DataType type = c.input().data_type;
  std::vector<TensorDescriptor> outputs(kind.states, {type, PerDirection(s, {s.batch, s.hidden})});
  if (!s.is_cell && c.Bool("returnSequence")) {
    outputs.push_back({type, {s.steps, s.directions, s.batch, s.hidden}});
  }
  return outputs;
}

Values UnrollRecurrent(DecomposeContext& c, const RecurrentKind& kind, bool add_recurrent_bias,
                       absl::FunctionRef<RecurrentStep(uint32_t direction)> make_step) {
  CoreBuilder& b = c.b;
  const RecurrentSizes s = SizesOf(c, b.shape(c.input()));
  const ValueId x = ProjectInputs(c, kind, s, add_recurrent_bias);
  const uint32_t rows = kind.gates * s.hidden;
  Values sequence(size_t{s.steps} * s.directions);
  // By state, then by direction.
  std::vector<Values> last(kind.states);
  for (uint32_t direction = 0; direction < s.directions; ++direction) {
    const bool is_backward = direction == 1 || (!s.is_cell && c.String("direction") == "backward");
    const RecurrentStep step = make_step(direction);
    Values states = InitialStates(c, kind, s, direction);
    for (uint32_t i = 0; i < s.steps; ++i) {
      const uint32_t time = is_backward ? s.steps - 1 - i : i;
      const ValueId slice = b.SliceOf(x, {time, 0, direction * rows}, {1, 1, 1}, {1, s.batch, rows});
      states = step(b.ReshapeTo(slice, {s.batch, rows}), states);
      sequence[size_t{time} * s.directions + direction] = states[0];
    }
    for (uint32_t i = 0; i < kind.states; ++i) last[i].push_back(states[i]);
  }
  Values outputs;
  for (uint32_t i = 0; i < kind.states; ++i) outputs.push_back(Join(b, last[i], c.output(i)));
  if (c.output_count() > kind.states) outputs.push_back(Join(b, sequence, c.output(kind.states)));
  return outputs;
}

ValueId OfDirection(DecomposeContext& c, ValueId operand, uint32_t direction) {
  CoreBuilder& b = c.b;
  operand = Widened(b, operand);
  if (SizesOf(c, b.shape(c.input())).is_cell) return operand;
  Shape shape = b.shape(operand);
  std::vector<uint32_t> starts(shape.size(), 0);
  starts[0] = direction;
  shape[0] = 1;
  const ValueId slice = b.SliceOf(operand, starts, std::vector<uint32_t>(shape.size(), 1), shape);
  shape.erase(shape.begin());
  return b.ReshapeTo(slice, shape);
}

std::optional<ValueId> OfDirection(DecomposeContext& c, std::optional<ValueId> operand, uint32_t direction) {
  if (!operand) return std::nullopt;
  return OfDirection(c, *operand, direction);
}

ValueId Columns(CoreBuilder& b, ValueId matrix, uint32_t start, uint32_t count) {
  return b.SliceOf(matrix, {0, start}, {1, 1}, {b.shape(matrix)[0], count});
}

ValueId Activate(CoreBuilder& b, absl::string_view function, ValueId x) {
  if (function == "relu") return b.MaxScalar(x, 0);
  return b.Apply(function == "sigmoid" ? UnaryFunction::kSigmoid : UnaryFunction::kTanh, x);
}

AttributeSchema ActivationsAttribute(std::vector<std::string> defaults) {
  const auto size = static_cast<uint32_t>(defaults.size());
  return {.name = "activations",
          .kind = AttributeKind::kStrings,
          .default_value = std::move(defaults),
          .size = size};
}

AttributeSchema RequiredSize(absl::string_view name) {
  return {.name = name, .kind = AttributeKind::kUint, .required = true, .min = 1};
}

}  // namespace modeld
