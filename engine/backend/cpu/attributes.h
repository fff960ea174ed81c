// Reading completed attributes of graph-level operations.
#ifndef MODELD_ENGINE_BACKEND_CPU_ATTRIBUTES_H_
#define MODELD_ENGINE_BACKEND_CPU_ATTRIBUTES_H_

#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "engine/graph/graph.h"

namespace modeld::cpu {

// The attribute of type T, or `otherwise` when it is unset or of another type.
template <typename T>
T AttributeOr(const Operation& operation, absl::string_view name, T otherwise) {
  const auto found = operation.attributes.find(std::string(name));
  if (found == operation.attributes.end()) return otherwise;
  const T* value = std::get_if<T>(&found->second);
  return value == nullptr ? otherwise : *value;
}

// A float attribute, as the float32 in which it is used.
inline float FloatAttributeOf(const Operation& operation, absl::string_view name) {
  return static_cast<float>(AttributeOr<double>(operation, name, std::numeric_limits<double>::quiet_NaN()));
}

// True when an optional operand is set.
inline bool HasOperand(const Operation& operation, absl::string_view name) {
  return AttributeOr<OperandId>(operation, name, OperandId{UINT32_MAX}).value != UINT32_MAX;
}

}  // namespace modeld::cpu

#endif  // MODELD_ENGINE_BACKEND_CPU_ATTRIBUTES_H_
