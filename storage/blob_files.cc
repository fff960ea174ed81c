#include "storage/blob_files.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace modeld::storage {
namespace {

constexpr absl::string_view kBlobs = "blobs";
constexpr absl::string_view kStaging = "staging";
constexpr absl::string_view kQuarantine = "quarantine";
// Ends the names of discarded uploads.
constexpr absl::string_view kSpent = ".spent";
constexpr absl::string_view kTag = "CACHEDIR.TAG";
constexpr absl::string_view kTagContent =
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This folder is modeld's model cache. Backup programs may skip it.\n";
constexpr size_t kReadSize = size_t{1} << 20;
// One for each first byte of a digest.
constexpr int kShards = 256;

std::string ShardPath(const Digest& blob) {
  return absl::StrCat(kBlobs, "/", blob.ToHex().substr(0, 2));
}

}  // namespace

absl::Status ReadPrefix(const File& file, uint64_t size_bytes,
                        absl::FunctionRef<void(std::span<const std::byte>)> visit) {
  std::vector<std::byte> buffer(std::min<uint64_t>(size_bytes, kReadSize));
  for (uint64_t offset = 0; offset < size_bytes;) {
    std::span<std::byte> piece(buffer.data(), std::min<uint64_t>(buffer.size(), size_bytes - offset));
    MODELD_ASSIGN_OR_RETURN(size_t count, file.ReadAt(offset, piece));
    if (count != piece.size()) return absl::DataLossError("the file is shorter than it should be");
    visit(piece);
    offset += count;
  }
  return absl::OkStatus();
}

absl::Status HashPrefix(const File& file, uint64_t size_bytes, Sha256& hasher) {
  return ReadPrefix(file, size_bytes, [&](std::span<const std::byte> piece) { hasher.Update(piece); });
}

std::string BlobName(const Digest& digest) {
  return absl::StrCat("blob ", digest.ToHex());
}

std::string BlobFiles::BlobPath(const Digest& blob) {
  std::string hex = blob.ToHex();
  return absl::StrCat(kBlobs, "/", hex.substr(0, 2), "/", hex);
}
std::string BlobFiles::StagingName(const Owned& upload) {
  // 16 bytes of the partition's hash tell partitions apart as well as all 32, and keep the name short.
  return absl::StrCat(upload.second.ToHex(), "-", upload.first.ToHex().substr(0, 32));
}
std::string BlobFiles::StagingPath(absl::string_view name) {
  return absl::StrCat(kStaging, "/", name);
}
std::string BlobFiles::TempName(uint64_t number) {
  return absl::StrCat("put-", number);
}
std::string BlobFiles::QuarantinePath(const Digest& blob) {
  return absl::StrCat(kQuarantine, "/", blob.ToHex());
}

absl::Status BlobFiles::EnsureLayout() {
  MODELD_RETURN_IF_ERROR(cache_->MakeDir(""));
  for (absl::string_view folder : {kBlobs, kStaging, kQuarantine})
    MODELD_RETURN_IF_ERROR(cache_->MakeDir(folder));
  MODELD_ASSIGN_OR_RETURN(std::unique_ptr<File> tag, cache_->Open(kTag, FileSystem::Access::kCreate));
  MODELD_ASSIGN_OR_RETURN(uint64_t size, tag->Size());
  if (size != kTagContent.size()) MODELD_RETURN_IF_ERROR(tag->WriteAt(0, kTagContent));
  MODELD_RETURN_IF_ERROR(MakeShards());
  return cache_->SyncDir("");
}

absl::Status BlobFiles::MakeShards() {
  MODELD_ASSIGN_OR_RETURN(const std::vector<std::string> there, cache_->List(kBlobs));
  for (int shard = 0; shard < kShards; ++shard) {
    const std::string name = absl::StrCat(absl::Hex(shard, absl::kZeroPad2));
    if (std::binary_search(there.begin(), there.end(), name)) continue;
    MODELD_RETURN_IF_ERROR(cache_->MakeDir(absl::StrCat(kBlobs, "/", name)));
  }
  // Also when all were there: an earlier start may have made them and not have come to this.
  return cache_->SyncDir(kBlobs);
}

absl::StatusOr<std::unique_ptr<File>> BlobFiles::OpenStaging(const std::string& name) {
  std::string path = StagingPath(name);
  absl::StatusOr<std::unique_ptr<File>> file = cache_->Open(path, FileSystem::Access::kCreate);
  if (absl::IsNotFound(file.status())) {
    MODELD_RETURN_IF_ERROR(EnsureLayout());
    file = cache_->Open(path, FileSystem::Access::kCreate);
  }
  return file;
}

