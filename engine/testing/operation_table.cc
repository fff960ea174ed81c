#include "engine/testing/operation_table.h"

#include <map>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "engine/backend/cpu/cpu_backend.h"
#include "engine/core/core_builder.h"
#include "engine/ops/decompose.h"
#include "engine/ops/documentation.h"
#include "engine/ops/infer.h"
#include "engine/ops/rules/specified.h"
#include "engine/ops/table.h"
#include "engine/ops/validate.h"

namespace modeld::testing {
namespace {

// Every call of the rules that is valid.
std::vector<OpCase> ValidCalls() {
  std::vector<OpCase> calls;
  for (const rules::Family& family : rules::AllFamilies()) {
    for (const rules::Specified& row : family.specified) calls.push_back(row.base);
    for (const OpCase& rule : family.rules) {
      if (rule.expected.rfind("! ", 0) != 0) calls.push_back(rule);
    }
  }
  return calls;
}

void Learn(const OpCase& call, const Backend& backend, OperationFacts& facts) {
  Graph once = GraphOf(call, 1);
  const auto inferred = InferOperation(once, once.operations[0], 0, {});
  if (!inferred.ok()) return;
  const auto graph = Validate(GraphOf(call, inferred->size()), {});
  if (!graph.ok()) return;
  if (backend.Claims(*graph, graph->operations[0])) facts.native_on.insert(backend.Describe().name);
  if (FindOp(call.type)->decompose == nullptr) return;
  core::Graph core;
  core::CoreBuilder builder(core);
  std::vector<core::ValueId> values;
  for (const Operand& operand : graph->operands) values.push_back(builder.AddValue(operand.descriptor));
  if (!Decompose(*graph, graph->operations[0], absl::MakeConstSpan(values), builder).ok()) return;
  for (const core::Node& node : core.nodes) {
    const std::string name = core::OpName(node.op);
    facts.core_operations.insert(name.substr(0, name.find(' ')));
  }
}

}  // namespace

std::string OperationTable() {
  const std::unique_ptr<Backend> cpu = MakeCpuBackend();
  std::map<std::string, OperationFacts> facts;
  for (const OpCase& call : ValidCalls()) Learn(call, *cpu, facts[call.type]);
  return OpsTableMarkdown(facts);
}

}  // namespace modeld::testing
