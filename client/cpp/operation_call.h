// One call of a method of GraphBuilder, between its options and the graph.
#ifndef MODELD_CLIENT_CPP_OPERATION_CALL_H_
#define MODELD_CLIENT_CPP_OPERATION_CALL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/cpp/operand.h"
#include "client/cpp/operation_options.h"
#include "engine/graph/graph.h"

namespace modeld::client {

// What an operation's options set, on its way into the graph. For GraphBuilder. A plain value.
struct OperationCall {
  modeld::Operation operation;
  // Every operand of the call, for the check that they are this builder's.
  std::vector<Operand> operands;
  // The first error among operands.
  absl::Status error;

  void AddInput(const MaybeOperand& operand);
  void Set(absl::string_view name, AttributeValue value);
  // For Visit of the option structs: sets an attribute unless the value is absent or empty.
  void operator()(absl::string_view name, const std::string& value);
  void operator()(absl::string_view name, const Uints& value);
  void operator()(absl::string_view name, const std::optional<bool>& value);
  void operator()(absl::string_view name, const std::optional<double>& value);
  void operator()(absl::string_view name, const std::optional<uint32_t>& value);
  void operator()(absl::string_view name, const std::optional<int32_t>& value);
  void operator()(absl::string_view name, const std::optional<DataType>& value);
  void operator()(absl::string_view name, const std::vector<double>& value);
  void operator()(absl::string_view name, const std::vector<std::string>& value);
  void operator()(absl::string_view name, const std::optional<Number>& value);
  void operator()(absl::string_view name, const std::optional<Uints>& value);
  void operator()(absl::string_view name, const OptionalOperand& value);
};

}  // namespace modeld::client

#endif  // MODELD_CLIENT_CPP_OPERATION_CALL_H_
