#include "tests/fuzz/recipes.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <string>

namespace modeld::fuzz {
namespace {

constexpr double kNumbers[] = {0, 1, -1, 0.5, 2, -0.25, 3, 6, 0.01, -2.5};

void DrawBroadcast(Draft& d) {
  const size_t count = d.schema().variadic ? d.random().Between(1, 4) : d.schema().operands.size();
  TensorDescriptor first = d.AnyOperand();
  for (size_t i = 1; i < count; ++i) d.OperandOf(BroadcastableTo(d, first.shape));
}

// A number that the type of the first operand may or may not hold: completion rounds or refuses it.
AttributeValue AnyNumber(Draft& d, DataType type) {
  testing::RandomSource& random = d.random();
  if (IsFloat(type)) {
    if (random.Once(12)) return std::numeric_limits<double>::infinity() * (random.Once(2) ? 1 : -1);
    if (random.Once(20)) return std::numeric_limits<double>::quiet_NaN();
    return double{d.OneOf(kNumbers)};
  }
  if (type == DataType::kUint64 && random.Once(8)) return std::string("18446744073709551615");
  if (type == DataType::kInt64 && random.Once(8)) return int64_t{std::numeric_limits<int64_t>::min() + 1};
  if (random.Once(4)) return double{d.OneOf(kNumbers)};
  return static_cast<int64_t>(random.Between(0, 12)) - 4;
}

// By name where that says more than the kind.
bool DrawByName(Draft& d, const AttributeSchema& attribute, size_t rank) {
  if (rank == 0) return false;
  if (attribute.name == "axis") {
    d.Set("axis", int64_t{d.random().Between(0, static_cast<uint32_t>(rank) - 1)});
    return true;
  }
  if (attribute.name == "axes") {
    d.SetUints("axes", SubsetOfAxes(d, rank));
    return true;
  }
  if (attribute.name == "permutation") {
    std::vector<uint32_t> order(rank);
    std::iota(order.begin(), order.end(), 0);
    for (uint32_t i = 1; i < rank; ++i) std::swap(order[i], order[d.random().Between(0, i)]);
    d.SetUints("permutation", order);
    return true;
  }
  return false;
}

void DrawByKind(Draft& d, const AttributeSchema& attribute, const TensorDescriptor& first) {
  testing::RandomSource& random = d.random();
  switch (attribute.kind) {
    case AttributeKind::kBool:
      return d.Set(attribute.name, random.Once(2));
    case AttributeKind::kUint:
      return d.Set(attribute.name, int64_t{attribute.min} + random.Between(0, 3));
    case AttributeKind::kInt:
      return d.Set(attribute.name, static_cast<int64_t>(random.Between(0, 8)) - 4);
    case AttributeKind::kFloat:
      if (random.Once(30)) return d.Set(attribute.name, AnyNumber(d, DataType::kFloat32));
      return d.Set(attribute.name, double{d.OneOf(kNumbers)});
    case AttributeKind::kNumber:
      return d.Set(attribute.name, AnyNumber(d, first.data_type));
    case AttributeKind::kString:
      if (!attribute.choices.empty()) d.Set(attribute.name, std::string(d.OneOf(attribute.choices)));
      return;
    case AttributeKind::kDataType: {
      std::vector<DataType> types;
      for (uint32_t t = 1; t < 32; ++t) {
        if (attribute.types.Contains(static_cast<DataType>(t))) types.push_back(static_cast<DataType>(t));
      }
      return d.Set(attribute.name, d.OneOf(types));
    }
    case AttributeKind::kUints:
    case AttributeKind::kUintOrUints: {
      std::vector<uint32_t> values(attribute.size != 0 ? attribute.size : first.shape.size());
      for (uint32_t& value : values) value = attribute.min + random.Between(0, 2);
      return d.SetUints(attribute.name, values);
    }
    default:
      // Operands, lists of strings and of floats, bodies: a recipe's matter.
      return;
  }
}

}  // namespace

std::vector<uint32_t> SubsetOfAxes(Draft& draft, size_t rank) {
  std::vector<uint32_t> axes;
  for (uint32_t i = 0; i < rank; ++i) {
    if (draft.random().Once(2)) axes.push_back(i);
  }
  // In any order.
  for (uint32_t i = 1; i < axes.size(); ++i) std::swap(axes[i], axes[draft.random().Between(0, i)]);
  return axes;
}

Shape BroadcastableTo(Draft& draft, const Shape& shape) {
  testing::RandomSource& random = draft.random();
  if (random.Once(3)) return shape;
  const auto missing =
      static_cast<ptrdiff_t>(random.Once(2) ? 0 : random.Between(0, static_cast<uint32_t>(shape.size())));
  Shape result(shape.begin() + missing, shape.end());
  for (uint32_t& size : result) {
    if (random.Once(3)) {
      size = 1;
    } else if (size == 1 && random.Once(2)) {
      size = draft.SmallSize();
    }
  }
  if (random.Once(6) && result.size() < 8) result.insert(result.begin(), draft.SmallSize());
  return result;
}

uint32_t DivisorOf(Draft& draft, uint32_t size) {
  std::vector<uint32_t> divisors;
  for (uint32_t i = 1; i <= size; ++i) {
    if (size % i == 0) divisors.push_back(i);
  }
  return draft.OneOf(divisors);
}

void DrawOtherAttributes(Draft& draft, const TensorDescriptor& first) {
  for (const AttributeSchema& attribute : draft.schema().attributes) {
    if (draft.IsDecided(attribute.name) || (!attribute.required && draft.random().Once(2))) continue;
    if (!DrawByName(draft, attribute, first.shape.size())) DrawByKind(draft, attribute, first);
  }
}

void (*RecipeFor(absl::string_view type))(Draft&) {
  for (const auto* family : {&ProductRecipes(), &MovementRecipes(), &RecurrentRecipes()}) {
    for (const Recipe& recipe : *family) {
      if (recipe.type == type) return recipe.draw;
    }
  }
  return DrawBroadcast;
}

}  // namespace modeld::fuzz
