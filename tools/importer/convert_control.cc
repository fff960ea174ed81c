// Branches. A known condition leaves one of them; else both are computed, as WebNN has no control flow, and
// one is chosen.
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tools/importer/compose.h"
#include "tools/importer/converters.h"

namespace modeld::importer {
namespace {

absl::Status TakeBranch(NodeContext& node, bool condition) {
  MODELD_ASSIGN_OR_RETURN(std::vector<Value> outputs,
                          node.Subgraph(condition ? "then_branch" : "else_branch"));
  if (outputs.size() < static_cast<size_t>(node.output_count())) return node.Invalid("has too many outputs");
  for (int i = 0; i < node.output_count(); ++i) {
    MODELD_RETURN_IF_ERROR(node.SetOutput(i, std::move(outputs[i])));
  }
  return absl::OkStatus();
}

absl::Status ConvertIf(NodeContext& node) {
  if (node.HostInput(0) != nullptr) {
    MODELD_ASSIGN_OR_RETURN(const double condition, node.NumberInput(0, "the condition"));
    return TakeBranch(node, condition != 0);
  }
  MODELD_ASSIGN_OR_RETURN(std::vector<Value> then_outputs, node.Subgraph("then_branch"));
  MODELD_ASSIGN_OR_RETURN(std::vector<Value> else_outputs, node.Subgraph("else_branch"));
  const auto count = static_cast<size_t>(node.output_count());
  if (then_outputs.size() < count || else_outputs.size() < count) return node.Invalid("has too many outputs");
  Emitter e(node);
  const OperandId condition = e.Reshape(e.Input(0), {});
  for (size_t i = 0; e.ok() && i < count; ++i) {
    MODELD_ASSIGN_OR_RETURN(const OperandId a, node.Materialize(then_outputs[i]));
    MODELD_ASSIGN_OR_RETURN(const OperandId b, node.Materialize(else_outputs[i]));
    if (node.descriptor(a) != node.descriptor(b)) {
      return node.Unsupported("its branches differ in shape or type, and the condition is not known",
                              Reason::kOutputShape);
    }
    e.Output(static_cast<int>(i), e.Where(condition, a, b));
  }
  return e.Finish();
}

constexpr Converter kTable[] = {{"If", ConvertIf}};

}  // namespace

std::span<const Converter> ControlConverters() {
  return kTable;
}

}  // namespace modeld::importer
