#include "engine/core/core_builder.h"

#include <catch2/catch.hpp>

#include "engine/core/print.h"
#include "engine/core/verify.h"

namespace modeld::core {
namespace {

struct Fixture {
  Graph graph;
  CoreBuilder b{graph};

  ValueId Input(DataType type, Shape shape) {
    const ValueId value = b.AddValue({type, std::move(shape)});
    graph.inputs.push_back(value);
    return value;
  }
  ValueId Float(Shape shape) { return Input(DataType::kFloat32, std::move(shape)); }
  std::string Bytes(ValueId value) const { return std::string(graph.values[value].constant.view()); }
};

TEST_CASE("a scalar is made once per type and value") {
  Fixture f;
  const ValueId one = f.b.Scalar(DataType::kFloat32, 1);
  CHECK(f.b.Scalar(DataType::kFloat32, 1) == one);
  CHECK(f.b.Scalar(DataType::kFloat16, 1) != one);
  CHECK(f.b.Scalar(DataType::kFloat32, -0.0) != f.b.Scalar(DataType::kFloat32, 0.0));
  CHECK(f.b.descriptor(one).ToString() == "float32[]");
  CHECK(f.Bytes(one) == std::string("\0\0\x80\x3f", 4));
  CHECK(f.Bytes(f.b.Scalar(DataType::kFloat16, 1)) == std::string("\0\x3c", 2));
  CHECK(f.Bytes(f.b.Scalar(DataType::kInt8, -1)) == "\xff");
  CHECK(f.Bytes(f.b.IntegerScalar(DataType::kUint64, -1)) == std::string(8, '\xff'));
}

TEST_CASE("what changes nothing adds no node") {
  Fixture f;
  const ValueId x = f.Float({2, 3});
  CHECK(f.b.CastTo(x, DataType::kFloat32) == x);
  CHECK(f.b.ReshapeTo(x, {2, 3}) == x);
  CHECK(f.b.BroadcastTo(x, {2, 3}) == x);
  CHECK(f.b.TransposeBy(x, {0, 1}) == x);
  CHECK(f.b.ReduceAlong(ReduceFunction::kSum, x, {}, false) == x);
  CHECK(f.b.SliceOf(x, {0, 0}, {1, 1}, {2, 3}) == x);
  CHECK(f.b.ConcatAlong({x}, 0) == x);
  CHECK(f.b.PadWith({PadMode::kConstant, {0, 0}, {0, 0}, 1}, x) == x);
  CHECK(f.graph.nodes.empty());
}

TEST_CASE("operands are stretched to their common shape, and nodes carry the label") {
  Fixture f;
  f.b.set_label("add \"sum\"");
  const ValueId a = f.Float({2, 1});
  const ValueId b = f.Float({3});
  f.graph.outputs = {f.b.Add(a, b), f.b.Apply(Comparison::kLesser, a, b),
                     f.b.SelectIf(f.Input(DataType::kUint8, {}), a, b), f.b.AddScalar(a, 0.5)};
  CHECK(f.b.descriptor(f.graph.outputs[0]).ToString() == "float32[2,3]");
  CHECK(f.b.descriptor(f.graph.outputs[1]).ToString() == "uint8[2,3]");
  CHECK(f.b.descriptor(f.graph.outputs[2]).ToString() == "float32[2,3]");
  CHECK(f.b.descriptor(f.graph.outputs[3]).ToString() == "float32[2,1]");
  CHECK(Verify(f.graph) == absl::OkStatus());
  for (const Node& node : f.graph.nodes) CHECK(node.label == "add \"sum\"");
}

TEST_CASE("reductions drop dimensions by a reshape, and the mean divides by the count") {
  Fixture f;
  const ValueId x = f.Float({2, 3, 4});
  f.graph.outputs = {f.b.ReduceAlong(ReduceFunction::kMax, x, {2, 0}, false), f.b.MeanAlong(x, {1, 2})};
  CHECK(Verify(f.graph) == absl::OkStatus());
  CHECK(ToString(f.graph) == R"(%0 float32[2,3,4] = input
%1 float32[1,3,1] = reduce max(%0) axes=[0,2]
%2 float32[3] = reshape(%1)
%3 float32[2,1,1] = reduce sum(%0) axes=[1,2]
%4 float32[] = constant
%5 float32[2,1,1] = broadcast(%4)
%6 float32[2,1,1] = binary div(%3, %5)
output %2
output %6
)");
}

TEST_CASE("matrix products broadcast their batch dimensions, gathers insert the indices' shape") {
  Fixture f;
  const ValueId product = f.b.MatMul(f.Float({5, 1, 2, 3}), f.Float({6, 3, 4}));
  const ValueId gathered = f.b.GatherAlong(f.Float({7, 8, 9}), f.Input(DataType::kInt32, {2, 2}), 1);
  f.graph.outputs = {product, gathered};
  CHECK(f.b.descriptor(product).ToString() == "float32[5,6,2,4]");
  CHECK(f.b.descriptor(gathered).ToString() == "float32[7,2,2,9]");
  CHECK(Verify(f.graph) == absl::OkStatus());
}

}  // namespace
}  // namespace modeld::core
