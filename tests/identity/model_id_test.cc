// A model's id depends on what the model is, and on nothing else: not on the order of operands, the chunks or
// the transport that brought it, nor the daemon that stored it.
#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>
#include <random>

#include "client/cpp/modeld.h"
#include "engine/graph/canonical.h"
#include "engine/ops/validate.h"
#include "tests/support/daemon_process.h"

namespace modeld {
namespace {

using testing::DaemonProcess;

constexpr uint32_t kSize = 600;  // 1.4 MB of weights: more than one chunk, and no multiple of one

Operand ConstantOf(Shape shape, std::mt19937& random) {
  Operand operand{.kind = OperandKind::kConstant, .descriptor = {DataType::kFloat32, std::move(shape)}};
  std::vector<std::byte> bytes(operand.descriptor.ByteSize().value());
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() & 0x3f);  // small finite floats
  operand.digest = Digest::Of(bytes);
  operand.bytes = Region::FromVector(std::move(bytes));
  return operand;
}

// y = leakyRelu(x * w + b) with labels.
Graph MakeGraph() {
  std::mt19937 random(7);
  Graph graph;
  graph.operands = {
      {.kind = OperandKind::kInput, .descriptor = {DataType::kFloat32, {2, kSize}}, .name = "x"},
      ConstantOf({kSize, kSize}, random),
      ConstantOf({kSize}, random),
      {},
      {},
      {},
  };
  graph.inputs = {{0}};
  graph.operations = {
      {.type = "matmul", .label = "product", .inputs = {{0}, {1}}, .outputs = {{3}}},
      {.type = "add", .label = "bias", .inputs = {{3}, {2}}, .outputs = {{4}}},
      {.type = "leakyRelu", .label = "", .inputs = {{4}}, .attributes = {{"alpha", 0.25}}, .outputs = {{5}}},
  };
  graph.outputs = {{"y", {5}}};
  return graph;
}

// The same graph with its operands in another order.
Graph Permuted(const Graph& graph, std::mt19937& random) {
  std::vector<uint32_t> places(graph.operands.size());
  std::iota(places.begin(), places.end(), 0);
  std::shuffle(places.begin(), places.end(), random);
  Graph result = graph;
  for (size_t i = 0; i < places.size(); ++i) result.operands[places[i]] = graph.operands[i];
  const auto move = [&](OperandId& id) { id = {places[id.value]}; };
  for (OperandId& id : result.inputs) move(id);
  for (GraphOutput& output : result.outputs) move(output.operand);
  for (Operation& operation : result.operations) {
    for (OperandId& id : operation.inputs) move(id);
    for (OperandId& id : operation.outputs) move(id);
  }
  return result;
}

Digest LocalId(const Graph& graph) {
  absl::StatusOr<Graph> valid = Validate(graph, GraphLimits{});
  INFO(valid.status());
  REQUIRE(valid.ok());
  return ModelIdOf(*valid);
}

// Builds and stores through a daemon; the id that it answers.
Digest StoredId(const DaemonProcess& daemon, const Graph& graph, bool shared_memory) {
  auto connected = client::Client::Connect({.host = daemon.host(), .shared_memory = shared_memory});
  INFO(connected.status());
  REQUIRE(connected.ok());
  auto context = connected->CreateContext();
  REQUIRE(context.ok());
  auto built = context->BuildGraph(graph);
  INFO(built.status());
  REQUIRE(built.ok());
  auto id = built->Store();
  INFO(id.status());
  REQUIRE(id.ok());
  return *id;
}

TEST_CASE("operand order, transport and daemon do not change the model id") {
  const Graph graph = MakeGraph();
  const Digest id = LocalId(graph);
  const uint32_t seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (const bool shared_memory : {true, false}) {
    const DaemonProcess daemon;  // empty, so that all bytes travel
    CHECK(StoredId(daemon, graph, shared_memory) == id);
    for (int i = 0; i < 5; ++i) {
      const Graph permuted = Permuted(graph, random);
      CHECK(LocalId(permuted) == id);
      CHECK(StoredId(daemon, permuted, shared_memory) == id);
    }
  }
}

TEST_CASE("any change of a constant, attribute, shape, name or label changes the model id") {
  const Graph graph = MakeGraph();
  const Digest id = LocalId(graph);
  const uint32_t seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 50; ++i) {  // one bit of a constant, anywhere
    Graph changed = graph;
    Operand& constant = changed.operands[1 + i % 2];
    std::vector<std::byte> bytes(constant.bytes.bytes().begin(), constant.bytes.bytes().end());
    bytes[random() % bytes.size()] ^= static_cast<std::byte>(1u << random() % 8);
    constant.digest = Digest::Of(bytes);
    constant.bytes = Region::FromVector(std::move(bytes));
    CHECK(LocalId(changed) != id);
  }
  Graph changed = graph;
  SECTION("an attribute, by its last bit") {
    changed.operations[2].attributes["alpha"] = static_cast<double>(std::nextafter(0.25f, 1.0f));
  }
  SECTION("a shape") {
    changed.operands[0].descriptor.shape = {3, kSize};
  }
  SECTION("an input's name") {
    changed.operands[0].name = "X";
  }
  SECTION("an output's name") {
    changed.outputs[0].name = "z";
  }
  SECTION("a label") {
    changed.operations[2].label = "activation";
  }
  SECTION("a label's letter") {
    changed.operations[0].label = "Product";
  }
  SECTION("an operation") {
    changed.operations[1].type = "sub";
  }
  SECTION("the order of operands of an operation") {
    std::swap(changed.operations[1].inputs[0], changed.operations[1].inputs[1]);
  }
  CHECK(LocalId(changed) != id);
}

TEST_CASE("a label changes the model id and not the structure's") {
  Graph labelled = MakeGraph();
  labelled.operations[0].label = "another name";
  const Graph a = Validate(MakeGraph(), GraphLimits{}).value();
  const Graph b = Validate(labelled, GraphLimits{}).value();
  CHECK(ModelIdOf(a) != ModelIdOf(b));
  CHECK(StructureIdOf(a) == StructureIdOf(b));
}

}  // namespace
}  // namespace modeld
