#include "engine/graph/graph.h"

#include "absl/strings/str_cat.h"
#include "engine/graph/utf8.h"

namespace modeld {

std::string OperationName(const Operation& operation, size_t index) {
  const std::string type = EscapedForMessage(operation.type);
  if (operation.label.empty()) return absl::StrCat(type, " #", index);
  return absl::StrCat(type, " \"", EscapedForMessage(operation.label), "\"");
}

std::vector<OperandId> OperandsRead(const Operation& operation) {
  std::vector<OperandId> operands = operation.inputs;
  for (const auto& [name, value] : operation.attributes) {
    if (const auto* id = std::get_if<OperandId>(&value)) operands.push_back(*id);
    if (const auto* ids = std::get_if<std::vector<OperandId>>(&value)) {
      operands.insert(operands.end(), ids->begin(), ids->end());
    }
  }
  return operands;
}

const Graph* BodyOf(const Operation& operation) {
  const auto found = operation.attributes.find("body");
  if (found == operation.attributes.end()) return nullptr;
  const auto* body = std::get_if<GraphValue>(&found->second);
  return body == nullptr ? nullptr : body->graph.get();
}

}  // namespace modeld
