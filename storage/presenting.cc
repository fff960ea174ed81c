// How bytes come in: leases, what is missing, and the beginning of uploads.
#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/model_store.h"
#include "storage/salvage.h"
#include "storage/store_core.h"
#include "storage/text_rules.h"
#include "storage/upload.h"

namespace modeld::storage {
namespace {

constexpr size_t kWriteSize = size_t{4} << 20;
constexpr size_t kHashSize = size_t{256} << 10;  // stays in the processor's cache between the two hashes

// Writes and syncs a file beneath staging/.
absl::Status WriteTemp(BlobFiles& files, const std::string& name, const Region& bytes) {
  MODELD_ASSIGN_OR_RETURN(std::unique_ptr<File> file, files.OpenStaging(name));
  for (size_t at = 0; at < bytes.size(); at += kWriteSize) {
    MODELD_RETURN_IF_ERROR(file->WriteAt(at, bytes.view().substr(at, kWriteSize)));
  }
  return file->Sync();
}

// The digests of the whole and of its chunks; of these none when there is only one.
std::pair<Digest, std::vector<Digest>> Hash(const Region& bytes, uint64_t chunk_bytes) {
  if (bytes.size() <= chunk_bytes) return {Digest::Of(bytes.bytes()), {}};
  Sha256 whole;
  ChunkSums sums(chunk_bytes);
  for (size_t at = 0; at < bytes.size(); at += kHashSize) {
    const auto piece = bytes.bytes().subspan(at, std::min(kHashSize, bytes.size() - at));
    whole.Update(piece);
    sums.Update(piece);
  }
  return {whole.Finish(), sums.Finish()};
}

absl::Status CheckChunks(const BlobRef& ref, std::span<const Digest> chunks, uint64_t chunk_bytes) {
  const uint64_t expected = ChunkCount(ref.size_bytes, chunk_bytes);
  if (chunks.empty() || chunks.size() == expected) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(BlobName(ref.digest), ": given with ", chunks.size(),
                                                 " chunk digests, ", ref.size_bytes, " bytes have ", expected,
                                                 " chunks of ", chunk_bytes));
}

}  // namespace

Lease::~Lease() {
  core_.Release(*this);
}

Mendable FindMendable(const StoreCore& core, const PartitionId& partition, const BlobRef& blob,
                      const Lease& lease) {
  const auto& records = core.index.records();
  auto damage = records.damage.find(blob.digest);
  auto chunks = records.chunks.find(blob.digest);
  if (damage == records.damage.end() || damage->second.right_chunks().empty()) return {};
  if (chunks == records.chunks.end() || core.not_mendable.contains({partition, blob.digest})) return {};
  if (core.SeenSize(partition, blob.digest, lease) != blob.size_bytes) return {};
  const uint64_t chunk_bytes = core.options.digest_chunk_bytes;
  Mendable mendable{ChunksOf(chunks->second, blob.size_bytes, chunk_bytes),
                    ChunkMap(blob.size_bytes, chunk_bytes)};
  if (mendable.digests.empty()) return {};
  mendable.right.HoldBits(damage->second.right_chunks());
  return mendable;
}

void FinishUpload(StoreCore& core, const Partition& partition, const Owned& id, uint64_t size_bytes,
                  std::span<const Digest> sums, Lease& lease) {
  core.Hold(lease, id.first, {id.second, size_bytes});
  core.verified[id.second].insert(id.first);
  Transaction changes;
  core.NoteChunks({id.second, size_bytes}, sums, changes);
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
  core.not_mendable.erase(id);
  core.promises.Fulfil(id);
  // The lease holds the blob already; what fails here only costs a later session the upload.
  core.Commit(changes, Durability::kLazy).IgnoreError();
}

std::unique_ptr<Lease> ModelStore::NewLease() {
  return std::unique_ptr<Lease>(new Lease(*core_));
}

void ModelStore::HoldToo(const Partition& partition, std::span<const BlobRef> refs, const Lease& from,
                         Lease& to) {
  const PartitionId id = Digest::Of(absl::string_view(partition));
  absl::MutexLock lock(&core_->mu);
  auto held = core_->leases.find(&from);
  if (held == core_->leases.end()) return;
  const std::map<Owned, uint64_t> holds = held->second;
  for (const BlobRef& ref : refs) {
    if (holds.contains({id, ref.digest})) core_->Hold(to, id, ref);
  }
}

