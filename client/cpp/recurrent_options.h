// The options of gru, gruCell, lstm and lstmCell, in the manner of operation_options.h. Activations are
// "relu", "sigmoid" or "tanh".
#ifndef MODELD_CLIENT_CPP_RECURRENT_OPTIONS_H_
#define MODELD_CLIENT_CPP_RECURRENT_OPTIONS_H_

#include <optional>
#include <string>
#include <vector>

#include "client/cpp/operation_options.h"

namespace modeld::client {

// Activations: of the update and reset gates, of the new gate.
struct GruOptions {
  OptionalOperand bias = {};
  OptionalOperand recurrent_bias = {};
  OptionalOperand initial_hidden_state = {};
  std::optional<bool> reset_after = {};
  std::optional<bool> return_sequence = {};
  std::string direction = {};
  std::string layout = {};
  std::vector<std::string> activations = {};
  std::string label = {};
  template <typename F>
  void Visit(F&& f) const {
    f("bias", bias);
    f("recurrentBias", recurrent_bias);
    f("initialHiddenState", initial_hidden_state);
    f("resetAfter", reset_after);
    f("returnSequence", return_sequence);
    f("direction", direction);
    f("layout", layout);
    f("activations", activations);
  }
};

// Activations as in GruOptions.
struct GruCellOptions {
  OptionalOperand bias = {};
  OptionalOperand recurrent_bias = {};
  std::optional<bool> reset_after = {};
  std::string layout = {};
  std::vector<std::string> activations = {};
  std::string label = {};
  template <typename F>
  void Visit(F&& f) const {
    f("bias", bias);
    f("recurrentBias", recurrent_bias);
    f("resetAfter", reset_after);
    f("layout", layout);
    f("activations", activations);
  }
};

// Activations: of the input, forget and output gates, of the cell gate, of the cell state on its way out.
struct LstmOptions {
  OptionalOperand bias = {};
  OptionalOperand recurrent_bias = {};
  OptionalOperand peephole_weight = {};
  OptionalOperand initial_hidden_state = {};
  OptionalOperand initial_cell_state = {};
  std::optional<bool> return_sequence = {};
  std::string direction = {};
  std::string layout = {};
  std::vector<std::string> activations = {};
  std::string label = {};
  template <typename F>
  void Visit(F&& f) const {
    f("bias", bias);
    f("recurrentBias", recurrent_bias);
    f("peepholeWeight", peephole_weight);
    f("initialHiddenState", initial_hidden_state);
    f("initialCellState", initial_cell_state);
    f("returnSequence", return_sequence);
    f("direction", direction);
    f("layout", layout);
    f("activations", activations);
  }
};

// Activations as in LstmOptions.
struct LstmCellOptions {
  OptionalOperand bias = {};
  OptionalOperand recurrent_bias = {};
  OptionalOperand peephole_weight = {};
  std::string layout = {};
  std::vector<std::string> activations = {};
  std::string label = {};
  template <typename F>
  void Visit(F&& f) const {
    f("bias", bias);
    f("recurrentBias", recurrent_bias);
    f("peepholeWeight", peephole_weight);
    f("layout", layout);
    f("activations", activations);
  }
};

}  // namespace modeld::client

#endif  // MODELD_CLIENT_CPP_RECURRENT_OPTIONS_H_
