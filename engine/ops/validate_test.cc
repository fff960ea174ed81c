// Whole graphs.
#include "engine/ops/validate.h"

#include <catch2/catch.hpp>
#include <iostream>
#include <random>

#include "engine/graph/graph_error.h"
#include "engine/ops/test_graph.h"

namespace modeld {
namespace {

// y = relu(x + k)
struct Sample : TestGraph {
  OperandId x = Float("x", {2});
  OperandId k = Zeros(DataType::kFloat32, {2});
  OperandId sum = Op("add", {x, k}, {}, "sum");
  OperandId result = Op("relu", {sum});
  Sample() { Output("y", result); }
};

std::string ErrorOf(const Graph& graph, const GraphLimits& limits = {}) {
  const absl::Status status = Validate(graph, limits).status();
  if (status.ok()) return "";
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  CHECK(ErrorSiteOf(status).has_value());
  return std::string(status.message());
}

TEST_CASE("a valid graph comes back with descriptors inferred and attributes completed") {
  Sample g;
  g.Output("z", g.Op("elu", {g.sum}));
  const absl::StatusOr<Graph> graph = Validate(g.graph(), {});
  REQUIRE(graph.ok());
  CHECK(graph->descriptor(g.result).ToString() == "float32[2]");
  CHECK(std::get<double>(graph->operations[2].attributes.at("alpha")) == 1.0);
  CHECK(graph->operands.size() == g.graph().operands.size());
}

TEST_CASE("each broken rule of a graph gets its own message") {
  const std::vector<std::pair<const char*, void (*)(Sample&)>> cases = {
      {"graph has no output, expected at least one", [](Sample& g) { g.graph().outputs.clear(); }},
      {"input \"\" has an empty name", [](Sample& g) { g.graph().operands[0].name = ""; }},
      {"input \"x\" has the name of another one", [](Sample& g) { g.Float("x", {1}); }},
      {"input \"\\200\" has a name that is not UTF-8",
       [](Sample& g) { g.graph().operands[0].name = "\x80"; }},
      {"output \"y\" has the name of another one", [](Sample& g) { g.Output("y", g.result); }},
      {"output \"x\" is an input or a constant, expected the result of an operation",
       [](Sample& g) { g.Output("x", g.x); }},
      {"output \"z\" is operand 99 of 4", [](Sample& g) { g.Output("z", {99}); }},
      {"graph lists operand 1 as an input, which it is not", [](Sample& g) { g.graph().inputs = {{1}}; }},
      {"graph lists operand 9 as an input, which it is not", [](Sample& g) { g.graph().inputs = {{9}}; }},
      {"graph lists operand 0 as an input twice", [](Sample& g) { g.graph().inputs.push_back(g.x); }},
      {"operand 0 is an input that the graph does not list", [](Sample& g) { g.graph().inputs.clear(); }},
      {"operand 0 is of unknown kind 7",
       [](Sample& g) {
         g.graph().inputs.clear();
         g.graph().operands[0].kind = static_cast<OperandKind>(7);
       }},
      {"input \"x\" float32[0] has a dimension of size 0",
       [](Sample& g) { g.graph().operands[0].descriptor.shape = {0}; }},
      {"input \"x\" has rank 9, expected at most 8",
       [](Sample& g) { g.graph().operands[0].descriptor.shape = Shape(9, 1); }},
      {"input \"x\" float32[4294967295] has more than 2147483647 elements",
       [](Sample& g) { g.graph().operands[0].descriptor.shape = {0xffffffff}; }},
      {"input \"x\" data type 77 is unknown",
       [](Sample& g) { g.graph().operands[0].descriptor.data_type = static_cast<DataType>(77); }},
      {"constant 1 has 8 bytes, expected 12 for float32[3]",
       [](Sample& g) { g.graph().operands[1].descriptor.shape = {3}; }},
      {"constant 4 is read by no operation", [](Sample& g) { g.Zeros(DataType::kInt8, {1}); }},
      {"operand 4 is written by no operation", [](Sample& g) { g.graph().operands.push_back({}); }},
      {"sub #2: result does not contribute to any output of the graph",
       [](Sample& g) {
         g.Op("sub", {g.x, g.k});
       }},
      {"add \"sum\": operand 3 is read before an operation writes it",
       [](Sample& g) { g.graph().operations[0].inputs[0] = g.result; }},
      {"add \"sum\": operand 0 is operand 99 of 4",
       [](Sample& g) { g.graph().operations[0].inputs[0] = {99}; }},
      {"relu #1: output operand 2 is written twice",
       [](Sample& g) { g.graph().operations[1].outputs[0] = g.sum; }},
      {"relu #1: output operand 0 is an input or a constant",
       [](Sample& g) { g.graph().operations[1].outputs[0] = g.x; }},
      {"relu #1: output operand 99 is beyond the 4 operands",
       [](Sample& g) { g.graph().operations[1].outputs[0] = {99}; }},
      {"relu #1: outputs are 0, expected 1", [](Sample& g) { g.graph().operations[1].outputs.clear(); }},
      {"relu #1: output operand 3 is declared as float32[5], expected float32[2]",
       [](Sample& g) { g.graph().operands[3].descriptor.shape = {5}; }},
      {"relu \"\\377\": label is not UTF-8", [](Sample& g) { g.graph().operations[1].label = "\xff"; }},
      {"relu #1: label has 2000 bytes, expected at most 1024",
       [](Sample& g) { g.graph().operations[1].label.assign(2000, 'l'); }},
  };
  for (const auto& [expected, change] : cases) {
    Sample g;
    change(g);
    CHECK(ErrorOf(g.graph()) == expected);
  }
}

TEST_CASE("limits on the graph are checked") {
  Sample g;
  const auto with = [](auto GraphLimits::*member, auto value) {
    GraphLimits limits;
    limits.*member = value;
    return limits;
  };
  CHECK(ErrorOf(g.graph(), with(&GraphLimits::max_operands, 3u)) ==
        "graph has 4 operands, expected at most 3");
  CHECK(ErrorOf(g.graph(), with(&GraphLimits::max_operations, 1u)) ==
        "graph has 2 operations, expected at most 1");
  CHECK(ErrorOf(g.graph(), with(&GraphLimits::max_bindings, 0u)) == "graph has 1 inputs, expected at most 0");
  CHECK(ErrorOf(g.graph(), with(&GraphLimits::max_constant_bytes, uint64_t{7})) ==
        "graph has constants of more than 7 bytes");
  CHECK(ErrorOf(g.graph(), with(&GraphLimits::max_tensor_bytes, uint64_t{7})) ==
        "input \"x\" float32[2] takes 8 bytes, expected at most 7");
  CHECK(ErrorOf(g.graph(), with(&GraphLimits::max_rank, 0u)) == "input \"x\" has rank 1, expected at most 0");
}

TEST_CASE("an unknown operation is UNIMPLEMENTED and named") {
  Sample g;
  g.graph().operations[0].type = "convolve";
  const absl::Status status = Validate(g.graph(), {}).status();
  CHECK(status.code() == absl::StatusCode::kUnimplemented);
  CHECK(status.message() == "convolve \"sum\": the operation is unknown");
  CHECK(ErrorSiteOf(status)->label == "sum");
}

TEST_CASE("what no output depends on can be removed") {
  Sample g;
  g.Float("unused", {1});
  g.Zeros(DataType::kInt8, {1});
  g.Op("sub", {g.x, g.k});
  CHECK(!Validate(g.graph(), {}).ok());
  const absl::StatusOr<Graph> kept = Validate(WithoutUnreachable(g.graph(), true), {});
  REQUIRE(kept.ok());
  CHECK(kept->inputs.size() == 2);
  CHECK(kept->operations.size() == 2);
  CHECK(kept->operands.size() == 5);
  const absl::StatusOr<Graph> smallest = Validate(WithoutUnreachable(g.graph(), false), {});
  REQUIRE(smallest.ok());
  CHECK(smallest->inputs.size() == 1);
  // Ids that do not exist are left to validation.
  g.graph().outputs[0].operand = {1000};
  CHECK(WithoutUnreachable(g.graph(), true).operands.size() == g.graph().operands.size());
}

// Any change of any member: validation has an answer and does not crash.
TEST_CASE("graphs that are changed at random never crash validation") {
  const uint32_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    Sample g;
    g.Output("c", g.Op("conv2d", {g.Float("i", {1, 1, 4, 4}), g.Zeros(DataType::kFloat32, {1, 1, 2, 2})},
                       {{"strides", Ints({1, 2})}, {"bias", g.Zeros(DataType::kFloat32, {1})}}));
    g.Output("p", g.Op("pad", {g.result}, {{"beginningPadding", Ints({1})}, {"endingPadding", Ints({2})}}));
    Graph& graph = g.graph();
    const auto any = [&]() -> uint32_t {
      constexpr uint32_t kOdd[] = {0, 1, 2, 3, 7, 9, 0x7fffffff, 0x80000000, 0xffffffff};
      return kOdd[random() % std::size(kOdd)];
    };
    for (uint32_t n = 1 + random() % 3; n > 0; --n) {
      Operand& operand = graph.operands[random() % graph.operands.size()];
      Operation& operation = graph.operations[random() % graph.operations.size()];
      switch (random() % 9) {
        case 0:
          operand.kind = static_cast<OperandKind>(any());
          break;
        case 1:
          operand.descriptor.data_type = static_cast<DataType>(any());
          break;
        case 2:
          operand.descriptor.shape.assign(random() % 10, any());
          break;
        case 3:
          operation.inputs.resize(random() % 4, OperandId{any()});
          break;
        case 4:
          operation.outputs.resize(random() % 3, OperandId{any()});
          break;
        case 5:
          operation.attributes["strides"] = Ints({int64_t{any()} << random() % 33, any()});
          break;
        case 6:
          operation.attributes["bias"] = OperandId{any()};
          break;
        case 7:
          operation.attributes["beginningPadding"] = Ints({-int64_t{any()}});
          break;
        default:
          graph.outputs[0].operand = {any()};
      }
    }
    Validate(graph, {}).IgnoreError();
    Validate(WithoutUnreachable(graph, random() % 2 == 0), {}).IgnoreError();
  }
}

}  // namespace
}  // namespace modeld
