// What the model id does and does not depend on, and what decoding does with bytes that nobody wrote.
#include <algorithm>
#include <catch2/catch.hpp>
#include <iostream>
#include <numeric>
#include <random>
#include <string>

#include "engine/graph/canonical.h"
#include "engine/ops/test_graph.h"
#include "engine/ops/validate.h"

namespace modeld {
namespace {

Graph Valid(Graph graph) {
  absl::StatusOr<Graph> result = Validate(std::move(graph), {});
  INFO(result.status());
  REQUIRE(result.ok());
  return *std::move(result);
}

// A graph with every kind of thing in it.
TestGraph Sample() {
  TestGraph g;
  const OperandId x = g.Float("x", {1, 4, 6, 6});
  const OperandId extra = g.Float("extra", {1});
  const OperandId filter = g.Constant(DataType::kFloat32, {2, 4, 1, 1}, std::string(32, 'f'));
  const OperandId bias = g.Constant(DataType::kFloat32, {2}, std::string(8, 'b'));
  const OperandId a = g.Op("conv2d", {x, filter}, {{"bias", bias}, {"strides", Ints({2, 2})}}, "stem");
  const OperandId b = g.Op("elu", {a}, {{"alpha", 0.5}}, "act");
  const std::vector<OperandId> parts = g.OpN(2, "split", {b}, {{"splits", Int(2)}, {"axis", Int(1)}});
  const OperandId c = g.Op("concat", {parts[1], parts[0]}, {{"axis", Int(1)}});
  g.Output("first", c);
  g.Output("second", g.Op("reduceMean", {g.Op("add", {c, extra})}, {{"keepDimensions", true}}));
  return g;
}

// The same graph with its operands at other indices.
Graph Shuffled(const Graph& graph, std::mt19937& random) {
  std::vector<uint32_t> place(graph.operands.size());
  std::iota(place.begin(), place.end(), 0);
  std::shuffle(place.begin(), place.end(), random);
  Graph result = graph;
  for (size_t i = 0; i < place.size(); ++i) result.operands[place[i]] = graph.operands[i];
  const auto move = [&](OperandId& id) { id.value = place[id.value]; };
  for (OperandId& id : result.inputs) move(id);
  for (GraphOutput& output : result.outputs) move(output.operand);
  for (Operation& operation : result.operations) {
    for (OperandId& id : operation.inputs) move(id);
    for (OperandId& id : operation.outputs) move(id);
    for (auto& [name, value] : operation.attributes) {
      if (auto* id = std::get_if<OperandId>(&value)) move(*id);
    }
  }
  std::shuffle(result.inputs.begin(), result.inputs.end(), random);
  std::shuffle(result.outputs.begin(), result.outputs.end(), random);
  return result;
}

TEST_CASE("the order of operands, inputs and outputs does not change the model id") {
  const uint32_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  const Graph graph = Sample().graph();
  const Digest id = ModelIdOf(Valid(graph));
  for (int i = 0; i < 50; ++i) REQUIRE(ModelIdOf(Valid(Shuffled(graph, random))) == id);
}

TEST_CASE("setting a default or a number that rounds to the same float does not change the model id") {
  const Graph graph = Sample().graph();
  Graph same = graph;
  same.operations[0].attributes["groups"] = Int(1);
  same.operations[2].attributes["splits"] = Ints({1, 1});
  same.operations[1].attributes["alpha"] = 0.5 + 1e-12;
  CHECK(ModelIdOf(Valid(same)) == ModelIdOf(Valid(graph)));
}

TEST_CASE("where constants' bytes lie does not matter, equal constants are one") {
  TestGraph one;
  OperandId x = one.Float("x", {2});
  OperandId k = one.Constant(DataType::kFloat32, {2}, "12345678");
  one.Output("y", one.Op("add", {one.Op("mul", {x, k}), k}));
  TestGraph two;
  x = two.Float("x", {2});
  k = two.Constant(DataType::kFloat32, {2}, "12345678");
  const OperandId again = two.Constant(DataType::kFloat32, {2}, "12345678");
  two.Output("y", two.Op("add", {two.Op("mul", {x, k}), again}));
  two.graph().operands[k.value].bytes = {};
  CHECK(ModelIdOf(Valid(one.graph())) == ModelIdOf(Valid(two.graph())));
}

TEST_CASE("any change of a constant, attribute, shape, type, name or label gives another model id") {
  const Graph base = Sample().graph();
  const Digest id = ModelIdOf(Valid(base));
  const std::vector<std::pair<const char*, void (*)(Graph&)>> changes = {
      {"input name", [](Graph& g) { g.operands[0].name = "X"; }},
      {"input shape", [](Graph& g) { g.operands[0].descriptor.shape[2] = 5; }},
      {"unused detail of a shape",
       [](Graph& g) {
         g.operands[1].descriptor.shape = {1, 1};
       }},
      {"output name", [](Graph& g) { g.outputs[0].name = "First"; }},
      {"output operand", [](Graph& g) { std::swap(g.outputs[0].operand, g.outputs[1].operand); }},
      {"label", [](Graph& g) { g.operations[0].label = "stem2"; }},
      {"label removed", [](Graph& g) { g.operations[1].label = ""; }},
      {"float attribute", [](Graph& g) { g.operations[1].attributes["alpha"] = 0.500001; }},
      {"sign of zero", [](Graph& g) { g.operations[1].attributes["alpha"] = -0.0; }},
      {"zero", [](Graph& g) { g.operations[1].attributes["alpha"] = 0.0; }},
      {"boolean attribute", [](Graph& g) { g.operations.back().attributes["keepDimensions"] = false; }},
      {"list attribute",
       [](Graph& g) {
         g.operations[0].attributes["padding"] = Ints({0, 1, 0, 1});
       }},
      {"operand attribute removed",
       [](Graph& g) {
         g.operations[0].attributes.erase("bias");
         g = WithoutUnreachable(g, true);
       }},
      {"operands swapped", [](Graph& g) { std::swap(g.operations[3].inputs[0], g.operations[3].inputs[1]); }},
      {"operation type", [](Graph& g) { g.operations[4].type = "sub"; }},
  };
  std::vector<Digest> seen = {id};
  for (const auto& [what, change] : changes) {
    CAPTURE(what);
    Graph graph = base;
    change(graph);
    const Digest changed = ModelIdOf(Valid(graph));
    CHECK(std::find(seen.begin(), seen.end(), changed) == seen.end());
    seen.push_back(changed);
  }
  // Every single bit of a constant.
  for (size_t bit = 0; bit < 64; ++bit) {
    Graph graph = base;
    std::string bytes(8, 'b');
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    graph.operands[3].digest = Digest::Of(bytes);
    graph.operands[3].bytes = Region::Copy(bytes);
    REQUIRE(ModelIdOf(Valid(graph)) != id);
  }
}

TEST_CASE("labels do not change the structure id, everything else does") {
  Graph graph = Sample().graph();
  const Digest id = StructureIdOf(Valid(graph));
  graph.operations[0].label = "other";
  CHECK(StructureIdOf(Valid(graph)) == id);
  graph.operations[1].attributes["alpha"] = 0.25;
  CHECK(StructureIdOf(Valid(graph)) != id);
}

TEST_CASE("what decodes encodes to the same bytes, whatever the bytes") {
  const uint32_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  const std::string good = EncodeCanonical(Valid(Sample().graph()));
  size_t accepted = 0;
  for (int i = 0; i < 30'000; ++i) {
    std::string bytes = good;
    for (uint32_t n = random() % 4; n > 0; --n) {
      const size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
          break;
        case 2:
          bytes.insert(at, 1, static_cast<char>(random()));
          break;
        default:
          bytes.erase(at, 1);
      }
    }
    const absl::StatusOr<Graph> graph = DecodeCanonical(bytes, {});
    if (!graph.ok()) {
      REQUIRE(graph.status().code() == absl::StatusCode::kInvalidArgument);
      continue;
    }
    ++accepted;
    REQUIRE(EncodeCanonical(*graph) == bytes);
    // Whatever it is, validation has an answer.
    Validate(*graph, {}).IgnoreError();
  }
  CHECK(accepted > 1000);
}

TEST_CASE("no part of the bytes decodes") {
  const std::string good = EncodeCanonical(Valid(Sample().graph()));
  for (size_t size = 0; size < good.size(); ++size) {
    REQUIRE(!DecodeCanonical(good.substr(0, size), {}).ok());
  }
  const absl::Status status = DecodeCanonical(good + "x", {}).status();
  CHECK(status.message().find("bytes follow the end") != std::string::npos);
}

TEST_CASE("claims of huge sizes cost nothing and are refused") {
  const std::string magic("modeld\0\1", 8);
  const std::string two_to_62("\x80\x80\x80\x80\x80\x80\x80\x80\x40", 9);
  const std::string most_operations("\x9f\x8d\x06", 3);
  for (const std::string& tail :
       {two_to_62, std::string(1, '\0') + two_to_62, std::string(1, '\0') + most_operations,
        std::string("\1", 1) + two_to_62, std::string("\1\1x\1", 4) + two_to_62,
        std::string("\0\1", 2) + two_to_62, std::string("\0\1\1a\0", 5) + two_to_62}) {
    CHECK(DecodeCanonical(magic + tail, {}).status().code() == absl::StatusCode::kInvalidArgument);
  }
}

TEST_CASE("other spellings of the same numbers and orders are refused") {
  const std::string magic("modeld\0\1", 8);
  const auto message = [&](const std::string& tail) {
    return std::string(DecodeCanonical(magic + tail, {}).status().message());
  };
  CHECK(message(std::string("\x80\0", 2)).find("shortest form") != std::string::npos);
  // Inputs "b", "a".
  CHECK(message(std::string("\2\1b\1\0\1a\1\0", 9)).find("ascending") != std::string::npos);
  // One operation "a" with the attribute "f", a float that is another NaN.
  const std::string nan("\0\1\1a\0\0\1\1f\2\1\0\0\0\0\0\xf8\x7f\0\0", 20);
  CHECK(message(nan).find("NaN") != std::string::npos);
  CHECK(message(std::string("\0\1\1a\0\0\1\1f\0\2\0\0", 13)).find("boolean") != std::string::npos);
  CHECK(message(std::string("\1\1a\x0b\0", 5)).find("data type 11") != std::string::npos);
  CHECK(std::string(DecodeCanonical(std::string("modeld\0\2", 8), {}).status().message())
            .find("known version") != std::string::npos);
}

}  // namespace
}  // namespace modeld
