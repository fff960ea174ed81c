// The table of operations as a page for people.
#ifndef MODELD_ENGINE_OPS_DOCUMENTATION_H_
#define MODELD_ENGINE_OPS_DOCUMENTATION_H_

#include <map>
#include <set>
#include <string>

namespace modeld {

// What the table of operations does not say of itself.
struct OperationFacts {
  // Core operations that it comes to, by name without function: "binary", "reduce".
  std::set<std::string> core_operations;
  // Devices that run it natively, at least for some types.
  std::set<std::string> native_on;
};

// A Markdown table: one line per operation with its operands, attributes, formula and facts (by type).
// README.md of this folder holds it; a test (engine/testing/operation_table_test.cc) compares. Thread-safe.
std::string OpsTableMarkdown(const std::map<std::string, OperationFacts>& facts);

}  // namespace modeld

#endif  // MODELD_ENGINE_OPS_DOCUMENTATION_H_
