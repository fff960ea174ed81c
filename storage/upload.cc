// How bytes come in: leases, uploads, and the calls of ModelStore that begin them.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/model_store.h"
#include "storage/store_core.h"
#include "storage/text_rules.h"

namespace modeld::storage {
namespace {

// An upload makes its bytes durable whenever this many have arrived.
constexpr uint64_t kCheckpointBytes = uint64_t{16} << 20;
constexpr size_t kWriteSize = size_t{4} << 20;

// Notes that a blob was placed for a partition: the lease holds it, and a finished upload keeps it for later
// sessions, unless a model of the partition does already.
void FinishUpload(StoreCore& core, const Partition& partition, const Owned& id, uint64_t size_bytes,
                  Lease& lease) ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  core.Hold(lease, id.first, {id.second, size_bytes});
  Transaction changes;
  auto old = core.index.records().uploads.find(id);
  bool known = old != core.index.records().uploads.end();
  if (core.index.Sees(id.first, id.second)) {
    if (known) changes.uploads[id] = std::nullopt;
  } else {
    core.AddPartition(partition, id.first, changes);
    record::UploadRecord record;
    record.set_size_bytes(size_bytes);
    record.set_durable_bytes(size_bytes);
    record.set_finished(true);
    record.set_created_us(known ? old->second.created_us() : core.NowMicros());
    record.set_touched_us(core.NowMicros());
    changes.uploads[id] = record;
  }
  // The lease holds the blob already; what fails here only costs a later session the upload.
  core.Commit(changes, Durability::kLazy).IgnoreError();
}

// Writes and syncs a file beneath staging/.
absl::Status WriteTemp(BlobFiles& files, const std::string& name, const Region& bytes) {
  MODELD_ASSIGN_OR_RETURN(std::unique_ptr<File> file, files.OpenStaging(name));
  for (size_t at = 0; at < bytes.size(); at += kWriteSize) {
    MODELD_RETURN_IF_ERROR(file->WriteAt(at, bytes.view().substr(at, kWriteSize)));
  }
  return file->Sync();
}

}  // namespace

Lease::~Lease() {
  core_.Release(*this);
}

// What an Upload does and holds.
struct Upload::State {
  State(StoreCore& store_core, const Partition& partition_in, const BlobRef& ref_in, Lease& lease_in)
      : core(store_core),
        partition(partition_in),
        id(Digest::Of(absl::string_view(partition_in)), ref_in.digest),
        ref(ref_in),
        lease(lease_in) {}
  ~State();

  absl::Status Begin(const std::optional<record::UploadRecord>& old);
  absl::Status Append(uint64_t offset, absl::string_view bytes);
  absl::Status Commit();
  // Syncs what has arrived and notes it.
  absl::Status Checkpoint();
  // Goes back to the durable bytes, as nobody knows what a failed sync left of the others. Ends the upload
  // when even that fails.
  absl::Status Rewind();
  // Removes the file and the record.
  void Abandon();
  std::string Name() const { return BlobName(ref.digest); }

  StoreCore& core;
  const Partition partition;
  const Owned id;
  const BlobRef ref;
  Lease& lease;
  bool claimed = false;   // stands among the core's open uploads
  bool complete = false;  // the partition has the blob; nothing is left to do
  bool ended = false;     // nothing more can be done
  bool name_durable = false;
  std::unique_ptr<File> file;
  uint64_t committed = 0;
  uint64_t durable = 0;
  Sha256 hasher;
};

Upload::State::~State() {
  if (file && !complete && !ended) {
    if (committed == 0) {
      Abandon();
    } else if (committed > durable) {
      // What cannot be synced now is sent again later.
      Checkpoint().IgnoreError();
    }
  }
  if (!claimed) return;
  absl::MutexLock lock(&core.mu);
  core.open_uploads.erase(id);
}

absl::Status Upload::State::Begin(const std::optional<record::UploadRecord>& old) {
  durable = old ? old->durable_bytes() : 0;
  MODELD_RETURN_IF_ERROR(core.CheckFloor(ref.digest, ref.size_bytes - durable));
  absl::StatusOr<std::unique_ptr<File>> opened = core.files.OpenStaging(BlobFiles::StagingName(id));
  MODELD_RETURN_IF_ERROR(Annotate(opened.status(), Name()));
  file = *std::move(opened);
  MODELD_RETURN_IF_ERROR(Rewind());
  record::UploadRecord record = old.value_or(record::UploadRecord());
  record.set_size_bytes(ref.size_bytes);
  record.set_durable_bytes(durable);
  record.set_finished(false);
  record.set_touched_us(core.NowMicros());
  if (!old) record.set_created_us(core.NowMicros());
  absl::MutexLock lock(&core.mu);
  Transaction changes;
  core.AddPartition(partition, id.first, changes);
  changes.uploads[id] = record;
  return core.Commit(changes, Durability::kLazy);
}

