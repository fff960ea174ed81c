#include "engine/lower/fold_constants.h"

#include <catch2/catch.hpp>

#include "engine/core/core_builder.h"
#include "engine/core/print.h"
#include "engine/core/verify.h"
#include "engine/lower/simplify.h"

namespace modeld {
namespace {

using core::UnaryFunction;
using core::ValueId;

constexpr DataType kU8 = DataType::kUint8;

// "Computes" by filling the output with 'r', and counts.
class FakeEvaluator : public core::Evaluator {
 public:
  absl::StatusOr<std::vector<Region>> Evaluate(const core::Graph& graph, const core::Node& node,
                                               std::span<const Region> inputs) const override {
    CHECK(inputs.size() == node.inputs.size());
    ++calls;
    if (fail) return absl::InternalError("cannot");
    return std::vector<Region>{Region::Copy(std::string(*graph.descriptor(node.outputs[0]).ByteSize(), 'r'))};
  }
  mutable int calls = 0;
  bool fail = false;
};

struct Fixture {
  core::Graph graph;
  core::CoreBuilder b{graph};
  FakeEvaluator evaluator;

  ValueId Bytes(uint32_t size) { return b.AddConstant({kU8, {size}}, Region::Copy(std::string(size, 'c'))); }
  // The graph's text after folding and RemoveDead.
  std::string Folded(ValueId output, FoldLimits limits = {}) {
    graph.outputs = {output};
    const absl::Status status = FoldConstants(graph, evaluator, limits);
    REQUIRE(status.ok());
    RemoveDead(graph);
    REQUIRE(core::Verify(graph).ok());
    return core::ToString(graph);
  }
};

TEST_CASE("a chain over constants becomes its value, up to where an input takes part") {
  Fixture f;
  const ValueId input = f.b.AddValue({kU8, {4}});
  f.graph.inputs = {input};
  const ValueId mask =
      f.b.Apply(UnaryFunction::kLogicalNot, f.b.Apply(UnaryFunction::kLogicalNot, f.Bytes(4)));
  CHECK(f.Folded(f.b.Add(input, mask)) ==
        "%0 uint8[4] = input\n"
        "%1 uint8[4] = constant\n"
        "%2 uint8[4] = binary add(%0, %1)\n"
        "output %2\n");
  CHECK(f.evaluator.calls == 2);
  CHECK(f.graph.values[1].constant.view() == "rrrr");
}

TEST_CASE("a reshape of a constant shares its bytes and computes nothing") {
  Fixture f;
  const ValueId constant = f.Bytes(6);
  const std::byte* const bytes = f.graph.values[constant].constant.bytes().data();
  CHECK(f.Folded(f.b.ReshapeTo(constant, {2, 3})) == "%0 uint8[2,3] = constant\noutput %0\n");
  CHECK(f.graph.values[0].constant.bytes().data() == bytes);
  CHECK(f.evaluator.calls == 0);
}

TEST_CASE("a broadcast constant stays a node for a reader that stays") {
  Fixture f;
  const ValueId input = f.b.AddValue({kU8, {2, 3}});
  f.graph.inputs = {input};
  CHECK(f.Folded(f.b.Add(input, f.Bytes(3))) ==
        "%0 uint8[2,3] = input\n"
        "%1 uint8[3] = constant\n"
        "%2 uint8[2,3] = broadcast(%1)\n"
        "%3 uint8[2,3] = binary add(%0, %2)\n"
        "output %3\n");
  CHECK(f.evaluator.calls == 0);
}

TEST_CASE("a broadcast constant is spread out for a reader that is folded") {
  Fixture f;
  CHECK(f.Folded(f.b.Add(f.Bytes(3), f.Bytes(1))) == "%0 uint8[3] = constant\noutput %0\n");
  CHECK(f.evaluator.calls == 2);
}

TEST_CASE("a result that outgrows its operands stays a node, a small one does not") {
  for (const auto& [limit, folded] : {std::pair{100u, true}, std::pair{99u, false}}) {
    Fixture f;
    const ValueId column = f.b.ReshapeTo(f.Bytes(10), {10, 1});
    const std::string text = f.Folded(f.b.Add(column, f.Bytes(10)), {.max_grown_bytes = limit});
    CHECK((text.find("binary add") == std::string::npos) == folded);
  }
}

TEST_CASE("an operand may not outgrow its source either, though the result is small") {
  Fixture f;
  const ValueId sum =
      f.b.ReduceAlong(core::ReduceFunction::kSum, f.b.BroadcastTo(f.Bytes(1), {1 << 20}), {0}, true);
  CHECK(f.Folded(sum).find("reduce sum") != std::string::npos);
  CHECK(f.evaluator.calls == 0);
}

TEST_CASE("many results together stay within the bound on bytes") {
  Fixture f;
  const ValueId constant = f.Bytes(10);
  for (int i = 0; i < 10; ++i) f.graph.outputs.push_back(f.b.Apply(UnaryFunction::kLogicalNot, constant));
  REQUIRE(FoldConstants(f.graph, f.evaluator, {.max_total_bytes = 40}).ok());
  CHECK(f.graph.nodes.size() == 5);
}

TEST_CASE("what would take long to compute stays a node") {
  Fixture f;
  const ValueId a = f.b.AddConstant({DataType::kFloat32, {10, 1000}}, Region::Copy(std::string(40000, 0)));
  const ValueId b = f.b.AddConstant({DataType::kFloat32, {1000, 10}}, Region::Copy(std::string(40000, 0)));
  const ValueId product = f.b.MatMul(a, b);
  CHECK(f.Folded(product, {.max_total_work = 119'999}).find("contraction") != std::string::npos);
  CHECK(f.evaluator.calls == 0);
  CHECK(f.Folded(product, {.max_total_work = 120'000}).find("contraction") == std::string::npos);
}

TEST_CASE("a native operation is never folded") {
  Fixture f;
  Operation softmax;
  softmax.type = "softmax";
  const ValueId constant = f.Bytes(4);
  CHECK(f.Folded(f.b.AddNode(core::Native{softmax}, {constant}, {{kU8, {4}}})[0]).find("native softmax") !=
        std::string::npos);
}

TEST_CASE("an evaluator that fails, fails the compilation") {
  Fixture f;
  f.graph.outputs = {f.b.Apply(UnaryFunction::kLogicalNot, f.Bytes(4))};
  f.evaluator.fail = true;
  CHECK(FoldConstants(f.graph, f.evaluator).code() == absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace modeld
