// Graphs as text, for people.
#ifndef MODELD_ENGINE_GRAPH_PRINT_H_
#define MODELD_ENGINE_GRAPH_PRINT_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "engine/graph/graph.h"

namespace modeld {

// A listing: inputs, constants in sum, operation counts, one line per operation, outputs. Any graph, also one
// that does not validate. Operands are written %N by their index; names and labels are escaped. Ends in a
// newline.
std::string ToText(const Graph& graph);

// How often each type of operation occurs, most often first, then by name.
std::vector<std::pair<std::string, size_t>> CountOperations(const Graph& graph);

// `2`, `"same"`, `[1,2]`, `%5`: an attribute's value.
std::string AttributeToText(const AttributeValue& value);

}  // namespace modeld

#endif  // MODELD_ENGINE_GRAPH_PRINT_H_
