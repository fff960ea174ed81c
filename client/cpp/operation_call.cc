#include "client/cpp/operation_call.h"

#include <utility>
#include <variant>

namespace modeld::client {

void OperationCall::AddInput(const MaybeOperand& operand) {
  if (operand.ok()) {
    operands.push_back(*operand);
    operation.inputs.push_back(operand->id());
  } else {
    error.Update(operand.status());
  }
}

void OperationCall::Set(absl::string_view name, AttributeValue value) {
  operation.attributes.insert_or_assign(std::string(name), std::move(value));
}

void OperationCall::operator()(absl::string_view name, const std::string& value) {
  if (!value.empty()) Set(name, value);
}

void OperationCall::operator()(absl::string_view name, const Uints& value) {
  if (!value.empty()) Set(name, std::vector<int64_t>(value.begin(), value.end()));
}

void OperationCall::operator()(absl::string_view name, const std::optional<bool>& value) {
  if (value) Set(name, *value);
}

void OperationCall::operator()(absl::string_view name, const std::optional<double>& value) {
  if (value) Set(name, *value);
}

void OperationCall::operator()(absl::string_view name, const std::optional<uint32_t>& value) {
  if (value) Set(name, int64_t{*value});
}

void OperationCall::operator()(absl::string_view name, const std::optional<int32_t>& value) {
  if (value) Set(name, int64_t{*value});
}

void OperationCall::operator()(absl::string_view name, const std::optional<DataType>& value) {
  if (value) Set(name, *value);
}

void OperationCall::operator()(absl::string_view name, const std::vector<double>& value) {
  if (!value.empty()) Set(name, value);
}

void OperationCall::operator()(absl::string_view name, const std::vector<std::string>& value) {
  if (!value.empty()) Set(name, value);
}

void OperationCall::operator()(absl::string_view name, const std::optional<Number>& value) {
  if (value) std::visit([&](auto v) { Set(name, v); }, *value);
}

void OperationCall::operator()(absl::string_view name, const std::optional<Uints>& value) {
  if (value) Set(name, std::vector<int64_t>(value->begin(), value->end()));
}

void OperationCall::operator()(absl::string_view name, const OptionalOperand& value) {
  if (!value) return;
  if (value->ok()) {
    operands.push_back(**value);
    Set(name, (*value)->id());
  } else {
    error.Update(value->status());
  }
}

}  // namespace modeld::client
