// Operations whose attributes and operands follow from the shapes that they move.
#include <algorithm>
#include <numeric>

#include "tests/fuzz/recipes.h"

namespace modeld::fuzz {
namespace {

uint32_t AnyAxis(Draft& d, const Shape& shape) {
  return d.random().Between(0, static_cast<uint32_t>(shape.size()) - 1);
}

void DrawReshape(Draft& d) {
  const TensorDescriptor x = d.AnyOperand();
  Shape shape = x.shape;
  for (uint32_t i = 1; i < shape.size(); ++i) std::swap(shape[i], shape[d.random().Between(0, i)]);
  if (shape.size() >= 2 && d.random().Once(2)) {
    shape[1] *= shape[0];
    shape.erase(shape.begin());
  }
  if (!shape.empty() && shape.size() < 8 && d.random().Once(3)) {
    const uint32_t part = DivisorOf(d, shape[0]);
    shape[0] /= part;
    shape.insert(shape.begin(), part);
  }
  while (shape.size() < 8 && d.random().Once(3)) {
    shape.insert(shape.begin() + d.random().Between(0, static_cast<uint32_t>(shape.size())), 1);
  }
  d.SetUints("newShape", shape);
}

void DrawExpand(Draft& d) {
  Shape shape = d.AnyOperand().shape;
  for (uint32_t& size : shape) {
    if (size == 1) size = d.SmallSize();
  }
  while (shape.size() < 8 && d.random().Once(3)) shape.insert(shape.begin(), d.SmallSize());
  d.SetUints("newShape", shape);
}

void DrawConcat(Draft& d) {
  const TensorDescriptor first = d.AnyOperand();
  const uint32_t axis = AnyAxis(d, first.shape);
  for (uint32_t n = d.random().Between(0, 3); n > 0; --n) {
    Shape shape = first.shape;
    if (d.random().Once(2)) shape[axis] = d.SmallSize();
    d.OperandOf(shape);
  }
  d.Set("axis", int64_t{axis});
}

void DrawGather(Draft& d) {
  const TensorDescriptor x = d.AnyOperand();
  const uint32_t axis = AnyAxis(d, x.shape);
  Shape indices(d.random().Between(0, std::min<uint32_t>(3, 9 - static_cast<uint32_t>(x.shape.size()))));
  for (uint32_t& size : indices) size = d.random().Between(1, 4);
  d.OperandOf(indices, Content::kIndices, x.shape[axis]);
  d.SetOrLeave("axis", int64_t{axis}, axis == 0);
}

// Indices of the data's rank, of any size along the axis and no more than the data's elsewhere.
Shape ElementIndices(Draft& d, const Shape& data, uint32_t axis, bool any_size) {
  Shape shape = data;
  if (any_size || d.random().Once(2)) shape[axis] = d.random().Between(1, any_size ? 6 : shape[axis]);
  return shape;
}

void DrawGatherElements(Draft& d) {
  const TensorDescriptor x = d.AnyOperand();
  const uint32_t axis = AnyAxis(d, x.shape);
  d.OperandOf(ElementIndices(d, x.shape, axis, true), Content::kIndices, x.shape[axis]);
  d.SetOrLeave("axis", int64_t{axis}, axis == 0);
}

void DrawScatterElements(Draft& d) {
  const TensorDescriptor x = d.AnyOperand();
  const uint32_t axis = AnyAxis(d, x.shape);
  const Shape indices = ElementIndices(d, x.shape, axis, d.random().Once(2));
  d.OperandOf(indices, Content::kIndices, x.shape[axis]);
  d.OperandOf(indices);
  d.SetOrLeave("axis", int64_t{axis}, axis == 0);
}

// Coordinates of `depth` dimensions, in a list of any rank.
Shape Coordinates(Draft& d, uint32_t depth) {
  Shape shape(d.random().Between(0, 2));
  for (uint32_t& size : shape) size = d.random().Between(1, 4);
  shape.push_back(depth);
  return shape;
}

void DrawGatherNd(Draft& d) {
  const TensorDescriptor x = d.AnyOperand();
  const uint32_t depth = AnyAxis(d, x.shape) + 1;
  const uint32_t rows = *std::min_element(x.shape.begin(), x.shape.begin() + depth);
  d.OperandOf(Coordinates(d, depth), Content::kIndices, rows);
}

void DrawScatterNd(Draft& d) {
  const TensorDescriptor x = d.AnyOperand();
  const uint32_t depth = AnyAxis(d, x.shape) + 1;
  const uint32_t rows = *std::min_element(x.shape.begin(), x.shape.begin() + depth);
  const Shape indices = Coordinates(d, depth);
  d.OperandOf(indices, Content::kIndices, rows);
  Shape updates(indices.begin(), indices.end() - 1);
  updates.insert(updates.end(), x.shape.begin() + depth, x.shape.end());
  d.OperandOf(updates);
}

void DrawPad(Draft& d) {
  const TensorDescriptor x = d.AnyOperand();
  const std::string mode(d.OneOf(d.schema().FindAttribute("mode")->choices));
  const auto amounts = [&] {
    std::vector<uint32_t> list;
    for (uint32_t size : x.shape) {
      const uint32_t most = mode == "reflection" ? size - 1 : mode == "symmetric" ? size : 3;
      list.push_back(d.random().Between(0, std::min(most, 3u)));
    }
    return list;
  };
  d.SetUints("beginningPadding", amounts());
  d.SetUints("endingPadding", amounts());
  d.SetOrLeave("mode", mode, mode == "constant");
}

void DrawSlice(Draft& d) {
  const TensorDescriptor x = d.AnyOperand();
  std::vector<uint32_t> starts, sizes, strides;
  for (uint32_t size : x.shape) {
    starts.push_back(d.random().Once(2) ? 0 : d.random().Between(0, size - 1));
    sizes.push_back(d.random().Once(3) ? size - starts.back() : d.random().Between(1, size - starts.back()));
    strides.push_back(d.random().Between(1, 3));
  }
  d.SetUints("starts", starts);
  d.SetUints("sizes", sizes);
  if (d.random().Once(2)) return d.SetUints("strides", strides);
  d.SetOrLeave("strides", std::vector<int64_t>(sizes.size(), 1), true);
}

void DrawSplit(Draft& d) {
  const TensorDescriptor x = d.AnyOperand();
  const uint32_t axis = AnyAxis(d, x.shape);
  d.SetOrLeave("axis", int64_t{axis}, axis == 0);
  if (d.random().Once(2)) return d.Set("splits", int64_t{DivisorOf(d, x.shape[axis])});
  std::vector<uint32_t> splits;
  for (uint32_t left = x.shape[axis]; left > 0; left -= splits.back()) {
    splits.push_back(splits.size() >= 4 ? left : d.random().Between(1, left));
  }
  d.SetUints("splits", splits);
}

void DrawTile(Draft& d) {
  std::vector<uint32_t> repetitions;
  for (size_t i = d.AnyOperand().shape.size(); i > 0; --i) {
    repetitions.push_back(d.random().Once(2) ? 1 : d.random().Between(1, 3));
  }
  d.SetUints("repetitions", repetitions);
}

}  // namespace

const std::vector<Recipe>& MovementRecipes() {
  static const std::vector<Recipe> recipes = {
      {"reshape", DrawReshape},
      {"expand", DrawExpand},
      {"concat", DrawConcat},
      {"gather", DrawGather},
      {"gatherElements", DrawGatherElements},
      {"gatherND", DrawGatherNd},
      {"scatterElements", DrawScatterElements},
      {"scatterND", DrawScatterNd},
      {"pad", DrawPad},
      {"slice", DrawSlice},
      {"split", DrawSplit},
      {"tile", DrawTile},
  };
  return recipes;
}

}  // namespace modeld::fuzz
