// The generic checks of an operation's attributes against its row. Internal to engine/ops.
#ifndef MODELD_ENGINE_OPS_ATTRIBUTE_CHECK_H_
#define MODELD_ENGINE_OPS_ATTRIBUTE_CHECK_H_

#include <cstdint>

#include "absl/status/status.h"
#include "engine/ops/op_context.h"
#include "engine/ops/schema.h"

namespace modeld {

// The operation's label is UTF-8 and no longer than a string may be; one that is longer is emptied, as it
// becomes part of the message. INVALID_ARGUMENT otherwise.
absl::Status CheckLabel(Operation& operation, uint32_t index, const GraphLimits& limits);

// Every attribute is one of the row's, of its kind, within its range; the required ones are there.
// INVALID_ARGUMENT otherwise.
absl::Status CheckAttributes(const InferContext& context, const OpSchema& schema);

// Fills in defaults and rounds numbers to the first operand's type, as WebNN's "casting". Requires:
// CheckAttributes succeeded and the first operand's type is known. Doing it again changes nothing.
absl::Status CompleteAttributes(InferContext& context, const OpSchema& schema);

}  // namespace modeld

#endif  // MODELD_ENGINE_OPS_ATTRIBUTE_CHECK_H_
