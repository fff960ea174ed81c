#include "daemon/services/rpc.h"

#include <memory>
#include <string>
#include <utility>

#include "daemon/call_log.h"
#include "daemon/grpc_status.h"

namespace modeld {
namespace {

CallOrigin OriginOf(grpc::ServerContext& context) {
  CallOrigin origin;
  origin.peer = context.peer();
  const auto [begin, end] = context.client_metadata().equal_range(kPartitionMetadata);
  for (auto it = begin; it != end; ++it) origin.partitions.emplace_back(it->second.data(), it->second.size());
  origin.client_gone = [&context] { return context.IsCancelled(); };
  return origin;
}

}  // namespace

grpc::Status Serve(CallGate& gate, CallGate::Door door, grpc::ServerContext& context,
                   absl::string_view method, const std::function<absl::Status(Call&)>& body) {
  absl::Status status;
  {
    absl::StatusOr<std::unique_ptr<Call>> call = gate.Enter(OriginOf(context), door);
    status = call.ok() ? body(**call) : call.status();
  }
  if (!status.ok()) {
    if (const auto session = gate.SessionOf(context.peer())) {
      LogFailedCall(method, *session, status);
    } else {
      LogFailedCall(method, status);
    }
  }
  return ToGrpcStatus(status);
}

}  // namespace modeld
