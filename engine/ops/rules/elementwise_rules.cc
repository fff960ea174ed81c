// Elementwise binary, comparison, logical and unary operations, where, cast, clamp.
#include <cmath>
#include <limits>

#include "engine/ops/rules/specified.h"

namespace modeld::rules {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

constexpr const char* kBinary[] = {"add", "sub", "mul", "div", "max", "min", "pow"};
constexpr const char* kComparisons[] = {"equal",          "notEqual", "greater",
                                        "greaterOrEqual", "lesser",   "lesserOrEqual"};
constexpr const char* kLogical[] = {"logicalAnd", "logicalOr", "logicalXor"};
constexpr const char* kFloatTests[] = {"isNaN", "isInfinite"};
constexpr const char* kFloatUnary[] = {"ceil",       "cos",       "erf", "exp",  "floor", "log",
                                       "reciprocal", "roundEven", "sin", "sqrt", "tan"};
constexpr const char* kSignedUnary[] = {"abs", "neg", "sign"};

AttributeSchema Number(absl::string_view name, double default_value) {
  return {.name = name, .kind = AttributeKind::kNumber, .default_value = default_value};
}

std::vector<Specified> Rows() {
  std::vector<Specified> rows;
  const auto binary = [&](absl::string_view type, TypeSet types, bool same, DataType operand,
                          std::string expected) {
    const TensorDescriptor one = Of(operand, {2, 3});
    rows.push_back({.type = type,
                    .operands = {Operand1("a", types), Operand1("b", types, kAnyRank, same ? 0 : -1)},
                    .attributes = {},
                    .base = {std::string(type), {one, one}, expected.c_str()},
                    .output_like = expected == one.ToString() ? 0 : -1});
  };
  const auto unary = [&](absl::string_view type, absl::string_view name, TypeSet types, DataType operand,
                         std::string expected) {
    rows.push_back({.type = type,
                    .operands = {Operand1(name, types)},
                    .attributes = {},
                    .base = {std::string(type), {Of(operand, {2, 3})}, expected.c_str()},
                    .output_like = expected == Of(operand, {2, 3}).ToString() ? 0 : -1});
  };
  for (const char* type : kBinary) binary(type, kAny, true, DataType::kFloat32, "float32[2,3]");
  for (const char* type : kComparisons) binary(type, kAny, true, DataType::kFloat32, "uint8[2,3]");
  for (const char* type : kLogical) binary(type, kTruth, false, DataType::kUint8, "uint8[2,3]");
  unary("logicalNot", "a", kTruth, DataType::kUint8, "uint8[2,3]");
  for (const char* type : kFloatTests) unary(type, "a", kFloats, DataType::kFloat32, "uint8[2,3]");
  for (const char* type : kFloatUnary) unary(type, "input", kFloats, DataType::kFloat32, "float32[2,3]");
  for (const char* type : kSignedUnary) {
    // Beyond the specification: the sign of unsigned integers.
    unary(type, "input", std::string(type) == "sign" ? kAny : kSigned, DataType::kFloat32, "float32[2,3]");
  }
  unary("identity", "input", kMoved, DataType::kFloat32, "float32[2,3]");
  rows.push_back({.type = "where",
                  .operands = {Operand1("condition", kTruth), Operand1("trueValue", kMoved),
                               Operand1("falseValue", kMoved, kAnyRank, 1)},
                  .attributes = {},
                  .base = {"where", {U8({2}), F32({2}), F32({2})}, "float32[2]"},
                  .output_like = 1});
  rows.push_back(
      {.type = "cast",
       .operands = {Operand1("input", kMoved)},
       .attributes =
           {{.name = "dataType", .kind = AttributeKind::kDataType, .required = true, .types = kMoved}},
       .base = {"cast", {F32({2})}, {{"dataType", DataType::kInt8}}, "int8[2]"},
       .output_like = -1});
  rows.push_back({.type = "clamp",
                  .operands = {Operand1("input", kAny)},
                  .attributes = {Number("minValue", -kInfinity), Number("maxValue", kInfinity)},
                  .base = {"clamp", {F32({2})}, "float32[2]"}});
  return rows;
}

// Broadcasting, both ways, for an operation on two operands of `type` whose result is of type `result`.
void AddBroadcasting(std::vector<OpCase>& cases, const std::string& op, DataType type, DataType result) {
  const auto given = [&](Shape a, Shape b, std::string expected) {
    cases.push_back({op, {Of(type, std::move(a)), Of(type, std::move(b))}, expected.c_str()});
  };
  const auto gives = [&](Shape a, Shape b, Shape output) {
    given(std::move(a), std::move(b), Of(result, std::move(output)).ToString());
  };
  const auto fails = [&](Shape a, Shape b) {
    const std::string shapes = ShapeToString(a) + " and " + ShapeToString(b);
    given(std::move(a), std::move(b), "! operands of shapes " + shapes + " cannot be broadcast together");
  };
  gives({}, {}, {});
  gives({}, {2, 3}, {2, 3});
  gives({2, 3}, {}, {2, 3});
  gives({1}, {1}, {1});
  gives({3}, {2, 3}, {2, 3});
  gives({4, 1, 3}, {5, 1}, {4, 5, 3});
  gives({2, 1, 2, 1, 2, 1, 2, 1}, {1, 3, 1, 3, 1, 3, 1, 3}, {2, 3, 2, 3, 2, 3, 2, 3});
  gives({1}, Ones(8), Ones(8));
  fails({2}, {3});
  fails({2, 3}, {2, 4});
  fails({2, 3}, {2});
  fails({2, 3}, {3, 1, 2});
  fails({2, 1, 1, 1, 1, 1, 1, 1}, {3, 1, 1, 1, 1, 1, 1, 1});
  given({1 << 16, 1}, {1, 1 << 15},
        "! output " + Of(result, {1 << 16, 1 << 15}).ToString() + " has more than 2147483647 elements");
}

std::vector<OpCase> ClampRules() {
  const auto clamp = [](DataType type, AttributeValue least, AttributeValue greatest,
                        std::string error = "") {
    return OpCase("clamp", {Of(type, {2})}, {{"minValue", least}, {"maxValue", greatest}},
                  error.empty() ? Of(type, {2}).ToString().c_str() : ("! minValue " + error).c_str());
  };
  using T = DataType;
  const int64_t most = std::numeric_limits<int64_t>::max();
  const int64_t least = std::numeric_limits<int64_t>::min();
  return {
      clamp(T::kFloat32, 1.0, 1.0),
      clamp(T::kFloat32, Int(1), 1.0),
      clamp(T::kFloat32, -kInfinity, -kInfinity),
      clamp(T::kFloat32, kInfinity, -kInfinity, "inf is greater than maxValue -inf"),
      clamp(T::kFloat32, 1.5, Int(1), "1.5 is greater than maxValue 1"),
      clamp(T::kFloat32, 0.0, -0.0),
      // Compared after rounding to the type of the operand.
      clamp(T::kFloat32, 1.00000001, 1.0),
      clamp(T::kFloat32, 1.0000002, 1.0, "1.0000002 is greater than maxValue 1"),
      clamp(T::kFloat16, 1.0001, 1.0),
      clamp(T::kFloat16, 65520.0, kInfinity),
      clamp(T::kFloat16, 65520.0, 65519.0, "inf is greater than maxValue 65504"),
      clamp(T::kFloat32, Str("18446744073709551615"), 0.0, "1.8446744e+19 is greater than maxValue 0"),
      clamp(T::kInt32, 2.5, 2.4),
      clamp(T::kInt32, 3.5, 2.4, "4 is greater than maxValue 2"),
      clamp(T::kInt32, 1e300, Int(most)),
      clamp(T::kInt32, Int(2147483647), Int(-2147483648LL),
            "2147483647 is greater than maxValue -2147483648"),
      clamp(T::kInt8, Int(300), Int(200)),
      clamp(T::kInt8, kNan, Int(-1), "0 is greater than maxValue -1"),
      clamp(T::kUint8, Int(-5), Int(-1)),
      clamp(T::kUint8, Int(256), Int(254), "255 is greater than maxValue 254"),
      clamp(T::kUint32, Int(4294967295), Int(4294967294), "4294967295 is greater than maxValue 4294967294"),
      clamp(T::kUint32, Int(4294967296), Int(4294967295)),
      clamp(T::kInt64, Int(most), Int(least),
            "9223372036854775807 is greater than maxValue -9223372036854775808"),
      clamp(T::kInt64, Int((int64_t{1} << 53) + 1), Int(int64_t{1} << 53),
            "9007199254740993 is greater than maxValue 9007199254740992"),
      clamp(T::kInt64, kInfinity, Str("18446744073709551615")),
      clamp(T::kUint64, Str("18446744073709551615"), Str("18446744073709551614"),
            "18446744073709551615 is greater than maxValue 18446744073709551614"),
      clamp(T::kUint64, Int(least), Int(0)),
      clamp(T::kUint64, Str("18446744073709551615"), kInfinity),
      clamp(T::kUint64, Str("18446744073709551616"), kInfinity,
            "is a string that is no decimal unsigned 64-bit number"),
      clamp(T::kUint64, Str("-1"), kInfinity, "is a string that is no decimal unsigned 64-bit number"),
      clamp(T::kUint64, Str(" 1"), kInfinity, "is a string that is no decimal unsigned 64-bit number"),
      clamp(T::kUint64, Str("01"), kInfinity, "is a string that is no decimal unsigned 64-bit number"),
      clamp(T::kUint64, Str(""), kInfinity, "is a string that is no decimal unsigned 64-bit number"),
  };
}

std::vector<OpCase> WhereRules() {
  const char* wrong = "! operands of shapes [2], [3] and [3] cannot be broadcast together";
  return {
      {"where", {U8({}), F32({}), F32({})}, "float32[]"},
      {"where", {U8({2, 1}), F32({3}), F32({})}, "float32[2,3]"},
      {"where", {U8({1}), I32({2, 2}), I32({2, 2})}, "int32[2,2]"},
      {"where", {U8({4, 1, 1}), F16({3, 1}), F16({2})}, "float16[4,3,2]"},
      {"where", {U8(Ones(8)), U8({}), U8({1})}, "uint8[1,1,1,1,1,1,1,1]"},
      {"where", {U8({2}), F32({3}), F32({3})}, wrong},
      {"where",
       {U8({3}), F32({2}), F32({3})},
       "! operands of shapes [3], [2] and [3] cannot be broadcast together"},
      {"where",
       {U8({3}), F32({3}), F32({2})},
       "! operands of shapes [3], [3] and [2] cannot be broadcast together"},
      {"where",
       {U8({1 << 16, 1}), U8({1, 1 << 15}), U8({})},
       "! output uint8[65536,32768] has more than 2147483647 elements"},
  };
}

}  // namespace

