// An upload in pieces, from its first byte to its place among the blobs.
#include "storage/upload.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/salvage.h"

namespace modeld::storage {
namespace {

// An upload makes its bytes durable whenever this many have arrived.
constexpr uint64_t kCheckpointBytes = uint64_t{16} << 20;

}  // namespace

ChunkMap DurableOf(const record::UploadRecord& upload, uint64_t chunk_bytes) {
  ChunkMap map(upload.size_bytes(), chunk_bytes);
  if (!upload.right_chunks().empty()) {
    map.HoldBits(upload.right_chunks());
    return map;
  }
  while (!map.complete() && map.range(map.next()).end_bytes <= upload.durable_bytes()) map.Hold(map.next());
  if (!map.complete()) map.Fill(upload.durable_bytes() - map.position());
  return map;
}

void SetDurable(const ChunkMap& durable, record::UploadRecord& upload) {
  if (durable.is_prefix()) {
    upload.set_durable_bytes(durable.held_bytes());
    upload.clear_right_chunks();
  } else {
    upload.set_durable_bytes(durable.whole_bytes());
    upload.set_right_chunks(durable.bits());
  }
}

Upload::State::State(StoreCore& store_core, const Partition& partition_in, const BlobRef& ref_in,
                     Lease& lease_in)
    : core(store_core),
      partition(partition_in),
      id(Digest::Of(absl::string_view(partition_in)), ref_in.digest),
      ref(ref_in),
      lease(lease_in),
      held(0, 1),
      durable(0, 1) {}

Upload::State::~State() {
  if (file && !complete && !ended) {
    if (held.held_bytes() == 0) {
      Abandon();
    } else if (held.held_bytes() > durable.held_bytes()) {
      // What cannot be synced now is sent again later.
      Checkpoint().IgnoreError();
    }
  }
  if (!claimed) return;
  absl::MutexLock lock(&core.mu);
  core.open_uploads.erase(id);
  core.EndSending(id);
  // A file that was cleared away goes with this. What others were promised must be written anew.
  if (ended && !core.index.records().uploads.contains(id)) core.promises.SetWritten(id, 0);
  core.promises.Release(this);
}

absl::Status Upload::State::Begin(const std::optional<record::UploadRecord>& old,
                                  std::span<const Digest> chunks, Mendable mendable_in) {
  expected.assign(chunks.begin(), chunks.end());
  mendable = std::move(mendable_in);
  const uint64_t chunk_bytes = core.options.digest_chunk_bytes;
  durable = old ? DurableOf(*old, chunk_bytes) : ChunkMap(ref.size_bytes, chunk_bytes);
  absl::StatusOr<std::unique_ptr<File>> opened = core.files.OpenStaging(BlobFiles::StagingName(id));
  MODELD_RETURN_IF_ERROR(Annotate(opened.status(), Name()));
  file = *std::move(opened);
  MODELD_RETURN_IF_ERROR(Rewind());
  record::UploadRecord record = old.value_or(record::UploadRecord());
  record.set_size_bytes(ref.size_bytes);
  record.set_finished(false);
  record.set_touched_us(core.NowMicros());
  record.set_chunk_digests(JoinDigests(expected));
  SetDurable(durable, record);
  if (!old) record.set_created_us(core.NowMicros());
  {
    absl::MutexLock lock(&core.mu);
    Transaction changes;
    core.AddPartition(partition, id.first, changes);
    changes.uploads[id] = record;
    MODELD_RETURN_IF_ERROR(core.Commit(changes, Durability::kLazy));
  }
  if (mendable.digests.empty()) return absl::OkStatus();
  MODELD_RETURN_IF_ERROR(
      Annotate(CopyRightChunks(core.files, ref, mendable.right, mendable.digests, *file, held), Name()));
  if (held.held_bytes() == durable.held_bytes()) return absl::OkStatus();
  MODELD_RETURN_IF_ERROR(Checkpoint());
  return Rewind();
}

absl::Status Upload::State::Rewind() {
  absl::Status loaded = Load();
  ended = !loaded.ok();
  return Annotate(loaded, Name());
}

absl::Status Upload::State::Load() {
  MODELD_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  held = ChunkMap(ref.size_bytes, core.options.digest_chunk_bytes);
  sums.assign(held.count(), Digest());
  chunk_hasher = Sha256();
  whole_hasher = Sha256();
  const std::vector<Digest>& digests = expected.empty() ? mendable.digests : expected;
  std::vector<std::byte> buffer;
  for (uint64_t index = 0; index < held.count(); ++index) {
    const ByteRange range = held.range(index);
    if (!durable.holds(index) || range.end_bytes > size) continue;
    buffer.resize(range.end_bytes - range.begin_bytes);
    MODELD_ASSIGN_OR_RETURN(const size_t count, file->ReadAt(range.begin_bytes, buffer));
    if (count != buffer.size()) continue;
    sums[index] = Digest::Of(buffer);
    if (!digests.empty() && sums[index] != digests[index]) continue;
    if (held.next() == index && held.is_prefix() && held.count() > 1) whole_hasher.Update(buffer);
    held.Hold(index);
  }
  in_order = held.is_prefix();
  const bool same_place = in_order && durable.is_prefix() && durable.next() == held.next();
  if (same_place && size >= durable.position()) {
    MODELD_RETURN_IF_ERROR(LoadPartial(durable.position() - held.position()));
  }
  const uint64_t end = in_order ? held.position() : ref.size_bytes;
  if (size != end) MODELD_RETURN_IF_ERROR(file->Truncate(end));
  durable = held;
  return absl::OkStatus();
}

absl::Status Upload::State::LoadPartial(uint64_t filled) {
  std::vector<std::byte> buffer(filled);
  MODELD_ASSIGN_OR_RETURN(const size_t count, file->ReadAt(held.position(), buffer));
  if (count != filled) return absl::OkStatus();
  chunk_hasher.Update(buffer);
  if (held.count() > 1) whole_hasher.Update(buffer);
  held.Fill(filled);
  return absl::OkStatus();
}

absl::Status Upload::State::Checkpoint() {
  absl::Status synced = file->Sync();
  if (synced.ok() && !name_durable) synced = core.files.SyncStaging();
  if (!synced.ok()) {
    Rewind().IgnoreError();  // the first error says more
    return Annotate(synced, Name());
  }
  name_durable = true;
  durable = held;
  return NoteDurable(Durability::kSynced);
}

absl::Status Upload::State::NoteDurable(Durability durability) {
  absl::MutexLock lock(&core.mu);
  core.promises.SetWritten(id, durable.held_bytes());
  auto old = core.index.records().uploads.find(id);
  if (old == core.index.records().uploads.end()) return Cleared();
  record::UploadRecord record = old->second;
  SetDurable(durable, record);
  record.set_touched_us(core.NowMicros());
  Transaction changes;
  changes.uploads[id] = record;
  return core.Commit(changes, durability);
}

absl::Status Upload::State::Cleared() {
  ended = true;
  core.files.RemoveStaging(BlobFiles::StagingName(id)).IgnoreError();  // else the collector does it
  return absl::FailedPreconditionError(absl::StrCat(Name(), ": its upload has ended"));
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
  if (offset != position()) {
    return absl::OutOfRangeError(
        absl::StrCat(Name(), ": bytes for offset ", offset, ", expected at ", position()));
  }
  const uint64_t takes = complete ? 0 : held.run_bytes(bytes.size());
  if (bytes.size() > takes) {
    return absl::OutOfRangeError(absl::StrCat(Name(), ": ", bytes.size(), " bytes at ", offset, ", only ",
                                              takes, " are missing there"));
  }
  const bool came = !bytes.empty();
  while (!bytes.empty()) {
    const absl::string_view piece = bytes.substr(0, std::min<uint64_t>(bytes.size(), held.room()));
    MODELD_RETURN_IF_ERROR(TakePiece(piece));
    bytes.remove_prefix(piece.size());
  }
  {
    absl::MutexLock lock(&core.mu);
    core.promises.SetWritten(id, held.held_bytes());
    if (came) core.NoteBytes(id);
  }
  // A map that is not a prefix keeps whole chunks alone.
  const uint64_t kept = held.is_prefix() ? held.held_bytes() : held.whole_bytes();
  return kept >= durable.held_bytes() + kCheckpointBytes ? Checkpoint() : absl::OkStatus();
}

absl::Status Upload::State::TakePiece(absl::string_view piece) {
  MODELD_RETURN_IF_ERROR(Annotate(file->WriteAt(held.position(), piece), Name()));
  chunk_hasher.Update(piece);
  if (in_order && held.count() > 1) whole_hasher.Update(piece);
  if (piece.size() < held.room()) {
    held.Fill(piece.size());
    return absl::OkStatus();
  }
  const uint64_t index = held.next();
  sums[index] = chunk_hasher.Finish();
  chunk_hasher = Sha256();
  if (!expected.empty() && sums[index] != expected[index]) return DropChunk(index);
  held.Hold(index);
  return absl::OkStatus();
}

absl::Status Upload::State::DropChunk(uint64_t index) {
  in_order = false;  // the hash of the whole has seen the wrong bytes
  held.Empty();
  if (durable.next() == index && durable.position() > held.position()) {
    durable.Empty();
    // When it cannot be noted, the chunk is found wrong again.
    NoteDurable(Durability::kLazy).IgnoreError();
  }
  if (held.is_prefix()) file->Truncate(held.position()).IgnoreError();  // else the next bytes replace these
  const ByteRange range = held.range(index);
  return absl::DataLossError(absl::StrCat(Name(), ": bytes ", range.begin_bytes, " to ", range.end_bytes,
                                          " (chunk ", index, ") do not hash to the chunk's digest; ",
                                          held.held_bytes(), " bytes are kept"));
}

absl::StatusOr<Digest> Upload::State::WholeDigest() {
  if (held.count() <= 1) return held.count() == 0 ? Digest::Of("") : sums[0];
  if (in_order) return whole_hasher.Finish();
  Sha256 hasher;
  MODELD_RETURN_IF_ERROR(Annotate(HashPrefix(*file, ref.size_bytes, hasher), Name()));
  return hasher.Finish();
}

absl::Status Upload::State::Commit() {
  if (complete) return absl::OkStatus();
  if (ended) return absl::FailedPreconditionError(absl::StrCat(Name(), ": its upload has ended"));
  if (!held.complete()) {
    return absl::FailedPreconditionError(
        absl::StrCat(Name(), ": ", held.held_bytes(), " of ", ref.size_bytes, " bytes have arrived"));
  }
  MODELD_ASSIGN_OR_RETURN(const Digest digest, WholeDigest());
  if (digest != ref.digest) {
    Abandon();
    if (!mendable.digests.empty()) {
      absl::MutexLock lock(&core.mu);
      core.not_mendable.insert(id);
    }
    return absl::DataLossError(absl::StrCat(Name(), ": the bytes sent hash to another digest"));
  }
  if (absl::Status synced = file->Sync(); !synced.ok()) {
    Rewind().IgnoreError();
    return Annotate(synced, Name());
  }
  StoreCore::Pin pin(core, ref.digest);
  {
    absl::MutexLock lock(&core.mu);
    if (!core.index.records().uploads.contains(id)) return Cleared();
  }
  MODELD_RETURN_IF_ERROR(core.Place(ref, BlobFiles::StagingName(id)));
  absl::MutexLock lock(&core.mu);
  core.promises.Release(this);
  FinishUpload(core, partition, id, ref.size_bytes, sums, lease);
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
  return state_->complete ? state_->ref.size_bytes : state_->held.held_bytes();
}
std::vector<ByteRange> Upload::missing() const {
  return state_->complete ? std::vector<ByteRange>() : state_->held.missing();
}
absl::Status Upload::Append(uint64_t offset, absl::string_view bytes) {
  return state_->Append(offset, bytes);
}
absl::Status Upload::Commit() {
  return state_->Commit();
}

}  // namespace modeld::storage
