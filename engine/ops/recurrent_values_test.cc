// gru, gruCell, lstm, lstmCell against the specification's formulas, written out as loops in double.
#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "engine/ops/run_op.h"
#include "engine/ops/test_graph.h"

namespace modeld {
namespace {

using testing::Tensor;
using testing::TensorOf;
using testing::ValuesOf;

// One network with all that it may take.
struct Network {
  bool is_lstm = false;
  bool is_cell = false;
  std::string direction = "forward";
  std::string layout;
  bool reset_after = true;
  bool with_options = true;
  std::vector<std::string> activations;
  DataType type = DataType::kFloat32;
  uint32_t steps = 3;
  uint32_t batch = 2;
  uint32_t input = 3;
  uint32_t hidden = 4;

  uint32_t gates() const { return is_lstm ? 4 : 3; }
  uint32_t directions() const { return direction == "both" ? 2 : 1; }
};

// Operands by name.
using Operands = std::map<std::string, Tensor>;

Operands RandomOperands(const Network& n, std::mt19937& random) {
  Operands operands;
  const auto add = [&](const std::string& name, Shape shape, bool has_directions = true) {
    if (has_directions && !n.is_cell) shape.insert(shape.begin(), n.directions());
    std::vector<double> values(TensorDescriptor{n.type, shape}.ElementCount());
    for (double& value : values) value = static_cast<double>(random() % 2001) / 1000 - 1;
    operands[name] = TensorOf(n.type, shape, values);
  };
  const uint32_t rows = n.gates() * n.hidden;
  add("input", n.is_cell ? Shape{n.batch, n.input} : Shape{n.steps, n.batch, n.input}, false);
  add("weight", {rows, n.input});
  add("recurrentWeight", {rows, n.hidden});
  const bool with_states = n.is_cell || n.with_options;
  if (with_states) add(n.is_cell ? "hiddenState" : "initialHiddenState", {n.batch, n.hidden});
  if (with_states && n.is_lstm) add(n.is_cell ? "cellState" : "initialCellState", {n.batch, n.hidden});
  if (!n.with_options) return operands;
  add("bias", {rows});
  add("recurrentBias", {rows});
  if (n.is_lstm) add("peepholeWeight", {3 * n.hidden});
  return operands;
}

double Activated(const std::string& function, double x) {
  if (function == "relu") return std::max(0.0, x);
  return function == "tanh" ? std::tanh(x) : 1 / (1 + std::exp(-x));
}

// The states [batch][hidden] of one direction.
struct States {
  std::vector<double> hidden;
  std::vector<double> cell;
};

// One direction of a network, element by element.
class Model {
 public:
  Model(const Network& n, const Operands& operands, uint32_t direction)
      : n_(n), operands_(operands), direction_(direction) {}

  States Initial() const {
    const uint32_t count = n_.batch * n_.hidden;
    States states = {std::vector<double>(count), std::vector<double>(count)};
    for (uint32_t i = 0; i < count; ++i) {
      states.hidden[i] = Get(n_.is_cell ? "hiddenState" : "initialHiddenState", i, count);
      states.cell[i] = Get(n_.is_cell ? "cellState" : "initialCellState", i, count);
    }
    return states;
  }

  States After(uint32_t time, const States& before) const {
    States after = before;
    for (uint32_t row = 0; row < n_.batch; ++row) {
      for (uint32_t i = 0; i < n_.hidden; ++i) {
        n_.is_lstm ? LstmElement(time, row, i, before, after) : GruElement(time, row, i, before, after);
      }
    }
    return after;
  }

