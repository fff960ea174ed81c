#include "engine/graph/graph.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace modeld {

std::string OperationName(const Operation& operation, size_t index) {
  if (operation.label.empty()) return absl::StrCat(operation.type, " #", index);
  return absl::StrCat(operation.type, " \"", absl::Utf8SafeCEscape(operation.label), "\"");
}

}  // namespace modeld