Family ElementwiseFamily() {
  Family family = {.name = "elementwise", .specified = Rows(), .rules = {}};
  std::vector<OpCase>& rules = family.rules;
  const auto append = [&](std::vector<OpCase> more) { rules.insert(rules.end(), more.begin(), more.end()); };
  for (const char* op : kBinary) AddBroadcasting(rules, op, DataType::kUint8, DataType::kUint8);
  for (const char* op : kBinary) {
    append({
        // Exactly 4 GiB, and one column more.
        {op, {F32({1 << 15, 1}), F32({1, 1 << 15})}, "float32[32768,32768]"},
        {op,
         {F32({1 << 15, 1}), F32({1, (1 << 15) + 1})},
         "! output float32[32768,32769] takes 4295098368 bytes, expected at most 4294967296"},
        {op, {U8({2147483647}), U8({1})}, "uint8[2147483647]"},
    });
  }
  for (const char* op : kComparisons) AddBroadcasting(rules, op, DataType::kFloat16, DataType::kUint8);
  for (const char* op : kLogical) AddBroadcasting(rules, op, DataType::kUint8, DataType::kUint8);
  const auto like_input = [&](const std::string& op, DataType type, DataType result) {
    for (const Shape& shape : {Shape{}, Shape{1}, Ones(8), Shape{1 << 15, 1 << 15}}) {
      rules.push_back({op, {Of(type, shape)}, Of(result, shape).ToString().c_str()});
    }
  };
  like_input("logicalNot", DataType::kUint8, DataType::kUint8);
  for (const char* op : kFloatTests) like_input(op, DataType::kFloat16, DataType::kUint8);
  for (const char* op : kFloatUnary) like_input(op, DataType::kFloat16, DataType::kFloat16);
  for (const char* op : kSignedUnary) like_input(op, DataType::kInt8, DataType::kInt8);
  like_input("identity", DataType::kUint4, DataType::kUint4);
  append(ClampRules());
  append(WhereRules());
  for (uint32_t from = 1; from <= 10; ++from) {
    for (uint32_t to = 1; to <= 10; ++to) {
      const auto target = static_cast<DataType>(to);
      append({{"cast",
               {Of(static_cast<DataType>(from), {3})},
               {{"dataType", target}},
               Of(target, {3}).ToString().c_str()}});
    }
  }
  append({
      {"cast", {F32({})}, {{"dataType", DataType::kUint64}}, "uint64[]"},
      {"cast", {U8({1 << 30})}, {{"dataType", DataType::kFloat32}}, "float32[1073741824]"},
      {"cast",
       {U8({(1 << 30) + 1})},
       {{"dataType", DataType::kFloat32}},
       "! output float32[1073741825] takes 4294967300 bytes, expected at most 4294967296"},
  });
  return family;
}

}  // namespace modeld::rules