 private:
  // Element `i` of this direction's `count`; 0 where there is no such operand.
  double Get(const std::string& name, uint32_t i, uint32_t count) const {
    const auto operand = operands_.find(name);
    return operand == operands_.end() ? 0 : ValuesOf(operand->second)[direction_ * count + i];
  }
  double Bias(const char* name, uint32_t index) const { return Get(name, index, n_.gates() * n_.hidden); }
  uint32_t Row(char gate, uint32_t i) const {
    return static_cast<uint32_t>(n_.layout.find(gate)) * n_.hidden + i;
  }
  // Row `index` of the weight times the input.
  double FromInput(uint32_t time, uint32_t row, uint32_t index) const {
    const std::vector<double> input = ValuesOf(operands_.at("input"));
    double sum = Bias("bias", index);
    for (uint32_t k = 0; k < n_.input; ++k) {
      sum += input[(time * n_.batch + row) * n_.input + k] *
             Get("weight", index * n_.input + k, n_.gates() * n_.hidden * n_.input);
    }
    return sum;
  }
  // Row `index` of the recurrent weight times a hidden state.
  double FromHidden(const std::vector<double>& hidden, uint32_t row, uint32_t index) const {
    double sum = 0;
    for (uint32_t k = 0; k < n_.hidden; ++k) {
      sum += hidden[row * n_.hidden + k] *
             Get("recurrentWeight", index * n_.hidden + k, n_.gates() * n_.hidden * n_.hidden);
    }
    return sum;
  }
  double Gate(char gate, uint32_t time, uint32_t row, uint32_t i, const States& s) const {
    const uint32_t index = Row(gate, i);
    return FromInput(time, row, index) + FromHidden(s.hidden, row, index) + Bias("recurrentBias", index);
  }

  void GruElement(uint32_t time, uint32_t row, uint32_t i, const States& before, States& after) const {
    const auto gate = [&](char name, uint32_t k) {
      return Activated(n_.activations[0], Gate(name, time, row, k, before));
    };
    const uint32_t n_row = Row('n', i);
    double recurrent = 0;
    if (n_.reset_after) {
      recurrent = gate('r', i) * (FromHidden(before.hidden, row, n_row) + Bias("recurrentBias", n_row));
    } else {
      std::vector<double> reset = before.hidden;
      for (uint32_t k = 0; k < n_.hidden; ++k) reset[row * n_.hidden + k] *= gate('r', k);
      recurrent = FromHidden(reset, row, n_row) + Bias("recurrentBias", n_row);
    }
    const double n = Activated(n_.activations[1], FromInput(time, row, n_row) + recurrent);
    const double z = gate('z', i);
    const uint32_t at = row * n_.hidden + i;
    after.hidden[at] = z * before.hidden[at] + n * (1 - z);
  }

  void LstmElement(uint32_t time, uint32_t row, uint32_t i, const States& before, States& after) const {
    const uint32_t at = row * n_.hidden + i;
    const auto gate = [&](char name, uint32_t peephole) {
      const double weight = Get("peepholeWeight", peephole * n_.hidden + i, 3 * n_.hidden);
      return Activated(n_.activations[0], Gate(name, time, row, i, before) + weight * before.cell[at]);
    };
    const double g = Activated(n_.activations[1], Gate('g', time, row, i, before));
    after.cell[at] = gate('f', 2) * before.cell[at] + gate('i', 0) * g;
    after.hidden[at] = gate('o', 1) * Activated(n_.activations[2], after.cell[at]);
  }

