// Functions of one element: abs to tan, identity, cast, clamp.
#include <array>
#include <charconv>
#include <limits>

#include "absl/numeric/int128.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/ops/families.h"
#include "engine/ops/shared_rules.h"

namespace modeld {
namespace {

template <core::UnaryFunction kFunction>
Values DecomposeUnary(DecomposeContext& c) {
  return {c.b.Apply(kFunction, c.input())};
}

template <core::UnaryFunction kFunction>
OpSchema Row(absl::string_view type, TypeSet types, absl::string_view formula) {
  return {.type = type,
          .operands = {{.name = "input", .types = types}},
          .formula = formula,
          .infer = SameAsInput,
          .decompose = DecomposeUnary<kFunction>};
}

// Of unsigned integers: min(x, 1)
Values DecomposeSign(DecomposeContext& c) {
  const DataType type = c.b.type(c.input());
  if (!IsFloat(type) && !IsSignedInteger(type)) return {c.b.MinScalar(c.input(), 1)};
  return {c.b.Apply(core::UnaryFunction::kSign, c.input())};
}

// Moves nothing.
Values DecomposeIdentity(DecomposeContext& c) {
  return {c.input()};
}

InferResult InferCast(InferContext& c) {
  return One({c.Type("dataType"), c.input().shape});
}

Values DecomposeCast(DecomposeContext& c) {
  return {c.b.CastTo(c.input(), c.Type("dataType"))};
}

// Both of the same representation, as completion leaves them.
bool IsGreater(const AttributeValue& a, const AttributeValue& b) {
  if (const auto* number = std::get_if<double>(&a)) return *number > std::get<double>(b);
  const auto exact = [](const AttributeValue& value) -> absl::int128 {
    if (const auto* number = std::get_if<int64_t>(&value)) return *number;
    uint64_t number = 0;
    return absl::SimpleAtoi(std::get<std::string>(value), &number) ? number : 0;
  };
  return exact(a) > exact(b);
}

// Of a float, the shortest text that tells it from every other float.
std::string NumberText(const AttributeValue& value) {
  if (const auto* number = std::get_if<double>(&value)) {
    std::array<char, 32> text;
    const auto end = std::to_chars(text.data(), text.data() + text.size(), static_cast<float>(*number)).ptr;
    return std::string(text.data(), end);
  }
  if (const auto* number = std::get_if<int64_t>(&value)) return absl::StrCat(*number);
  return std::get<std::string>(value);
}

InferResult InferClamp(InferContext& c) {
  const AttributeValue& least = c.operation().attributes.at("minValue");
  const AttributeValue& greatest = c.operation().attributes.at("maxValue");
  if (IsGreater(least, greatest)) {
    return c.Error("minValue",
                   absl::StrCat(NumberText(least), " is greater than maxValue ", NumberText(greatest)),
                   absl::StrCat("at most ", NumberText(greatest)), NumberText(least));
  }
  return SameAsInput(c);
}

// min(max(x, minValue), maxValue). An end at the type's own end is left out.
Values DecomposeClamp(DecomposeContext& c) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const DataType type = c.output().data_type;
  const auto open = [&](absl::string_view name, double end) { return IsFloat(type) && c.Float(name) == end; };
  core::ValueId x = c.input();
  if (!open("minValue", -kInfinity)) x = c.b.Max(x, c.NumberScalar("minValue", type));
  if (!open("maxValue", kInfinity)) x = c.b.Min(x, c.NumberScalar("maxValue", type));
  return {x};
}

}  // namespace

std::vector<OpSchema> ElementwiseUnaryOps() {
  using U = core::UnaryFunction;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return {
      Row<U::kAbs>("abs", kSignedTypes, "|x|"),
      Row<U::kCeil>("ceil", kFloatTypes, "least integer >= x"),
      Row<U::kCos>("cos", kFloatTypes, "cos(x)"),
      Row<U::kErf>("erf", kFloatTypes, "erf(x)"),
      Row<U::kExp>("exp", kFloatTypes, "exp(x)"),
      Row<U::kFloor>("floor", kFloatTypes, "greatest integer <= x"),
      Row<U::kLog>("log", kFloatTypes, "ln(x)"),
      Row<U::kNeg>("neg", kSignedTypes, "-x"),
      Row<U::kReciprocal>("reciprocal", kFloatTypes, "1 / x"),
      Row<U::kRoundEven>("roundEven", kFloatTypes, "nearest integer, halves to even"),
      Row<U::kSin>("sin", kFloatTypes, "sin(x)"),
      {.type = "sign",
       .operands = {{.name = "input"}},
       .formula = "-1, 0 or 1",
       .infer = SameAsInput,
       .decompose = DecomposeSign},
      Row<U::kSqrt>("sqrt", kFloatTypes, "square root of x"),
      Row<U::kTan>("tan", kFloatTypes, "tan(x)"),
      {.type = "identity",
       .operands = {{.name = "input", .types = kMovableTypes}},
       .formula = "x",
       .infer = SameAsInput,
       .decompose = DecomposeIdentity},
      {.type = "cast",
       .operands = {{.name = "input", .types = kMovableTypes}},
       .attributes =
           {{.name = "dataType", .kind = AttributeKind::kDataType, .required = true, .types = kMovableTypes}},
       .formula = "x as dataType",
       .infer = InferCast,
       .decompose = DecomposeCast},
      {.type = "clamp",
       .operands = {{.name = "input"}},
       .attributes = {{.name = "minValue", .kind = AttributeKind::kNumber, .default_value = -kInfinity},
                      {.name = "maxValue", .kind = AttributeKind::kNumber, .default_value = kInfinity}},
       .formula = "min(max(x, minValue), maxValue)",
       .infer = InferClamp,
       .decompose = DecomposeClamp},
  };
}

}  // namespace modeld