absl::Status Upload::State::Rewind() {
  hasher = Sha256();
  auto rewind = [&]() -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(uint64_t size, file->Size());
    durable = std::min(durable, size);
    if (size != durable) MODELD_RETURN_IF_ERROR(file->Truncate(durable));
    MODELD_RETURN_IF_ERROR(HashPrefix(*file, durable, hasher));
    committed = durable;
    return absl::OkStatus();
  };
  absl::Status done = rewind();
  ended = !done.ok();
  return Annotate(done, Name());
}

absl::Status Upload::State::Checkpoint() {
  absl::Status synced = file->Sync();
  if (synced.ok() && !name_durable) synced = core.files.SyncStaging();
  if (!synced.ok()) {
    Rewind().IgnoreError();  // the first error says more
    return Annotate(synced, Name());
  }
  name_durable = true;
  absl::MutexLock lock(&core.mu);
  auto old = core.index.records().uploads.find(id);
  if (old == core.index.records().uploads.end()) return absl::OkStatus();  // the partition was removed
  record::UploadRecord record = old->second;
  record.set_durable_bytes(committed);
  record.set_touched_us(core.NowMicros());
  Transaction changes;
  changes.uploads[id] = record;
  MODELD_RETURN_IF_ERROR(core.Commit(changes, Durability::kSynced));
  durable = committed;
  return absl::OkStatus();
}

void Upload::State::Abandon() {
  ended = true;
  core.files.RemoveStaging(BlobFiles::StagingName(id)).IgnoreError();
  absl::MutexLock lock(&core.mu);
  auto old = core.index.records().uploads.find(id);
  if (old == core.index.records().uploads.end() || old->second.finished()) return;
  Transaction changes;
  changes.uploads[id] = std::nullopt;
  core.Commit(changes, Durability::kLazy).IgnoreError();  // else the collector does it
}

absl::Status Upload::State::Append(uint64_t offset, absl::string_view bytes) {
  if (ended) return absl::FailedPreconditionError(absl::StrCat(Name(), ": its upload has ended"));
  if (offset != committed) {
    return absl::OutOfRangeError(
        absl::StrCat(Name(), ": bytes for offset ", offset, ", expected at ", committed));
  }
  if (bytes.size() > ref.size_bytes - committed) {
    return absl::OutOfRangeError(
        absl::StrCat(Name(), ": more bytes than the ", ref.size_bytes, " that were declared"));
  }
  if (bytes.empty()) return absl::OkStatus();
  MODELD_RETURN_IF_ERROR(Annotate(file->WriteAt(offset, bytes), Name()));
  hasher.Update(bytes);
  committed += bytes.size();
  return committed - durable >= kCheckpointBytes ? Checkpoint() : absl::OkStatus();
}

absl::Status Upload::State::Commit() {
  if (complete) return absl::OkStatus();
  if (ended) return absl::FailedPreconditionError(absl::StrCat(Name(), ": its upload has ended"));
  if (committed != ref.size_bytes) {
    return absl::FailedPreconditionError(
        absl::StrCat(Name(), ": ", committed, " of ", ref.size_bytes, " bytes have arrived"));
  }
  if (hasher.Finish() != ref.digest) {
    Abandon();
    return absl::DataLossError(absl::StrCat(Name(), ": the bytes sent hash to another digest"));
  }
  if (absl::Status synced = file->Sync(); !synced.ok()) {
    Rewind().IgnoreError();
    return Annotate(synced, Name());
  }
  StoreCore::Pin pin(core, ref.digest);
  MODELD_RETURN_IF_ERROR(core.Place(ref, BlobFiles::StagingName(id)));
  absl::MutexLock lock(&core.mu);
  FinishUpload(core, partition, id, ref.size_bytes, lease);
  complete = true;
  file.reset();
  return absl::OkStatus();
}

Upload::Upload(std::unique_ptr<State> state) : state_(std::move(state)) {}
Upload::~Upload() = default;
const BlobRef& Upload::ref() const {
  return state_->ref;
}
uint64_t Upload::committed_bytes() const {
  return state_->committed;
}
absl::Status Upload::Append(uint64_t offset, absl::string_view bytes) {
  return state_->Append(offset, bytes);
}
absl::Status Upload::Commit() {
  return state_->Commit();
}

std::unique_ptr<Lease> ModelStore::NewLease() {
  return std::unique_ptr<Lease>(new Lease(*core_));
}

