// What ONNX's LSTM, GRU and RNN nodes say, read and checked.
#ifndef MODELD_TOOLS_IMPORTER_RECURRENT_LAYER_H_
#define MODELD_TOOLS_IMPORTER_RECURRENT_LAYER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/importer/emitter.h"

namespace modeld::importer {

// An activation function with its parameters; `name` in lower case, one of ONNX's.
struct RecurrentActivation {
  std::string name;
  double alpha = 0;
  double beta = 0;
  friend bool operator==(const RecurrentActivation&, const RecurrentActivation&) = default;
};

enum class RecurrentKind : uint8_t { kLstm, kGru, kRnn };
enum class RecurrentDirection : uint8_t { kForward, kReverse, kBoth };

// A node of one of the three operators. Operands have the shapes of ONNX's layout 0.
struct RecurrentLayer {
  RecurrentKind kind = RecurrentKind::kRnn;
  RecurrentDirection direction = RecurrentDirection::kForward;
  uint32_t gates = 1;  // 4, 3, 1
  uint32_t steps = 0;
  uint32_t batch = 0;
  uint32_t hidden = 0;
  uint32_t directions = 1;            // 1 or 2
  bool batch_first = false;           // layout 1: outputs are to be transposed
  OperandId x;                        // [steps, batch, input size]
  OperandId w;                        // [directions, gates * hidden, input size]
  OperandId r;                        // [directions, gates * hidden, hidden]
  std::optional<OperandId> b;         // [directions, 2 * gates * hidden]
  std::optional<OperandId> h0;        // [directions, batch, hidden]
  std::optional<OperandId> c0;        // as h0; LSTM
  std::optional<OperandId> peephole;  // [directions, 3 * hidden]; LSTM
  // [batch]; nothing when all sequences are known to have `steps` steps.
  std::optional<OperandId> lengths;
  // Per direction 3, 2 or 1.
  std::vector<RecurrentActivation> activations;
  std::optional<double> clip;
  bool input_forget = false;         // LSTM
  bool linear_before_reset = false;  // GRU

  size_t activations_per_direction() const { return activations.size() / directions; }
};

// Reads the node. Errors name it: INVALID_ARGUMENT for shapes and lists that do not fit, UNIMPLEMENTED for
// activation functions that ONNX does not have.
absl::StatusOr<RecurrentLayer> ReadRecurrentLayer(Emitter& e);

}  // namespace modeld::importer

#endif  // MODELD_TOOLS_IMPORTER_RECURRENT_LAYER_H_
