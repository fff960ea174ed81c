// Fusion: elementwise operations that oneDNN applies to a product's result before it is stored.
#ifndef MODELD_ENGINE_BACKEND_CPU_POST_OPS_H_
#define MODELD_ENGINE_BACKEND_CPU_POST_OPS_H_

#include <cstddef>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/backend/cpu/emitter.h"
#include "engine/core/core_graph.h"

namespace modeld::cpu {

// One oneDNN eltwise post-op.
struct Eltwise {
  dnnl::algorithm algorithm;
  float alpha = 0;
  float beta = 0;
};

// The post-ops that `op` comes to, in order; empty when it is no elementwise function of one float32 operand
// that oneDNN has.
std::vector<Eltwise> EltwiseOf(const core::Op& op);

// The post-op for a Binary with a tensor operand, or nothing.
std::optional<dnnl::algorithm> BinaryPostOpOf(const core::PostOp& post_op);

// How the result of a product lies, as oneDNN sees it.
struct ProductOutput {
  core::ValueId value;
  Layout layout;
  // The dimension along which a bias lies: of the value, and of the descriptor (which may merge the others).
  size_t channel;
  size_t descriptor_channel;
  dnnl::memory::desc descriptor;
};

// A tensor operand of a fused operation.
struct FusedOperand {
  // DNNL_ARG_BIAS or DNNL_ARG_ATTR_MULTIPLE_POST_OP(i) | DNNL_ARG_SRC_1.
  int argument;
  dnnl::memory::desc descriptor;
  ProgramBuilder::Value value;
};

// A fused operation as a pass over the product's result: `op`, with the operand that stands at `operand` of
// Fusion::operands.
struct FusedPass {
  const core::PostOp* post_op;
  std::optional<size_t> operand = std::nullopt;
};

// What of a node's post-ops goes into the primitive.
struct Fusion {
  dnnl::post_ops ops;
  std::vector<FusedOperand> operands;
  // An operand of the output's shape is among them.
  bool has_full_operand = false;
  bool has_bias = false;
  dnnl::memory::desc bias;
  // The number of leading post-ops that this covers.
  size_t count = 0;
  // What was fused, but for the bias. Valid as long as the node.
  std::vector<FusedPass> passes;
  // oneDNN turns a NaN into some number in one of them.
  bool loses_nan = false;
  // The primitive is to read its weights in this format; without, in the one that it likes best.
  std::optional<dnnl::memory::desc> weights;

  // The same without `passes`: the product, bias included.
  Fusion Bare() const;
};

// Translates the longest prefix of `post_ops` that oneDNN can fuse. A leading addition of one number per
// channel becomes the bias. What loses NaN is fused only where that can be found out (invalid_flag.h).
absl::StatusOr<Fusion> Fuse(Emitter& emitter, std::span<const core::PostOp> post_ops,
                            const ProductOutput& output);

// Emits `post_ops` as steps of their own: `result` -> `output`.
absl::Status EmitUnfused(Emitter& emitter, std::span<const core::PostOp> post_ops, core::ValueId result,
                         core::ValueId output);

}  // namespace modeld::cpu

#endif  // MODELD_ENGINE_BACKEND_CPU_POST_OPS_H_
