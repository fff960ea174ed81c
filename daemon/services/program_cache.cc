#include "daemon/services/program_cache.h"

#include <algorithm>
#include <optional>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

namespace modeld {
namespace {

constexpr absl::Duration kPollInterval = absl::Milliseconds(10);

void RealPause(absl::Duration duration, const CancelToken& token) {
  const absl::Time end = absl::Now() + duration;
  while (!token.cancelled() && absl::Now() < end) {
    absl::SleepFor(std::min(kPollInterval, end - absl::Now()));
  }
}

}  // namespace

struct ProgramCache::Flight {
  absl::Notification landed;
  // Set before `landed`. CANCELLED: the leader gave up, somebody else may lead.
  std::optional<absl::StatusOr<ProgramPtr>> result;
};

ProgramCache::ProgramCache(Scheduler& pool, const Clock& clock, Pause pause)
    : pool_(pool), clock_(clock), pause_(pause ? std::move(pause) : RealPause) {}

absl::StatusOr<ProgramCache::ProgramPtr> ProgramCache::Get(const std::string& partition, const Key& key,
                                                           uint64_t session_id, Cancellation& cancellation,
                                                           const Compile& compile) {
  while (true) {
    std::shared_ptr<Flight> flight;
    bool leads = false;
    if (ProgramPtr own = FindOrJoin(partition, key, flight, leads)) return own;
    if (leads) {
      uint64_t lane;
      {
        absl::MutexLock lock(&mu_);
        lane = next_lane_++;
      }
      absl::StatusOr<ProgramPtr> program = absl::UnknownError("");
      const absl::Status ran = pool_.Run({session_id, lane}, cancellation, [&] {
        program = Lead(partition, key, cancellation, compile);
        return absl::OkStatus();
      });
      if (!ran.ok()) program = ran;
      Land(partition, key, flight, program);
      // What was made stays with those who wait for it; this call does not want it any more.
      if (absl::Status status = cancellation.Check(); !status.ok()) return status;
      return program;
    }
    while (!flight->landed.WaitForNotificationWithTimeout(kPollInterval)) {
      if (absl::Status status = cancellation.Check(); !status.ok()) return status;
    }
    if (!absl::IsCancelled(flight->result->status())) return *flight->result;
  }
}

ProgramCache::ProgramPtr ProgramCache::FindOrJoin(const std::string& partition, const Key& key,
                                                  std::shared_ptr<Flight>& flight, bool& leads) {
  absl::MutexLock lock(&mu_);
  if (auto entry = entries_.find(key); entry != entries_.end()) {
    if (auto hold = entry->second.holds.find(partition); hold != entry->second.holds.end()) {
      if (auto alive = hold->second.lock()) return ProgramPtr(alive, alive->program.get());
    }
  }
  std::shared_ptr<Flight>& current = flights_[{key, partition}];
  leads = current == nullptr;
  if (leads) current = std::make_shared<Flight>();
  flight = current;
  return nullptr;
}

absl::StatusOr<ProgramCache::ProgramPtr> ProgramCache::Lead(const std::string& partition, const Key& key,
                                                            Cancellation& cancellation,
                                                            const Compile& compile) {
  ProgramPtr foreign;
  absl::Duration cost;
  {
    absl::MutexLock lock(&mu_);
    if (auto entry = entries_.find(key); entry != entries_.end()) {
      foreign = entry->second.program.lock();
      cost = entry->second.cost;
    }
  }
  if (foreign != nullptr) {
    pause_(cost, cancellation.token());
    if (cancellation.token().cancelled()) return absl::CancelledError("the call: cancelled");
    return Publish(partition, key, std::move(foreign), cost);
  }
  const absl::Time begin = clock_.Now();
  absl::StatusOr<ProgramPtr> program = compile();
  if (!program.ok()) return program;
  return Publish(partition, key, *std::move(program), clock_.Now() - begin);
}

ProgramCache::ProgramPtr ProgramCache::Publish(const std::string& partition, const Key& key,
                                               ProgramPtr program, absl::Duration cost) {
  absl::MutexLock lock(&mu_);
  Sweep();
  Entry& entry = entries_[key];
  // Two partitions may have compiled at the same time: one of the two programs is enough.
  if (ProgramPtr first = entry.program.lock()) {
    program = std::move(first);
  } else {
    entry.program = program;
    entry.cost = std::max(cost, absl::ZeroDuration());
  }
  auto hold = std::make_shared<const Hold>(Hold{std::move(program)});
  entry.holds[partition] = hold;
  return ProgramPtr(hold, hold->program.get());
}

void ProgramCache::Land(const std::string& partition, const Key& key, const std::shared_ptr<Flight>& flight,
                        absl::StatusOr<ProgramPtr> result) {
  {
    absl::MutexLock lock(&mu_);
    flights_.erase({key, partition});
  }
  flight->result = std::move(result);
  flight->landed.Notify();
}

void ProgramCache::Sweep() {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    auto& holds = entry->second.holds;
    for (auto hold = holds.begin(); hold != holds.end();) {
      hold = hold->second.expired() ? holds.erase(hold) : std::next(hold);
    }
    entry = holds.empty() && entry->second.program.expired() ? entries_.erase(entry) : std::next(entry);
  }
}

}  // namespace modeld
