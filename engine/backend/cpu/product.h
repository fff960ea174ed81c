// What convolutions and matrix products share: a oneDNN primitive with fused post-ops, or our own loops.
#ifndef MODELD_ENGINE_BACKEND_CPU_PRODUCT_H_
#define MODELD_ENGINE_BACKEND_CPU_PRODUCT_H_

#include <functional>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/backend/cpu/dnnl_kernel.h"
#include "engine/backend/cpu/emitter.h"
#include "engine/backend/cpu/post_ops.h"

namespace modeld::cpu {

// A primitive that is worth running: what the emitter needs to know of its descriptor.
struct ProductPrimitive {
  dnnl::primitive primitive;
  dnnl::memory::desc weights;
  dnnl::memory::desc scratchpad;
};

// Attributes for every product: user scratchpad, strict float32, `ops` fused.
dnnl::primitive_attr AttributesWith(const dnnl::post_ops& ops);

// True for an implementation (by oneDNN's name for it) that is not to be used: plain loops ("ref"), which
// fuse everything and are slow; and with an operand of the output's shape "gemm", which oneDNN 2.6 reads in
// the wrong order when channels are last, and "brdgmm" (depthwise), which takes a single pixel's channels
// beyond a multiple of its block from the wrong place.
bool IsUnfit(const std::string& implementation, const Fusion& fusion);

// Makes the primitive of type Primitive for `desc`, a callable that gives its operation descriptor; nothing
// when oneDNN refuses the case or would run it by plain loops.
template <typename Primitive, typename MakeDesc>
std::optional<ProductPrimitive> TryProduct(const Emitter& emitter, const Fusion& fusion,
                                           const MakeDesc& make_desc) {
  try {
    const auto desc = make_desc();
    const typename Primitive::primitive_desc pd(desc, AttributesWith(fusion.ops), emitter.engine());
    if (IsUnfit(pd.impl_info_str(), fusion)) return std::nullopt;
    return ProductPrimitive{Primitive(pd), pd.weights_desc(), pd.scratchpad_desc()};
  } catch (const dnnl::error& error) {
    if (error.status == dnnl_out_of_memory) throw;
    return std::nullopt;
  }
}

// The second operand of a product.
struct Weights {
  core::ValueId value;
  // Its bytes in Emitter::Preferred's form, with the dimensions as oneDNN sees them.
  dnnl::memory::desc descriptor;
};

// One way to run a product by oneDNN.
struct ProductPlan {
  core::ValueId source;
  Layout source_layout;
  dnnl::memory::desc source_descriptor;
  Weights weights;
  Layout output_layout;
  dnnl::memory::desc output_descriptor;
  // The dimension along which a bias lies: the output's and its descriptor's.
  size_t channel;
  size_t descriptor_channel;
  // The primitive with this fusion, or nothing (TryProduct).
  std::function<std::optional<ProductPrimitive>(const Fusion&)> make;
};

// Emits `node`, post-ops included, by the first plan that oneDNN takes: with its post-ops fused, else with
// them as steps of their own. Constant weights are packed now; others by a step where the primitive wants
// another format. False when oneDNN takes none: then nothing is emitted.
absl::StatusOr<bool> EmitProduct(Emitter& emitter, const core::Node& node,
                                 std::span<const ProductPlan> plans);

// Emits `node` by `emit_alone`, which gets it without post-ops, and its post-ops as steps of their own.
absl::Status EmitThenPostOps(Emitter& emitter, const core::Node& node,
                             const std::function<absl::Status(const core::Node&)>& emit_alone);

// Emits float16 `node` as float32: its operands cast, its result cast back. `emit` gets the float32 node.
absl::Status EmitInFloat32(Emitter& emitter, const core::Node& node,
                           const std::function<absl::Status(const core::Node&)>& emit);

}  // namespace modeld::cpu

#endif  // MODELD_ENGINE_BACKEND_CPU_PRODUCT_H_
