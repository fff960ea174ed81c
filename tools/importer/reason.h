// Why a model is not imported: what the importer's errors carry for programs.
#ifndef MODELD_TOOLS_IMPORTER_REASON_H_
#define MODELD_TOOLS_IMPORTER_REASON_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace modeld::importer {

// What in a model has no counterpart in WebNN, so that the importer refuses it. Some of it could be
// composed of WebNN's operations where all sizes are fixed: README.md lists that. An UNIMPLEMENTED error
// without a reason is a gap: the importer should know the operator.
enum class Reason : uint8_t {
  kOperator,      // none of WebNN's operations, and not composed of them
  kOption,        // an attribute's value, or an optional input or output, has no form
  kDataType,      // a data type that WebNN, or the operation in question, does not have
  kNotATensor,    // sequences, maps, optionals
  kMustBeKnown,   // a value that shapes the graph depends on the model's inputs
  kOutputShape,   // the shape of a result depends on data
  kDynamicShape,  // an input without fixed sizes
  kEmptyTensor,   // WebNN's dimensions are 1 at least
  kDimensions,    // more spatial dimensions than WebNN's operation has
  kControlFlow,   // loops, which are not unrolled
  kRandom,        // random numbers
  kTraining,      // gradients and training modes
  kOpset,         // an operator set outside the range, or none of ONNX's own
};

// A line for people: "a loop, which is not unrolled".
absl::string_view ReasonText(Reason reason);

// UNIMPLEMENTED with the reason.
absl::Status NotExpressible(Reason reason, absl::string_view message);
// The reason of an error, whatever was put before its message (Annotate). Nothing for errors without one.
std::optional<Reason> ReasonOf(const absl::Status& status);

// kMustBeKnown, with the names of the model's inputs that the value depends on.
absl::Status MustBeKnown(const std::vector<std::string>& inputs, absl::string_view message);
// Those names; empty for other errors. Who knows the inputs' values may import again with them
// (ImportOptions::known_inputs).
std::vector<std::string> InputsToKnow(const absl::Status& status);

// INVALID_ARGUMENT because of what the caller gave beside the model: shapes, sizes, values of inputs.
absl::Status WrongOption(absl::string_view message);
// Whether an error is such a one.
bool IsWrongOption(const absl::Status& status);

}  // namespace modeld::importer

#endif  // MODELD_TOOLS_IMPORTER_REASON_H_
