#include "engine/lower/operations.h"

#include <catch2/catch.hpp>
#include <memory>

#include "engine/ops/test_graph.h"

namespace modeld {
namespace {

TEST_CASE("operations are numbered with those of their bodies behind them") {
  TestGraph inner;
  const OperandId a = inner.Float("", {2});
  inner.Output("", inner.Op("relu", {inner.Op("abs", {a}, {}, "deep")}));
  TestGraph outer;
  const OperandId b = outer.Float("", {2});
  const AttributeValue inner_body = GraphValue{std::make_shared<const Graph>(inner.graph())};
  outer.Output("", outer.Op("composite", {b}, {{"body", inner_body}}, "inner"));
  TestGraph g;
  const OperandId x = g.Float("x", {2});
  const AttributeValue outer_body = GraphValue{std::make_shared<const Graph>(outer.graph())};
  const OperandId y = g.Op("composite", {g.Op("neg", {x})}, {{"body", outer_body}}, "outer");
  g.Output("y", g.Op("exp", {y}));

  const std::vector<OperationPlace> places = OperationsInOrder(g.graph());
  std::vector<std::pair<std::string, size_t>> found;
  for (const OperationPlace& place : places) found.emplace_back(place.name, place.end);
  const std::string prefix = "composite \"outer\": composite \"inner\"";
  CHECK(found == std::vector<std::pair<std::string, size_t>>{{"neg #0", 1},
                                                             {"composite \"outer\"", 5},
                                                             {prefix, 5},
                                                             {prefix + ": abs \"deep\"", 4},
                                                             {prefix + ": relu #1", 5},
                                                             {"exp #2", 6}});
  CHECK(places[0].graph == &g.graph());
  CHECK(places[3].operation == &places[3].graph->operations[0]);
  CHECK(OperationsInOrder(Graph()).empty());
}

}  // namespace
}  // namespace modeld
