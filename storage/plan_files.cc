#include "storage/plan_files.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/mac.h"
#include "base/status.h"

namespace modeld::storage {
namespace {

constexpr absl::string_view kPlans = "plans";
constexpr absl::string_view kSecret = "plans.key";
constexpr absl::string_view kNewSecret = "plans.key.new";
constexpr size_t kSecretBytes = 32;

std::string ShardPath(const Digest& key) {
  return absl::StrCat(kPlans, "/", key.ToHex().substr(0, 2));
}

absl::Status WriteSecret(FileSystem& state, const std::string& secret) {
  {
    MODELD_ASSIGN_OR_RETURN(std::unique_ptr<File> file, state.Open(kNewSecret, FileSystem::Access::kCreate));
    MODELD_RETURN_IF_ERROR(file->Truncate(0));
    MODELD_RETURN_IF_ERROR(file->WriteAt(0, secret));
    MODELD_RETURN_IF_ERROR(file->Sync());
  }
  MODELD_RETURN_IF_ERROR(state.Rename(kNewSecret, kSecret));
  return state.SyncDir("");
}

// The secret in the state folder; empty when there is none or one of a wrong size.
absl::StatusOr<std::string> ReadSecret(FileSystem& state) {
  absl::StatusOr<std::unique_ptr<File>> file = state.Open(kSecret, FileSystem::Access::kRead);
  if (absl::IsNotFound(file.status())) return std::string();
  MODELD_RETURN_IF_ERROR(file.status());
  MODELD_ASSIGN_OR_RETURN(const uint64_t size, (*file)->Size());
  if (size != kSecretBytes) return std::string();
  std::string secret(kSecretBytes, '\0');
  MODELD_ASSIGN_OR_RETURN(
      const size_t count,
      (*file)->ReadAt(0, std::as_writable_bytes(std::span(secret.data(), secret.size()))));
  return count == kSecretBytes ? secret : std::string();
}

}  // namespace

absl::StatusOr<PlanSecret> LoadPlanSecret(FileSystem& state) {
  MODELD_ASSIGN_OR_RETURN(std::string kept, ReadSecret(state));
  if (!kept.empty()) return PlanSecret{std::move(kept), false};
  MODELD_ASSIGN_OR_RETURN(std::string made, RandomBytes(kSecretBytes));
  MODELD_RETURN_IF_ERROR(WriteSecret(state, made));
  return PlanSecret{std::move(made), true};
}

std::string PlanFiles::Path(const Digest& key) {
  return absl::StrCat(ShardPath(key), "/", key.ToHex());
}

absl::StatusOr<std::unique_ptr<File>> PlanFiles::Open(const Digest& key) const {
  return cache().Open(Path(key), FileSystem::Access::kRead);
}

absl::StatusOr<Region> PlanFiles::Map(const Digest& key) const {
  return cache().Map(Path(key));
}

absl::StatusOr<uint64_t> PlanFiles::Size(const Digest& key) const {
  MODELD_ASSIGN_OR_RETURN(const FileInfo info, cache().Stat(Path(key)));
  if (!info.is_plain_file) return absl::FailedPreconditionError("a plan: is no plain file");
  return info.size_bytes;
}

absl::Status PlanFiles::Place(const Digest& key, const std::string& name) {
  MODELD_RETURN_IF_ERROR(cache().MakeDir(kPlans));
  MODELD_RETURN_IF_ERROR(cache().MakeDir(ShardPath(key)));
  // Plans are few, so that their folders' names are made durable each time.
  MODELD_RETURN_IF_ERROR(cache().SyncDir(""));
  MODELD_RETURN_IF_ERROR(cache().SyncDir(kPlans));
  MODELD_RETURN_IF_ERROR(cache().Rename(BlobFiles::StagingPath(name), Path(key)));
  return cache().SyncDir(ShardPath(key));
}

absl::Status PlanFiles::Remove(const Digest& key) {
  const absl::Status removed = cache().Remove(Path(key));
  return absl::IsNotFound(removed) ? absl::OkStatus() : removed;
}

absl::StatusOr<std::vector<BlobFiles::Entry>> PlanFiles::List() const {
  std::vector<BlobFiles::Entry> entries;
  absl::StatusOr<std::vector<std::string>> shards = cache().List(kPlans);
  if (absl::IsNotFound(shards.status())) return entries;
  MODELD_RETURN_IF_ERROR(shards.status());
  for (const std::string& shard : *shards) {
    absl::StatusOr<std::vector<std::string>> names = cache().List(absl::StrCat(kPlans, "/", shard));
    if (absl::IsFailedPrecondition(names.status())) continue;  // no folder: not ours
    MODELD_RETURN_IF_ERROR(names.status());
    for (const std::string& name : *names) {
      BlobFiles::Entry entry;
      entry.path = absl::StrCat(kPlans, "/", shard, "/", name);
      absl::StatusOr<FileInfo> info = cache().Stat(entry.path);
      if (!info.ok() || !info->is_plain_file) continue;
      entry.size_bytes = info->size_bytes;
      absl::StatusOr<Digest> key = Digest::FromHex(name);
      if (key.ok() && shard.size() == 2 && absl::StartsWith(name, shard)) entry.digest = *key;
      entries.push_back(std::move(entry));
    }
  }
  return entries;
}

}  // namespace modeld::storage