void ModelStore::LetGo(const Partition& partition, std::span<const BlobRef> refs, Lease& lease) {
  const PartitionId id = Digest::Of(absl::string_view(partition));
  absl::MutexLock lock(&core_->mu);
  for (const BlobRef& ref : refs) core_->LetGo(lease, {id, ref.digest});
}

absl::StatusOr<std::vector<BlobRef>> ModelStore::FindMissing(const Partition& partition,
                                                             std::span<const BlobRef> refs, Lease& lease) {
  MODELD_RETURN_IF_ERROR(CheckPartition(partition));
  return core_->FindMissing(Digest::Of(absl::string_view(partition)), refs, lease);
}

absl::StatusOr<std::unique_ptr<Upload>> ModelStore::OpenUpload(const Partition& partition, const BlobRef& ref,
                                                               Lease& lease, std::span<const Digest> chunks) {
  MODELD_RETURN_IF_ERROR(CheckChunks(ref, chunks, core_->options.digest_chunk_bytes));
  MODELD_ASSIGN_OR_RETURN(std::vector<BlobRef> missing, FindMissing(partition, {&ref, 1}, lease));
  auto state = std::make_unique<Upload::State>(*core_, partition, ref, lease);
  if (missing.empty()) {
    state->complete = true;
    return std::unique_ptr<Upload>(new Upload(std::move(state)));
  }
  std::optional<record::UploadRecord> old;
  Mendable mendable;
  {
    absl::MutexLock lock(&core_->mu);
    if (core_->open_uploads.contains(state->id)) {
      return absl::AbortedError(absl::StrCat(BlobName(ref.digest), ": another upload of it is open"));
    }
    MODELD_RETURN_IF_ERROR(core_->CheckStagingLimit(state->id.first, ref));
    MODELD_RETURN_IF_ERROR(core_->BeginWriting(state->id.first, ref, state.get(), /*anew=*/false));
    core_->open_uploads.insert(state->id);
    core_->BeginSending(state->id);
    state->claimed = true;
    auto found = core_->index.records().uploads.find(state->id);
    bool resumable = found != core_->index.records().uploads.end() && !found->second.finished() &&
                     found->second.size_bytes() == ref.size_bytes;
    if (resumable) old = found->second;
    mendable = FindMendable(*core_, state->id.first, ref, lease);
  }
  if (absl::Status begun = state->Begin(old, chunks, std::move(mendable)); !begun.ok()) {
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
  const auto [digest, sums] = Hash(bytes, core_->options.digest_chunk_bytes);
  if (digest != ref.digest) {
    return absl::DataLossError(absl::StrCat(BlobName(ref.digest), ": the bytes sent hash to another digest"));
  }
  MODELD_ASSIGN_OR_RETURN(std::vector<BlobRef> missing, FindMissing(partition, {&ref, 1}, lease));
  if (missing.empty()) return absl::OkStatus();
  Owned id(Digest::Of(absl::string_view(partition)), ref.digest);
  std::string temp;
  {
    absl::MutexLock lock(&core_->mu);
    MODELD_RETURN_IF_ERROR(core_->CheckStagingLimit(id.first, ref));
    MODELD_RETURN_IF_ERROR(core_->BeginWriting(id.first, ref, &temp, /*anew=*/true));
    temp = BlobFiles::TempName(core_->next_temp++);
    core_->live_temps.insert(temp);
    core_->BeginSending(id);
  }
  StoreCore::Pin pin(*core_, ref.digest);
  absl::Status placed = WriteTemp(core_->files, temp, bytes);
  placed = placed.ok() ? core_->Place(ref, temp) : Annotate(placed, BlobName(ref.digest));
  if (!placed.ok()) core_->files.RemoveStaging(temp).IgnoreError();  // else the collector does it
  absl::MutexLock lock(&core_->mu);
  core_->live_temps.erase(temp);
  core_->EndSending(id);
  core_->promises.Release(&temp);
  if (!placed.ok()) return placed;
  if (core_->open_uploads.contains(id)) {
    // The open upload owns the record.
    core_->Hold(lease, id.first, ref);
    core_->verified[ref.digest].insert(id.first);
  } else {
    // The file of an earlier upload in pieces, if any, is for the collector.
    FinishUpload(*core_, partition, id, ref.size_bytes, sums, lease);
  }
  return absl::OkStatus();
}

}  // namespace modeld::storage
