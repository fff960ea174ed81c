// Comparisons, logical operations, tests of floats, and where. The truth values are uint8 0 and 1.
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/graph/broadcast.h"
#include "engine/ops/families.h"
#include "engine/ops/shared_rules.h"

namespace modeld {
namespace {

InferResult BroadcastToUint8(InferContext& c) {
  MODELD_ASSIGN_OR_RETURN(std::vector<TensorDescriptor> output, BroadcastOfInputs(c));
  output[0].data_type = DataType::kUint8;
  return output;
}

InferResult Uint8LikeInput(InferContext& c) {
  return One({DataType::kUint8, c.input().shape});
}

template <core::Comparison kComparison>
Values DecomposeComparison(DecomposeContext& c) {
  return {c.b.Apply(kComparison, c.input(0), c.input(1))};
}

template <core::BinaryFunction kFunction>
Values DecomposeLogical(DecomposeContext& c) {
  return {c.b.Apply(kFunction, c.input(0), c.input(1))};
}

template <core::UnaryFunction kFunction>
Values DecomposeTest(DecomposeContext& c) {
  return {c.b.Apply(kFunction, c.input())};
}

template <core::Comparison kComparison>
OpSchema ComparisonRow(absl::string_view type, absl::string_view formula) {
  return {.type = type,
          .operands = {{.name = "a"}, {.name = "b", .same_type_as = 0}},
          .formula = formula,
          .infer = BroadcastToUint8,
          .decompose = DecomposeComparison<kComparison>};
}

template <core::BinaryFunction kFunction>
OpSchema LogicalRow(absl::string_view type, absl::string_view formula) {
  return {
      .type = type,
      .operands = {{.name = "a", .types = {DataType::kUint8}}, {.name = "b", .types = {DataType::kUint8}}},
      .formula = formula,
      .infer = BroadcastToUint8,
      .decompose = DecomposeLogical<kFunction>};
}

template <core::UnaryFunction kFunction>
OpSchema TestRow(absl::string_view type, TypeSet types, absl::string_view formula) {
  return {.type = type,
          .operands = {{.name = "a", .types = types}},
          .formula = formula,
          .infer = Uint8LikeInput,
          .decompose = DecomposeTest<kFunction>};
}

InferResult InferWhere(InferContext& c) {
  const TensorDescriptor& yes = c.input(1);
  const TensorDescriptor& no = c.input(2);
  const std::optional<Shape> values = BroadcastShapes(yes.shape, no.shape);
  std::optional<Shape> all = values ? BroadcastShapes(c.input(0).shape, *values) : std::nullopt;
  if (!all) {
    const std::string found = absl::StrCat(ShapeToString(c.input(0).shape), ", ", ShapeToString(yes.shape),
                                           " and ", ShapeToString(no.shape));
    return c.Error("operands", absl::StrCat("of shapes ", found, " cannot be broadcast together"),
                   "shapes that broadcast together", found);
  }
  return One({yes.data_type, *std::move(all)});
}

Values DecomposeWhere(DecomposeContext& c) {
  return {c.b.SelectIf(c.input(0), c.input(1), c.input(2))};
}

}  // namespace

std::vector<OpSchema> ElementwiseLogicalOps() {
  using C = core::Comparison;
  using B = core::BinaryFunction;
  using U = core::UnaryFunction;
  return {
      ComparisonRow<C::kEqual>("equal", "a == b"),
      ComparisonRow<C::kNotEqual>("notEqual", "a != b"),
      ComparisonRow<C::kGreater>("greater", "a > b"),
      ComparisonRow<C::kGreaterOrEqual>("greaterOrEqual", "a >= b"),
      ComparisonRow<C::kLesser>("lesser", "a < b"),
      ComparisonRow<C::kLesserOrEqual>("lesserOrEqual", "a <= b"),
      LogicalRow<B::kLogicalAnd>("logicalAnd", "a != 0 and b != 0"),
      LogicalRow<B::kLogicalOr>("logicalOr", "a != 0 or b != 0"),
      LogicalRow<B::kLogicalXor>("logicalXor", "(a != 0) != (b != 0)"),
      TestRow<U::kLogicalNot>("logicalNot", {DataType::kUint8}, "a == 0"),
      TestRow<U::kIsNaN>("isNaN", kFloatTypes, "a is no number"),
      TestRow<U::kIsInfinite>("isInfinite", kFloatTypes, "a is plus or minus infinity"),
      {.type = "where",
       .operands = {{.name = "condition", .types = {DataType::kUint8}},
                    {.name = "trueValue", .types = kMovableTypes},
                    {.name = "falseValue", .types = kMovableTypes, .same_type_as = 1}},
       .formula = "condition != 0 ? trueValue : falseValue",
       .infer = InferWhere,
       .decompose = DecomposeWhere},
  };
}

}  // namespace modeld
