// What the store's parts share about space: promises, bounds, decisions.
#include <algorithm>
#include <set>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/checked_math.h"
#include "base/status.h"
#include "storage/space.h"
#include "storage/store_core.h"

namespace modeld::storage {
namespace {

constexpr char kShortageUrl[] = "modeld/storage.shortage";
constexpr size_t kMaxDecisions = 4096;
constexpr size_t kMaxDamageDecisions = 64;

uint64_t LessOrNothing(uint64_t from, uint64_t what) {
  return from - std::min(from, what);
}

uint64_t SumOrMax(uint64_t a, uint64_t b) {
  return CheckedAdd(a, b).value_or(UINT64_MAX);
}

// OK, or that `need` more do not fit beside what is used.
absl::Status CheckBound(absl::string_view name, Bound bound, uint64_t need, uint64_t used, uint64_t allowed) {
  const uint64_t have = LessOrNothing(allowed, used);
  if (need <= have) return absl::OkStatus();
  // One text for all bounds: which of them it was may tell of others.
  absl::Status status = absl::ResourceExhaustedError(absl::StrCat(name, ": there is no room"));
  status.SetPayload(kShortageUrl, absl::Cord(absl::StrCat(static_cast<int>(bound), " ", need, " ", have)));
  return status;
}

}  // namespace

std::optional<Shortage> ShortageOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kShortageUrl);
  if (!payload) return std::nullopt;
  const std::string text(*payload);
  const std::vector<std::string> parts = absl::StrSplit(text, ' ');
  int bound = 0;
  Shortage shortage;
  const bool sound = parts.size() == 3 && absl::SimpleAtoi(parts[0], &bound) &&
                     absl::SimpleAtoi(parts[1], &shortage.need_bytes) &&
                     absl::SimpleAtoi(parts[2], &shortage.have_bytes);
  if (!sound) return std::nullopt;
  shortage.bound = static_cast<Bound>(bound);
  return shortage;
}

uint64_t StoreCore::QuotaOf(const PartitionId& partition) const {
  if (partition == SharedPartitionId()) return UINT64_MAX;
  auto own = index.records().limits.find(partition);
  const bool set = own != index.records().limits.end() && own->second.has_quota_bytes();
  return std::min(set ? own->second.quota_bytes() : bounds.quota_bytes, bounds.limit_bytes);
}

Promises::Counted StoreCore::CountedOf(const Owned& blob) const {
  Promises::Counted counted;
  if (auto upload = index.records().uploads.find(blob); upload != index.records().uploads.end()) {
    counted.of_partition = upload->second.size_bytes();
    if (!upload->second.finished()) counted.of_all = upload->second.size_bytes();
  }
  if (index.Sees(blob.first, blob.second)) {
    counted.of_partition = std::max(counted.of_partition, index.ReferencedSize(blob.second).value_or(0));
  }
  return counted;
}

bool StoreCore::HasWhole(const PartitionId& partition, const BlobRef& blob) const {
  if (index.HealthOfBlob(blob.digest) != Health::kWhole) return false;
  if (index.Sees(partition, blob.digest)) return index.ReferencedSize(blob.digest) == blob.size_bytes;
  auto upload = index.records().uploads.find({partition, blob.digest});
  return upload != index.records().uploads.end() && upload->second.finished() &&
         upload->second.size_bytes() == blob.size_bytes;
}

uint64_t StoreCore::LeasedBytes(const PartitionId& partition) const {
  uint64_t bytes = 0;
  std::set<Digest> seen;
  for (const auto& [lease, held] : leases) {
    for (auto it = held.lower_bound({partition, Digest()}); it != held.end() && it->first.first == partition;
         ++it) {
      if (!seen.insert(it->first.second).second) continue;
      const uint64_t promised = promises.SizeOf(it->first).value_or(0);
      bytes += LessOrNothing(it->second, std::max(CountedOf(it->first).of_partition, promised));
    }
  }
  return bytes;
}

uint64_t StoreCore::UsedBytesOf(const PartitionId& partition) const {
  const Index::Sums sums = index.SumsOf(partition);
  const uint64_t recorded = SumOrMax(sums.logical_bytes, sums.staged_bytes - sums.both_bytes);
  const uint64_t others = SumOrMax(promises.UncountedOf(partition), LeasedBytes(partition));
  return SumOrMax(SumOrMax(recorded, sums.plan_bytes), others);
}

