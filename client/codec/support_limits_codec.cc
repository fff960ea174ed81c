#include "client/codec/support_limits_codec.h"

#include "client/codec/graph_codec.h"

namespace modeld {
namespace {

v1::TensorLimits Encode(const TensorLimits& limits) {
  v1::TensorLimits message;
  for (uint32_t i = 1; IsValidDataType(i); ++i) {
    const auto type = static_cast<DataType>(i);
    if (limits.data_types.Contains(type)) message.add_data_types(EncodeDataType(type));
  }
  message.set_min_rank(limits.min_rank);
  message.set_max_rank(limits.max_rank);
  return message;
}

TensorLimits Decode(const v1::TensorLimits& message) {
  TensorLimits limits = {.data_types = {}, .min_rank = message.min_rank(), .max_rank = message.max_rank()};
  for (const int type : message.data_types()) {
    const auto known = DecodeDataType(static_cast<v1::DataType>(type), "data_types");
    if (known.ok()) limits.data_types.Add(*known);
  }
  return limits;
}

}  // namespace

v1::GetOpSupportLimitsResponse EncodeOpSupportLimits(const OpSupportLimits& limits) {
  v1::GetOpSupportLimitsResponse message;
  message.set_preferred_input_layout(limits.preferred_input_layout);
  message.set_max_tensor_bytes(limits.max_tensor_bytes);
  *message.mutable_input() = Encode(limits.input);
  *message.mutable_constant() = Encode(limits.constant);
  *message.mutable_output() = Encode(limits.output);
  for (const OperationLimits& operation : limits.operations) {
    auto& out = *message.add_operations();
    out.set_type(operation.type);
    for (const OperationLimits::Member& member : operation.members) {
      auto& to = *out.add_members();
      to.set_name(member.name);
      *to.mutable_limits() = Encode(member.limits);
    }
  }
  return message;
}

OpSupportLimits DecodeOpSupportLimits(const v1::GetOpSupportLimitsResponse& message) {
  OpSupportLimits limits = {.preferred_input_layout = message.preferred_input_layout(),
                            .max_tensor_bytes = message.max_tensor_bytes(),
                            .input = Decode(message.input()),
                            .constant = Decode(message.constant()),
                            .output = Decode(message.output()),
                            .operations = {}};
  for (const auto& operation : message.operations()) {
    OperationLimits& to =
        limits.operations.emplace_back(OperationLimits{.type = operation.type(), .members = {}});
    for (const auto& member : operation.members())
      to.members.push_back({member.name(), Decode(member.limits())});
  }
  return limits;
}

}  // namespace modeld
