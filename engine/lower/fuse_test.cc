#include "engine/lower/fuse.h"

#include <catch2/catch.hpp>

#include "engine/core/core_builder.h"
#include "engine/core/print.h"
#include "engine/core/verify.h"
#include "engine/lower/fake_support.h"

namespace modeld {
namespace {

using core::BinaryFunction;
using core::UnaryFunction;
using core::ValueId;

constexpr DataType kF32 = DataType::kFloat32;

// A contraction [2,3] x [3,4] whose consumers the tests add; the support fuses everything into contractions.
struct Fixture {
  core::Graph graph;
  core::CoreBuilder b{graph};
  FakeSupport support;
  ValueId x = Input({2, 3});
  ValueId product = b.MatMul(x, Constant({3, 4}));

  Fixture() {
    support.fuses = [](const core::Graph&, const core::Node& node, const core::PostOp&) {
      return std::holds_alternative<core::Contraction>(node.op);
    };
  }
  ValueId Input(Shape shape) {
    graph.inputs.push_back(b.AddValue({kF32, std::move(shape)}));
    return graph.inputs.back();
  }
  ValueId Constant(Shape shape) {
    TensorDescriptor type = {kF32, std::move(shape)};
    const uint64_t bytes = *type.ByteSize();
    return b.AddConstant(std::move(type), Region::Copy(std::string(bytes, 0)));
  }
  // The last nodes of the graph's text after fusion.
  std::string Fused(std::vector<ValueId> outputs) {
    graph.outputs = std::move(outputs);
    REQUIRE(core::Verify(graph).ok());
    Fuse(graph, support);
    const absl::Status status = core::Verify(graph);
    INFO(std::string(status.message()));
    REQUIRE(status.ok());
    return core::ToString(graph);
  }
};

const std::string kHead =
    "%0 float32[2,3] = input\n"
    "%1 float32[3,4] = constant\n";

TEST_CASE("a bias that was spread out is absorbed as it was before, then the activation after it") {
  Fixture f;
  f.b.set_label("relu");
  const ValueId sum = f.b.Add(f.product, f.Constant({4}));
  CHECK(f.Fused({f.b.MaxScalar(sum, 0)}) ==
        kHead +
            "%2 float32[4] = constant\n"
            "%3 float32[] = constant\n"
            "%4 float32[2,4] = contraction(%0, %1); binary add(., %2); binary max(., %3)\n"
            "output %4\n");
  CHECK(f.graph.nodes[0].label.empty());
}

TEST_CASE("the running result may be the second operand") {
  Fixture f;
  CHECK(f.Fused({f.b.Sub(f.Constant({2, 1}), f.product)}) ==
        kHead +
            "%2 float32[2,1] = constant\n"
            "%3 float32[2,4] = contraction(%0, %1); binary sub(%2, .)\n"
            "output %3\n");
}

TEST_CASE("an operand that is computed after the producer moves the producer down") {
  Fixture f;
  const ValueId other = f.b.Apply(UnaryFunction::kExp, f.Input({2, 4}));
  CHECK(f.Fused({f.b.Add(f.product, other)}) ==
        "%0 float32[2,3] = input\n"
        "%1 float32[2,4] = input\n"
        "%2 float32[2,4] = unary exp(%1)\n"
        "%3 float32[3,4] = constant\n"
        "%4 float32[2,4] = contraction(%0, %3); binary add(., %2)\n"
        "output %4\n");
}

TEST_CASE("a result with another reader, or that is an output, is left alone") {
  Fixture f;
  const ValueId tanh = f.b.Apply(UnaryFunction::kTanh, f.product);
  const std::string unfused = kHead +
                              "%2 float32[2,4] = contraction(%0, %1)\n"
                              "%3 float32[2,4] = unary tanh(%2)\n";
  SECTION("an output") {
    CHECK(f.Fused({tanh, f.product}) == unfused + "output %3\noutput %2\n");
  }
  SECTION("another node") {
    const ValueId exp = f.b.Apply(UnaryFunction::kExp, f.product);
    CHECK(f.Fused({tanh, exp}) == unfused + "%4 float32[2,4] = unary exp(%2)\noutput %3\noutput %4\n");
  }
  SECTION("the same node twice") {
    CHECK(f.Fused({f.b.Mul(f.product, f.product)}) == kHead +
                                                          "%2 float32[2,4] = contraction(%0, %1)\n"
                                                          "%3 float32[2,4] = binary mul(%2, %2)\n"
                                                          "output %3\n");
  }
}

TEST_CASE("what changes the type or the shape is never offered") {
  Fixture f;
  f.support.fuses = [](const core::Graph&, const core::Node&, const core::PostOp&) { return true; };
  const ValueId nan = f.b.Apply(UnaryFunction::kIsNaN, f.product);
  CHECK(f.Fused({nan}).find("%3 uint8[2,4] = unary is_nan(%2)") != std::string::npos);
  Fixture g;
  g.support.fuses = f.support.fuses;
  const ValueId taller = g.b.Add(g.product, g.Input({5, 2, 4}));
  CHECK(g.Fused({taller}).find("contraction(%0, %2)\n") != std::string::npos);
}

TEST_CASE("a refused broadcast operand is offered spread out, and the next consumer is asked for too") {
  Fixture f;
  f.support.fuses = [](const core::Graph& graph, const core::Node& node, const core::PostOp& post) {
    const bool whole =
        post.extra_inputs.empty() || graph.descriptor(post.extra_inputs[0]).shape == Shape{2, 4};
    return whole && std::holds_alternative<core::Contraction>(node.op);
  };
  CHECK(f.Fused({f.b.Apply(UnaryFunction::kTanh, f.b.Add(f.product, f.Constant({4})))}) ==
        "%0 float32[2,3] = input\n"
        "%1 float32[4] = constant\n"
        "%2 float32[2,4] = broadcast(%1)\n"
        "%3 float32[3,4] = constant\n"
        "%4 float32[2,4] = contraction(%0, %3); binary add(., %2); unary tanh(.)\n"
        "output %4\n");
}

TEST_CASE("a refused consumer ends the chain") {
  Fixture f;
  f.support.fuses = [](const core::Graph&, const core::Node& node, const core::PostOp& post) {
    return std::holds_alternative<core::Contraction>(node.op) &&
           std::holds_alternative<core::Binary>(post.op);
  };
  const ValueId tanh = f.b.Apply(UnaryFunction::kTanh, f.product);
  CHECK(f.Fused({f.b.Add(tanh, f.Constant({4}))}) == kHead +
                                                         "%2 float32[2,4] = contraction(%0, %1)\n"
                                                         "%3 float32[2,4] = unary tanh(%2)\n"
                                                         "%4 float32[4] = constant\n"
                                                         "%5 float32[2,4] = broadcast(%4)\n"
                                                         "%6 float32[2,4] = binary add(%3, %5)\n"
                                                         "output %6\n");
}

TEST_CASE("a native activation is offered with its optional operands") {
  Fixture f;
  Operation prelu;
  prelu.type = "prelu";
  const ValueId slope = f.Constant({4});
  const ValueId result = f.b.AddNode(core::Native{prelu}, {f.product, slope}, {{kF32, {2, 4}}})[0];
  CHECK(f.Fused({result}) == kHead +
                                 "%2 float32[4] = constant\n"
                                 "%3 float32[2,4] = contraction(%0, %1); native prelu(., %2)\n"
                                 "output %3\n");
}

TEST_CASE("without a backend that fuses nothing changes") {
  Fixture f;
  f.support.fuses = nullptr;
  const ValueId tanh = f.b.Apply(UnaryFunction::kTanh, f.product);
  CHECK(f.Fused({tanh}) == kHead +
                               "%2 float32[2,4] = contraction(%0, %1)\n"
                               "%3 float32[2,4] = unary tanh(%2)\n"
                               "output %3\n");
}

}  // namespace
}  // namespace modeld
