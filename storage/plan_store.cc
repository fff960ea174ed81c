#include "storage/plan_store.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/checked_math.h"
#include "base/status.h"
#include "storage/plan_format.h"
#include "storage/space.h"
#include "storage/store_core.h"
#include "storage/text_rules.h"

namespace modeld::storage {
namespace {

// Small: who syncs another file waits for the piece that is being written, by a thread of low priority. With
// pieces of 4 MiB calls behind a compilation took up to twice as long.
constexpr size_t kWriteSize = size_t{64} << 10;
// A plan's value halves with each such time without a use.
constexpr absl::Duration kHalfLife = absl::Hours(24 * 7);

std::string PlanName(const Digest& key) {
  return absl::StrCat("plan ", key.ToHex());
}

std::vector<Digest> DigestsIn(const google::protobuf::RepeatedPtrField<std::string>& bytes) {
  std::vector<Digest> digests;
  for (const std::string& value : bytes) {
    if (absl::StatusOr<Digest> digest = Digest::FromBytes(value); digest.ok()) digests.push_back(*digest);
  }
  return digests;
}

// Adds a digest to a sorted list of distinct ones; false when it was there.
bool AddDigest(google::protobuf::RepeatedPtrField<std::string>& list, const Digest& digest) {
  std::vector<std::string> sorted(list.begin(), list.end());
  const std::string bytes(digest.bytes());
  auto at = std::lower_bound(sorted.begin(), sorted.end(), bytes);
  if (at != sorted.end() && *at == bytes) return false;
  sorted.insert(at, bytes);
  list.Assign(sorted.begin(), sorted.end());
  return true;
}

bool IsMapped(const StoreCore& core, const Digest& key) ABSL_SHARED_LOCKS_REQUIRED(core.mu) {
  auto mapping = core.plan_mappings.find(key);
  return mapping != core.plan_mappings.end() && !mapping->second.expired();
}

PlanInfo InfoOf(const StoreCore& core, const Digest& key, const record::PlanRecord& plan)
    ABSL_SHARED_LOCKS_REQUIRED(core.mu) {
  return {.key = key,
          .structure = Digest::FromBytes(plan.structure()).value_or(Digest()),
          .device = plan.device(),
          .fingerprint = plan.fingerprint(),
          .size_bytes = plan.size_bytes(),
          .models = DigestsIn(plan.models()),
          .causes = DigestsIn(plan.causes()),
          .compile_time = absl::Microseconds(plan.compile_us()),
          .created = absl::FromUnixMicros(plan.created_us()),
          .last_used = absl::FromUnixMicros(plan.last_used_us()),
          .uses = plan.uses(),
          .mapped = IsMapped(core, key)};
}

// What a byte of the plan saves.
double ValueOf(const record::PlanRecord& plan, absl::Time now) {
  const absl::Duration idle = std::max(now - absl::FromUnixMicros(plan.last_used_us()), absl::ZeroDuration());
  const double saved = static_cast<double>(plan.uses() + 1) * static_cast<double>(plan.compile_us() + 1);
  return saved / static_cast<double>(plan.size_bytes() + 1) * std::exp2(-absl::FDivDuration(idle, kHalfLife));
}

// Which of the structure's plans the partition gives up for one more: those that it has not used for longest,
// in this run of the process. What others caused, use or have mapped must not show in that.
std::vector<Digest> GivenUp(const StoreCore& core, const NewPlan& plan, const PartitionId& payer)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  const std::string structure(plan.structure.bytes()), cause(payer.bytes());
  std::vector<std::pair<absl::Time, Digest>> own;
  for (const auto& [key, record] : core.index.records().plans) {
    if (key == plan.key || record.structure() != structure) continue;
    if (std::find(record.causes().begin(), record.causes().end(), cause) == record.causes().end()) continue;
    const auto used = core.plan_payments.find({payer, key});
    own.emplace_back(used == core.plan_payments.end() ? absl::InfinitePast() : used->second, key);
  }
  std::sort(own.begin(), own.end());
  std::vector<Digest> given_up;
  for (size_t i = 0; own.size() - i >= core.options.max_plans_per_structure && i < own.size(); ++i) {
    given_up.push_back(own[i].second);
  }
  return given_up;
}

// Which plans go so that one of `bytes` fits the bound of all. RESOURCE_EXHAUSTED: too many are in use.
absl::StatusOr<std::vector<Digest>> Victims(StoreCore& core, const NewPlan& plan, uint64_t bytes)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  struct Candidate {
    double value;
    Digest key;
    uint64_t bytes;
  };
  std::vector<Candidate> idle;
  uint64_t sum = bytes;
  for (const auto& [key, record] : core.index.records().plans) {
    if (key == plan.key) continue;
    sum += record.size_bytes();
    if (IsMapped(core, key)) continue;
    idle.push_back({ValueOf(record, core.clock.Now()), key, record.size_bytes()});
  }
  std::sort(idle.begin(), idle.end(), [](const Candidate& a, const Candidate& b) {
    return std::tie(a.value, a.key) < std::tie(b.value, b.key);
  });
  std::vector<Digest> victims;
  for (const Candidate& c : idle) {
    if (sum <= core.options.max_plan_bytes) break;
    victims.push_back(c.key);
    sum -= c.bytes;
  }
  if (sum > core.options.max_plan_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(PlanName(plan.key), ": the plans have no room for it"));
  }
  return victims;
}