absl::Status BlobFiles::SyncStaging() {
  return cache_->SyncDir(kStaging);
}

absl::Status BlobFiles::MoveIn(const Digest& blob, const std::string& name, const std::string& to) {
  const std::string from = StagingPath(name);
  absl::Status moved = cache_->Rename(from, to);
  if (absl::IsNotFound(moved)) {
    // Somebody wiped a part of the cache folder under us.
    MODELD_RETURN_IF_ERROR(EnsureLayout());
    moved = cache_->Rename(from, to);
  }
  if (absl::IsNotFound(moved)) {
    return absl::UnavailableError(
        absl::StrCat(BlobName(blob), ": its upload has gone from the cache folder"));
  }
  if (moved.ok()) moved = cache_->SyncDir(ShardPath(blob));
  return Annotate(moved, BlobName(blob));
}

absl::Status BlobFiles::Place(const Digest& blob, const std::string& name) {
  // Kept open, so that freeing the blocks of a file that is replaced does not take the caller's time.
  absl::StatusOr<std::unique_ptr<File>> replaced = cache_->Open(BlobPath(blob), FileSystem::Access::kRead);
  const absl::Status placed = MoveIn(blob, name, BlobPath(blob));
  if (replaced.ok()) {
    absl::MutexLock lock(&mu_);
    replaced_.push_back(*std::move(replaced));
  }
  return placed;
}

absl::Status BlobFiles::Discard(const Digest& blob, const std::string& name) {
  const std::string to = absl::StrCat(ShardPath(blob), "/", name, kSpent);
  const absl::Status moved = MoveIn(blob, name, to);
  // Only now: RemoveSpent() forgets what it does not find. After an error, too, the file may be there.
  absl::MutexLock lock(&mu_);
  spent_.insert(to);
  return moved;
}

absl::Status BlobFiles::RemoveSpent() {
  std::set<std::string> spent;
  std::vector<std::unique_ptr<File>> replaced;
  {
    absl::MutexLock lock(&mu_);
    spent.swap(spent_);
    replaced.swap(replaced_);
  }
  absl::Status first;
  for (const std::string& path : spent) {
    const absl::Status removed = RemoveIfThere(path);
    if (first.ok()) first = removed;
    if (removed.ok()) continue;
    absl::MutexLock lock(&mu_);
    spent_.insert(path);
  }
  return first;
}

bool BlobFiles::IsSpent(absl::string_view path) {
  return absl::EndsWith(path, kSpent);
}

absl::Status BlobFiles::SyncName(const Digest& blob) {
  return Annotate(cache_->SyncDir(ShardPath(blob)), BlobName(blob));
}

absl::Status BlobFiles::CheckSize(const BlobRef& blob) const {
  absl::StatusOr<FileInfo> info = cache_->Stat(BlobPath(blob.digest));
  if (!info.ok()) return Annotate(info.status(), BlobName(blob.digest));
  if (!info->is_plain_file || info->size_bytes != blob.size_bytes) {
    return absl::DataLossError(absl::StrCat(BlobName(blob.digest), ": its file has ", info->size_bytes,
                                            " bytes, it should have ", blob.size_bytes));
  }
  return absl::OkStatus();
}

absl::Status BlobFiles::CheckDigest(const BlobRef& blob, ChunkSums* sums) const {
  MODELD_RETURN_IF_ERROR(CheckSize(blob));
  Sha256 hasher;
  const auto check = [&]() -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                            cache_->Open(BlobPath(blob.digest), FileSystem::Access::kRead));
    // Read, not mapped: a disk that fails answers with an error here, with a signal there.
    return ReadPrefix(*file, blob.size_bytes, [&](std::span<const std::byte> piece) {
      hasher.Update(piece);
      if (sums != nullptr) sums->Update(piece);
    });
  };
  const absl::Status read = check();
  if (absl::IsUnavailable(read)) {
    return absl::DataLossError(absl::StrCat(BlobName(blob.digest), ": its file cannot be read"));
  }
  MODELD_RETURN_IF_ERROR(Annotate(read, BlobName(blob.digest)));
  if (hasher.Finish() == blob.digest) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat(BlobName(blob.digest), ": its file is damaged, the bytes do not have this digest"));
}

