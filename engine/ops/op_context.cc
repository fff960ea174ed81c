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

const std::vector<double>& AttributeReader::Floats(absl::string_view name) const {
  return std::get<std::vector<double>>(Get(name));
}

const std::vector<std::string>& AttributeReader::Strings(absl::string_view name) const {
  return std::get<std::vector<std::string>>(Get(name));
}

const GraphValue& AttributeReader::Body(absl::string_view name) const {
  return std::get<GraphValue>(Get(name));
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

DecomposeContext::DecomposeContext(const Graph& graph, const Operation& operation, ValueMap values,
                                   core::CoreBuilder& builder)
    : AttributeReader(operation.attributes),
      b(builder),
      graph_(graph),
      operation_(operation),
      values_(values) {
  for (OperandId id : OperandsRead(operation)) {
    const core::ValueId value = values_[id.value];
    if (IsPacked(b.type(value))) unpacked_.emplace(id, b.CastTo(value, Unpacked(b.type(value))));
  }
}

core::ValueId DecomposeContext::ValueOf(OperandId id) const {
  const auto unpacked = unpacked_.find(id);
  return unpacked == unpacked_.end() ? values_[id.value] : unpacked->second;
}

std::vector<core::ValueId> DecomposeContext::inputs() const {
  std::vector<core::ValueId> result;
  for (size_t i = 0; i < input_count(); ++i) result.push_back(input(i));
  return result;
}

std::optional<core::ValueId> DecomposeContext::OptionalInput(absl::string_view attribute) const {
  if (!Has(attribute)) return std::nullopt;
  return ValueOf(std::get<OperandId>(Get(attribute)));
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
