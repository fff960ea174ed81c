#include "engine/ops/op_context.h"

#include <cassert>
#include <variant>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace modeld {

const AttributeValue& AttributeReader::Get(absl::string_view name) const {
  const auto entry = attributes_.find(std::string(name));
  assert(entry != attributes_.end());
  return entry->second;
}

bool AttributeReader::Has(absl::string_view name) const {
  return attributes_.count(std::string(name)) != 0;
}

bool AttributeReader::IsInt(absl::string_view name) const {
  return std::holds_alternative<int64_t>(Get(name));
}

bool AttributeReader::Bool(absl::string_view name) const {
  return std::get<bool>(Get(name));
}

int64_t AttributeReader::Int(absl::string_view name) const {
  return std::get<int64_t>(Get(name));
}

uint32_t AttributeReader::Uint(absl::string_view name) const {
  return static_cast<uint32_t>(Int(name));
}

double AttributeReader::Float(absl::string_view name) const {
  return std::get<double>(Get(name));
}

const std::string& AttributeReader::String(absl::string_view name) const {
  return std::get<std::string>(Get(name));
}

DataType AttributeReader::Type(absl::string_view name) const {
  return std::get<DataType>(Get(name));
}

std::vector<uint32_t> AttributeReader::Uints(absl::string_view name) const {
  const auto& values = std::get<std::vector<int64_t>>(Get(name));
  return std::vector<uint32_t>(values.begin(), values.end());
}

const TensorDescriptor* InferContext::OptionalInput(absl::string_view attribute) const {
  if (!Has(attribute)) return nullptr;
  return &graph_.descriptor(std::get<OperandId>(Get(attribute)));
}

absl::Status InferContext::Error(absl::string_view field, absl::string_view message, std::string expected,
                                 std::string found) const {
  return OperationError(absl::StatusCode::kInvalidArgument, operation_, index_,
                        absl::StrCat(field, " ", message),
                        {.operation_index = {},
                         .label = {},
                         .field = std::string(field),
                         .expected = std::move(expected),
                         .found = std::move(found)});
}

std::vector<core::ValueId> DecomposeContext::inputs() const {
  std::vector<core::ValueId> result;
  for (size_t i = 0; i < input_count(); ++i) result.push_back(input(i));
  return result;
}

std::optional<core::ValueId> DecomposeContext::OptionalInput(absl::string_view attribute) const {
  if (!Has(attribute)) return std::nullopt;
  return values_[std::get<OperandId>(Get(attribute)).value];
}

core::ValueId DecomposeContext::NumberScalar(absl::string_view name, DataType type) const {
  const AttributeValue& value = Get(name);
  if (const auto* number = std::get_if<double>(&value)) return b.Scalar(type, *number);
  if (const auto* number = std::get_if<int64_t>(&value)) return b.IntegerScalar(type, *number);
  uint64_t number = 0;
  const bool parsed = absl::SimpleAtoi(std::get<std::string>(value), &number);
  assert(parsed);
  static_cast<void>(parsed);
  return b.IntegerScalar(type, static_cast<int64_t>(number));
}

}  // namespace modeld
