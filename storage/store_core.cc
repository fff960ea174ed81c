#include "storage/store_core.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/checked_math.h"
#include "base/status.h"
#include "storage/record_codec.h"

namespace modeld::storage {
namespace {

// Whether an error tells that the file is not what it should be, rather than that it could not be looked at.
bool IsBadFile(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsDataLoss(status);
}

}  // namespace

absl::Status NoSuchModel() {
  return absl::NotFoundError("there is no such model");
}

StoreCore::StoreCore(const StoreOptions& store_options, std::vector<FolderLock> locks,
                     std::shared_ptr<FileSystem> cache, std::shared_ptr<Catalogue> catalogue_in,
                     const Clock& clock_in)
    : folder_locks(std::move(locks)),
      options(store_options),
      clock(clock_in),
      catalogue(std::move(catalogue_in)),
      files(std::move(cache)),
      plan_files(files),
      bounds(store_options.bounds) {}

StoreCore::~StoreCore() {
  absl::MutexLock lock(&mu);
  // Only last-use times are lost when this fails.
  FlushUses().IgnoreError();
}

absl::Status StoreCore::Commit(const Transaction& changes, Durability durability) {
  std::vector<CatalogueChange> batch;
  for (const auto& [key, value] : doubtful) batch.push_back({key, value});
  for (CatalogueChange& change : Encode(changes)) batch.push_back(std::move(change));
  if (batch.empty()) return absl::OkStatus();
  // Taken back for good: who asks next is told that it is not there.
  if (!doubtful.empty()) durability = Durability::kSynced;
  if (absl::Status committed = catalogue->Commit(batch, durability); !committed.ok()) {
    for (CatalogueChange& change : Encode(index.Before(changes)))
      doubtful[change.key] = std::move(change.value);
    return committed;
  }
  doubtful.clear();
  for (const auto& [id, model] : changes.models) {
    if (model) continue;
    auto old = index.records().models.find(id);
    if (old == index.records().models.end()) continue;
    for (const BlobRef& blob : BlobsOf(id, old->second)) candidates.insert(blob.digest);
  }
  for (const auto& [id, upload] : changes.uploads) {
    // One that begins anew (its file was lost or damaged) keeps the file among the blobs no longer.
    const auto old = index.records().uploads.find(id);
    const bool kept = old != index.records().uploads.end() && old->second.finished();
    if (!upload || (kept && !upload->finished())) candidates.insert(id.second);
  }
  for (const auto& [key, plan] : changes.plans) {
    if (!plan) plan_candidates.insert(key);
  }
  for (const auto& [id, hold] : changes.holds) unflushed_uses.erase(id);
  index.Apply(changes);
  std::set<PartitionId> changed;
  for (const auto& [id, hold] : changes.holds) changed.insert(id.first);
  const auto counts = [&](const Owned& id) ABSL_NO_THREAD_SAFETY_ANALYSIS { return CountedOf(id); };
  for (const PartitionId& id : changed) promises.Recount(id, counts);
  for (const auto& [id, upload] : changes.uploads) {
    promises.SetCounted(id, counts(id));
    if (!upload) promises.SetWritten(id, 0);  // its file has gone, or goes
  }
  return absl::OkStatus();
}

void StoreCore::AddPartition(const Partition& partition, const PartitionId& id, Transaction& changes) {
  if (index.records().partitions.contains(id)) return;
  record::PartitionRecord record;
  record.set_name(partition);
  record.set_created_us(NowMicros());
  changes.partitions[id] = record;
}

absl::Status StoreCore::FlushUses() {
  Transaction changes;
  for (const Owned& id : unflushed_uses) {
    auto hold = index.records().holds.find(id);
    if (hold != index.records().holds.end()) changes.holds[id] = hold->second;
  }
  return Commit(changes, Durability::kLazy);
}

std::optional<uint64_t> StoreCore::SeenSize(const PartitionId& partition, const Digest& blob,
                                            const Lease& lease) const {
  if (index.Sees(partition, blob)) return index.ReferencedSize(blob);
  auto upload = index.records().uploads.find({partition, blob});
  if (upload != index.records().uploads.end() && upload->second.finished())
    return upload->second.size_bytes();
  auto held = leases.find(&lease);
  if (held == leases.end()) return std::nullopt;
  auto found = held->second.find({partition, blob});
  if (found == held->second.end()) return std::nullopt;
  return found->second;
}

void StoreCore::Hold(Lease& lease, const PartitionId& partition, const BlobRef& blob) {
  if (leases[&lease].emplace(Owned(partition, blob.digest), blob.size_bytes).second) ++pins[blob.digest];
}

void StoreCore::LetGo(Lease& lease, const Owned& blob) {
  auto held = leases.find(&lease);
  if (held != leases.end() && held->second.erase(blob) > 0) Unpin(blob.second);
}

void StoreCore::BeginSending(const Owned& blob) {
  Sending& entry = sending[blob];
  ++entry.calls;
  entry.last_bytes = clock.Now();
}

void StoreCore::NoteBytes(const Owned& blob) {
  const auto entry = sending.find(blob);
  if (entry != sending.end()) entry->second.last_bytes = clock.Now();
}

void StoreCore::EndSending(const Owned& blob) {
  const auto entry = sending.find(blob);
  if (entry != sending.end() && --entry->second.calls == 0) sending.erase(entry);
}

StagedInfo StoreCore::Describe(const Owned& blob, const record::UploadRecord& upload) const {
  StagedInfo info;
  info.partition = NameOf(blob.first);
  info.blob = {blob.second, upload.size_bytes()};
  info.committed_bytes = upload.durable_bytes();
  info.finished = upload.finished();
  info.created = absl::FromUnixMicros(upload.created_us());
  info.touched = absl::FromUnixMicros(upload.touched_us());
  const auto entry = sending.find(blob);
  info.open = entry != sending.end();
  info.last_bytes = info.open ? entry->second.last_bytes : info.touched;
  return info;
}

void StoreCore::Release(const Lease& lease) {
  absl::MutexLock lock(&mu);
  auto held = leases.find(&lease);
  promises.Release(&lease);
  if (held == leases.end()) return;
  Transaction changes;
  for (const auto& [owned, size] : held->second) {
    Unpin(owned.second);
    auto upload = index.records().uploads.find(owned);
    if (upload == index.records().uploads.end() || !upload->second.finished()) continue;
    record::UploadRecord touched = upload->second;
    touched.set_touched_us(NowMicros());
    changes.uploads[owned] = touched;
  }
  leases.erase(held);
  // What fails here only makes the uploads look older.
  Commit(changes, Durability::kLazy).IgnoreError();
}

void StoreCore::Unpin(const Digest& blob) {
  auto pin = pins.find(blob);
  if (--pin->second > 0) return;
  pins.erase(pin);
  candidates.insert(blob);
}

absl::StatusOr<StoredModel> StoreCore::OpenModel(const Owned& hold, const PartitionId& reader, Lease& lease) {
  const std::string name = absl::StrCat("model ", hold.second.ToHex());
  std::vector<BlobRef> blobs;
  {
    absl::MutexLock lock(&mu);
    if (!index.records().holds.contains(hold)) return NoSuchModel();
    Health health = index.HealthOf(hold.second);
    if (health == Health::kMissing) return NoSuchModel();
    if (health == Health::kDamaged) {
      return absl::DataLossError(absl::StrCat(name, ": is damaged; store it again"));
    }
    blobs = BlobsOf(hold.second, index.records().models.at(hold.second));
    for (const BlobRef& blob : blobs) Hold(lease, reader, blob);
  }
  for (const BlobRef& blob : blobs) MODELD_RETURN_IF_ERROR(Annotate(CheckPresent(blob), name));
  absl::StatusOr<Region> manifest = Map(reader, blobs[0]);
  if (!manifest.ok()) return Annotate(manifest.status(), name);
  return StoredModel{*std::move(manifest), {blobs.begin() + 1, blobs.end()}};
}

StoreCore::Pin::Pin(StoreCore& core, const Digest& blob) : core_(core), blob_(blob) {
  absl::MutexLock lock(&core_.mu);
  ++core_.pins[blob_];
}

StoreCore::Pin::~Pin() {
  absl::MutexLock lock(&core_.mu);
  core_.Unpin(blob_);
}

absl::Status StoreCore::Place(const BlobRef& blob, const std::string& name) {
  DigestLocks::Guard guard(digest_locks, blob.digest);
  bool known_good;
  {
    absl::MutexLock lock(&mu);
    known_good = verified.contains(blob.digest) && index.HealthOfBlob(blob.digest) == Health::kWhole;
  }
  // A file that nobody has hashed since the start is replaced by the bytes that were hashed just now.
  if (known_good && files.CheckSize(blob).ok()) return files.Discard(blob.digest, name);
  absl::Status placed = files.Place(blob.digest, name);
  absl::MutexLock lock(&mu);
  if (!placed.ok()) {
    // The file may have its name all the same.
    if (index.HealthOfBlob(blob.digest) != Health::kWhole) unmarked[blob.digest] = blob.size_bytes;
    return placed;
  }
  mappings.erase(blob.digest);
  return MarkGood(blob);
}

absl::Status StoreCore::MarkGood(const BlobRef& blob) {
  verified.try_emplace(blob.digest);
  unmarked.erase(blob.digest);
  if (index.HealthOfBlob(blob.digest) == Health::kWhole) return absl::OkStatus();
  Transaction repaired;
  repaired.damage[blob.digest] = std::nullopt;
  absl::Status committed = Commit(repaired, Durability::kLazy);
  if (!committed.ok()) unmarked[blob.digest] = blob.size_bytes;
  return committed;
}

absl::Status StoreCore::MarkBad(const BlobRef& blob, const absl::Status& error) {
  bool wrong_bytes = absl::IsDataLoss(error);
  std::string right;
  if (wrong_bytes) {
    // Where it cannot be moved it stays: the mark alone keeps its bytes from being used.
    const bool moved = files.Quarantine(blob.digest).ok();
    right =
        RightBits(blob, moved ? BlobFiles::QuarantinePath(blob.digest) : BlobFiles::BlobPath(blob.digest));
  }
  absl::MutexLock lock(&mu);
  verified.erase(blob.digest);
  mappings.erase(blob.digest);
  record::DamageRecord damage;
  auto known = index.records().damage.find(blob.digest);
  // A file that went to quarantine is missed afterwards; the blob is damaged all the same.
  if (!wrong_bytes && known != index.records().damage.end()) damage = known->second;
  damage.set_wrong_bytes(wrong_bytes || damage.wrong_bytes());
  damage.set_found_us(NowMicros());
  if (wrong_bytes) damage.set_right_chunks(right);
  Transaction changes;
  changes.damage[blob.digest] = damage;
  if (known == index.records().damage.end()) {
    ++damages_found;
    AddDamageDecisions(blob.digest, wrong_bytes, changes);
  }
  // When the mark cannot be written, the next look finds the same again; at the latest the collector's.
  if (Commit(changes, Durability::kSynced).ok()) {
    unmarked.erase(blob.digest);
  } else {
    unmarked[blob.digest] = blob.size_bytes;
  }
  if (wrong_bytes) return error;
  return absl::DataLossError(absl::StrCat(BlobName(blob.digest), ": its file is missing"));
}

absl::Status StoreCore::CheckPresent(const BlobRef& blob) {
  absl::Status size = files.CheckSize(blob);
  if (!IsBadFile(size)) return size;
  DigestLocks::Guard guard(digest_locks, blob.digest);
  size = files.CheckSize(blob);  // an upload may have repaired it meanwhile
  return IsBadFile(size) ? MarkBad(blob, size) : size;
}

absl::Status StoreCore::Verify(const BlobRef& blob) {
  DigestLocks::Guard guard(digest_locks, blob.digest);
  absl::Status checked = CheckWhole(blob);
  if (IsBadFile(checked)) return MarkBad(blob, checked);
  MODELD_RETURN_IF_ERROR(checked);
  bool marked;
  {
    absl::MutexLock lock(&mu);
    marked = index.HealthOfBlob(blob.digest) != Health::kWhole;
  }
  // A mark ends only for a file that stays.
  if (marked) MODELD_RETURN_IF_ERROR(files.SyncName(blob.digest));
  absl::MutexLock lock(&mu);
  return MarkGood(blob);
}

absl::Status StoreCore::VerifyEach(std::span<const BlobRef> blobs) {
  absl::Status first;
  for (const BlobRef& blob : blobs) {
    const Pin pin(*this, blob.digest);
    const absl::Status looked = Verify(blob);
    if (first.ok() && !absl::IsDataLoss(looked)) first = looked;
  }
  return first;
}

absl::StatusOr<Region> StoreCore::Map(const PartitionId& reader, const BlobRef& blob, bool trust) {
  DigestLocks::Guard guard(digest_locks, blob.digest);
  std::optional<Region> shared;
  bool known_good;
  {
    absl::MutexLock lock(&mu);
    auto mapping = mappings.find(blob.digest);
    if (mapping != mappings.end()) {
      if (std::shared_ptr<const void> owner = mapping->second.owner.lock()) {
        shared = Region(mapping->second.bytes, std::move(owner));
      }
    }
    const auto hashed = verified.find(blob.digest);
    known_good = hashed != verified.end() && hashed->second.contains(reader);
  }
  if (shared && (known_good || trust)) return *shared;
  absl::Status checked = known_good || trust ? files.CheckSize(blob) : CheckWhole(blob);
  absl::StatusOr<Region> region = !checked.ok() ? checked : shared ? *shared : files.Map(blob);
  if (IsBadFile(region.status())) return MarkBad(blob, region.status());
  MODELD_RETURN_IF_ERROR(region.status());
  absl::MutexLock lock(&mu);
  if (!trust) verified[blob.digest].insert(reader);
  mappings[blob.digest] = {region->owner(), region->bytes()};
  return region;
}

bool StoreCore::IsGarbage(const Digest& blob) {
  if (index.References(blob) > 0 || index.HasFinishedUpload(blob) || pins.contains(blob)) return false;
  auto mapping = mappings.find(blob);
  return mapping == mappings.end() || mapping->second.owner.expired();
}

absl::Status StoreCore::CheckStagingLimit(const PartitionId& partition, const BlobRef& blob) {
  uint64_t staged = index.StagedBytes(partition);
  auto own = index.records().uploads.find({partition, blob.digest});
  if (own != index.records().uploads.end()) staged -= own->second.size_bytes();
  std::optional<uint64_t> wanted = CheckedAdd(staged, blob.size_bytes);
  if (wanted && *wanted <= options.max_staged_bytes_per_partition) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(BlobName(blob.digest),
                                                   ": with it the partition's uploads would pass ",
                                                   options.max_staged_bytes_per_partition, " bytes"));
}

}  // namespace modeld::storage