uint64_t StoreCore::UsedBytes() const {
  uint64_t leased = 0;
  std::set<Digest> seen;
  for (const auto& [lease, held] : leases) {
    for (const auto& [id, size] : held) {
      auto upload = index.records().uploads.find(id);
      const bool finished = upload != index.records().uploads.end() && upload->second.finished();
      const bool counted = finished || index.References(id.second) > 0;
      if (!counted && seen.insert(id.second).second) leased += size;
    }
  }
  return SumOrMax(SumOrMax(SumOrMax(index.referenced_bytes(), index.staged_bytes()), leased),
                  SumOrMax(index.plan_bytes(), promises.uncounted()));
}

bool StoreCore::DropPlanCause(const PartitionId& partition, const Digest& plan_key,
                              Transaction& changes) const {
  auto found = index.records().plans.find(plan_key);
  if (found == index.records().plans.end()) return false;
  record::PlanRecord plan = found->second;
  plan.clear_causes();
  for (const std::string& cause : found->second.causes()) {
    if (cause != std::string(partition.bytes())) plan.add_causes(cause);
  }
  if (plan.causes_size() == found->second.causes_size()) return false;
  changes.plans[plan_key] = plan.causes_size() == 0 ? std::nullopt : std::optional(plan);
  return true;
}

absl::Status StoreCore::CheckDisk(absl::string_view name, uint64_t counted, uint64_t unwritten) {
  MODELD_RETURN_IF_ERROR(CheckBound(name, Bound::kLimit, counted, UsedBytes(), bounds.limit_bytes));
  if (unwritten == 0) return absl::OkStatus();
  absl::StatusOr<uint64_t> free_bytes = files.cache().FreeBytes();
  // A folder that was wiped is made again by the upload itself.
  if (absl::IsNotFound(free_bytes.status())) return absl::OkStatus();
  MODELD_RETURN_IF_ERROR(free_bytes.status());
  return CheckBound(name, Bound::kFloor, unwritten, SumOrMax(promises.unwritten(), options.min_free_bytes),
                    *free_bytes);
}

absl::Status StoreCore::Promise(const PartitionId& partition, std::span<const BlobRef> refs,
                                const void* holder) {
  struct Fresh {
    uint64_t size_bytes;
    uint64_t written_bytes;
    Promises::Counted counted;
  };
  std::map<Owned, Fresh> fresh;
  uint64_t of_partition = 0, of_all = 0, unwritten = 0;
  for (const BlobRef& ref : refs) {
    const Owned id(partition, ref.digest);
    const Promises::Counted counted = CountedOf(id);
    auto record = index.records().uploads.find(id);
    const bool resumed = record != index.records().uploads.end() && !record->second.finished() &&
                         record->second.size_bytes() == ref.size_bytes;
    const Fresh promise{ref.size_bytes,
                        resumed ? std::min(record->second.durable_bytes(), ref.size_bytes) : 0, counted};
    if (!fresh.emplace(id, promise).second) continue;
    // A digest has one size; who declares another one later is believed when it is larger.
    const std::optional<uint64_t> promised = promises.SizeOf(id);
    const uint64_t before = promised.value_or(0);
    of_partition =
        SumOrMax(of_partition, LessOrNothing(ref.size_bytes, std::max(before, counted.of_partition)));
    of_all = SumOrMax(of_all, LessOrNothing(ref.size_bytes, std::max(before, counted.of_all)));
    unwritten = SumOrMax(unwritten, LessOrNothing(ref.size_bytes, promised ? before : promise.written_bytes));
  }
  const std::string name = refs.size() == 1 ? BlobName(refs[0].digest) : "the constants";
  if (of_partition > 0) {
    MODELD_RETURN_IF_ERROR(
        CheckBound(name, Bound::kQuota, of_partition, UsedBytesOf(partition), QuotaOf(partition)));
  }
  if (of_all > 0 || unwritten > 0) MODELD_RETURN_IF_ERROR(CheckDisk(name, of_all, unwritten));
  for (const auto& [id, promise] : fresh) {
    promises.Add(holder, id, promise.size_bytes, promise.written_bytes, promise.counted);
  }
  return absl::OkStatus();
}