// Writes to a file in order, hashing what it writes.
class HashingWriter {
 public:
  explicit HashingWriter(File& file) : file_(file) {}
  absl::Status Write(absl::string_view bytes) {
    for (size_t at = 0; at < bytes.size(); at += kWriteSize) {
      const absl::string_view piece = bytes.substr(at, kWriteSize);
      MODELD_RETURN_IF_ERROR(file_.WriteAt(offset_, piece));
      hasher_.Update(piece);
      offset_ += piece.size();
    }
    return absl::OkStatus();
  }
  absl::Status PadTo(uint64_t offset) {
    // Less than a page.
    return Write(std::string(offset - offset_, '\0'));
  }
  Digest digest() const { return hasher_.Finish(); }

 private:
  File& file_;
  uint64_t offset_ = 0;
  Sha256 hasher_;
};

// Writes and syncs a plan beneath staging/. Returns the file's digest.
absl::StatusOr<Digest> WriteStaged(StoreCore& core, const std::string& name, const NewPlan& plan,
                                   const PlanLayout& layout) {
  MODELD_ASSIGN_OR_RETURN(std::unique_ptr<File> file, core.files.OpenStaging(name));
  HashingWriter writer(*file);
  MODELD_RETURN_IF_ERROR(writer.Write(EncodePlanHead(plan.key, plan.metadata, layout, core.plan_secret)));
  for (size_t i = 0; i < plan.segments.size(); ++i) {
    MODELD_RETURN_IF_ERROR(writer.PadTo(layout.segments[i].offset));
    MODELD_RETURN_IF_ERROR(writer.Write(plan.segments[i].view()));
  }
  MODELD_RETURN_IF_ERROR(writer.PadTo(layout.file_bytes));
  MODELD_RETURN_IF_ERROR(file->Sync());
  return writer.digest();
}

record::PlanRecord MakeRecord(const StoreCore& core, const NewPlan& plan, uint64_t file_bytes,
                              const Digest& file_digest, const record::PlanRecord* old) {
  record::PlanRecord record = old != nullptr ? *old : record::PlanRecord();
  record.set_size_bytes(file_bytes);
  record.set_structure(std::string(plan.structure.bytes()));
  record.set_device(plan.device);
  record.set_fingerprint(plan.fingerprint);
  record.set_compile_us(absl::ToInt64Microseconds(plan.compile_time));
  record.set_created_us(core.NowMicros());
  record.set_last_used_us(core.NowMicros());
  record.set_file_digest(std::string(file_digest.bytes()));
  AddDigest(*record.mutable_models(), plan.model_id);
  AddDigest(*record.mutable_causes(), Digest::Of(absl::string_view(plan.partition)));
  return record;
}

