#include "engine/core/verify.h"

#include <catch2/catch.hpp>

namespace modeld::core {
namespace {

Operation Softmax() {
  Operation operation;
  operation.type = "softmax";
  return operation;
}

constexpr DataType kF = DataType::kFloat32;
constexpr DataType kI = DataType::kInt32;
constexpr DataType kB = DataType::kUint8;

// One operation with its descriptors, and what Verify must say: "" for nothing.
struct OpCase {
  Op op;
  std::vector<TensorDescriptor> inputs;
  TensorDescriptor output;
  std::string error;
};

Convolution Conv(uint32_t stride = 1, uint32_t groups = 1, bool transposed = false) {
  return {{stride, stride}, {1, 1}, {1, 1, 1, 1}, groups, transposed};
}
Pool MaxPool(std::array<uint32_t, 4> padding = {}) {
  return {PoolFunction::kMax, {2, 2}, {2, 2}, {1, 1}, padding};
}

const std::string kNoFit = "spatial sizes do not fit the window";

const std::vector<OpCase>& Cases() {
  static const std::vector<OpCase> cases = {
      {Unary{UnaryFunction::kExp}, {{kF, {2}}}, {kF, {2}}, ""},
      {Unary{UnaryFunction::kExp}, {{kI, {2}}}, {kI, {2}}, "takes no int32"},
      {Unary{UnaryFunction::kExp}, {{kF, {2}}}, {kF, {3}}, "input 0 has shape [2], expected [3]"},
      {Unary{UnaryFunction::kIsNaN}, {{kF, {2}}}, {kB, {2}}, ""},
      {Unary{UnaryFunction::kIsNaN},
       {{kF, {2}}},
       {kF, {2}},
       "the output's type does not follow from the input's"},
      {Unary{UnaryFunction::kNeg}, {{DataType::kUint32, {2}}}, {DataType::kUint32, {2}}, "takes no uint32"},
      {Binary{BinaryFunction::kAdd}, {{kF, {2}}, {kF, {2}}}, {kF, {2}}, ""},
      {Binary{BinaryFunction::kAdd}, {{kF, {2}}}, {kF, {2}}, "has a wrong number of inputs"},
      {Binary{BinaryFunction::kAdd}, {{kF, {2}}, {kI, {2}}}, {kF, {2}}, "input types differ"},
      {Binary{BinaryFunction::kAdd},
       {{kF, {2}}, {kF, {1}}},
       {kF, {2}},
       "input 1 has shape [1], expected [2]"},
      {Binary{BinaryFunction::kLogicalAnd}, {{kF, {2}}, {kF, {2}}}, {kF, {2}}, "takes no float32"},
      {Compare{Comparison::kEqual}, {{kI, {2}}, {kI, {2}}}, {kB, {2}}, ""},
      {Compare{Comparison::kEqual},
       {{kI, {2}}, {kI, {2}}},
       {kI, {2}},
       "the output's type does not follow from the input's"},
      {Select{}, {{kB, {2}}, {kF, {2}}, {kF, {2}}}, {kF, {2}}, ""},
      {Select{}, {{kI, {2}}, {kF, {2}}, {kF, {2}}}, {kF, {2}}, "the condition is not uint8"},
      {Select{}, {{kB, {1}}, {kF, {2}}, {kF, {2}}}, {kF, {2}}, "input 0 has shape [1], expected [2]"},
      {Cast{}, {{kF, {2}}}, {kI, {2}}, ""},
      {Cast{}, {{kF, {2}}}, {kI, {2, 1}}, "input 0 has shape [2], expected [2,1]"},
      {Reduce{ReduceFunction::kSum, {0, 2}}, {{kF, {2, 3, 4}}}, {kF, {1, 3, 1}}, ""},
      {Reduce{ReduceFunction::kSum, {0}}, {{kF, {2, 3}}}, {kF, {3}}, "output has shape [3], expected [1,3]"},
      {Reduce{ReduceFunction::kSum, {}}, {{kF, {2, 3}}}, {kF, {2, 3}}, "has no axes"},
      {Reduce{ReduceFunction::kSum, {1, 0}},
       {{kF, {2, 3}}},
       {kF, {1, 1}},
       "axes are not ascending dimensions of the input"},
      {Reduce{ReduceFunction::kSum, {2}},
       {{kF, {2, 3}}},
       {kF, {1, 1}},
       "axes are not ascending dimensions of the input"},
      {Contraction{}, {{kF, {5, 2, 3}}, {kF, {5, 3, 4}}}, {kF, {5, 2, 4}}, ""},
      {Contraction{},
       {{kF, {5, 2, 3}}, {kF, {1, 3, 4}}},
       {kF, {5, 2, 4}},
       "input 1 has shape [1,3,4], expected [5,3,4]"},
      {Contraction{}, {{kF, {2}}, {kF, {2}}}, {kF, {}}, "ranks are not equal and at least 2"},
      {Contraction{}, {{kI, {2, 2}}, {kI, {2, 2}}}, {kI, {2, 2}}, "takes no int32"},
      {Conv(), {{kF, {1, 2, 5, 5}}, {kF, {4, 2, 3, 3}}}, {kF, {1, 4, 5, 5}}, ""},
      {Conv(2), {{kF, {1, 2, 5, 5}}, {kF, {4, 2, 3, 3}}}, {kF, {1, 4, 3, 3}}, ""},
      {Conv(2), {{kF, {1, 2, 5, 5}}, {kF, {4, 2, 3, 3}}}, {kF, {1, 4, 4, 3}}, kNoFit},
      {Conv(0), {{kF, {1, 2, 5, 5}}, {kF, {4, 2, 3, 3}}}, {kF, {1, 4, 5, 5}}, kNoFit},
      {Conv(1, 2), {{kF, {1, 2, 5, 5}}, {kF, {4, 1, 3, 3}}}, {kF, {1, 4, 5, 5}}, ""},
      {Conv(1, 2),
       {{kF, {1, 2, 5, 5}}, {kF, {3, 1, 3, 3}}},
       {kF, {1, 3, 5, 5}},
       "channels, groups and filter do not fit"},
      {Conv(1, 0), {{kF, {1, 2, 5, 5}}, {kF, {4, 2, 3, 3}}}, {kF, {1, 4, 5, 5}}, "groups is 0"},
      {Conv(2, 1, true), {{kF, {1, 4, 3, 3}}, {kF, {4, 2, 3, 3}}}, {kF, {1, 2, 5, 5}}, ""},
      {Conv(2, 1, true), {{kF, {1, 4, 3, 3}}, {kF, {4, 2, 3, 3}}}, {kF, {1, 2, 6, 6}}, ""},
      {Conv(2, 1, true), {{kF, {1, 4, 3, 3}}, {kF, {4, 2, 3, 3}}}, {kF, {1, 2, 7, 7}}, kNoFit},
      {Conv(), {{kF, {2, 5, 5}}, {kF, {4, 2, 3, 3}}}, {kF, {4, 5, 5}}, "ranks are not 4"},
      {MaxPool(), {{kF, {1, 2, 5, 5}}}, {kF, {1, 2, 2, 2}}, ""},
      {MaxPool(), {{kF, {1, 2, 5, 5}}}, {kF, {1, 2, 3, 3}}, ""},
      {MaxPool(), {{kF, {1, 2, 5, 5}}}, {kF, {1, 2, 4, 4}}, kNoFit},
      {MaxPool(), {{kF, {1, 2, 1, 1}}}, {kF, {1, 2, 1, 1}}, kNoFit},
      {MaxPool({4294967295u, 4294967295u, 0, 0}), {{kF, {1, 2, 5, 5}}}, {kF, {1, 2, 5, 5}}, kNoFit},
      {MaxPool(), {{kF, {1, 2, 5, 5}}}, {kF, {1, 3, 2, 2}}, "batch size or channels differ"},
      {Gather{1}, {{kF, {2, 3, 4}}, {kI, {5, 6}}}, {kF, {2, 5, 6, 4}}, ""},
      {Gather{1}, {{kF, {2, 3}}, {kI, {}}}, {kF, {2}}, ""},
      {Gather{2}, {{kF, {2, 3}}, {kI, {5}}}, {kF, {2, 5}}, "axis is no dimension of the input"},
      {Gather{1}, {{kF, {2, 3}}, {kF, {5}}}, {kF, {2, 5}}, "the indices have a type that is no index"},
      {Pad{PadMode::kConstant, {1, 0}, {0, 9}, 0}, {{kF, {2, 3}}}, {kF, {3, 12}}, ""},
      {Pad{PadMode::kConstant, {1}, {0, 9}, 0}, {{kF, {2, 3}}}, {kF, {3, 12}}, "ranks differ"},
      {Pad{PadMode::kConstant, {1, 0}, {0, 9}, 0}, {{kF, {2, 3}}}, {kF, {3, 11}}, "sizes do not add up"},
      {Pad{PadMode::kReflection, {1, 2}, {1, 2}, 0}, {{kF, {2, 3}}}, {kF, {4, 7}}, ""},
      {Pad{PadMode::kReflection, {2}, {0}, 0}, {{kF, {2}}}, {kF, {4}}, "a reflection reaches past the input"},
      {Slice{{1, 0}, {2, 1}}, {{kF, {6, 3}}}, {kF, {3, 3}}, ""},
      {Slice{{2, 0}, {2, 1}}, {{kF, {6, 3}}}, {kF, {3, 3}}, "reads outside the input"},
      {Slice{{0, 0}, {0, 1}}, {{kF, {6, 3}}}, {kF, {3, 3}}, "reads outside the input"},
      {Slice{{0}, {1}}, {{kF, {6, 3}}}, {kF, {3, 3}}, "ranks differ"},
      {Concat{1}, {{kF, {2, 3}}, {kF, {2, 1}}}, {kF, {2, 4}}, ""},
      {Concat{1}, {{kF, {2, 3}}, {kF, {1, 1}}}, {kF, {2, 4}}, "input 1 has shape [1,1], expected [2,1]"},
      {Concat{1}, {{kF, {2, 3}}, {kF, {2, 1}}}, {kF, {2, 5}}, "sizes do not add up"},
      {Concat{1}, {}, {kF, {2, 5}}, "has a wrong number of inputs"},
      {Transpose{{2, 0, 1}}, {{kF, {2, 3, 4}}}, {kF, {4, 2, 3}}, ""},
      {Transpose{{2, 0, 0}},
       {{kF, {2, 3, 4}}},
       {kF, {4, 2, 2}},
       "permutation is none of the input's dimensions"},
      {Transpose{{1, 0}}, {{kF, {2, 3}}}, {kF, {2, 3}}, "output has shape [2,3], expected [3,2]"},
      {Reshape{}, {{kF, {2, 3}}}, {kF, {6}}, ""},
      {Reshape{}, {{kF, {2, 3}}}, {kF, {5}}, "element counts differ"},
      {Broadcast{}, {{kF, {3, 1}}}, {kF, {2, 3, 4}}, ""},
      {Broadcast{}, {{kF, {}}}, {kF, {2}}, ""},
      {Broadcast{}, {{kF, {3}}}, {kF, {3, 1}}, "the input does not broadcast to the output"},
      {Native{Softmax()}, {{kF, {3}}}, {kF, {3}}, ""},
  };
  return cases;
}

TEST_CASE("each operation's rules of count, type and shape") {
  for (const OpCase& test : Cases()) {
    Graph graph;
    Node node{.op = test.op, .label = "it"};
    for (const TensorDescriptor& input : test.inputs) {
      graph.inputs.push_back(static_cast<ValueId>(graph.values.size()));
      node.inputs.push_back(graph.inputs.back());
      graph.values.push_back({input, {}});
    }
    node.outputs = {static_cast<ValueId>(graph.values.size())};
    graph.outputs = node.outputs;
    graph.values.push_back({test.output, {}});
    graph.nodes = {node};
    const absl::Status status = Verify(graph);
    const std::string expected =
        test.error.empty() ? "" : "it (node 0, " + OpName(test.op) + "): " + test.error;
    CHECK(std::string(status.message()) == expected);
    if (!test.error.empty()) CHECK(status.code() == absl::StatusCode::kInternal);
  }
}

// input -> tanh -> neg -> output
Graph Chain() {
  const TensorDescriptor type = {kF, {2}};
  Graph graph;
  graph.values = {{type, {}}, {type, {}}, {type, {}}, {type, Region::Copy("12345678")}};
  graph.inputs = {0};
  graph.nodes = {{.op = Unary{UnaryFunction::kTanh}, .inputs = {0}, .outputs = {1}, .label = "tanh \"a\""},
                 {.op = Unary{UnaryFunction::kNeg}, .inputs = {1}, .outputs = {2}, .label = "neg #1"}};
  graph.outputs = {2};
  return graph;
}

TEST_CASE("a well-formed graph passes, also when it hands out inputs and constants") {
  Graph graph = Chain();
  CHECK(Verify(graph).ok());
  graph.outputs = {0, 3, 2, 2};
  CHECK(Verify(graph).ok());
}

TEST_CASE("order, single assignment, ranges and sizes are checked") {
  Graph graph = Chain();
  std::string expected;
  SECTION("read before written") {
    std::swap(graph.nodes[0], graph.nodes[1]);
    expected = "neg #1 (node 0, unary neg): value 1 is read before it is written";
  }
  SECTION("written twice") {
    graph.nodes[1].outputs = {1};
    expected = "neg #1 (node 1, unary neg): value 1 is written a second time";
  }
  SECTION("constant written") {
    graph.nodes[1].outputs = {3};
    expected = "neg #1 (node 1, unary neg): constant 3 is written";
  }
  SECTION("no such value") {
    graph.nodes[1].inputs = {44};
    expected = "neg #1 (node 1, unary neg): value 44 does not exist";
  }
  SECTION("an output that nobody writes") {
    graph.nodes.pop_back();
    expected = "outputs: value 2 is read before it is written";
  }
  SECTION("an input given twice") {
    graph.inputs = {0, 0};
    expected = "inputs: value 0 is written a second time";
  }
  SECTION("constant of another size") {
    graph.values[3].constant = Region::Copy("123");
    expected = "value 3: constant of 3 bytes, float32[2] takes 8";
  }
  SECTION("a shape of no size") {
    graph.values[0].descriptor.shape = {0};
    expected = "value 0: shape [0] has a dimension of size 0";
  }
  const absl::Status status = Verify(graph);
  CHECK(status.code() == absl::StatusCode::kInternal);
  CHECK(std::string(status.message()) == expected);
}

TEST_CASE("post-ops are elementwise and keep the result's type and shape") {
  Graph graph = Chain();
  PostOp post{.op = Binary{BinaryFunction::kAdd}, .extra_inputs = {3}};
  std::string expected;
  SECTION("an operand of the result's shape") {}
  SECTION("a scalar operand") {
    graph.values[3] = {{kF, {}}, Region::Copy("1234")};
  }
  SECTION("an operand that does not broadcast") {
    graph.values[3] = {{kF, {1, 1}}, Region::Copy("1234")};
    expected = "post-op binary add: float32[1,1] does not broadcast to float32[2]";
  }
  SECTION("an operand that is computed later") {
    post.extra_inputs = {2};
    expected = "value 2 is read before it is written";
  }
  SECTION("an operand too many") {
    post.extra_inputs = {3, 3};
    expected = "post-op binary add: has a wrong number of inputs";
  }
  SECTION("a change of type") {
    post = {.op = Unary{UnaryFunction::kIsNaN}};
    expected = "post-op unary is_nan: the output's type does not follow from the input's";
  }
  SECTION("no elementwise operation") {
    post = {.op = Reshape{}};
    expected = "post-op reshape: is not elementwise";
  }
  graph.nodes[0].post_ops = {post};
  const std::string prefix = expected.empty() ? "" : "tanh \"a\" (node 0, unary tanh): ";
  CHECK(std::string(Verify(graph).message()) == prefix + expected);
}

}  // namespace
}  // namespace modeld::core