absl::Status StoreCore::BeginWriting(const PartitionId& partition, const BlobRef& ref, const void* holder,
                                     bool anew) {
  MODELD_RETURN_IF_ERROR(Promise(partition, {&ref, 1}, holder));
  if (promises.BeginWriting(holder, {partition, ref.digest}, anew)) return absl::OkStatus();
  absl::Status room = CheckDisk(BlobName(ref.digest), ref.size_bytes, ref.size_bytes);
  if (!room.ok()) {
    promises.Release(holder, {partition, ref.digest});
    return room;
  }
  promises.AddFile(holder, ref.size_bytes);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Reservation>> StoreCore::ReserveFile(absl::string_view name, uint64_t bytes) {
  std::unique_ptr<Reservation> reservation(new Reservation(*this));
  absl::MutexLock lock(&mu);
  MODELD_RETURN_IF_ERROR(CheckDisk(name, bytes, bytes));
  promises.AddFile(reservation.get(), bytes);
  return reservation;
}

Reservation::~Reservation() {
  absl::MutexLock lock(&core_.mu);
  core_.promises.Release(this);
}

void Reservation::Wrote(uint64_t bytes) {
  absl::MutexLock lock(&core_.mu);
  core_.promises.WroteFile(this, bytes);
}

void StoreCore::AddDamageDecisions(const Digest& blob, bool wrong_bytes, Transaction& changes) {
  const std::string text = absl::StrCat(
      BlobName(blob), wrong_bytes ? " was found to have wrong bytes" : " was found to be missing");
  size_t noted = 0;
  for (const auto& [id, hold] : index.records().holds) {
    auto model = index.records().models.find(id.second);
    if (model == index.records().models.end() || !index.Sees(id.first, blob)) continue;
    const std::vector<BlobRef> blobs = BlobsOf(id.second, model->second);
    const bool part =
        std::any_of(blobs.begin(), blobs.end(), [&](const BlobRef& each) { return each.digest == blob; });
    if (!part) continue;
    AddDecision(id.second, NameOf(id.first), "damaged", text, changes);
    if (++noted == kMaxDamageDecisions) return;
  }
}

std::optional<record::DecisionRecord::Uses> StoreCore::TakeUses(const Digest& model,
                                                                absl::string_view partition,
                                                                Transaction& changes) const {
  const auto& decisions = index.records().decisions;
  const std::string model_bytes(model.bytes());
  for (auto it = decisions.rbegin(); it != decisions.rend(); ++it) {
    const record::DecisionRecord& decision = it->second;
    const bool found = decision.has_uses() && decision.model_id() == model_bytes &&
                       absl::string_view(decision.partition()) == partition;
    if (!found) continue;
    record::DecisionRecord blank = decision;
    blank.clear_uses();
    changes.decisions.try_emplace(it->first, std::move(blank));  // unless it goes anyway
    return decision.uses();
  }
  return std::nullopt;
}

Partition StoreCore::NameOf(const PartitionId& id) const {
  const auto& records = index.records();
  if (auto found = records.partitions.find(id); found != records.partitions.end()) {
    return found->second.name();
  }
  auto bounded = records.limits.find(id);
  return bounded != records.limits.end() ? bounded->second.name() : absl::StrCat("?", id.ToHex());
}

record::DecisionRecord& StoreCore::AddDecision(const Digest& model, absl::string_view partition,
                                               absl::string_view what, absl::string_view text,
                                               Transaction& changes) {
  const auto& decisions = index.records().decisions;
  uint64_t next = decisions.empty() ? 0 : decisions.rbegin()->first + 1;
  size_t added = 1;
  for (const auto& [number, decision] : changes.decisions) {
    if (!decision || decisions.contains(number)) continue;
    next = std::max(next, number + 1);
    ++added;
  }
  record::DecisionRecord record;
  record.set_model_id(std::string(model.bytes()));
  record.set_partition(std::string(partition));
  record.set_what(std::string(what));
  record.set_text(std::string(text));
  record.set_at_us(NowMicros());
  record::DecisionRecord& stored = changes.decisions[next].emplace(std::move(record));
  auto oldest = decisions.begin();
  for (size_t count = decisions.size() + added; count > kMaxDecisions && oldest != decisions.end(); --count) {
    changes.decisions[(oldest++)->first] = std::nullopt;
  }
  return stored;
}

}  // namespace modeld::storage
