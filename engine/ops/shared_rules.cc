#include "engine/ops/shared_rules.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/graph/broadcast.h"

namespace modeld {

InferResult SameAsInput(InferContext& context) {
  return One(context.input());
}

InferResult BroadcastOfInputs(InferContext& context) {
  const TensorDescriptor& a = context.input(0);
  const TensorDescriptor& b = context.input(1);
  std::optional<Shape> shape = BroadcastShapes(a.shape, b.shape);
  if (!shape) {
    return context.Error("operands",
                         absl::StrCat("of shapes ", ShapeToString(a.shape), " and ", ShapeToString(b.shape),
                                      " cannot be broadcast together"),
                         absl::StrCat("a shape that broadcasts with ", ShapeToString(a.shape)),
                         ShapeToString(b.shape));
  }
  return One({a.data_type, *std::move(shape)});
}

absl::Status CheckAxis(const InferContext& context, absl::string_view field, uint32_t axis) {
  const size_t rank = context.input().shape.size();
  if (axis < rank) return absl::OkStatus();
  return context.Error(field, absl::StrCat(axis, " must be below the input's rank ", rank),
                       absl::StrCat("below ", rank), absl::StrCat(axis));
}

absl::Status CheckAxes(const InferContext& context, absl::string_view field, std::span<const uint32_t> axes) {
  std::vector<uint32_t> seen;
  for (uint32_t axis : axes) {
    MODELD_RETURN_IF_ERROR(CheckAxis(context, field, axis));
    if (std::find(seen.begin(), seen.end(), axis) != seen.end()) {
      return context.Error(field, absl::StrCat("holds ", axis, " more than once"), "distinct values",
                           ShapeToString(axes));
    }
    seen.push_back(axis);
  }
  return absl::OkStatus();
}

absl::Status CheckCount(const InferContext& context, absl::string_view field, size_t found, size_t count) {
  if (found == count) return absl::OkStatus();
  return context.Error(field, absl::StrCat("has ", found, " elements, expected ", count), absl::StrCat(count),
                       absl::StrCat(found));
}

absl::Status CheckOptionalShape(const InferContext& context, absl::string_view field, const Shape& expected) {
  const TensorDescriptor* operand = context.OptionalInput(field);
  if (operand == nullptr || operand->shape == expected) return absl::OkStatus();
  return context.Error(
      field,
      absl::StrCat("has shape ", ShapeToString(operand->shape), ", expected ", ShapeToString(expected)),
      ShapeToString(expected), ShapeToString(operand->shape));
}

absl::StatusOr<uint32_t> ToDimension(const InferContext& context, absl::string_view field, int64_t size) {
  if (size >= 1 && size <= kMaxDimension) return static_cast<uint32_t>(size);
  return context.Error(field, absl::StrCat("would be ", size, ", expected 1 to ", kMaxDimension),
                       absl::StrCat("1 to ", kMaxDimension), absl::StrCat(size));
}

core::ValueId InFloat32(core::CoreBuilder& b, core::ValueId x,
                        absl::FunctionRef<core::ValueId(core::ValueId)> f) {
  const DataType type = b.type(x);
  const core::ValueId result = f(Widened(b, x));
  return type == DataType::kFloat16 ? b.CastTo(result, type) : result;
}

core::ValueId Widened(core::CoreBuilder& b, core::ValueId x) {
  return b.type(x) == DataType::kFloat16 ? b.CastTo(x, DataType::kFloat32) : x;
}

std::optional<core::ValueId> Widened(core::CoreBuilder& b, std::optional<core::ValueId> x) {
  if (!x) return std::nullopt;
  return Widened(b, *x);
}

}  // namespace modeld
