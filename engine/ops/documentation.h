// The table of operations as a page for people.
#ifndef MODELD_ENGINE_OPS_DOCUMENTATION_H_
#define MODELD_ENGINE_OPS_DOCUMENTATION_H_

#include <string>

namespace modeld {

// A Markdown table: one line per operation with its operands, attributes and formula. README.md of this
// folder holds it; a test compares. Thread-safe.
std::string OpsTableMarkdown();

}  // namespace modeld

#endif  // MODELD_ENGINE_OPS_DOCUMENTATION_H_
