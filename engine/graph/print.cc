#include "engine/graph/print.h"

#include <algorithm>
#include <map>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/graph/utf8.h"

namespace modeld {
namespace {

std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", EscapedForMessage(text, text.size()), "\"");
}

std::string Text(bool value) {
  return value ? "true" : "false";
}
std::string Text(int64_t value) {
  return absl::StrCat(value);
}
std::string Text(double value) {
  return absl::StrCat(value);
}
std::string Text(const std::string& value) {
  return Quoted(value);
}
std::string Text(DataType value) {
  return std::string(DataTypeName(value));
}
std::string Text(OperandId value) {
  return absl::StrCat("%", value.value);
}
std::string Text(const GraphValue& value) {
  return absl::StrCat("graph of ", value.graph->operations.size(), " operations");
}
template <typename T>
std::string Text(const std::vector<T>& values) {
  const auto append = [](std::string* out, const T& value) { out->append(Text(value)); };
  return absl::StrCat("[", absl::StrJoin(values, ",", append), "]");
}

// The operand's type and shape, or nothing where the graph has no such operand.
std::string DescriptorText(const Graph& graph, OperandId id) {
  return id.value < graph.operands.size() ? graph.descriptor(id).ToString() : "?";
}

std::string JoinIds(const std::vector<OperandId>& ids) {
  return absl::StrJoin(ids, ", ", [](std::string* out, OperandId id) { out->append(Text(id)); });
}

std::string OperationText(const Graph& graph, const Operation& operation, size_t index) {
  std::string line = absl::StrCat("  ", JoinIds(operation.outputs), " = ", OperationName(operation, index),
                                  "(", JoinIds(operation.inputs));
  for (const auto& [name, value] : operation.attributes) {
    absl::StrAppend(&line, ", ", name, "=", AttributeToText(value));
  }
  const auto append = [&](std::string* out, OperandId id) { out->append(DescriptorText(graph, id)); };
  absl::StrAppend(&line, ") -> ", absl::StrJoin(operation.outputs, ", ", append), "\n");
  return line;
}

}  // namespace

std::string AttributeToText(const AttributeValue& value) {
  return std::visit([](const auto& v) { return Text(v); }, value);
}

std::vector<std::pair<std::string, size_t>> CountOperations(const Graph& graph) {
  std::map<std::string, size_t> counts;
  for (const Operation& operation : graph.operations) ++counts[operation.type];
  std::vector<std::pair<std::string, size_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return sorted;
}

std::string ToText(const Graph& graph) {
  std::string text = "inputs\n";
  for (OperandId id : graph.inputs) {
    const std::string name = id.value < graph.operands.size() ? graph.operand(id).name : "";
    absl::StrAppend(&text, "  ", Text(id), " = ", Quoted(name), " ", DescriptorText(graph, id), "\n");
  }
  size_t constants = 0;
  uint64_t bytes = 0;
  for (const Operand& operand : graph.operands) {
    if (operand.kind != OperandKind::kConstant) continue;
    ++constants;
    bytes += operand.descriptor.ByteSize().value_or(0);
  }
  absl::StrAppend(&text, "constants\n  ", constants, " of ", bytes, " bytes\n");
  const auto append = [](std::string* out, const auto& count) {
    absl::StrAppend(out, count.first, " ", count.second);
  };
  absl::StrAppend(&text, "operations\n  ", graph.operations.size(), ": ",
                  absl::StrJoin(CountOperations(graph), ", ", append), "\n");
  for (size_t i = 0; i < graph.operations.size(); ++i) text += OperationText(graph, graph.operations[i], i);
  text += "outputs\n";
  for (const GraphOutput& output : graph.outputs) {
    absl::StrAppend(&text, "  ", Quoted(output.name), " = ", Text(output.operand), " ",
                    DescriptorText(graph, output.operand), "\n");
  }
  return text;
}

}  // namespace modeld
