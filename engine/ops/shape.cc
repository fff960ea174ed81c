// Operations that change how elements are addressed: reshape, expand, transpose.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/checked_math.h"
#include "base/status.h"
#include "engine/graph/broadcast.h"
#include "engine/ops/families.h"
#include "engine/ops/shared_rules.h"

namespace modeld {
namespace {

absl::Status CheckNewShape(const InferContext& c, const std::vector<uint32_t>& shape) {
  if (shape.size() > c.limits().max_rank) {
    return c.Error("newShape",
                   absl::StrCat("has rank ", shape.size(), ", expected at most ", c.limits().max_rank),
                   absl::StrCat("at most ", c.limits().max_rank), absl::StrCat(shape.size()));
  }
  for (uint32_t size : shape) {
    if (size >= 1 && size <= kMaxDimension) continue;
    return c.Error("newShape",
                   absl::StrCat("has a dimension of size ", size, ", expected 1 to ", kMaxDimension),
                   absl::StrCat("1 to ", kMaxDimension), absl::StrCat(size));
  }
  return absl::OkStatus();
}

InferResult InferReshape(InferContext& c) {
  const TensorDescriptor& input = c.input();
  const std::vector<uint32_t> shape = c.Uints("newShape");
  MODELD_RETURN_IF_ERROR(CheckNewShape(c, shape));
  std::optional<uint64_t> count = 1;
  for (uint32_t size : shape) {
    if (count) count = CheckedMul<uint64_t>(*count, size);
  }
  if (count != input.ElementCount()) {
    return c.Error("newShape",
                   absl::StrCat(ShapeToString(shape), " holds ", count ? absl::StrCat(*count) : "too many",
                                " elements, expected ", input.ElementCount()),
                   absl::StrCat(input.ElementCount(), " elements"), ShapeToString(shape));
  }
  return One({input.data_type, shape});
}

Values DecomposeReshape(DecomposeContext& c) {
  return {c.b.ReshapeTo(c.input(), c.output().shape)};
}

InferResult InferExpand(InferContext& c) {
  const TensorDescriptor& input = c.input();
  const std::vector<uint32_t> shape = c.Uints("newShape");
  MODELD_RETURN_IF_ERROR(CheckNewShape(c, shape));
  if (!CanBroadcastTo(input.shape, shape)) {
    return c.Error("newShape",
                   absl::StrCat(ShapeToString(shape), " is no shape that ", ShapeToString(input.shape),
                                " broadcasts to"),
                   absl::StrCat("a shape that ", ShapeToString(input.shape), " broadcasts to"),
                   ShapeToString(shape));
  }
  return One({input.data_type, shape});
}

Values DecomposeExpand(DecomposeContext& c) {
  return {c.b.BroadcastTo(c.input(), c.output().shape)};
}

InferResult InferTranspose(InferContext& c) {
  const TensorDescriptor& input = c.input();
  const size_t rank = input.shape.size();
  if (!c.Has("permutation")) {
    std::vector<uint32_t> reversed(rank);
    for (uint32_t i = 0; i < rank; ++i) reversed[i] = static_cast<uint32_t>(rank) - 1 - i;
    c.SetUints("permutation", reversed);
  }
  const std::vector<uint32_t> permutation = c.Uints("permutation");
  MODELD_RETURN_IF_ERROR(CheckCount(c, "permutation", permutation.size(), rank));
  MODELD_RETURN_IF_ERROR(CheckAxes(c, "permutation", permutation));
  Shape output;
  for (uint32_t axis : permutation) output.push_back(input.shape[axis]);
  return One({input.data_type, std::move(output)});
}

Values DecomposeTranspose(DecomposeContext& c) {
  return {c.b.TransposeBy(c.input(), c.Uints("permutation"))};
}

}  // namespace

std::vector<OpSchema> ShapeOps() {
  return {
      {.type = "reshape",
       .operands = {{.name = "input", .types = kMovableTypes}},
       .attributes = {RequiredUints("newShape")},
       .formula = "the same elements in the same order, of shape newShape",
       .infer = InferReshape,
       .decompose = DecomposeReshape},
      {.type = "expand",
       .operands = {{.name = "input", .types = kMovableTypes}},
       .attributes = {RequiredUints("newShape")},
       .formula = "x broadcast to newShape",
       .infer = InferExpand,
       .decompose = DecomposeExpand},
      {.type = "transpose",
       .operands = {{.name = "input", .types = kMovableTypes}},
       .attributes = {OptionalUints("permutation")},
       .formula = "output dimension i is input dimension permutation[i]",
       .infer = InferTranspose,
       .decompose = DecomposeTranspose},
  };
}

}  // namespace modeld
