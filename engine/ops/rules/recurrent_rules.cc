// gru, gruCell, lstm, lstmCell. Batch 2, input size 3, hidden size 4.
#include "engine/ops/rules/specified.h"

namespace modeld::rules {
namespace {

constexpr uint32_t kSteps = 5, kBatch = 2, kInput = 3, kHidden = 4;

// What tells the four apart.
struct Network {
  const char* type;
  uint32_t gates;
  bool is_cell;
  // Hidden state, and of an LSTM the cell state.
  uint32_t states;
  int64_t most_hidden;
};
constexpr Network kNetworks[] = {
    // (2^31 - 1) / 6 and / 8: both biases fit one tensor.
    {"gru", 3, false, 1, 357913941},
    {"gruCell", 3, true, 1, 357913941},
    {"lstm", 4, false, 2, 268435455},
    {"lstmCell", 4, true, 2, 268435455},
};

// Of a sequence the directions stand in front.
Shape Whole(const Network& n, Shape shape, uint32_t directions = 1) {
  if (!n.is_cell) shape.insert(shape.begin(), directions);
  return shape;
}

// Operands and their names, required and of the options, as they are for this many directions.
struct Named {
  const char* name;
  Shape shape;
};
std::vector<Named> Required(const Network& n, uint32_t directions = 1) {
  std::vector<Named> result = {{"input", n.is_cell ? Shape{kBatch, kInput} : Shape{kSteps, kBatch, kInput}},
                               {"weight", Whole(n, {n.gates * kHidden, kInput}, directions)},
                               {"recurrentWeight", Whole(n, {n.gates * kHidden, kHidden}, directions)}};
  if (n.is_cell) result.push_back({"hiddenState", {kBatch, kHidden}});
  if (n.is_cell && n.states == 2) result.push_back({"cellState", {kBatch, kHidden}});
  return result;
}
std::vector<Named> Optional(const Network& n, uint32_t directions = 1) {
  std::vector<Named> result = {{"bias", Whole(n, {n.gates * kHidden}, directions)},
                               {"recurrentBias", Whole(n, {n.gates * kHidden}, directions)}};
  if (n.states == 2) result.push_back({"peepholeWeight", Whole(n, {3 * kHidden}, directions)});
  if (!n.is_cell) result.push_back({"initialHiddenState", {directions, kBatch, kHidden}});
  if (!n.is_cell && n.states == 2) result.push_back({"initialCellState", {directions, kBatch, kHidden}});
  return result;
}

std::string Outputs(const Network& n, uint32_t directions = 1, bool sequence = false) {
  std::string state = F32(Whole(n, {kBatch, kHidden}, directions)).ToString();
  if (n.states == 2) state += " " + state;
  return sequence ? state + " " + F32({kSteps, directions, kBatch, kHidden}).ToString() : state;
}

// A valid call with every option.
OpCase Base(const Network& n, uint32_t directions = 1) {
  OpCase call = {n.type, {}, Outputs(n, directions).c_str()};
  for (const Named& operand : Required(n, directions)) call.operands.push_back(F32(operand.shape));
  for (const Named& operand : Optional(n, directions)) {
    call.attributes[operand.name] = OperandId{static_cast<uint32_t>(call.extras.size())};
    call.extras.push_back(F32(operand.shape));
  }
  call.attributes["hiddenSize"] = Int(kHidden);
  if (!n.is_cell) call.attributes["steps"] = Int(kSteps);
  if (directions == 2) call.attributes["direction"] = Str("both");
  return call;
}

// Shapes that each differ from `shape`, of its rank, in one dimension.
std::vector<Shape> Neighbours(const Shape& shape) {
  std::vector<Shape> result;
  for (size_t i = 0; i < shape.size(); ++i) {
    result.push_back(shape);
    ++result.back()[i];
    if (shape[i] == 1) continue;
    result.push_back(shape);
    result.back()[i] = 1;
  }
  return result;
}

void AddShapes(const Network& n, uint32_t directions, std::vector<OpCase>& rules) {
  const std::vector<Named> required = Required(n, directions);
  const std::vector<Named> optional = Optional(n, directions);
  const auto error = [](const Named& operand, const Shape& found) {
    return std::string("! ") + operand.name + " has shape " + ShapeToString(found) + ", expected " +
           ShapeToString(operand.shape);
  };
  rules.push_back(Base(n, directions));
  // The input is what the others are measured by.
  for (size_t i = 1; i < required.size(); ++i) {
    for (const Shape& shape : Neighbours(required[i].shape)) {
      rules.push_back(Base(n, directions));
      rules.back().operands[i] = F32(shape);
      rules.back().expected = error(required[i], shape);
    }
  }
  for (size_t i = 0; i < optional.size(); ++i) {
    for (const Shape& shape : Neighbours(optional[i].shape)) {
      rules.push_back(Base(n, directions));
      rules.back().extras[i] = F32(shape);
      rules.back().expected = error(optional[i], shape);
    }
    OpCase without = Base(n, directions);
    without.attributes.erase(optional[i].name);
    rules.push_back(std::move(without));
  }
}

void AddOptions(const Network& n, std::vector<OpCase>& rules) {
  const OpCase base = Base(n);
  const auto with = [&](const char* name, AttributeValue value, std::string expected) {
    rules.push_back(With(base, {{name, std::move(value)}}, std::move(expected)));
  };
  const std::string hidden = "! hiddenSize is ";
  const std::string most = ", expected at most " + std::to_string(n.most_hidden);
  with("hiddenSize", Int(n.most_hidden + 1), hidden + std::to_string(n.most_hidden + 1) + most);
  with("hiddenSize", Int(4294967295), hidden + "4294967295" + most);
  const std::string rows = std::to_string(n.gates * (kHidden + 1));
  with("hiddenSize", Int(kHidden + 1),
       "! weight has shape " + ShapeToString(Required(n)[1].shape) + ", expected " +
           (n.is_cell ? "[" : "[1,") + rows + ",3]");
  with("hiddenSize", Int(n.most_hidden),
       "! weight has shape " + ShapeToString(Required(n)[1].shape) + ", expected " +
           (n.is_cell ? "[" : "[1,") + std::to_string(n.gates * n.most_hidden) + ",3]");
  using Names = std::vector<std::string>;
  const auto names = [&](std::string last) {
    Names result(n.states + 1, "relu");
    result.back() = std::move(last);
    return result;
  };
  for (const char* name : {"relu", "sigmoid", "tanh"}) with("activations", names(name), Outputs(n));
  for (const char* name : {"", "Relu", "elu", "relu "}) {
    with("activations", names(name),
         "! activations holds \"" + std::string(name) + "\", expected any of relu, sigmoid, tanh");
  }
  if (n.is_cell) return;
  with("steps", Int(kSteps - 1), "! steps is 4, but input has 5");
  with("steps", Int(kSteps + 1), "! steps is 6, but input has 5");
  with("steps", Int(4294967295), "! steps is 4294967295, but input has 5");
  with("returnSequence", true, Outputs(n, 1, true));
  with("direction", Str("backward"), Outputs(n));
  // Weights for one direction are no weights for two.
  with("direction", Str("both"),
       "! weight has shape " + ShapeToString(Required(n)[1].shape) + ", expected " +
           ShapeToString(Required(n, 2)[1].shape));
  rules.push_back(With(Base(n, 2), {{"returnSequence", true}}, Outputs(n, 2, true)));
  rules.push_back(With(Base(n, 2), {{"direction", Str("forward")}},
                       "! weight has shape " + ShapeToString(Required(n, 2)[1].shape) + ", expected " +
                           ShapeToString(Required(n)[1].shape)));
  OpCase long_one = With(base, {{"steps", Int(16385)}}, "! steps is 16385, expected at most 16384");
  long_one.operands[0] = F32({16385, kBatch, kInput});
  rules.push_back(std::move(long_one));
}

Specified RowOf(const Network& n) {
  Specified row = {.type = n.type, .operands = {}, .attributes = {}, .base = Base(n)};
  for (const Named& operand : Required(n)) {
    const bool first = row.operands.empty();
    row.operands.push_back(
        Operand1(operand.name, kFloats, Rank(static_cast<uint32_t>(operand.shape.size())), first ? -1 : 0));
  }
  const auto required = [&](absl::string_view name) {
    row.attributes.push_back({.name = name, .kind = AttributeKind::kUint, .required = true, .min = 1});
  };
  required("hiddenSize");
  for (const Named& operand : Optional(n)) {
    row.attributes.push_back(
        OperandAttribute(operand.name, kFloats, Rank(static_cast<uint32_t>(operand.shape.size()))));
  }
  if (n.states == 1) {
    row.attributes.push_back(BoolAttribute("resetAfter", true));
    row.attributes.push_back(ChoiceAttribute("layout", {"zrn", "rzn"}));
  } else {
    row.attributes.push_back(ChoiceAttribute("layout", {"iofg", "ifgo"}));
  }
  std::vector<std::string> activations = {"sigmoid", "tanh"};
  if (n.states == 2) activations.push_back("tanh");
  row.attributes.push_back({.name = "activations",
                            .kind = AttributeKind::kStrings,
                            .default_value = activations,
                            .size = n.states + 1});
  if (n.is_cell) return row;
  required("steps");
  row.attributes.push_back(BoolAttribute("returnSequence", false));
  row.attributes.push_back(ChoiceAttribute("direction", {"forward", "backward", "both"}));
  return row;
}

}  // namespace

Family RecurrentFamily() {
  Family family = {.name = "recurrent", .specified = {}, .rules = {}};
  for (const Network& network : kNetworks) {
    AddShapes(network, 1, family.rules);
    if (!network.is_cell) AddShapes(network, 2, family.rules);
    AddOptions(network, family.rules);
    family.specified.push_back(RowOf(network));
  }
  return family;
}

}  // namespace modeld::rules
