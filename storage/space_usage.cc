// What fills the disk, by the files themselves.
#include <algorithm>
#include <map>
#include <set>

#include "base/status.h"
#include "storage/space.h"
#include "storage/store_core.h"

namespace modeld::storage {
namespace {

// What the entries of a folder take. A folder that was wiped, and a file that went meanwhile, take nothing.
absl::StatusOr<std::vector<BlobFiles::Entry>> OrNothing(
    absl::StatusOr<std::vector<BlobFiles::Entry>> listed) {
  if (absl::IsNotFound(listed.status())) return std::vector<BlobFiles::Entry>();
  return listed;
}

absl::StatusOr<uint64_t> AddSizes(FileSystem& cache, const std::vector<std::string>& paths,
                                  SpaceUsage& usage) {
  uint64_t bytes = 0;
  for (const std::string& path : paths) {
    absl::StatusOr<FileInfo> info = cache.Stat(path);
    if (absl::IsNotFound(info.status())) continue;
    MODELD_RETURN_IF_ERROR(info.status());
    bytes += info->size_bytes;
    usage.disk_bytes += info->allocated_bytes;
  }
  return bytes;
}

std::vector<std::string> PathsOf(const std::vector<BlobFiles::Entry>& entries) {
  std::vector<std::string> paths;
  for (const BlobFiles::Entry& entry : entries) paths.push_back(entry.path);
  return paths;
}

// The sizes of the blobs' files; of those in the wrong place, the sum is added to the usage.
absl::StatusOr<std::map<Digest, uint64_t>> ReadBlobs(StoreCore& core, SpaceUsage& usage) {
  std::map<Digest, uint64_t> sizes;
  MODELD_ASSIGN_OR_RETURN(std::vector<BlobFiles::Entry> entries, OrNothing(core.files.ListBlobs()));
  for (const BlobFiles::Entry& entry : entries) {
    MODELD_ASSIGN_OR_RETURN(const uint64_t bytes, AddSizes(core.files.cache(), {entry.path}, usage));
    if (entry.digest) {
      sizes[*entry.digest] += bytes;
    } else {
      usage.unreferenced_bytes += bytes;
    }
  }
  return sizes;
}

absl::Status ReadOthers(StoreCore& core, SpaceUsage& usage) {
  FileSystem& cache = core.files.cache();
  absl::StatusOr<std::vector<std::string>> staged = core.files.ListStaging();
  if (absl::IsNotFound(staged.status())) staged = std::vector<std::string>();
  MODELD_RETURN_IF_ERROR(staged.status());
  for (std::string& name : *staged) name = BlobFiles::StagingPath(name);
  MODELD_ASSIGN_OR_RETURN(usage.staging_bytes, AddSizes(cache, *staged, usage));
  MODELD_ASSIGN_OR_RETURN(std::vector<BlobFiles::Entry> bad, OrNothing(core.files.ListQuarantine()));
  MODELD_ASSIGN_OR_RETURN(usage.quarantine_bytes, AddSizes(cache, PathsOf(bad), usage));
  MODELD_ASSIGN_OR_RETURN(std::vector<BlobFiles::Entry> plans, OrNothing(core.plan_files.List()));
  MODELD_ASSIGN_OR_RETURN(usage.plan_bytes, AddSizes(cache, PathsOf(plans), usage));
  return absl::OkStatus();
}

// Divides each file among the partitions whose models name it.
void Share(StoreCore& core, const std::map<Digest, uint64_t>& sizes, SpaceUsage& usage)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  const auto& records = core.index.records();
  std::map<Partition, SpaceUsage::ByPartition> shares;
  std::map<Digest, std::set<Partition>> owners;
  for (const auto& [id, hold] : records.holds) {
    SpaceUsage::ByPartition& share = shares[core.NameOf(id.first)];
    share.logical_bytes = core.index.LogicalBytes(id.first);
    ++share.models;
    auto model = records.models.find(id.second);
    if (model == records.models.end()) continue;
    for (const BlobRef& blob : BlobsOf(id.second, model->second)) {
      owners[blob.digest].insert(core.NameOf(id.first));
    }
  }
  for (const auto& [id, upload] : records.uploads) {
    shares[core.NameOf(id.first)].staged_bytes = core.index.StagedBytes(id.first);
  }
  for (const auto& [digest, bytes] : sizes) {
    auto owned = owners.find(digest);
    if (owned == owners.end()) {
      usage.unreferenced_bytes += bytes;
      continue;
    }
    usage.blob_bytes += bytes;
    const uint64_t count = owned->second.size();
    uint64_t remainder = bytes % count;
    for (const Partition& name : owned->second) {
      SpaceUsage::ByPartition& share = shares[name];
      share.physical_bytes += bytes / count + (remainder > 0 ? 1 : 0);
      remainder -= std::min<uint64_t>(remainder, 1);
      if (count == 1) share.exclusive_bytes += bytes;
    }
  }
  for (auto& [name, share] : shares) {
    share.partition = name;
    share.quota_bytes = core.QuotaOf(Digest::Of(absl::string_view(name)));
    usage.logical_bytes += share.logical_bytes;
    usage.partitions.push_back(std::move(share));
  }
}

}  // namespace

absl::StatusOr<SpaceUsage> Space::Usage() const {
  SpaceUsage usage;
  MODELD_ASSIGN_OR_RETURN(const auto sizes, ReadBlobs(core_, usage));
  MODELD_RETURN_IF_ERROR(ReadOthers(core_, usage));
  usage.free_bytes = core_.files.cache().FreeBytes().value_or(0);
  usage.min_free_bytes = core_.options.min_free_bytes;
  absl::MutexLock lock(&core_.mu);
  Share(core_, sizes, usage);
  usage.physical_bytes = usage.blob_bytes + usage.unreferenced_bytes + usage.plan_bytes +
                         usage.staging_bytes + usage.quarantine_bytes;
  usage.reserved_bytes = core_.promises.unwritten();
  usage.limit_bytes = core_.bounds.limit_bytes;
  return usage;
}

}  // namespace modeld::storage