// Reads and authenticates the head of a plan's file.
absl::StatusOr<PlanHead> ReadHead(StoreCore& core, const Digest& key, uint64_t file_bytes) {
  MODELD_ASSIGN_OR_RETURN(std::unique_ptr<File> file, core.plan_files.Open(key));
  MODELD_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  if (size != file_bytes) return absl::DataLossError(absl::StrCat(PlanName(key), ": its file was cut"));
  // Read, not mapped: a disk that fails answers with an error here, with a signal there.
  const auto read = [&](uint64_t bytes) -> absl::StatusOr<std::string> {
    std::string head(bytes, '\0');
    MODELD_ASSIGN_OR_RETURN(const size_t count,
                            file->ReadAt(0, std::as_writable_bytes(std::span(head.data(), head.size()))));
    head.resize(count);
    return head;
  };
  MODELD_ASSIGN_OR_RETURN(const std::string prefix, read(kPlanPrefixBytes));
  MODELD_ASSIGN_OR_RETURN(const uint64_t head_bytes, PlanHeadBytes(prefix, file_bytes));
  MODELD_ASSIGN_OR_RETURN(const std::string head, read(head_bytes));
  return DecodePlanHead(head, key, file_bytes, core.plan_secret);
}

PlanFault FaultOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return PlanFault::kAbsent;
    case absl::StatusCode::kUnimplemented:
      return PlanFault::kVersion;
    case absl::StatusCode::kDataLoss:
      return PlanFault::kDamaged;
    default:
      return PlanFault::kUnreadable;
  }
}

}  // namespace

absl::string_view PlanFaultName(PlanFault fault) {
  switch (fault) {
    case PlanFault::kAbsent:
      return "absent";
    case PlanFault::kUnreadable:
      return "unreadable";
    case PlanFault::kVersion:
      return "version";
    case PlanFault::kDamaged:
      return "damaged";
  }
  return "damaged";
}

absl::StatusOr<std::unique_ptr<Reservation>> PlanStore::MakeRoom(const NewPlan& plan, uint64_t bytes) {
  std::vector<Digest> victims;
  {
    const PartitionId payer = Digest::Of(absl::string_view(plan.partition));
    absl::MutexLock lock(&core_.mu);
    Transaction changes;
    for (const Digest& key : GivenUp(core_, plan, payer)) core_.index.DropCause(key, payer, changes);
    // What nobody causes any more the collector removes.
    MODELD_RETURN_IF_ERROR(core_.Commit(changes, Durability::kLazy));
    MODELD_ASSIGN_OR_RETURN(victims, Victims(core_, plan, bytes));
  }
  for (const Digest& victim : victims) MODELD_RETURN_IF_ERROR(Remove(victim));
  return core_.ReserveFile(PlanName(plan.key), bytes);
}

absl::Status PlanStore::Write(const NewPlan& plan) {
  MODELD_RETURN_IF_ERROR(CheckPartition(plan.partition));
  if (core_.plan_secret.empty()) {
    return absl::FailedPreconditionError("plans: there is no key to authenticate them with");
  }
  std::vector<uint64_t> sizes;
  for (const Region& segment : plan.segments) sizes.push_back(segment.size());
  MODELD_ASSIGN_OR_RETURN(const PlanLayout layout, LayOutPlan(plan.metadata.size(), sizes));
  // One at a time, so that two do not take the same room.
  absl::MutexLock writing(&write_mu_);
  MODELD_ASSIGN_OR_RETURN(const std::unique_ptr<Reservation> room, MakeRoom(plan, layout.file_bytes));
  std::string temp;
  {
    absl::MutexLock lock(&core_.mu);
    temp = BlobFiles::TempName(core_.next_temp++);
    core_.live_temps.insert(temp);
  }
  const auto forget = absl::MakeCleanup([&] {
    absl::MutexLock lock(&core_.mu);
    core_.live_temps.erase(temp);
  });
  absl::StatusOr<Digest> digest = WriteStaged(core_, temp, plan, layout);
  absl::Status done = digest.status();
  if (done.ok()) done = Publish(plan, layout.file_bytes, *digest, temp);
  if (!done.ok()) core_.files.RemoveStaging(temp).IgnoreError();  // else the collector does it
  return Annotate(done, PlanName(plan.key));
}

