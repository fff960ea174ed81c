// Matrix products: oneDNN in float32; direct.cc where it refuses; float16 as float32.
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/status.h"
#include "engine/backend/cpu/direct.h"
#include "engine/backend/cpu/emit.h"
#include "engine/backend/cpu/product.h"

namespace modeld::cpu {
namespace {

using dnnl::memory;

// True for layouts that oneDNN's matmul reads as fast as row-major: batches outermost in their order, then
// the matrix or its transpose. One dimension of 1 may stand anywhere.
bool IsMatrixLayout(const Shape& shape, const Layout& layout) {
  Layout transposed = PlainLayout(shape.size());
  if (SameBytes(shape, layout, transposed)) return true;
  std::swap(transposed[shape.size() - 1], transposed[shape.size() - 2]);
  return SameBytes(shape, layout, transposed);
}

Layout MatrixLayout(const Emitter& emitter, core::ValueId id) {
  const Shape& shape = emitter.shape(id);
  const Layout layout = emitter.PreferredLayout(id);
  return IsMatrixLayout(shape, layout) ? layout : PlainLayout(shape.size());
}

// The second operand as one matrix that serves all batches, or nothing.
std::optional<Weights> SharedMatrix(const Emitter& emitter, core::ValueId b) {
  const core::ValueId source = emitter.BroadcastSource(b);
  const Shape& shape = emitter.shape(source);
  const size_t rank = shape.size();
  if (rank < 2) return std::nullopt;
  if (!std::all_of(shape.begin(), shape.end() - 2, [](uint32_t size) { return size == 1; }))
    return std::nullopt;
  const Shape& full = emitter.shape(b);
  if (shape[rank - 2] != full[full.size() - 2] || shape[rank - 1] != full.back()) return std::nullopt;
  const std::vector<int64_t> strides = StridesOf(shape, emitter.PreferredLayout(source));
  return Weights{source, memory::desc({shape[rank - 2], shape[rank - 1]}, memory::data_type::f32,
                                      memory::dims{strides[rank - 2], strides[rank - 1]})};
}

// The second operand as a matrix per batch; one that lies otherwise gets a row-major form under another name,
// as Weights are read in their preferred form.
absl::StatusOr<Weights> BatchedMatrices(Emitter& emitter, core::ValueId b) {
  MODELD_RETURN_IF_ERROR(emitter.Preferred(b).status());
  if (!IsMatrixLayout(emitter.shape(b), emitter.PreferredLayout(b))) {
    MODELD_ASSIGN_OR_RETURN(const ProgramBuilder::Value plain, emitter.Plain(b));
    const Layout layout = PlainLayout(emitter.shape(b).size());
    b = emitter.NewValue(emitter.descriptor(b));
    emitter.DefineAlias(b, plain, layout);
  }
  return Weights{b, DescriptorOf(emitter.shape(b), emitter.PreferredLayout(b))};
}

// [batches..., rows, columns] as one matrix.
memory::desc Merged(const Shape& shape) {
  memory::dim rows = 1;
  for (size_t d = 0; d + 1 < shape.size(); ++d) rows *= shape[d];
  return {{rows, shape.back()}, memory::data_type::f32, memory::format_tag::ab};
}

absl::StatusOr<ProductPlan> PlanMatmul(Emitter& emitter, const core::Node& node) {
  const core::ValueId a = node.inputs[0];
  const core::ValueId output = node.outputs[0];
  const Shape& out_shape = emitter.shape(output);
  const size_t rank = out_shape.size();
  const std::optional<Weights> shared = SharedMatrix(emitter, node.inputs[1]);
  // A batch of products with one matrix is one product.
  if (shared.has_value() && rank > 2) {
    return ProductPlan{.source = a,
                       .source_layout = PlainLayout(rank),
                       .source_descriptor = Merged(emitter.shape(a)),
                       .weights = *shared,
                       .output_layout = PlainLayout(rank),
                       .output_descriptor = Merged(out_shape),
                       .channel = rank - 1,
                       .descriptor_channel = 1,
                       .make = nullptr};
  }
  Weights weights;
  if (shared.has_value()) {
    weights = *shared;
  } else {
    MODELD_ASSIGN_OR_RETURN(weights, BatchedMatrices(emitter, node.inputs[1]));
  }
  const Layout layout = MatrixLayout(emitter, a);
  return ProductPlan{.source = a,
                     .source_layout = layout,
                     .source_descriptor = DescriptorOf(emitter.shape(a), layout),
                     .weights = weights,
                     .output_layout = PlainLayout(rank),
                     .output_descriptor = DescriptorOf(out_shape, PlainLayout(rank)),
                     .channel = rank - 1,
                     .descriptor_channel = rank - 1,
                     .make = nullptr};
}

absl::Status EmitFloat32(Emitter& emitter, const core::Node& node, const core::Contraction& op) {
  MODELD_ASSIGN_OR_RETURN(ProductPlan plan, PlanMatmul(emitter, node));
  const memory::desc& actual = plan.weights.descriptor;
  // Constant weights are packed once, in the format that oneDNN likes best.
  const bool packs = emitter.is_constant(plan.weights.value);
  const memory::desc weights =
      packs ? memory::desc(actual.dims(), memory::data_type::f32, memory::format_tag::any) : actual;
  const memory::desc source = plan.source_descriptor;
  const memory::desc destination = plan.output_descriptor;
  plan.make = [=, &emitter](const Fusion& fusion) {
    return TryProduct<dnnl::matmul>(emitter, fusion, [&] {
      const memory::desc matrix = fusion.weights.value_or(weights);
      if (!fusion.has_bias) return dnnl::matmul::desc(source, matrix, destination);
      memory::dims bias_dims(destination.dims().size(), 1);
      bias_dims.back() = destination.dims().back();
      return dnnl::matmul::desc(source, matrix, fusion.bias.reshape(bias_dims), destination);
    });
  };
  MODELD_ASSIGN_OR_RETURN(const bool emitted, EmitProduct(emitter, node, {&plan, 1}));
  if (emitted) return absl::OkStatus();
  return EmitThenPostOps(emitter, node,
                         [&](const core::Node& alone) { return EmitDirect(emitter, alone, op); });
}

}  // namespace

absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Contraction& op) {
  if (emitter.type(node.outputs[0]) == DataType::kFloat32) return EmitFloat32(emitter, node, op);
  return EmitThenPostOps(emitter, node, [&](const core::Node& alone) {
    return EmitInFloat32(emitter, alone,
                         [&](const core::Node& wide) { return EmitFloat32(emitter, wide, op); });
  });
}

}  // namespace modeld::cpu
