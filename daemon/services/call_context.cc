#include "daemon/services/call_context.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "daemon/services/errors.h"
#include "policy/partition.h"

namespace modeld {

absl::StatusOr<std::string> ResolvePartition(const PeerIdentity& identity,
                                             const std::vector<std::string>& named) {
  if (named.size() > 1) {
    return BadField(kPartitionMetadata, absl::StrCat("is there ", named.size(), " times, expected once"));
  }
  switch (identity.role) {
    case Role::kApp:
      if (named.empty()) return AppPartition(identity.app_id);
      return absl::PermissionDeniedError(
          absl::StrCat(kPartitionMetadata, ": only a configured broker may name a partition"));
    case Role::kBroker: {
      if (named.empty()) {
        return BadField(kPartitionMetadata, "is missing, a broker names the partition on each call");
      }
      auto partition = ParseWebPartition(named.front());
      return partition.ok() ? partition : Annotate(partition.status(), kPartitionMetadata);
    }
    case Role::kAdmin: {
      if (named.empty()) return AppPartition(identity.app_id);
      auto partition = ParsePartition(named.front());
      return partition.ok() ? partition : Annotate(partition.status(), kPartitionMetadata);
    }
  }
  return absl::InternalError("session: unknown role");
}

Call::Call(CallGate& gate, std::shared_ptr<SessionObjects> objects, std::string partition,
           std::shared_ptr<Cancellation> cancellation, uint64_t call_id)
    : gate_(gate),
      objects_(std::move(objects)),
      partition_(std::move(partition)),
      cancellation_(std::move(cancellation)),
      call_id_(call_id) {}

Call::~Call() {
  objects_->LeaveCall(call_id_);
  gate_.Leave();
}

absl::StatusOr<std::unique_ptr<Call>> CallGate::Enter(CallOrigin origin, Door door) {
  MODELD_ASSIGN_OR_RETURN(std::shared_ptr<Session> session, sessions_.Find(origin.peer));
  const PeerIdentity& identity = session->identity();
  if (door == Door::kAdmin && identity.role != Role::kAdmin) {
    return absl::PermissionDeniedError(
        absl::StrCat("administration: needs an admin session, this one is of role ",
                     std::string(RoleName(identity.role))));
  }
  MODELD_ASSIGN_OR_RETURN(std::string partition, ResolvePartition(identity, origin.partitions));
  {
    absl::MutexLock lock(&mu_);
    MODELD_RETURN_IF_ERROR(OpenLocked());
    ++in_flight_;
  }
  std::shared_ptr<SessionObjects> objects = table_.For(session);
  auto cancellation = std::make_shared<Cancellation>(std::move(origin.client_gone));
  absl::StatusOr<uint64_t> call_id = objects->EnterCall(cancellation);
  if (!call_id.ok()) {
    Leave();
    return call_id.status();
  }
  return std::unique_ptr<Call>(
      new Call(*this, std::move(objects), std::move(partition), std::move(cancellation), *call_id));
}

std::shared_ptr<Session> CallGate::SessionOf(absl::string_view peer) const {
  auto session = sessions_.Find(peer);
  return session.ok() ? *std::move(session) : nullptr;
}

bool CallGate::Drain(absl::Time deadline) {
  absl::MutexLock lock(&mu_);
  draining_ = true;
  const auto empty = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return in_flight_ == 0; };
  return mu_.AwaitWithDeadline(absl::Condition(&empty), deadline);
}

uint32_t CallGate::calls_in_flight() const {
  absl::MutexLock lock(&mu_);
  return in_flight_;
}

absl::Status CallGate::CheckOpen() const {
  absl::MutexLock lock(&mu_);
  return OpenLocked();
}

absl::Status CallGate::OpenLocked() const {
  return draining_ ? absl::UnavailableError("modeld: is shutting down") : absl::OkStatus();
}

void CallGate::Leave() {
  absl::MutexLock lock(&mu_);
  --in_flight_;
}

}  // namespace modeld
