#include "engine/ops/documentation.h"

#include <algorithm>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "engine/graph/print.h"
#include "engine/ops/table.h"

namespace modeld {
namespace {

// Short names for the sets that occur often.
std::string TypesText(TypeSet types) {
  struct Name {
    TypeSet types;
    absl::string_view name;
  };
  for (const Name& name :
       {Name{kAnyType, "any"}, Name{kMovableTypes, "movable"}, Name{kFloatTypes, "float"},
        Name{kSignedTypes, "signed"}, Name{kFloatAndWideIntegerTypes, "float or 32/64-bit"},
        Name{kIndexTypes, "index"}}) {
    if (types.ToString() == name.types.ToString()) return std::string(name.name);
  }
  return types.ToString();
}

std::string RankText(RankRange ranks) {
  if (ranks.min == ranks.max) return absl::StrCat(", rank ", ranks.min);
  if (ranks.max != kAnyRank.max) return absl::StrCat(", rank ", ranks.min, " to ", ranks.max);
  return ranks.min == 0 ? "" : absl::StrCat(", rank >= ", ranks.min);
}

std::string OperandText(absl::string_view name, TypeSet types, RankRange ranks, int same_type_as,
                        const OpSchema& schema) {
  const bool is_same = same_type_as >= 0 && schema.operands[same_type_as].name != name;
  const std::string type =
      is_same ? absl::StrCat("like ", schema.operands[same_type_as].name) : TypesText(types);
  return absl::StrCat("`", name, "` ", type, RankText(ranks));
}

absl::string_view KindText(AttributeKind kind) {
  switch (kind) {
    case AttributeKind::kBool:
      return "boolean";
    case AttributeKind::kUint:
      return "unsigned";
    case AttributeKind::kInt:
      return "integer";
    case AttributeKind::kFloat:
      return "float";
    case AttributeKind::kNumber:
      return "number";
    case AttributeKind::kString:
      return "string";
    case AttributeKind::kDataType:
      return "data type";
    case AttributeKind::kOperand:
      return "operand";
    case AttributeKind::kUints:
      return "unsigned list";
    case AttributeKind::kUintOrUints:
      return "unsigned or list";
    case AttributeKind::kFloats:
      return "float list";
    case AttributeKind::kStrings:
      return "string list";
    case AttributeKind::kGraph:
      return "graph";
  }
  return "";
}

std::string AttributeText(const AttributeSchema& row, const OpSchema& schema) {
  if (row.kind == AttributeKind::kOperand) {
    return absl::StrCat(OperandText(row.name, row.types, row.ranks, row.same_type_as, schema), ", optional");
  }
  std::string text = absl::StrCat("`", row.name, "` ", KindText(row.kind));
  if (!row.choices.empty()) {
    text = absl::StrCat("`", row.name, "` ", absl::StrJoin(row.choices, " or "));
  } else if (row.default_value) {
    absl::StrAppend(&text, " = ", AttributeToText(*row.default_value));
  } else if (row.required) {
    absl::StrAppend(&text, ", required");
  }
  return text;
}

}  // namespace

std::string OpsTableMarkdown(const std::map<std::string, OperationFacts>& facts) {
  std::string text =
      "| operation | operands | attributes | formula | core operations | native on |\n"
      "| --- | --- | --- | --- | --- | --- |\n";
  for (const OpSchema& schema : AllOps()) {
    const auto entry = facts.find(std::string(schema.type));
    const OperationFacts of = entry == facts.end() ? OperationFacts() : entry->second;
    std::vector<std::string> operands;
    for (const OperandSchema& row : schema.operands) {
      operands.push_back(OperandText(row.name, row.types, row.ranks, row.same_type_as, schema));
    }
    if (schema.variadic) operands.back() += ", one or more";
    std::vector<std::string> attributes;
    for (const AttributeSchema& row : schema.attributes) attributes.push_back(AttributeText(row, schema));
    absl::StrAppend(
        &text, "| ", schema.type, " | ", absl::StrJoin(operands, "; "), " | ",
        absl::StrJoin(attributes, "; "), " | ", absl::StrReplaceAll(schema.formula, {{"|", "\\|"}}), " | ",
        absl::StrJoin(of.core_operations, ", "), " | ", absl::StrJoin(of.native_on, ", "), " |\n");
  }
  return text;
}

}  // namespace modeld
