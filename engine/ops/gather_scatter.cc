// Reading and writing by indices: gather, gatherElements, gatherND, scatterElements, scatterND. Indices that
// are negative count from the end; every index is then clamped to its dimension.
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/ops/families.h"
#include "engine/ops/positions.h"
#include "engine/ops/shared_rules.h"

namespace modeld {
namespace {

using core::CoreBuilder;
using core::ValueId;

// `field`, whose shape is `found`, must have exactly this shape.
absl::Status CheckShape(const InferContext& c, absl::string_view field, const Shape& found,
                        const Shape& expected) {
  if (found == expected) return absl::OkStatus();
  return c.Error(field,
                 absl::StrCat("has shape ", ShapeToString(found), ", expected ", ShapeToString(expected)),
                 ShapeToString(expected), ShapeToString(found));
}

// The indices have the input's shape, but for the axis.
absl::Status CheckElementIndices(const InferContext& c) {
  const uint32_t axis = c.Uint("axis");
  MODELD_RETURN_IF_ERROR(CheckAxis(c, "axis", axis));
  const Shape& input = c.input(0).shape;
  const Shape& indices = c.input(1).shape;
  Shape expected = input;
  if (indices.size() == input.size()) expected[axis] = indices[axis];
  if (indices == expected && indices.size() == input.size()) return absl::OkStatus();
  return c.Error("indices",
                 absl::StrCat("has shape ", ShapeToString(indices), ", which differs from ",
                              ShapeToString(input), " beyond axis ", axis),
                 ShapeToString(input), ShapeToString(indices));
}

// What `indices`, whose last dimension holds coordinates, picks of `input`: a slice for each coordinate.
InferResult PickedByCoordinates(const InferContext& c) {
  const TensorDescriptor& input = c.input(0);
  const Shape& indices = c.input(1).shape;
  const uint32_t size = indices.back();
  if (size > input.shape.size()) {
    return c.Error("indices",
                   absl::StrCat("holds coordinates of ", size, " dimensions, expected at most the input's ",
                                input.shape.size()),
                   absl::StrCat("at most ", input.shape.size()), absl::StrCat(size));
  }
  Shape shape(indices.begin(), indices.end() - 1);
  shape.insert(shape.end(), input.shape.begin() + size, input.shape.end());
  return One({input.data_type, std::move(shape)});
}

InferResult InferGather(InferContext& c) {
  const uint32_t axis = c.Uint("axis");
  MODELD_RETURN_IF_ERROR(CheckAxis(c, "axis", axis));
  TensorDescriptor output = c.input(0);
  const Shape& indices = c.input(1).shape;
  output.shape.erase(output.shape.begin() + axis);
  output.shape.insert(output.shape.begin() + axis, indices.begin(), indices.end());
  return One(std::move(output));
}

// One Gather.
Values DecomposeGather(DecomposeContext& c) {
  return {c.b.GatherAlong(c.input(0), c.input(1), c.Uint("axis"))};
}

InferResult InferGatherElements(InferContext& c) {
  MODELD_RETURN_IF_ERROR(CheckElementIndices(c));
  return One({c.input(0).data_type, c.input(1).shape});
}

InferResult InferScatterElements(InferContext& c) {
  MODELD_RETURN_IF_ERROR(CheckElementIndices(c));
  MODELD_RETURN_IF_ERROR(CheckShape(c, "updates", c.input(2).shape, c.input(1).shape));
  return SameAsInput(c);
}

InferResult InferGatherND(InferContext& c) {
  return PickedByCoordinates(c);
}

InferResult InferScatterND(InferContext& c) {
  MODELD_ASSIGN_OR_RETURN(const std::vector<TensorDescriptor> picked, PickedByCoordinates(c));
  MODELD_RETURN_IF_ERROR(CheckShape(c, "updates", c.input(2).shape, picked[0].shape));
  return SameAsInput(c);
}

// The product of the sizes in [begin, end).
uint32_t Product(const Shape& shape, size_t begin, size_t end) {
  uint32_t product = 1;
  for (size_t i = begin; i < end; ++i) product *= shape[i];
  return product;
}

// Where in the flattened input each index along `axis` points: of the indices' count. With the input seen as
// [outer, size, inner] and the indices as [outer, n, inner], index j at [o, i] points to element
// (o * size + j) * inner + i.
ValueId ElementOffsets(CoreBuilder& b, const Shape& input, ValueId indices, uint32_t axis) {
  const uint32_t outer = Product(input, 0, axis);
  const uint32_t inner = Product(input, axis + 1, input.size());
  const uint32_t size = input[axis];
  const uint32_t count = Product(b.shape(indices), 0, input.size());
  ValueId offsets = Coordinates(b, indices, b.IntegerScalar(b.type(indices), size));
  offsets = b.ReshapeTo(offsets, {outer, b.shape(indices)[axis], inner});
  if (inner > 1) {
    offsets = b.Add(b.MulScalar(offsets, inner), Positions(b, DataType::kInt32, inner, 0, 1));
  }
  if (outer > 1) {
    const ValueId starts = Positions(b, DataType::kInt32, outer, 0, int64_t{size} * inner);
    offsets = b.Add(offsets, b.ReshapeTo(starts, {outer, 1, 1}));
  }
  return b.ReshapeTo(offsets, {count});
}

// gatherElements = gather(flattened input, offsets)
Values DecomposeGatherElements(DecomposeContext& c) {
  const Shape input = c.b.shape(c.input(0));
  const ValueId offsets = ElementOffsets(c.b, input, c.input(1), c.Uint("axis"));
  const ValueId flat = c.b.ReshapeTo(c.input(0), {Product(input, 0, input.size())});
  return {c.b.ReshapeTo(c.b.GatherAlong(flat, offsets, 0), c.output().shape)};
}

// scatterElements = scatter(flattened input, offsets, flattened updates)
Values DecomposeScatterElements(DecomposeContext& c) {
  const Shape input = c.b.shape(c.input(0));
  const ValueId offsets = ElementOffsets(c.b, input, c.input(1), c.Uint("axis"));
  const ValueId flat = c.b.ReshapeTo(c.input(0), {Product(input, 0, input.size())});
  const ValueId updates = c.b.ReshapeTo(c.input(2), c.b.shape(offsets));
  return {c.b.ReshapeTo(c.b.ScatterRows(flat, offsets, updates), input)};
}

// Input and indices of gatherND and scatterND, seen as rows: those of `data` are what one coordinate points
// to.
struct Rows {
  ValueId data;
  ValueId indices;
};

// With a coordinate j of k dimensions, row = sum over d < k of j[d] * stride[d], strides counted in rows.
Rows RowsOf(CoreBuilder& b, ValueId input, ValueId indices) {
  const Shape shape = b.shape(input);
  const Shape index_shape = b.shape(indices);
  const uint32_t k = index_shape.back();
  const uint32_t count = Product(index_shape, 0, index_shape.size() - 1);
  std::vector<int64_t> sizes(shape.begin(), shape.begin() + k);
  std::vector<int64_t> strides;
  for (uint32_t d = 0; d < k; ++d) strides.push_back(Product(shape, d + 1, k));
  ValueId rows = b.ReshapeTo(indices, {count, k});
  rows = Coordinates(b, rows, IntegerList(b, b.type(rows), sizes));
  if (k > 1) {
    rows = b.Mul(rows, IntegerList(b, DataType::kInt32, strides));
    rows = b.ReduceAlong(core::ReduceFunction::kSum, rows, {1}, true);
  }
  return {.data = b.ReshapeTo(input, {Product(shape, 0, k), Product(shape, k, shape.size())}),
          .indices = b.ReshapeTo(rows, {count})};
}

// gatherND = gather(rows of the input, indices of rows)
Values DecomposeGatherND(DecomposeContext& c) {
  const Rows rows = RowsOf(c.b, c.input(0), c.input(1));
  return {c.b.ReshapeTo(c.b.GatherAlong(rows.data, rows.indices, 0), c.output().shape)};
}

// scatterND = scatter(rows of the input, indices of rows, rows of the updates)
Values DecomposeScatterND(DecomposeContext& c) {
  const Rows rows = RowsOf(c.b, c.input(0), c.input(1));
  const ValueId updates = c.b.ReshapeTo(c.input(2), {c.b.shape(rows.indices)[0], c.b.shape(rows.data)[1]});
  return {c.b.ReshapeTo(c.b.ScatterRows(rows.data, rows.indices, updates), c.output().shape)};
}

OperandSchema Input() {
  return {.name = "input", .types = kMovableTypes, .ranks = RankAtLeast(1)};
}

OperandSchema Indices(RankRange ranks) {
  return {.name = "indices", .types = kIndexTypes, .ranks = ranks};
}

OperandSchema Updates(RankRange ranks) {
  return {.name = "updates", .types = kMovableTypes, .ranks = ranks, .same_type_as = 0};
}

}  // namespace

std::vector<OpSchema> GatherScatterOps() {
  return {
      {.type = "gather",
       .operands = {Input(), Indices(kAnyRank)},
       .attributes = {UintAttribute("axis", 0)},
       .formula = "output[.., i.., ..] = input[.., indices[i..], ..] along axis",
       .infer = InferGather,
       .decompose = DecomposeGather},
      {.type = "gatherElements",
       .operands = {Input(), Indices(RankAtLeast(1))},
       .attributes = {UintAttribute("axis", 0)},
       .formula = "output[.., i, ..] = input[.., indices[.., i, ..], ..] along axis",
       .infer = InferGatherElements,
       .decompose = DecomposeGatherElements},
      {.type = "gatherND",
       .operands = {Input(), Indices(RankAtLeast(1))},
       .formula = "output[i.., ..] = input[indices[i..], ..], coordinates in the last dimension",
       .infer = InferGatherND,
       .decompose = DecomposeGatherND},
      {.type = "scatterElements",
       .operands = {Input(), Indices(RankAtLeast(1)), Updates(RankAtLeast(1))},
       .attributes = {UintAttribute("axis", 0)},
       .formula = "input with [.., indices[.., i, ..], ..] = updates[.., i, ..] along axis, the last wins",
       .infer = InferScatterElements,
       .decompose = DecomposeScatterElements},
      {.type = "scatterND",
       .operands = {Input(), Indices(RankAtLeast(1)), Updates(kAnyRank)},
       .formula = "input with [indices[i..], ..] = updates[i.., ..], the last wins",
       .infer = InferScatterND,
       .decompose = DecomposeScatterND},
  };
}

}  // namespace modeld
