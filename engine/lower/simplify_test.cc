#include "engine/lower/simplify.h"

#include <catch2/catch.hpp>

#include "engine/core/core_builder.h"
#include "engine/core/print.h"
#include "engine/core/verify.h"

namespace modeld {
namespace {

using core::UnaryFunction;
using core::ValueId;

constexpr DataType kF32 = DataType::kFloat32;

// A graph of one input, under construction. CoreBuilder leaves out what changes nothing, so tests of that use
// Add.
struct Fixture {
  core::Graph graph;
  core::CoreBuilder b{graph};

  ValueId Input(Shape shape) {
    graph.inputs.push_back(b.AddValue({kF32, std::move(shape)}));
    return graph.inputs.back();
  }
  ValueId Add(core::Op op, ValueId input, TensorDescriptor output) {
    return b.AddNode(std::move(op), {input}, {output})[0];
  }

  // The graph's text after Simplify with these outputs.
  std::string Simplified(std::vector<ValueId> outputs) {
    graph.outputs = std::move(outputs);
    REQUIRE(core::Verify(graph).ok());
    Simplify(graph);
    const absl::Status status = core::Verify(graph);
    INFO(std::string(status.message()));
    REQUIRE(status.ok());
    return core::ToString(graph);
  }
};

TEST_CASE("nodes and values that no output needs go, inputs stay") {
  Fixture f;
  const ValueId x = f.Input({2});
  f.Input({3});
  f.b.Apply(UnaryFunction::kExp, f.b.Apply(UnaryFunction::kNeg, x));
  const ValueId kept = f.b.Apply(UnaryFunction::kTanh, x);
  f.b.Scalar(kF32, 4);
  CHECK(f.Simplified({kept}) ==
        "%0 float32[2] = input\n"
        "%1 float32[3] = input\n"
        "%2 float32[2] = unary tanh(%0)\n"
        "output %2\n");
  CHECK(f.graph.values.size() == 3);
}

TEST_CASE("what changes nothing is replaced by its input, also as an output") {
  const TensorDescriptor type = {kF32, {2, 3}};
  const std::vector<core::Op> ops = {core::Unary{UnaryFunction::kIdentity},
                                     core::Cast{},
                                     core::Reshape{},
                                     core::Broadcast{},
                                     core::Transpose{{0, 1}},
                                     core::Slice{{0, 0}, {1, 1}},
                                     core::Pad{core::PadMode::kEdge, {0, 0}, {0, 0}, 0},
                                     core::Concat{0}};
  for (const core::Op& op : ops) {
    INFO(core::OpName(op));
    Fixture f;
    const ValueId x = f.Input({2, 3});
    const ValueId same = f.Add(op, x, type);
    CHECK(f.Simplified({same, f.b.Apply(UnaryFunction::kExp, f.Add(op, same, type))}) ==
          "%0 float32[2,3] = input\n"
          "%1 float32[2,3] = unary exp(%0)\n"
          "output %0\n"
          "output %1\n");
  }
}

TEST_CASE("a transpose of equal sizes still moves") {
  Fixture f;
  const ValueId x = f.Input({2, 2});
  CHECK(f.Simplified({f.b.TransposeBy(x, {1, 0})}) ==
        "%0 float32[2,2] = input\n"
        "%1 float32[2,2] = transpose(%0) permutation=[1,0]\n"
        "output %1\n");
}

TEST_CASE("a unary function and a pad of the same shape are no identities") {
  Fixture f;
  const ValueId x = f.Input({2});
  const std::string text = f.Simplified({f.b.Apply(UnaryFunction::kAbs, x)});
  CHECK(text.find("unary abs(%0)") != std::string::npos);
}

TEST_CASE("a reshape of a reshape is one, or none when the shape comes back") {
  Fixture f;
  const ValueId x = f.Input({2, 3});
  const ValueId flat = f.b.ReshapeTo(x, {6});
  CHECK(f.Simplified({f.b.ReshapeTo(f.b.ReshapeTo(flat, {3, 2}), {1, 6}), f.b.ReshapeTo(flat, {2, 3})}) ==
        "%0 float32[2,3] = input\n"
        "%1 float32[1,6] = reshape(%0)\n"
        "output %1\n"
        "output %0\n");
}

TEST_CASE("a transpose of a transpose is one, or none when they undo each other") {
  Fixture f;
  const ValueId x = f.Input({2, 3, 4});
  const ValueId turned = f.b.TransposeBy(x, {2, 0, 1});
  CHECK(f.Simplified({f.b.TransposeBy(turned, {0, 2, 1}), f.b.TransposeBy(turned, {1, 2, 0})}) ==
        "%0 float32[2,3,4] = input\n"
        "%1 float32[4,3,2] = transpose(%0) permutation=[2,1,0]\n"
        "output %1\n"
        "output %0\n");
}

TEST_CASE("a transpose that moves only dimensions of size 1 is a reshape, and merges with others") {
  Fixture f;
  const ValueId x = f.Input({2, 1, 3});
  const ValueId flat = f.b.ReshapeTo(x, {1, 6, 1});
  CHECK(f.Simplified({f.b.TransposeBy(flat, {1, 0, 2}), f.b.TransposeBy(x, {1, 0, 2})}) ==
        "%0 float32[2,1,3] = input\n"
        "%1 float32[6,1,1] = reshape(%0)\n"
        "%2 float32[1,2,3] = reshape(%0)\n"
        "output %1\n"
        "output %2\n");
}

TEST_CASE("a broadcast of a broadcast is one; one that repeats nothing is a reshape") {
  Fixture f;
  const ValueId x = f.Input({3, 1});
  const ValueId wide = f.b.BroadcastTo(x, {3, 5});
  CHECK(f.Simplified({f.b.BroadcastTo(wide, {2, 3, 5}), f.b.BroadcastTo(x, {1, 3, 1})}) ==
        "%0 float32[3,1] = input\n"
        "%1 float32[2,3,5] = broadcast(%0)\n"
        "%2 float32[1,3,1] = reshape(%0)\n"
        "output %1\n"
        "output %2\n");
}

}  // namespace
}  // namespace modeld
