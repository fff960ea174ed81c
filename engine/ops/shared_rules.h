// Infer functions and checks that several families use.
#ifndef MODELD_ENGINE_OPS_SHARED_RULES_H_
#define MODELD_ENGINE_OPS_SHARED_RULES_H_

#include <optional>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/core/core_builder.h"
#include "engine/ops/op_context.h"

namespace modeld {

using InferResult = absl::StatusOr<std::vector<TensorDescriptor>>;
using Values = std::vector<core::ValueId>;

// One output of this descriptor.
inline InferResult One(TensorDescriptor descriptor) {
  return std::vector<TensorDescriptor>{std::move(descriptor)};
}

// The first operand's descriptor.
InferResult SameAsInput(InferContext& context);
// The two operands' common shape, of the first one's type.
InferResult BroadcastOfInputs(InferContext& context);

// `field` must be < the first operand's rank.
absl::Status CheckAxis(const InferContext& context, absl::string_view field, uint32_t axis);
// All of `field` must be < the first operand's rank, and no two equal.
absl::Status CheckAxes(const InferContext& context, absl::string_view field, std::span<const uint32_t> axes);
// `field` must have exactly `count` elements.
absl::Status CheckCount(const InferContext& context, absl::string_view field, size_t found, size_t count);
// An optional operand, when set, must have exactly this shape.
absl::Status CheckOptionalShape(const InferContext& context, absl::string_view field, const Shape& expected);
// A dimension that came out of arithmetic: `context`'s output `field` in [1, 2^31 - 1].
absl::StatusOr<uint32_t> ToDimension(const InferContext& context, absl::string_view field, int64_t size);

// WebNN's greatest valid dimension.
inline constexpr int64_t kMaxDimension = 0x7fffffff;

// The rule for float16: a decomposition that rounds more than once computes in float32 between two casts, so
// that a float16 result is rounded once. One core operation alone stays in float16: backends compute each of
// them in float32 at least. `f` gets x in float32 when it is float16, else x itself; its result is cast back.
core::ValueId InFloat32(core::CoreBuilder& b, core::ValueId x,
                        absl::FunctionRef<core::ValueId(core::ValueId)> f);
// `x` in float32 if it is float16.
core::ValueId Widened(core::CoreBuilder& b, core::ValueId x);
std::optional<core::ValueId> Widened(core::CoreBuilder& b, std::optional<core::ValueId> x);

}  // namespace modeld

#endif  // MODELD_ENGINE_OPS_SHARED_RULES_H_
