#include "engine/ops/attribute_check.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <variant>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "engine/graph/float16.h"
#include "engine/graph/graph_error.h"
#include "engine/graph/utf8.h"

namespace modeld {
namespace {

constexpr int64_t kMaxUint = std::numeric_limits<uint32_t>::max();

absl::string_view KindName(AttributeKind kind) {
  switch (kind) {
    case AttributeKind::kBool:
      return "a boolean";
    case AttributeKind::kUint:
      return "an unsigned integer";
    case AttributeKind::kInt:
      return "an integer";
    case AttributeKind::kFloat:
      return "a float";
    case AttributeKind::kNumber:
      return "a number";
    case AttributeKind::kString:
      return "a string";
    case AttributeKind::kDataType:
      return "a data type";
    case AttributeKind::kOperand:
      return "an operand";
    case AttributeKind::kUints:
      return "a list of unsigned integers";
    case AttributeKind::kUintOrUints:
      return "an unsigned integer or a list of them";
    case AttributeKind::kFloats:
      return "a list of floats";
    case AttributeKind::kStrings:
      return "a list of strings";
    case AttributeKind::kGraph:
      return "a graph";
  }
  return "";
}

// By index of AttributeValue's alternatives.
constexpr absl::string_view kValueNames[] = {"a boolean",          "an integer",       "a float",
                                             "a string",           "a data type",      "an operand",
                                             "a list of integers", "a list of floats", "a list of strings",
                                             "a list of operands", "a graph"};

bool IsOfKind(const AttributeValue& value, AttributeKind kind) {
  switch (kind) {
    case AttributeKind::kBool:
      return std::holds_alternative<bool>(value);
    case AttributeKind::kUint:
    case AttributeKind::kInt:
      return std::holds_alternative<int64_t>(value);
    case AttributeKind::kFloat:
      return std::holds_alternative<double>(value);
    case AttributeKind::kNumber:
      return std::holds_alternative<double>(value) || std::holds_alternative<int64_t>(value) ||
             std::holds_alternative<std::string>(value);
    case AttributeKind::kString:
      return std::holds_alternative<std::string>(value);
    case AttributeKind::kDataType:
      return std::holds_alternative<DataType>(value);
    case AttributeKind::kOperand:
      return std::holds_alternative<OperandId>(value);
    case AttributeKind::kUints:
      return std::holds_alternative<std::vector<int64_t>>(value);
    case AttributeKind::kUintOrUints:
      return std::holds_alternative<int64_t>(value) || std::holds_alternative<std::vector<int64_t>>(value);
    case AttributeKind::kFloats:
      return std::holds_alternative<std::vector<double>>(value);
    case AttributeKind::kStrings:
      return std::holds_alternative<std::vector<std::string>>(value);
    case AttributeKind::kGraph:
      return std::holds_alternative<GraphValue>(value);
  }
  return false;
}

absl::Status CheckUint(const InferContext& context, const AttributeSchema& row, int64_t value) {
  if (value >= row.min && value <= kMaxUint) return absl::OkStatus();
  const std::string expected =
      value > kMaxUint ? absl::StrCat("at most ", kMaxUint) : absl::StrCat("at least ", row.min);
  return context.Error(row.name, absl::StrCat(value, " is out of range, expected ", expected), expected,
                       absl::StrCat(value));
}

// `field` has `size` of `units`: at most so many.
absl::Status CheckAtMost(const InferContext& context, absl::string_view field, size_t size,
                         absl::string_view units, size_t most) {
  if (size <= most) return absl::OkStatus();
  const std::string expected = absl::StrCat("at most ", most);
  return context.Error(field, absl::StrCat("has ", size, " ", units, ", expected ", expected), expected,
                       absl::StrCat(size));
}

// `size`: the exact number of elements, or 0.
absl::Status CheckListSize(const InferContext& context, absl::string_view field, size_t found, size_t size) {
  if (size != 0 && found != size) {
    return context.Error(field, absl::StrCat("has ", found, " elements, expected ", size), absl::StrCat(size),
                         absl::StrCat(found));
  }
  return CheckAtMost(context, field, found, "elements", context.limits().max_list_elements);
}

absl::Status CheckUints(const InferContext& context, const AttributeSchema& row,
                        const std::vector<int64_t>& values) {
  MODELD_RETURN_IF_ERROR(CheckListSize(context, row.name, values.size(), row.size));
  for (int64_t value : values) MODELD_RETURN_IF_ERROR(CheckUint(context, row, value));
  return absl::OkStatus();
}

absl::Status CheckString(const InferContext& context, const AttributeSchema& row, const std::string& value) {
  MODELD_RETURN_IF_ERROR(
      CheckAtMost(context, row.name, value.size(), "bytes", context.limits().max_string_bytes));
  const auto is_value = [&](absl::string_view choice) { return choice == value; };
  if (row.choices.empty() || std::any_of(row.choices.begin(), row.choices.end(), is_value)) {
    return absl::OkStatus();
  }
  const std::string expected = absl::StrJoin(row.choices, ", ");
  const std::string found = EscapedForMessage(value);
  return context.Error(row.name, absl::StrCat("is \"", found, "\", expected one of ", expected), expected,
                       found);
}

// A decimal uint64.
std::optional<uint64_t> ParseNumber(const std::string& text) {
  uint64_t value = 0;
  if (!absl::SimpleAtoi(text, &value) || absl::StrCat(value) != text) return std::nullopt;
  return value;
}

absl::Status CheckValue(const InferContext& context, const AttributeSchema& row,
                        const AttributeValue& value) {
  if (!IsOfKind(value, row.kind)) {
    return context.Error(row.name,
                         absl::StrCat("is ", kValueNames[value.index()], ", expected ", KindName(row.kind)),
                         std::string(KindName(row.kind)), std::string(kValueNames[value.index()]));
  }
  if (row.kind == AttributeKind::kUint || row.kind == AttributeKind::kUintOrUints) {
    if (const auto* one = std::get_if<int64_t>(&value)) return CheckUint(context, row, *one);
  }
  if (const auto* list = std::get_if<std::vector<int64_t>>(&value)) return CheckUints(context, row, *list);
  if (const auto* list = std::get_if<std::vector<double>>(&value)) {
    return CheckListSize(context, row.name, list->size(), row.size);
  }
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
    return CheckListSize(context, row.name, list->size(), row.size);
  }
  if (row.kind == AttributeKind::kString) return CheckString(context, row, std::get<std::string>(value));
  if (row.kind == AttributeKind::kNumber && std::holds_alternative<std::string>(value) &&
      !ParseNumber(std::get<std::string>(value))) {
    return context.Error(row.name, "is a string that is no decimal unsigned 64-bit number", "a number");
  }
  if (row.kind == AttributeKind::kDataType && !row.types.Contains(std::get<DataType>(value))) {
    return context.Error(
        row.name,
        absl::StrCat("is data type ", static_cast<int>(std::get<DataType>(value)), " \"",
                     DataTypeName(std::get<DataType>(value)), "\", expected one of ", row.types.ToString()),
        row.types.ToString(), std::string(DataTypeName(std::get<DataType>(value))));
  }
  return absl::OkStatus();
}

// An attribute that the schema does not name, where it allows such.
absl::Status CheckFreeAttribute(const InferContext& context, const std::string& name,
                                const AttributeValue& value) {
  const std::string field = absl::StrCat("attribute \"", EscapedForMessage(name), "\"");
  const bool is_plain = !std::holds_alternative<OperandId>(value) &&
                        !std::holds_alternative<std::vector<OperandId>>(value) &&
                        !std::holds_alternative<GraphValue>(value);
  if (!is_plain) {
    return context.Error(field, absl::StrCat("is ", kValueNames[value.index()], ", expected plain data"),
                         "plain data", std::string(kValueNames[value.index()]));
  }
  const GraphLimits& limits = context.limits();
  MODELD_RETURN_IF_ERROR(
      CheckAtMost(context, field, name.size(), "bytes in its name", limits.max_string_bytes));
  if (const auto* text = std::get_if<std::string>(&value)) {
    return CheckAtMost(context, field, text->size(), "bytes", limits.max_string_bytes);
  }
  if (const auto* list = std::get_if<std::vector<int64_t>>(&value)) {
    return CheckListSize(context, field, list->size(), 0);
  }
  if (const auto* list = std::get_if<std::vector<double>>(&value)) {
    return CheckListSize(context, field, list->size(), 0);
  }
  const auto* list = std::get_if<std::vector<std::string>>(&value);
  if (list == nullptr) return absl::OkStatus();
  MODELD_RETURN_IF_ERROR(CheckListSize(context, field, list->size(), 0));
  for (const std::string& text : *list) {
    MODELD_RETURN_IF_ERROR(
        CheckAtMost(context, field, text.size(), "bytes in an element", limits.max_string_bytes));
  }
  return absl::OkStatus();
}

// WebNN's ConvertToFloat.
double RoundToFloat(double value, DataType type) {
  return type == DataType::kFloat16 ? HalfToFloat(FloatToHalf(value)) : static_cast<float>(value);
}

// The least and greatest value of an integer type.
struct IntegerRange {
  int64_t min;
  uint64_t max;
};
IntegerRange RangeOf(DataType type) {
  const uint32_t bits = ElementBits(type);
  if (IsSignedInteger(type)) return {-(int64_t{1} << (bits - 2)) * 2, (uint64_t{1} << (bits - 1)) - 1};
  return {0, bits == 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1};
}

AttributeValue FromUnsigned(uint64_t value) {
  if (value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return static_cast<int64_t>(value);
  return absl::StrCat(value);
}

// WebNN's ConvertToInt: clamped to the type's range, halves to even, NaN to 0.
AttributeValue RoundToInteger(const AttributeValue& value, DataType type) {
  const IntegerRange range = RangeOf(type);
  if (const auto* text = std::get_if<std::string>(&value)) {
    return FromUnsigned(std::min(*ParseNumber(*text), range.max));
  }
  if (const auto* number = std::get_if<int64_t>(&value)) {
    if (*number < range.min) return range.min;
    if (*number > 0 && static_cast<uint64_t>(*number) > range.max) return FromUnsigned(range.max);
    return *number;
  }
  const double number = std::nearbyint(std::get<double>(value));
  if (std::isnan(number)) return int64_t{0};
  if (number <= static_cast<double>(range.min)) return range.min;
  if (number >= static_cast<double>(range.max)) return FromUnsigned(range.max);
  if (number < 0) return static_cast<int64_t>(number);
  return FromUnsigned(static_cast<uint64_t>(number));
}

double ToDouble(const AttributeValue& value) {
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* number = std::get_if<int64_t>(&value)) return static_cast<double>(*number);
  return static_cast<double>(*ParseNumber(std::get<std::string>(value)));
}

}  // namespace