absl::StatusOr<Region> BlobFiles::Map(const BlobRef& blob) const {
  absl::StatusOr<Region> region = cache_->Map(BlobPath(blob.digest));
  if (!region.ok()) return Annotate(region.status(), BlobName(blob.digest));
  if (region->size() != blob.size_bytes) {
    return absl::DataLossError(absl::StrCat(BlobName(blob.digest), ": its file has ", region->size(),
                                            " bytes, it should have ", blob.size_bytes));
  }
  return region;
}

absl::Status BlobFiles::Quarantine(const Digest& blob) {
  absl::Status moved = cache_->Rename(BlobPath(blob), QuarantinePath(blob));
  if (absl::IsNotFound(moved)) return absl::OkStatus();
  MODELD_RETURN_IF_ERROR(Annotate(moved, BlobName(blob)));
  // Should the power fail before, the damage is found again at the next use.
  cache_->SyncDir(kQuarantine).IgnoreError();
  cache_->SyncDir(ShardPath(blob)).IgnoreError();
  return absl::OkStatus();
}

bool BlobFiles::RestoreQuarantined(const BlobRef& blob) {
  const auto file = cache_->Open(QuarantinePath(blob.digest), FileSystem::Access::kRead);
  if (!file.ok()) return false;
  const absl::StatusOr<uint64_t> size = (*file)->Size();
  Sha256 hasher;
  const bool read = size.ok() && *size == blob.size_bytes && HashPrefix(**file, blob.size_bytes, hasher).ok();
  if (!read || hasher.Finish() != blob.digest) return false;
  return cache_->Rename(QuarantinePath(blob.digest), BlobPath(blob.digest)).ok() &&
         cache_->SyncDir(ShardPath(blob.digest)).ok();
}

absl::Status BlobFiles::RemoveIfThere(const std::string& path) {
  absl::Status removed = cache_->Remove(path);
  return absl::IsNotFound(removed) ? absl::OkStatus() : removed;
}

absl::Status BlobFiles::RemoveBlob(const Digest& blob) {
  return Annotate(RemoveIfThere(BlobPath(blob)), BlobName(blob));
}
absl::Status BlobFiles::RemoveQuarantined(const Digest& blob) {
  return Annotate(RemoveIfThere(QuarantinePath(blob)), BlobName(blob));
}
absl::Status BlobFiles::RemoveStaging(absl::string_view name) {
  return RemoveIfThere(StagingPath(name));
}
absl::Status BlobFiles::RemoveEntry(const Entry& entry) {
  return RemoveIfThere(entry.path);
}

absl::StatusOr<std::vector<BlobFiles::Entry>> BlobFiles::ListBlobs() const {
  std::vector<Entry> entries;
  MODELD_ASSIGN_OR_RETURN(std::vector<std::string> shards, cache_->List(kBlobs));
  for (const std::string& shard : shards) {
    absl::StatusOr<std::vector<std::string>> names = cache_->List(absl::StrCat(kBlobs, "/", shard));
    if (absl::IsFailedPrecondition(names.status())) continue;  // no folder: not ours
    MODELD_RETURN_IF_ERROR(names.status());
    for (const std::string& name : *names) {
      Entry entry;
      entry.path = absl::StrCat(kBlobs, "/", shard, "/", name);
      absl::StatusOr<FileInfo> info = cache_->Stat(entry.path);
      if (!info.ok() || !info->is_plain_file) continue;
      entry.size_bytes = info->size_bytes;
      absl::StatusOr<Digest> digest = Digest::FromHex(name);
      if (digest.ok() && absl::StartsWith(name, shard) && shard.size() == 2) entry.digest = *digest;
      entries.push_back(std::move(entry));
    }
  }
  return entries;
}

absl::StatusOr<std::vector<BlobFiles::Entry>> BlobFiles::ListQuarantine() const {
  std::vector<Entry> entries;
  MODELD_ASSIGN_OR_RETURN(std::vector<std::string> names, cache_->List(kQuarantine));
  for (const std::string& name : names) {
    Entry entry;
    entry.path = absl::StrCat(kQuarantine, "/", name);
    absl::StatusOr<Digest> digest = Digest::FromHex(name);
    if (digest.ok()) entry.digest = *digest;
    entries.push_back(std::move(entry));
  }
  return entries;
}

absl::StatusOr<FileInfo> BlobFiles::StatStaging(absl::string_view name) const {
  return cache_->Stat(StagingPath(name));
}

absl::StatusOr<std::vector<std::string>> BlobFiles::ListStaging() const {
  return cache_->List(kStaging);
}

}  // namespace modeld::storage