absl::Status PlanStore::Publish(const NewPlan& plan, uint64_t file_bytes, const Digest& file_digest,
                                const std::string& staged) {
  DigestLocks::Guard guard(core_.digest_locks, plan.key);
  {
    // From its name to its record, and after a failure, the file is the collector's to judge.
    absl::MutexLock lock(&core_.mu);
    core_.plan_candidates.insert(plan.key);
  }
  absl::Status placed = core_.plan_files.Place(plan.key, staged);
  absl::MutexLock lock(&core_.mu);
  if (!placed.ok()) return placed;
  core_.plan_mappings.erase(plan.key);
  const PartitionId cause = Digest::Of(absl::string_view(plan.partition));
  auto old = core_.index.records().plans.find(plan.key);
  Transaction changes;
  changes.plans[plan.key] = MakeRecord(core_, plan, file_bytes, file_digest,
                                       old == core_.index.records().plans.end() ? nullptr : &old->second);
  absl::Status committed = core_.Commit(changes, Durability::kSynced);
  if (committed.ok()) {
    core_.plan_payments[{cause, plan.key}] = core_.clock.Now();
    core_.plan_candidates.erase(plan.key);
  }
  return committed;
}

std::vector<PlanInfo> PlanStore::Candidates(const Digest& structure, absl::string_view device) const {
  std::vector<PlanInfo> found;
  absl::MutexLock lock(&core_.mu);
  for (const auto& [key, plan] : core_.index.records().plans) {
    if (plan.structure() != std::string(structure.bytes()) || plan.device() != std::string(device)) continue;
    found.push_back(InfoOf(core_, key, plan));
  }
  std::sort(found.begin(), found.end(), [](const PlanInfo& a, const PlanInfo& b) {
    return std::tie(b.last_used, a.key) < std::tie(a.last_used, b.key);
  });
  return found;
}

std::variant<OpenedPlan, PlanFault> PlanStore::Open(const Digest& key) {
  DigestLocks::Guard guard(core_.digest_locks, key);
  OpenedPlan opened;
  uint64_t size_bytes = 0;
  {
    absl::MutexLock lock(&core_.mu);
    auto plan = core_.index.records().plans.find(key);
    if (plan == core_.index.records().plans.end() || core_.plan_secret.empty()) return PlanFault::kAbsent;
    opened.compile_time = absl::Microseconds(plan->second.compile_us());
    size_bytes = plan->second.size_bytes();
  }
  absl::StatusOr<PlanHead> head = ReadHead(core_, key, size_bytes);
  absl::StatusOr<Region> file = head.ok() ? core_.plan_files.Map(key) : head.status();
  if (file.ok() && file->size() != size_bytes) {
    file = absl::DataLossError(absl::StrCat(PlanName(key), ": its file was cut"));
  }
  if (!file.ok()) {
    const PlanFault fault = FaultOf(file.status());
    // What cannot be forgotten now is found to be wrong again.
    if (fault != PlanFault::kUnreadable) Forget(key).IgnoreError();
    return fault;
  }
  opened.metadata = std::move(head->metadata);
  for (const PlanExtent& segment : head->segments) {
    opened.segments.emplace_back(file->bytes().subspan(segment.offset, segment.size_bytes), file->owner());
  }
  absl::MutexLock lock(&core_.mu);
  core_.plan_mappings[key] = file->owner();
  return opened;
}

