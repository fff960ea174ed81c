// Reading all stored bytes again in the background, a chunk at a time.
#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/audit.h"
#include "storage/integrity.h"
#include "storage/plan_store.h"
#include "storage/salvage.h"
#include "storage/store_core.h"

namespace modeld::storage {
namespace {

// In ScrubRecord::next_byte: next_blob is a plan's key.
constexpr uint64_t kPlans = std::numeric_limits<uint64_t>::max();
constexpr size_t kPieceSize = size_t{1} << 20;

// A piece of the store that is to be read next.
struct Piece {
  BlobRef file;  // a blob, or a plan by its key
  bool is_plan = false;
  ByteRange range = {};               // of a blob; all of it when its chunks are not known
  std::optional<Digest> digest = {};  // of the range, when that is a known chunk
};

// Where a round stands.
struct Position {
  Digest at;
  uint64_t byte = 0;
};

Position Read(const StoreCore& core) ABSL_SHARED_LOCKS_REQUIRED(core.mu) {
  auto record = core.index.records().scrubs.find(0);
  if (record == core.index.records().scrubs.end() || record->second.next_blob().empty()) return {};
  return {*Digest::FromBytes(record->second.next_blob()), record->second.next_byte()};
}

void Write(StoreCore& core, const std::optional<Position>& next) ABSL_LOCKS_EXCLUDED(core.mu) {
  absl::MutexLock lock(&core.mu);
  record::ScrubRecord record;
  auto old = core.index.records().scrubs.find(0);
  if (old != core.index.records().scrubs.end()) record = old->second;
  if (record.next_blob().empty()) record.set_begun_us(core.NowMicros());
  if (next) {
    record.set_next_blob(std::string(next->at.bytes()));
    record.set_next_byte(next->byte);
  } else {
    record.clear_next_blob();
    record.clear_next_byte();
    record.set_finished_us(core.NowMicros());
  }
  Transaction changes;
  changes.scrubs[0] = record;
  // A position that is lost costs reading the same again.
  core.Commit(changes, Durability::kLazy).IgnoreError();
}

Piece PieceOf(const StoreCore& core, const BlobRef& blob, uint64_t from) ABSL_SHARED_LOCKS_REQUIRED(core.mu) {
  Piece piece{.file = blob, .range = {0, blob.size_bytes}};
  const uint64_t chunk_bytes = core.options.digest_chunk_bytes;
  if (blob.size_bytes <= chunk_bytes) {
    piece.digest = blob.digest;
    return piece;
  }
  auto chunks = core.index.records().chunks.find(blob.digest);
  if (chunks == core.index.records().chunks.end()) return piece;
  const std::vector<Digest> digests = ChunksOf(chunks->second, blob.size_bytes, chunk_bytes);
  if (digests.empty()) return piece;
  const uint64_t index = from / chunk_bytes;
  piece.range = ChunkRange(index, blob.size_bytes, chunk_bytes);
  piece.digest = digests[index];
  return piece;
}

// The first piece at or after the position; nothing at the end of the round.
std::optional<Piece> Find(StoreCore& core) ABSL_LOCKS_EXCLUDED(core.mu) {
  absl::MutexLock lock(&core.mu);
  const Position position = Read(core);
  const auto& references = core.index.references();
  if (position.byte != kPlans) {
    for (auto it = references.lower_bound(position.at); it != references.end(); ++it) {
      const uint64_t from = it->first == position.at ? position.byte : 0;
      const bool done = from > 0 && from >= it->second.size_bytes;
      if (done || core.index.HealthOfBlob(it->first) != Health::kWhole) continue;
      return PieceOf(core, {it->first, it->second.size_bytes}, from);
    }
  }
  const auto& plans = core.index.records().plans;
  const auto plan = position.byte == kPlans ? plans.upper_bound(position.at) : plans.begin();
  if (plan == plans.end()) return std::nullopt;
  return Piece{.file = {plan->first, plan->second.size_bytes()}, .is_plan = true};
}

// Whether the bytes are right; nothing when `pace` says to stop.
std::optional<bool> ReadPiece(StoreCore& core, const Piece& piece, absl::FunctionRef<bool(uint64_t)> pace) {
  const absl::StatusOr<std::unique_ptr<File>> file =
      core.files.cache().Open(BlobFiles::BlobPath(piece.file.digest), FileSystem::Access::kRead);
  if (!file.ok()) return false;
  const absl::StatusOr<uint64_t> size = (*file)->Size();
  if (!size.ok() || *size != piece.file.size_bytes) return false;
  Sha256 hasher;
  ChunkSums sums(core.options.digest_chunk_bytes);
  std::vector<std::byte> buffer;
  for (uint64_t at = piece.range.begin_bytes; at < piece.range.end_bytes; at += buffer.size()) {
    buffer.resize(std::min<uint64_t>(kPieceSize, piece.range.end_bytes - at));
    if (!pace(buffer.size())) return std::nullopt;
    const absl::StatusOr<size_t> count = (*file)->ReadAt(at, buffer);
    if (!count.ok() || *count != buffer.size()) return false;
    hasher.Update(buffer);
    if (!piece.digest) sums.Update(buffer);
  }
  if (hasher.Finish() != piece.digest.value_or(piece.file.digest)) return false;
  if (piece.digest) return true;
  absl::MutexLock lock(&core.mu);
  Transaction changes;
  core.NoteChunks(piece.file, sums.Finish(), changes);
  core.Commit(changes, Durability::kLazy).IgnoreError();  // the next round finds them again
  return true;
}

}  // namespace

absl::StatusOr<ScrubStep> Integrity::Scrub(absl::FunctionRef<bool(uint64_t bytes)> pace) {
  ScrubStep step;
  const std::optional<Piece> piece = Find(core_);
  if (!piece) {
    Write(core_, std::nullopt);
    step.round_finished = true;
    return step;
  }
  if (piece->is_plan) {
    if (!pace(piece->file.size_bytes)) return step;
    step.bytes_read = piece->file.size_bytes;
    if (absl::IsDataLoss(PlanStore(core_).Verify(piece->file.digest))) {
      step.problem = absl::StrCat("plan ", piece->file.digest.ToHex(), ": had wrong bytes and was dropped");
    }
    Write(core_, Position{piece->file.digest, kPlans});
    return step;
  }
  StoreCore::Pin pin(core_, piece->file.digest);
  const std::optional<bool> right = ReadPiece(core_, *piece, pace);
  if (!right) return step;
  step.bytes_read = piece->range.end_bytes - piece->range.begin_bytes;
  // An empty blob is done, too.
  Position next{piece->file.digest, std::max<uint64_t>(piece->range.end_bytes, 1)};
  if (!*right) {
    // Under the blob's lock once more: an upload may have replaced it, or nothing may need it now.
    next.byte = std::max<uint64_t>(piece->file.size_bytes, 1);
    bool named;
    {
      absl::MutexLock lock(&core_.mu);
      named = core_.index.References(piece->file.digest) > 0;
    }
    const absl::Status verified = named ? core_.Verify(piece->file) : absl::OkStatus();
    if (absl::IsDataLoss(verified)) {
      absl::MutexLock lock(&core_.mu);
      step.problem = std::string(verified.message());
      step.models = ModelsNaming(core_.index, piece->file.digest);
    }
  }
  Write(core_, next);
  return step;
}

absl::Time Integrity::last_scrubbed() const {
  absl::MutexLock lock(&core_.mu);
  auto record = core_.index.records().scrubs.find(0);
  const bool ever = record != core_.index.records().scrubs.end() && record->second.finished_us() != 0;
  return ever ? absl::FromUnixMicros(record->second.finished_us()) : absl::InfinitePast();
}

}  // namespace modeld::storage
