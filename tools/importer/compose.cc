#include "tools/importer/compose.h"

#include <numeric>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace modeld::importer {
namespace {

// An iota is held in memory while importing; longer dimensions are no model's.
constexpr uint32_t kMaxIota = 1u << 22;

}  // namespace

OperandId Iota(Emitter& e, DataType type, uint32_t size, size_t axis, size_t rank) {
  if (!e.Require(size <= kMaxIota, "a dimension is too long")) return {};
  std::vector<int64_t> values(size);
  std::iota(values.begin(), values.end(), 0);
  Shape shape(rank, 1);
  shape[axis] = size;
  return e.Constant(FromInts(type, std::move(shape), values));
}

OperandId WrapIndices(Emitter& e, OperandId indices, uint32_t size) {
  const DataType type = e.type(indices);
  if (type == DataType::kUint32) return indices;
  const OperandId below = e.Op("lesser", {indices, e.Scalar(type, 0)});
  return e.Where(below, e.Add(indices, e.Scalar(type, size)), indices);
}

OperandId InFloat32(Emitter& e, OperandId x, const std::function<OperandId(OperandId)>& body) {
  const DataType type = e.type(x);
  return e.Cast(body(e.Cast(x, DataType::kFloat32)), type);
}

Shape FlattenAt(const Shape& shape, size_t axis) {
  Shape flat = {1, 1};
  for (size_t i = 0; i < shape.size(); ++i) flat[i < axis ? 0 : 1] *= shape[i];
  return flat;
}

absl::StatusOr<int64_t> IntInput(NodeContext& node, int index, absl::string_view what) {
  MODELD_ASSIGN_OR_RETURN(const std::vector<int64_t> values, node.IntsInput(index, what));
  if (values.size() != 1) {
    return node.Invalid(absl::StrCat(what, " has ", values.size(), " elements, 1 is wanted"));
  }
  return values[0];
}

OperandId Filled(Emitter& e, DataType type, double value, const Shape& shape) {
  return e.Expand(e.Scalar(type, value), shape);
}

}  // namespace modeld::importer