absl::StatusOr<std::vector<BlobRef>> ModelStore::FindMissing(const Partition& partition,
                                                             std::span<const BlobRef> refs, Lease& lease) {
  MODELD_RETURN_IF_ERROR(CheckPartition(partition));
  PartitionId id = Digest::Of(absl::string_view(partition));
  std::map<Digest, bool> present;
  {
    absl::MutexLock lock(&core_->mu);
    for (const BlobRef& ref : refs) {
      std::optional<uint64_t> size = core_->SeenSize(id, ref.digest, lease);
      if (size && *size != ref.size_bytes) {
        return absl::InvalidArgumentError(
            absl::StrCat(BlobName(ref.digest), ": declared with ", ref.size_bytes, " bytes, it has ", *size));
      }
      bool here = size && core_->index.HealthOfBlob(ref.digest) == Health::kWhole;
      if (here) core_->Hold(lease, id, ref);
      present.emplace(ref.digest, here);
    }
  }
  std::vector<BlobRef> missing;
  for (const BlobRef& ref : refs) {
    auto here = present.extract(ref.digest);
    if (here.empty()) continue;  // a duplicate
    absl::Status file = here.mapped() ? core_->CheckPresent(ref) : absl::NotFoundError("");
    if (file.ok()) continue;
    if (here.mapped() && !absl::IsDataLoss(file)) return file;
    missing.push_back(ref);
  }
  return missing;
}

absl::StatusOr<std::unique_ptr<Upload>> ModelStore::OpenUpload(const Partition& partition, const BlobRef& ref,
                                                               Lease& lease) {
  MODELD_ASSIGN_OR_RETURN(std::vector<BlobRef> missing, FindMissing(partition, {&ref, 1}, lease));
  auto state = std::make_unique<Upload::State>(*core_, partition, ref, lease);
  if (missing.empty()) {
    state->complete = true;
    state->committed = ref.size_bytes;
    return std::unique_ptr<Upload>(new Upload(std::move(state)));
  }
  std::optional<record::UploadRecord> old;
  {
    absl::MutexLock lock(&core_->mu);
    if (core_->open_uploads.contains(state->id)) {
      return absl::AbortedError(absl::StrCat(BlobName(ref.digest), ": another upload of it is open"));
    }
    MODELD_RETURN_IF_ERROR(core_->CheckStagingLimit(state->id.first, ref));
    core_->open_uploads.insert(state->id);
    state->claimed = true;
    auto found = core_->index.records().uploads.find(state->id);
    bool resumable = found != core_->index.records().uploads.end() && !found->second.finished() &&
                     found->second.size_bytes() == ref.size_bytes;
    if (resumable) old = found->second;
  }
  if (absl::Status begun = state->Begin(old); !begun.ok()) {
    if (state->file && !old) state->Abandon();
    return begun;
  }
  return std::unique_ptr<Upload>(new Upload(std::move(state)));
}

absl::Status ModelStore::PutBlob(const Partition& partition, const BlobRef& ref, const Region& bytes,
                                 Lease& lease) {
  if (bytes.size() != ref.size_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(BlobName(ref.digest), ": declared with ", ref.size_bytes,
                                                   " bytes, given with ", bytes.size()));
  }
  if (Digest::Of(bytes.bytes()) != ref.digest) {
    return absl::DataLossError(absl::StrCat(BlobName(ref.digest), ": the bytes sent hash to another digest"));
  }
  MODELD_ASSIGN_OR_RETURN(std::vector<BlobRef> missing, FindMissing(partition, {&ref, 1}, lease));
  if (missing.empty()) return absl::OkStatus();
  Owned id(Digest::Of(absl::string_view(partition)), ref.digest);
  MODELD_RETURN_IF_ERROR(core_->CheckFloor(ref.digest, ref.size_bytes));
  std::string temp;
  {
    absl::MutexLock lock(&core_->mu);
    MODELD_RETURN_IF_ERROR(core_->CheckStagingLimit(id.first, ref));
    temp = BlobFiles::TempName(core_->next_temp++);
    core_->live_temps.insert(temp);
  }
  StoreCore::Pin pin(*core_, ref.digest);
  absl::Status placed = WriteTemp(core_->files, temp, bytes);
  placed = placed.ok() ? core_->Place(ref, temp) : Annotate(placed, BlobName(ref.digest));
  if (!placed.ok()) core_->files.RemoveStaging(temp).IgnoreError();  // else the collector does it
  absl::MutexLock lock(&core_->mu);
  core_->live_temps.erase(temp);
  if (!placed.ok()) return placed;
  if (core_->open_uploads.contains(id)) {
    core_->Hold(lease, id.first, ref);  // the open upload owns the record
  } else {
    // The file of an earlier upload in pieces, if any, is for the collector.
    FinishUpload(*core_, partition, id, ref.size_bytes, lease);
  }
  return absl::OkStatus();
}

}  // namespace modeld::storage
