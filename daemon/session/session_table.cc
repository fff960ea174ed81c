#include "daemon/session/session_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status.h"

namespace modeld {

absl::Status SessionTable::CheckCaps(const PeerIdentity& identity) const {
  const bool admin = identity.role == Role::kAdmin;
  const size_t room = size_t{caps_.max_sessions} + (admin ? caps_.admin_reserve : 0);
  if (by_number_.size() >= room) {
    return absl::ResourceExhaustedError(
        absl::StrCat("session: there are ", by_number_.size(), ", the limit"));
  }
  const auto same_app = std::count_if(by_number_.begin(), by_number_.end(), [&](const auto& entry) {
    return entry.second->identity().app_id == identity.app_id;
  });
  if (!admin && static_cast<uint64_t>(same_app) >= caps_.max_sessions_per_app) {
    return absl::ResourceExhaustedError(absl::StrCat("session: its app has ", same_app, ", the limit"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<Session>> SessionTable::Add(int number, PeerIdentity identity) {
  Remove(number);
  absl::MutexLock lock(&mu_);
  MODELD_RETURN_IF_ERROR(CheckCaps(identity));
  auto session = std::make_shared<Session>(next_id_++, std::move(identity), clock_.Now());
  by_number_[number] = session;
  return session;
}

void SessionTable::Remove(int number) {
  std::shared_ptr<Session> session;
  {
    absl::MutexLock lock(&mu_);
    const auto it = by_number_.find(number);
    if (it == by_number_.end()) return;
    session = std::move(it->second);
    by_number_.erase(it);
  }
  session->Close();
}

void SessionTable::Clear() {
  std::map<int, std::shared_ptr<Session>> all;
  {
    absl::MutexLock lock(&mu_);
    all.swap(by_number_);
  }
  for (const auto& [number, session] : all) session->Close();
}

uint64_t SessionTable::ever() const {
  absl::MutexLock lock(&mu_);
  return next_id_ - 1;
}

absl::StatusOr<std::shared_ptr<Session>> SessionTable::Find(absl::string_view grpc_peer) const {
  int number = -1;
  if (absl::ConsumePrefix(&grpc_peer, "fd:") && absl::SimpleAtoi(grpc_peer, &number)) {
    absl::MutexLock lock(&mu_);
    const auto it = by_number_.find(number);
    if (it != by_number_.end()) return it->second;
  }
  return absl::UnavailableError("session: the connection has ended");
}

std::vector<std::shared_ptr<Session>> SessionTable::List() const {
  std::vector<std::shared_ptr<Session>> sessions;
  {
    absl::MutexLock lock(&mu_);
    for (const auto& [number, session] : by_number_) sessions.push_back(session);
  }
  std::sort(sessions.begin(), sessions.end(), [](const auto& a, const auto& b) { return a->id() < b->id(); });
  return sessions;
}

}  // namespace modeld
