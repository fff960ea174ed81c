#include "engine/core/print.h"

#include <catch2/catch.hpp>

namespace modeld::core {
namespace {

Operation Softmax() {
  Operation operation;
  operation.type = "softmax";
  return operation;
}

TEST_CASE("a graph prints one line per value, node and output, numbered by appearance") {
  Graph graph;
  const TensorDescriptor image = {DataType::kFloat32, {1, 3, 8, 8}};
  const TensorDescriptor filter = {DataType::kFloat32, {4, 3, 1, 1}};
  const TensorDescriptor result = {DataType::kFloat32, {1, 4, 8, 8}};
  graph.values = {{image, {}}, {{DataType::kFloat32, {}}, Region::Copy("1234")}, {}, {result, {}},
                  {},          {filter, Region::Copy(std::string(48, 'f'))}};
  graph.inputs = {0};
  Node node{.op = Convolution{{1, 1}, {1, 1}, {0, 0, 0, 0}, 1, false}, .inputs = {0, 5}, .outputs = {3}};
  node.post_ops.push_back({.op = Binary{BinaryFunction::kSub}, .extra_inputs = {1}, .swapped = true});
  node.post_ops.push_back({.op = Unary{UnaryFunction::kTanh}});
  graph.nodes = {node};
  graph.outputs = {3};
  CHECK(ToString(graph) ==
        "%0 float32[1,3,8,8] = input\n"
        "%1 float32[4,3,1,1] = constant\n"
        "%2 float32[] = constant\n"
        "%3 float32[1,4,8,8] = convolution(%0, %1) strides=[1,1] dilations=[1,1] padding=[0,0,0,0] groups=1; "
        "binary sub(%2, .); unary tanh(.)\n"
        "output %3\n");
}

TEST_CASE("a malformed graph prints too") {
  Graph graph;
  graph.nodes = {{.op = Transpose{{1, 0}}, .inputs = {7}, .outputs = {9}}};
  graph.outputs = {11};
  CHECK(ToString(graph) == "%1 ? = transpose(%0) permutation=[1,0]\noutput %2\n");
}

TEST_CASE("names tell the function of an operation") {
  CHECK(OpName(Unary{UnaryFunction::kIsInfinite}) == "unary is_infinite");
  CHECK(OpName(Binary{BinaryFunction::kLogicalXor}) == "binary logical_xor");
  CHECK(OpName(Compare{Comparison::kLesserOrEqual}) == "compare lesser_or_equal");
  CHECK(OpName(Reduce{ReduceFunction::kMin, {0}}) == "reduce min");
  CHECK(OpName(Pool{.function = PoolFunction::kL2}) == "pool l2");
  CHECK(OpName(Pad{.mode = PadMode::kReflection}) == "pad reflection");
  CHECK(OpName(Convolution{.transposed = true}) == "convolution transposed");
  CHECK(OpName(Native{Softmax()}) == "native softmax");
}

}  // namespace
}  // namespace modeld::core
