// ONNX's operators that are known and not imported, and why.
#ifndef MODELD_TOOLS_IMPORTER_INEXPRESSIBLE_H_
#define MODELD_TOOLS_IMPORTER_INEXPRESSIBLE_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "tools/importer/reason.h"

namespace modeld::importer {

// Why the operator is not imported. Nothing for operators that no table knows.
std::optional<Reason> WhyInexpressible(absl::string_view domain, absl::string_view op_type);

}  // namespace modeld::importer

#endif  // MODELD_TOOLS_IMPORTER_INEXPRESSIBLE_H_
