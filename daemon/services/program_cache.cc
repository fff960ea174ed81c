#include "daemon/services/program_cache.h"

#include <algorithm>
#include <iterator>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "base/status.h"

namespace modeld {
namespace {

constexpr absl::Duration kPollInterval = absl::Milliseconds(10);

std::vector<policy::SharedWeights> WeightsOf(const Program& program) {
  std::vector<policy::SharedWeights> weights;
  for (const Region& constant : program.constants) {
    weights.push_back({reinterpret_cast<uintptr_t>(constant.bytes().data()), constant.size()});
  }
  return weights;
}

ProgramCache::Options Complete(ProgramCache::Options options) {
  if (!options.pause) options.pause = RealPause;
  return options;
}

}  // namespace

void RealPause(absl::Duration duration, const CancelToken& token) {
  const absl::Time end = absl::Now() + duration;
  while (!token.cancelled() && absl::Now() < end) {
    absl::SleepFor(std::min(kPollInterval, end - absl::Now()));
  }
}

std::shared_ptr<const Program> ProgramHandle::Peek() const {
  return own_ != nullptr ? own_ : cache_.Peek(partition_, key_);
}

struct ProgramCache::Flight {
  absl::Notification landed;
  // Set before `landed`. CANCELLED: the leader gave up, somebody else may lead.
  std::optional<absl::StatusOr<ProgramPtr>> result;
};

ProgramCache::ProgramCache(Scheduler& pool, const Clock& clock, Options options)
    : pool_(pool), clock_(clock), options_(Complete(std::move(options))) {}

absl::StatusOr<ProgramCache::HandlePtr> ProgramCache::Get(const std::string& partition, const Key& key,
                                                          uint64_t session_id, Cancellation& cancellation,
                                                          ProgramSource& source) {
  MODELD_RETURN_IF_ERROR(Obtain(partition, key, session_id, cancellation, source).status());
  return HandlePtr(new ProgramHandle(*this, partition, key, nullptr));
}

absl::StatusOr<ProgramCache::ProgramPtr> ProgramCache::Use(const ProgramHandle& handle, uint64_t session_id,
                                                           Cancellation& cancellation,
                                                           ProgramSource& source) {
  if (handle.own_ != nullptr) return handle.own_;
  const std::string& partition = handle.partition_;
  const Key& key = handle.key_;
  MODELD_ASSIGN_OR_RETURN(ProgramPtr program, Obtain(partition, key, session_id, cancellation, source));
  std::shared_ptr<const void> alive;
  {
    absl::MutexLock lock(&mu_);
    auto entry = entries_.find(key);
    // Dropped this very moment: the run keeps it alone.
    if (entry == entries_.end() || entry->second.program != program) return program;
    ++entry->second.holds[partition].runs;
    alive = entry->second.alive;
  }
  const Program* plain = program.get();
  return ProgramPtr(plain, [this, partition, key, program = std::move(program),
                            alive = std::move(alive)](const Program*) mutable {
    Release(partition, key, program);
    alive.reset();
  });
}

absl::StatusOr<ProgramCache::HandlePtr> ProgramCache::GetOwn(uint64_t session_id, Cancellation& cancellation,
                                                             ProgramSource& source) {
  MODELD_ASSIGN_OR_RETURN(ProgramPtr program,
                          OnWorker(session_id, cancellation, [&]() -> absl::StatusOr<ProgramPtr> {
                            MODELD_ASSIGN_OR_RETURN(ProgramSource::Made made, source.Make());
                            return made.program;
                          }));
  return HandlePtr(new ProgramHandle(*this, "", Key(), std::move(program)));
}

absl::StatusOr<ProgramCache::ProgramPtr> ProgramCache::Obtain(const std::string& partition, const Key& key,
                                                              uint64_t session_id, Cancellation& cancellation,
                                                              ProgramSource& source) {
  while (true) {
    std::shared_ptr<Flight> flight;
    bool leads = false;
    if (ProgramPtr own = FindOrJoin(partition, key, flight, leads)) return own;
    if (leads) {
      absl::StatusOr<ProgramPtr> program =
          OnWorker(session_id, cancellation, [&] { return Lead(partition, key, cancellation, source); });
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

absl::StatusOr<ProgramCache::ProgramPtr> ProgramCache::OnWorker(
    uint64_t session_id, Cancellation& cancellation,
    const std::function<absl::StatusOr<ProgramPtr>()>& work) {
  uint64_t lane;
  {
    absl::MutexLock lock(&mu_);
    lane = next_lane_++;
  }
  absl::StatusOr<ProgramPtr> program = absl::UnknownError("");
  const absl::Status ran = pool_.Run({session_id, lane}, cancellation, [&] {
    program = work();
    return absl::OkStatus();
  });
  if (!ran.ok()) return ran;
  return program;
}

bool ProgramCache::Has(const Entry& entry, const std::string& partition) const {
  if (entry.program == nullptr) return false;
  auto hold = entry.holds.find(partition);
  if (hold == entry.holds.end()) return false;
  const absl::Duration keep_alive = options_.bounds.keep_alive;
  if (hold->second.runs > 0 || (hold->second.fresh && keep_alive <= absl::ZeroDuration())) return true;
  return clock_.Now() - hold->second.last_used < keep_alive;
}

ProgramCache::ProgramPtr ProgramCache::FindOrJoin(const std::string& partition, const Key& key,
                                                  std::shared_ptr<Flight>& flight, bool& leads) {
  absl::MutexLock lock(&mu_);
  if (auto entry = entries_.find(key); entry != entries_.end() && Has(entry->second, partition)) {
    entry->second.holds[partition].last_used = clock_.Now();
    return entry->second.program;
  }
  std::shared_ptr<Flight>& current = flights_[{key, partition}];
  leads = current == nullptr;
  if (leads) current = std::make_shared<Flight>();
  flight = current;
  return nullptr;
}

ProgramCache::ProgramPtr ProgramCache::Peek(const std::string& partition, const Key& key) const {
  absl::MutexLock lock(&mu_);
  auto entry = entries_.find(key);
  return entry != entries_.end() && Has(entry->second, partition) ? entry->second.program : nullptr;
}

absl::StatusOr<ProgramCache::ProgramPtr> ProgramCache::Lead(const std::string& partition, const Key& key,
                                                            Cancellation& cancellation,
                                                            ProgramSource& source) {
  using policy::FirstBuild;
  ProgramSource::Made foreign;
  // Who compiles has no use for it, and must not keep it from going meanwhile.
  if (options_.first_build != FirstBuild::kCompile) {
    absl::MutexLock lock(&mu_);
    if (auto entry = entries_.find(key); entry != entries_.end()) {
      foreign = {entry->second.program, entry->second.compile_time};
    }
  }
  if (foreign.program != nullptr && options_.first_build == FirstBuild::kShare) {
    return Publish(partition, key, std::move(foreign));
  }
  if (foreign.program != nullptr && !source.HasPaid()) {
    options_.pause(foreign.compile_time, cancellation.token());
    if (cancellation.token().cancelled()) return absl::CancelledError("the call: cancelled");
    source.NotePaid();
    return Publish(partition, key, std::move(foreign));
  }
  // Whatever is in memory by others' doing: who has paid loads the own plan, who has not compiles.
  foreign = {};
  MODELD_ASSIGN_OR_RETURN(ProgramSource::Made made, source.Make());
  return Publish(partition, key, std::move(made));
}

ProgramCache::ProgramPtr ProgramCache::Publish(const std::string& partition, const Key& key,
                                               ProgramSource::Made made) {
  std::vector<ProgramPtr> gone;
  absl::MutexLock lock(&mu_);
  Entry& entry = entries_[key];
  const absl::Time now = clock_.Now();
  // Another partition has made it, too: one of the two programs is enough.
  if (entry.program == nullptr) {
    entry.program = std::move(made.program);
    entry.loaded_at = now;
  }
  entry.compile_time = std::max(made.compile_time, entry.compile_time);
  Hold& hold = entry.holds[partition];
  hold.last_used = now;
  hold.fresh = true;
  ProgramPtr program = entry.program;
  Shed({}, /*spare_fresh=*/true, gone);
  return program;
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

void ProgramCache::Release(const std::string& partition, const Key& key, ProgramPtr& program) {
  std::vector<ProgramPtr> gone;
  absl::MutexLock lock(&mu_);
  auto entry = entries_.find(key);
  if (entry != entries_.end() && entry->second.program == program) {
    if (auto hold = entry->second.holds.find(partition); hold != entry->second.holds.end()) {
      hold->second.last_used = clock_.Now();
      hold->second.fresh = false;
      if (hold->second.runs > 0) --hold->second.runs;
    }
  }
  gone.push_back(std::move(program));
  if (over_budget_ || options_.bounds.keep_alive <= absl::ZeroDuration())
    Shed({}, /*spare_fresh=*/true, gone);
}

std::vector<policy::ResidentProgram> ProgramCache::Residents(bool spare_fresh) const {
  std::vector<policy::ResidentProgram> residents;
  uint64_t id = 0;
  for (const auto& [key, entry] : entries_) {
    policy::ResidentProgram& resident = residents.emplace_back();
    resident.id = id++;
    if (entry.program == nullptr) continue;
    resident.weights = WeightsOf(*entry.program);
    resident.loaded_at = entry.loaded_at;
    for (const auto& [partition, hold] : entry.holds) {
      resident.owners.push_back(partition);
      resident.last_used = std::max(resident.last_used, hold.last_used);
      resident.in_use = resident.in_use || hold.runs > 0 || (spare_fresh && hold.fresh);
    }
  }
  return residents;
}

void ProgramCache::Tend(const policy::MemoryPressure& pressure) {
  std::vector<ProgramPtr> gone;
  absl::MutexLock lock(&mu_);
  Shed(pressure, /*spare_fresh=*/false, gone);
  for (auto& [key, entry] : entries_) {
    for (auto& [partition, hold] : entry.holds) hold.fresh = false;
  }
}

void ProgramCache::Shed(const policy::MemoryPressure& pressure, bool spare_fresh,
                        std::vector<ProgramPtr>& gone) {
  std::vector<policy::ResidentProgram> residents = Residents(spare_fresh);
  const policy::ResidencyBounds bounds =
      policy::UnderPressure(options_.bounds, policy::ResidentBytes(residents), pressure);
  std::vector<uint64_t> dropped = policy::ProgramsToDrop(residents, bounds, clock_.Now());
  std::sort(dropped.begin(), dropped.end());
  uint64_t id = 0;
  for (auto entry = entries_.begin(); entry != entries_.end(); ++id) {
    if (!std::binary_search(dropped.begin(), dropped.end(), id) && entry->second.program != nullptr) {
      ++entry;
      continue;
    }
    gone.push_back(std::move(entry->second.program));
    entry = entries_.erase(entry);
  }
  std::erase_if(residents, [&](const policy::ResidentProgram& resident) {
    return std::binary_search(dropped.begin(), dropped.end(), resident.id);
  });
  const uint64_t budget = options_.bounds.budget_bytes;
  over_budget_ = budget != 0 && policy::ResidentBytes(residents) > budget;
}

ProgramCache::Dropped ProgramCache::Drop(const std::optional<Digest>& model_id,
                                         const std::vector<OwnProgram>& own) {
  std::vector<ProgramPtr> gone;
  std::vector<std::weak_ptr<const void>> going;
  absl::MutexLock lock(&mu_);
  std::vector<policy::ResidentProgram> before = Residents();
  for (const OwnProgram& one : own) before.emplace_back().weights = WeightsOf(*one.program);
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (model_id && entry->first.model_id != *model_id) {
      ++entry;
      continue;
    }
    gone.push_back(std::move(entry->second.program));
    going.push_back(entry->second.alive);
    entry = entries_.erase(entry);
  }
  return {gone.size() + own.size(), policy::ResidentBytes(before) - policy::ResidentBytes(Residents()),
          std::move(going)};
}

void ProgramCache::DropPartition(const std::string& partition) {
  std::vector<ProgramPtr> gone;
  absl::MutexLock lock(&mu_);
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (entry->second.holds.erase(partition) == 0 || !entry->second.holds.empty()) {
      ++entry;
      continue;
    }
    gone.push_back(std::move(entry->second.program));
    entry = entries_.erase(entry);
  }
}

std::vector<ProgramCache::Residency> ProgramCache::Residencies() const {
  std::vector<Residency> residencies;
  absl::MutexLock lock(&mu_);
  const absl::Time now = clock_.Now();
  for (const auto& [key, entry] : entries_) {
    if (entry.program == nullptr) continue;
    const bool had = std::any_of(entry.holds.begin(), entry.holds.end(),
                                 [&](const auto& hold) { return Has(entry, hold.first); });
    for (const auto& [partition, hold] : entry.holds) {
      if (had && !Has(entry, partition)) continue;
      const absl::Duration idle = std::max(now - hold.last_used, absl::ZeroDuration());
      residencies.push_back({partition, key, entry.program, hold.runs > 0,
                             std::max(options_.bounds.keep_alive - idle, absl::ZeroDuration())});
    }
  }
  return residencies;
}

ProgramCache::Totals ProgramCache::totals(const std::vector<OwnProgram>& own) const {
  std::multimap<std::string, ProgramPtr> by_device;
  for (const OwnProgram& program : own) by_device.emplace(program.device, program.program);
  {
    absl::MutexLock lock(&mu_);
    for (const auto& [key, entry] : entries_) {
      if (entry.program != nullptr) by_device.emplace(key.device, entry.program);
    }
  }
  Totals totals{.programs = by_device.size(), .bytes = 0, .bytes_by_device = {}};
  std::vector<policy::ResidentProgram> residents;
  for (auto it = by_device.begin(); it != by_device.end();) {
    const std::string& device = it->first;
    for (const auto end = by_device.upper_bound(device); it != end; ++it) {
      residents.emplace_back().weights = WeightsOf(*it->second);
    }
    // What the devices before do not hold already.
    const uint64_t before = std::exchange(totals.bytes, policy::ResidentBytes(residents));
    totals.bytes_by_device[device] = totals.bytes - before;
  }
  return totals;
}

}  // namespace modeld
