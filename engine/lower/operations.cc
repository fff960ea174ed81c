#include "engine/lower/operations.h"

#include "absl/strings/str_cat.h"

namespace modeld {
namespace {

void Append(const Graph& graph, const std::string& prefix, std::vector<OperationPlace>& places) {
  for (size_t i = 0; i < graph.operations.size(); ++i) {
    const Operation& operation = graph.operations[i];
    const size_t own = places.size();
    places.push_back({&graph, &operation, absl::StrCat(prefix, OperationName(operation, i)), own + 1});
    if (const Graph* body = BodyOf(operation)) {
      Append(*body, absl::StrCat(places[own].name, ": "), places);
      places[own].end = places.size();
    }
  }
}

}  // namespace

std::vector<OperationPlace> OperationsInOrder(const Graph& graph) {
  std::vector<OperationPlace> places;
  places.reserve(graph.operations.size());
  Append(graph, "", places);
  return places;
}

}  // namespace modeld
