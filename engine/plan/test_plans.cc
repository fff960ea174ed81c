#include "engine/plan/test_plans.h"

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <utility>

#include "base/status.h"
#include "engine/graph/limits.h"
#include "engine/ops/test_graph.h"
#include "engine/ops/validate.h"
#include "engine/runtime/executor.h"

namespace modeld::testing {
namespace {

// Floats within [-1, 1] that do not repeat soon.
std::string FloatBytes(uint64_t count, uint32_t seed) {
  std::string bytes(count * sizeof(float), '\0');
  uint32_t state = seed * 2654435761u + 1;
  for (uint64_t i = 0; i < count; ++i) {
    state = state * 1664525u + 1013904223u;
    const float value = static_cast<float>(state >> 8) / float{1 << 23} - 1.0f;
    std::memcpy(bytes.data() + i * sizeof(float), &value, sizeof(float));
  }
  return bytes;
}

OperandId Weights(TestGraph& g, const Shape& shape, uint32_t seed) {
  const TensorDescriptor descriptor = {DataType::kFloat32, shape};
  return g.Constant(descriptor.data_type, shape, FloatBytes(descriptor.ElementCount(), seed));
}

Graph Valid(TestGraph& g) {
  absl::StatusOr<Graph> graph = Validate(g.graph(), GraphLimits());
  if (!graph.ok()) {
    std::cerr << "a graph of test_plans.cc is not valid: " << graph.status() << "\n";
    std::abort();
  }
  return *std::move(graph);
}

Graph Network() {
  TestGraph g;
  const OperandId image = g.Float("image", {1, 3, 12, 12});
  const OperandId first =
      g.Op("conv2d", {image, Weights(g, {32, 3, 3, 3}, 1)}, {{"bias", Weights(g, {32}, 2)}}, "first");
  const OperandId bounded = g.Op("clamp", {first}, {{"minValue", 0.0}, {"maxValue", 6.0}}, "bounded");
  const OperandId depthwise =
      g.Op("conv2d", {bounded, Weights(g, {32, 1, 3, 3}, 3)}, {{"groups", Int(32)}}, "depth");
  const OperandId same = g.Op("conv2d", {depthwise, Weights(g, {32, 32, 1, 1}, 4)}, {}, "same");
  const OperandId sum = g.Op("relu", {g.Op("add", {same, depthwise}, {}, "sum")}, {}, "act");
  const OperandId pooled = g.Op("averagePool2d", {sum}, {}, "pooled");
  const OperandId flat = g.Op("reshape", {pooled}, {{"newShape", Ints({1, 32})}}, "flat");
  const OperandId product = g.Op("matmul", {flat, Weights(g, {32, 10}, 5)}, {}, "product");
  // Folded: a constant of constants.
  const OperandId bias = g.Op("mul", {Weights(g, {10}, 6), Weights(g, {10}, 7)}, {}, "scale");
  const OperandId logits = g.Op("add", {product, bias}, {}, "logits");
  g.Output("scores", g.Op("softmax", {logits}, {{"axis", Int(1)}}, "probabilities"));
  g.Output("features", pooled);
  g.Output("again", logits);
  return Valid(g);
}

// One constant as weights, as weights of another order, and as what it is.
Graph SharedConstant() {
  TestGraph g;
  const OperandId second = g.Float("b", {1, 16, 4, 4});
  const OperandId first = g.Float("a", {1, 16, 4, 4});
  const OperandId filter = Weights(g, {16, 16, 3, 3}, 8);
  const Attributes padded = {{"padding", Ints({1, 1, 1, 1})}};
  g.Output("y", g.Op("conv2d", {first, filter}, padded, "one"));
  g.Output("x", g.Op("convTranspose2d", {second, filter}, padded, "two"));
  g.Output("w", g.Op("relu", {filter}, {}, "three"));
  return Valid(g);
}

Graph WithComposite() {
  TestGraph body;
  const OperandId a = body.Float("", {4, 64});
  const OperandId b = body.Float("", {64, 64});
  body.Output("", body.Op("gelu", {body.Op("matmul", {a, b}, {}, "inner")}, {}, "act"));
  TestGraph g;
  const OperandId x = g.Float("x", {4, 64});
  const AttributeValue block = GraphValue{std::make_shared<const Graph>(std::move(body.graph()))};
  OperandId y = x;
  for (uint32_t i = 0; i < 2; ++i) {
    y = g.Op("composite", {y, Weights(g, {64, 64}, 9 + i)}, {{"name", Str("block")}, {"body", block}},
             "block");
  }
  g.Output("y", y);
  return Valid(g);
}

Graph Movements() {
  TestGraph g;
  const OperandId x = g.Float("x", {2, 3, 4});
  const OperandId index = g.Constant(DataType::kInt32, {2}, std::string("\1\0\0\0\2\0\0\0", 8));
  const OperandId table = Weights(g, {4, 5}, 12);
  g.Output("gathered", g.Op("gather", {table, index}, {{"axis", Int(0)}}));
  const OperandId transposed = g.Op("transpose", {x}, {{"permutation", Ints({2, 0, 1})}});
  const OperandId padded =
      g.Op("pad", {transposed},
           {{"beginningPadding", Ints({1, 0, 2})}, {"endingPadding", Ints({0, 1, 0})}, {"value", 0.5}});
  g.Output("padded", padded);
  const OperandId sliced = g.Op("slice", {padded}, {{"starts", Ints({0, 1, 1})}, {"sizes", Ints({5, 2, 4})}});
  g.Output("sum", g.Op("cumulativeSum", {sliced}, {{"axis", Int(1)}}));
  g.Output("max", g.Op("reduceMax", {x}, {{"axes", Ints({1})}}));
  g.Output("is", g.Op("where", {g.Op("greater", {x, g.Op("neg", {x})}), x, g.Op("tanh", {x})}));
  g.Output("cast", g.Op("cast", {x}, {{"dataType", DataType::kInt32}}));
  return Valid(g);
}

}  // namespace

const std::vector<NamedGraph>& PlanGraphs() {
  static const std::vector<NamedGraph> graphs = {{"network", Network()},
                                                 {"shared constant", SharedConstant()},
                                                 {"composite", WithComposite()},
                                                 {"movements", Movements()}};
  return graphs;
}

Graph Relabelled(Graph graph) {
  for (size_t i = 0; i < graph.operations.size(); ++i) {
    graph.operations[i].label = "twin " + std::to_string(i);
  }
  for (Operand& operand : graph.operands) operand.bytes = {};
  return graph;
}

Constants::Constants(const Graph& graph) {
  for (const Operand& operand : graph.operands) {
    if (operand.kind == OperandKind::kConstant) regions_.emplace(operand.digest, operand.bytes);
  }
}

absl::StatusOr<Region> Constants::Get(const Digest& digest, uint64_t size) {
  ++asked_[digest];
  const auto found = regions_.find(digest);
  if (found == regions_.end() || found->second.size() != size) return absl::NotFoundError("no such constant");
  return found->second;
}

absl::StatusOr<std::shared_ptr<const Program>> Load(const Graph& graph, const PlanImage& plan,
                                                    const Backend& backend, const CompileOptions& options) {
  Constants constants(graph);
  return LoadPlan(graph, plan.metadata, plan.segments, backend, options, constants.Source());
}

absl::StatusOr<std::vector<std::vector<std::byte>>> RunOnce(const Program& program) {
  std::vector<std::vector<std::byte>> inputs;
  std::vector<std::vector<std::byte>> outputs;
  std::vector<std::span<const std::byte>> in;
  std::vector<std::span<std::byte>> out;
  for (const TensorDescriptor& input : program.inputs) {
    MODELD_ASSIGN_OR_RETURN(const uint64_t bytes, input.ByteSize());
    const std::string floats =
        FloatBytes(bytes / sizeof(float) + 1, static_cast<uint32_t>(inputs.size() + 99));
    const Region region = Region::Copy(floats);
    inputs.emplace_back(region.bytes().begin(), region.bytes().begin() + static_cast<ptrdiff_t>(bytes));
  }
  for (const TensorDescriptor& output : program.outputs) {
    MODELD_ASSIGN_OR_RETURN(const uint64_t bytes, output.ByteSize());
    outputs.emplace_back(bytes, std::byte{0xA5});
  }
  for (const auto& input : inputs) in.emplace_back(input);
  for (auto& output : outputs) out.emplace_back(output);
  MODELD_ASSIGN_OR_RETURN(Arena arena, Arena::Create(program));
  MODELD_RETURN_IF_ERROR(Execute(program, in, out, arena, nullptr));
  return outputs;
}

}  // namespace modeld::testing