absl::Status PlanStore::AddUse(const Digest& key, const Partition& partition, const Digest& model_id) {
  MODELD_RETURN_IF_ERROR(CheckPartition(partition));
  const PartitionId cause = Digest::Of(absl::string_view(partition));
  absl::MutexLock lock(&core_.mu);
  auto found = core_.index.records().plans.find(key);
  if (found == core_.index.records().plans.end()) return absl::OkStatus();
  record::PlanRecord plan = found->second;
  AddDigest(*plan.mutable_models(), model_id);
  AddDigest(*plan.mutable_causes(), cause);
  plan.set_last_used_us(core_.NowMicros());
  plan.set_uses(plan.uses() + 1);
  Transaction changes;
  changes.plans[key] = plan;
  MODELD_RETURN_IF_ERROR(core_.Commit(changes, Durability::kLazy));
  core_.plan_payments[{cause, key}] = core_.clock.Now();
  return absl::OkStatus();
}

bool PlanStore::IsCause(const Digest& key, const Partition& partition) const {
  const Digest cause = Digest::Of(absl::string_view(partition));
  absl::MutexLock lock(&core_.mu);
  auto plan = core_.index.records().plans.find(key);
  if (plan == core_.index.records().plans.end()) return false;
  const auto& causes = plan->second.causes();
  return std::find(causes.begin(), causes.end(), std::string(cause.bytes())) != causes.end();
}

absl::Status PlanStore::Verify(const Digest& key) {
  DigestLocks::Guard guard(core_.digest_locks, key);
  record::PlanRecord plan;
  {
    absl::MutexLock lock(&core_.mu);
    auto found = core_.index.records().plans.find(key);
    if (found == core_.index.records().plans.end()) {
      return absl::NotFoundError(absl::StrCat(PlanName(key), ": there is none"));
    }
    plan = found->second;
  }
  Sha256 hasher;
  absl::Status read;
  if (absl::StatusOr<std::unique_ptr<File>> file = core_.plan_files.Open(key); file.ok()) {
    absl::StatusOr<uint64_t> size = (*file)->Size();
    read = !size.ok() ? size.status()
                      : (*size != plan.size_bytes() ? absl::DataLossError("its file was cut")
                                                    : HashPrefix(**file, plan.size_bytes(), hasher));
  } else {
    read = file.status();
  }
  if (read.ok() && hasher.Finish().bytes() != plan.file_digest()) {
    read = absl::DataLossError("its bytes are not those that were written");
  }
  if (absl::IsNotFound(read)) read = absl::DataLossError("its file is missing");
  if (absl::IsDataLoss(read)) Forget(key).IgnoreError();  // else it is found to be wrong again
  return Annotate(read, PlanName(key));
}

absl::Status PlanStore::Remove(const Digest& key) {
  DigestLocks::Guard guard(core_.digest_locks, key);
  return Forget(key);
}

absl::Status PlanStore::Forget(const Digest& key) {
  {
    absl::MutexLock lock(&core_.mu);
    if (!core_.index.records().plans.contains(key)) return absl::OkStatus();
    Transaction changes;
    changes.plans[key] = std::nullopt;
    MODELD_RETURN_IF_ERROR(Annotate(core_.Commit(changes, Durability::kSynced), PlanName(key)));
  }
  // The record made it a candidate: what cannot be removed now, the collector removes.
  core_.plan_files.Remove(key).IgnoreError();
  return absl::OkStatus();
}

std::vector<PlanInfo> PlanStore::List() const {
  std::vector<PlanInfo> list;
  absl::MutexLock lock(&core_.mu);
  for (const auto& [key, plan] : core_.index.records().plans) list.push_back(InfoOf(core_, key, plan));
  return list;
}

uint64_t PlanStore::Bytes() const {
  uint64_t sum = 0;
  absl::MutexLock lock(&core_.mu);
  for (const auto& [key, plan] : core_.index.records().plans) sum += plan.size_bytes();
  return sum;
}

}  // namespace modeld::storage