absl::Status CheckLabel(Operation& operation, uint32_t index, const GraphLimits& limits) {
  const auto error = [&](absl::string_view message, std::string expected, std::string found) {
    return OperationError(absl::StatusCode::kInvalidArgument, operation, index,
                          absl::StrCat("label ", message),
                          {.field = "label", .expected = std::move(expected), .found = std::move(found)});
  };
  const size_t size = operation.label.size();
  if (size > limits.max_string_bytes) {
    operation.label = "";
    const std::string expected = absl::StrCat("at most ", limits.max_string_bytes);
    return error(absl::StrCat("has ", size, " bytes, expected ", expected), expected, absl::StrCat(size));
  }
  if (!IsUtf8(operation.label)) return error("is not UTF-8", "UTF-8", "");
  return absl::OkStatus();
}

absl::Status CheckAttributes(const InferContext& context, const OpSchema& schema) {
  for (const auto& [name, value] : context.operation().attributes) {
    const AttributeSchema* row = schema.FindAttribute(name);
    if (row == nullptr && schema.open_attributes) {
      MODELD_RETURN_IF_ERROR(CheckFreeAttribute(context, name, value));
      continue;
    }
    if (row == nullptr) {
      const std::string shown = EscapedForMessage(name);
      const auto append = [](std::string* out, const AttributeSchema& known) {
        out->append(known.name.data(), known.name.size());
      };
      return context.Error(
          absl::StrCat("attribute \"", shown, "\""), "is unknown",
          schema.attributes.empty() ? "no attributes" : absl::StrJoin(schema.attributes, ", ", append),
          shown);
    }
    MODELD_RETURN_IF_ERROR(CheckValue(context, *row, value));
  }
  for (const AttributeSchema& row : schema.attributes) {
    if (row.required && !context.Has(row.name)) {
      return context.Error(row.name, "is missing", std::string(KindName(row.kind)));
    }
  }
  return absl::OkStatus();
}

absl::Status CompleteAttributes(InferContext& context, const OpSchema& schema) {
  const DataType type = context.input().data_type;
  for (const AttributeSchema& row : schema.attributes) {
    if (!context.Has(row.name)) {
      if (!row.default_value) continue;
      context.Set(row.name, *row.default_value);
    }
    const AttributeValue& value = context.operation().attributes.find(row.name)->second;
    if (row.kind == AttributeKind::kFloat && IsFloat(type)) {
      context.Set(row.name, RoundToFloat(std::get<double>(value), type));
    } else if (row.kind == AttributeKind::kNumber && IsFloat(type)) {
      context.Set(row.name, RoundToFloat(ToDouble(value), type));
    } else if (row.kind == AttributeKind::kNumber) {
      context.Set(row.name, RoundToInteger(value, type));
    }
  }
  return absl::OkStatus();
}

}  // namespace modeld