  const Network& n_;
  const Operands& operands_;
  uint32_t direction_;
};

// Last hidden state, for lstm last cell state, then all hidden states.
std::vector<std::vector<double>> Expected(const Network& n, const Operands& operands) {
  const uint32_t count = n.batch * n.hidden;
  const uint32_t steps = n.is_cell ? 1 : n.steps;
  std::vector<double> hidden, cell, sequence(steps * n.directions() * count);
  for (uint32_t direction = 0; direction < n.directions(); ++direction) {
    const Model model(n, operands, direction);
    States states = model.Initial();
    for (uint32_t i = 0; i < steps; ++i) {
      const bool backward = direction == 1 || n.direction == "backward";
      const uint32_t time = backward ? steps - 1 - i : i;
      states = model.After(time, states);
      std::copy(states.hidden.begin(), states.hidden.end(),
                sequence.begin() + (time * n.directions() + direction) * count);
    }
    hidden.insert(hidden.end(), states.hidden.begin(), states.hidden.end());
    cell.insert(cell.end(), states.cell.begin(), states.cell.end());
  }
  std::vector<std::vector<double>> outputs = {hidden};
  if (n.is_lstm) outputs.push_back(cell);
  if (!n.is_cell) outputs.push_back(sequence);
  return outputs;
}

std::vector<Tensor> Run(const Network& n, Operands operands) {
  std::vector<Tensor> inputs, extras;
  for (const char* name : {"input", "weight", "recurrentWeight", "hiddenState", "cellState"}) {
    const auto operand = operands.find(name);
    if (operand == operands.end()) continue;
    inputs.push_back(operand->second);
    operands.erase(operand);
  }
  Attributes attributes = {{"hiddenSize", Int(n.hidden)}, {"layout", n.layout}};
  for (const auto& [name, tensor] : operands) {
    attributes[name] = OperandId{static_cast<uint32_t>(extras.size())};
    extras.push_back(tensor);
  }
  if (!n.is_lstm) attributes["resetAfter"] = n.reset_after;
  attributes["activations"] = n.activations;
  if (!n.is_cell) {
    attributes["steps"] = Int(n.steps);
    attributes["direction"] = n.direction;
    attributes["returnSequence"] = true;
  }
  const std::string type = n.is_lstm ? "lstm" : "gru";
  return RunOp(n.is_cell ? type + "Cell" : type, inputs, attributes, extras);
}

void Check(const Network& n, std::mt19937& random) {
  CAPTURE(n.is_lstm, n.is_cell, n.direction, n.layout, n.reset_after, n.with_options, n.activations,
          DataTypeName(n.type));
  const Operands operands = RandomOperands(n, random);
  const std::vector<std::vector<double>> expected = Expected(n, operands);
  const std::vector<Tensor> found = Run(n, operands);
  REQUIRE(found.size() == expected.size());
  // float16: the half unit of one rounding, states being carried in float32.
  const double relative = n.type == DataType::kFloat16 ? 0x1.01p-11 : 0;
  for (size_t output = 0; output < found.size(); ++output) {
    const std::vector<double> values = ValuesOf(found[output]);
    REQUIRE(values.size() == expected[output].size());
    for (size_t i = 0; i < values.size(); ++i) {
      CAPTURE(output, i);
      CHECK(values[i] == Approx(expected[output][i]).epsilon(relative).margin(5e-6));
    }
  }
}

TEST_CASE("every option of the recurrent operations does what the formulas say") {
  std::mt19937 random(20260626);
  for (DataType type : {DataType::kFloat32, DataType::kFloat16}) {
    for (const char* direction : {"forward", "backward", "both"}) {
      for (bool with_options : {true, false}) {
        Network n = {.direction = direction, .with_options = with_options, .type = type};
        n.activations = {"sigmoid", "tanh"};
        for (const char* layout : {"zrn", "rzn"}) {
          n.layout = layout;
          n.reset_after = true;
          Check(n, random);
          n.reset_after = false;
          Check(n, random);
        }
        n.is_lstm = true;
        n.activations = {"sigmoid", "tanh", "tanh"};
        for (const char* layout : {"iofg", "ifgo"}) {
          n.layout = layout;
          Check(n, random);
        }
      }
    }
  }
}

TEST_CASE("cells are single steps") {
  std::mt19937 random(20260627);
  for (DataType type : {DataType::kFloat32, DataType::kFloat16}) {
    for (bool with_options : {true, false}) {
      Network n = {.is_cell = true, .with_options = with_options, .type = type};
      n.activations = {"sigmoid", "tanh"};
      for (const char* layout : {"zrn", "rzn"}) {
        n.layout = layout;
        n.reset_after = true;
        Check(n, random);
        n.reset_after = false;
        Check(n, random);
      }
      n.is_lstm = true;
      n.activations = {"sigmoid", "tanh", "tanh"};
      for (const char* layout : {"iofg", "ifgo"}) {
        n.layout = layout;
        Check(n, random);
      }
    }
  }
}

TEST_CASE("each activation belongs to its gates") {
  std::mt19937 random(20260628);
  const std::vector<std::string> names = {"relu", "sigmoid", "tanh"};
  for (const std::string& f : names) {
    for (const std::string& g : names) {
      Network n = {.layout = "zrn", .activations = {f, g}};
      Check(n, random);
      for (const std::string& k : names) {
        n = {.is_lstm = true, .layout = "iofg", .activations = {f, g, k}};
        Check(n, random);
      }
    }
  }
}

TEST_CASE("sizes of one work") {
  std::mt19937 random(20260629);
  Network n = {
      .direction = "both", .layout = "rzn", .reset_after = false, .activations = {"sigmoid", "tanh"}};
  n.steps = n.batch = n.input = n.hidden = 1;
  Check(n, random);
  n.is_lstm = true;
  n.layout = "ifgo";
  n.activations = {"sigmoid", "tanh", "relu"};
  Check(n, random);
}

}  // namespace
}  // namespace modeld
