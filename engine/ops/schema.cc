#include "engine/ops/schema.h"

#include "absl/strings/str_cat.h"

namespace modeld {

std::string TypeSet::ToString() const {
  std::string names;
  for (uint32_t i = 0; i < 32; ++i) {
    if ((bits_ >> i & 1) == 0) continue;
    absl::StrAppend(&names, names.empty() ? "" : ", ", DataTypeName(static_cast<DataType>(i)));
  }
  return names;
}

const AttributeSchema* OpSchema::FindAttribute(absl::string_view name) const {
  for (const AttributeSchema& attribute : attributes) {
    if (attribute.name == name) return &attribute;
  }
  return nullptr;
}

}  // namespace modeld
