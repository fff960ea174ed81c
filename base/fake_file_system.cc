#include "base/fake_file_system.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/status.h"

namespace modeld {
namespace {

constexpr uint64_t kBlockBytes = 4096;

absl::string_view Parent(absl::string_view path) {
  size_t slash = path.rfind('/');
  return slash == absl::string_view::npos ? absl::string_view() : path.substr(0, slash);
}

}  // namespace

// Shares its node, as a descriptor shares the inode.
class FakeFile : public File {
 public:
  FakeFile(FakeFileSystem& fs, FakeFileSystem::NodePtr node, bool writable)
      : fs_(fs), node_(std::move(node)), writable_(writable) {}

  absl::StatusOr<uint64_t> Size() const override {
    absl::MutexLock lock(&fs_.mu_);
    MODELD_RETURN_IF_ERROR(fs_.CheckReadable());
    return node_->content.size();
  }

  absl::StatusOr<size_t> ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    absl::MutexLock lock(&fs_.mu_);
    MODELD_RETURN_IF_ERROR(fs_.CheckReadable());
    if (offset >= node_->content.size()) return 0;
    if (offset + out.size() > node_->unreadable_from) return fs_.Error(EIO);
    size_t count = std::min<uint64_t>(out.size(), node_->content.size() - offset);
    std::copy_n(reinterpret_cast<const std::byte*>(node_->content.data()) + offset, count, out.data());
    return count;
  }

  absl::Status WriteAt(uint64_t offset, absl::string_view bytes) override {
    absl::MutexLock lock(&fs_.mu_);
    if (!writable_) return fs_.Error(EACCES);
    bool torn = false;
    absl::Status step = fs_.Step(&torn);
    if (!step.ok() && !torn) return step;
    absl::string_view taken = torn ? bytes.substr(0, bytes.size() / 2) : bytes;
    if (node_->content.size() < offset + taken.size()) node_->content.resize(offset + taken.size());
    std::copy(taken.begin(), taken.end(), node_->content.begin() + offset);
    return step;
  }

  absl::Status Truncate(uint64_t size_bytes) override {
    absl::MutexLock lock(&fs_.mu_);
    MODELD_RETURN_IF_ERROR(fs_.Step());
    node_->content.resize(size_bytes);
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    absl::MutexLock lock(&fs_.mu_);
    MODELD_RETURN_IF_ERROR(fs_.Step());
    if (!fs_.plan_.DropsSync()) node_->synced = node_->content;
    return absl::OkStatus();
  }

 private:
  FakeFileSystem& fs_;
  const FakeFileSystem::NodePtr node_;
  const bool writable_;
};

class FakeFileLock : public FileLock {
 public:
  FakeFileLock(FakeFileSystem& fs, std::string path) : fs_(fs), path_(std::move(path)) {}
  ~FakeFileLock() override {
    absl::MutexLock lock(&fs_.mu_);
    fs_.locked_.erase(path_);
  }

 private:
  FakeFileSystem& fs_;
  const std::string path_;
};

FakeFileSystem::NodePtr FakeFileSystem::NewDirectory() {
  auto node = std::make_shared<Node>();
  node->directory = true;
  return node;
}

absl::Status FakeFileSystem::Step(bool* torn) {
  mu_.AssertHeld();
  if (read_only_) return Error(EROFS);
  FaultPlan::Outcome outcome = plan_.Step();
  if (outcome == FaultPlan::Outcome::kDo) return absl::OkStatus();
  if (torn != nullptr) *torn = outcome == FaultPlan::Outcome::kTear;
  return Error(plan_.error());
}

absl::Status FakeFileSystem::CheckReadable() const {
  return plan_.crashed() ? Error(EIO) : absl::OkStatus();
}

absl::Status FakeFileSystem::CheckParent(absl::string_view path) const {
  MODELD_RETURN_IF_ERROR(CheckRelativePath(path));
  if (path.empty()) return absl::InvalidArgumentError("a file name is empty");
  auto parent = seen_.find(std::string(Parent(path)));
  if (parent == seen_.end()) return Error(ENOENT);
  return parent->second->directory ? absl::OkStatus() : Error(ENOTDIR);
}

absl::StatusOr<FakeFileSystem::NodePtr> FakeFileSystem::Find(absl::string_view path) const {
  MODELD_RETURN_IF_ERROR(CheckReadable());
  MODELD_RETURN_IF_ERROR(CheckRelativePath(path));
  auto found = seen_.find(std::string(path));
  if (found == seen_.end()) return Error(ENOENT);
  return found->second;
}

void FakeFileSystem::Set(const std::string& path, NodePtr node, uint64_t group) {
  if (node) {
    seen_[path] = node;
  } else {
    seen_.erase(path);
  }
  unsynced_.push_back({path, std::move(node), group});
}

absl::StatusOr<std::unique_ptr<File>> FakeFileSystem::Open(absl::string_view path, Access access) {
  absl::MutexLock lock(&mu_);
  MODELD_RETURN_IF_ERROR(CheckReadable());
  MODELD_RETURN_IF_ERROR(CheckParent(path));
  absl::StatusOr<NodePtr> node = Find(path);
  if (absl::IsNotFound(node.status()) && access == Access::kCreate) {
    MODELD_RETURN_IF_ERROR(Step());
    node = std::make_shared<Node>();
    Set(std::string(path), *node, next_group_++);
  }
  if (!node.ok()) return node.status();
  if ((*node)->directory) return Error(EISDIR);
  if (read_only_ && access != Access::kRead) return Error(EROFS);
  return std::make_unique<FakeFile>(*this, *node, access != Access::kRead);
}

absl::StatusOr<Region> FakeFileSystem::Map(absl::string_view path) {
  absl::MutexLock lock(&mu_);
  MODELD_ASSIGN_OR_RETURN(NodePtr node, Find(path));
  if (node->directory) return Error(EISDIR);
  return Region::Copy(absl::string_view(node->content));
}

absl::StatusOr<FileInfo> FakeFileSystem::Stat(absl::string_view path) {
  absl::MutexLock lock(&mu_);
  MODELD_ASSIGN_OR_RETURN(NodePtr node, Find(path));
  return FileInfo{.size_bytes = node->content.size(),
                  .allocated_bytes = (node->content.size() + kBlockBytes - 1) / kBlockBytes * kBlockBytes,
                  .is_directory = node->directory,
                  .is_plain_file = !node->directory};
}

absl::StatusOr<std::vector<std::string>> FakeFileSystem::List(absl::string_view path) {
  absl::MutexLock lock(&mu_);
  MODELD_ASSIGN_OR_RETURN(NodePtr node, Find(path));
  if (!node->directory) return Error(ENOTDIR);
  std::vector<std::string> names;
  for (const auto& [entry, unused] : seen_) {
    if (entry.empty() || Parent(entry) != path) continue;
    names.push_back(path.empty() ? entry : entry.substr(path.size() + 1));
  }
  return names;
}

absl::Status FakeFileSystem::MakeDir(absl::string_view path) {
  absl::MutexLock lock(&mu_);
  absl::StatusOr<NodePtr> found = Find(path);
  if (found.ok()) return (*found)->directory ? absl::OkStatus() : Error(ENOTDIR);
  if (!absl::IsNotFound(found.status())) return found.status();
  if (!path.empty()) MODELD_RETURN_IF_ERROR(CheckParent(path));
  MODELD_RETURN_IF_ERROR(Step());
  Set(std::string(path), NewDirectory(), next_group_++);
  return absl::OkStatus();
}

absl::Status FakeFileSystem::Rename(absl::string_view from, absl::string_view to) {
  absl::MutexLock lock(&mu_);
  MODELD_ASSIGN_OR_RETURN(NodePtr node, Find(from));
  MODELD_RETURN_IF_ERROR(CheckParent(to));
  MODELD_RETURN_IF_ERROR(Step());
  uint64_t group = next_group_++;
  Set(std::string(from), nullptr, group);
  Set(std::string(to), node, group);
  return absl::OkStatus();
}

absl::Status FakeFileSystem::Remove(absl::string_view path) {
  absl::MutexLock lock(&mu_);
  MODELD_ASSIGN_OR_RETURN(NodePtr node, Find(path));
  if (node->directory) return Error(EISDIR);
  MODELD_RETURN_IF_ERROR(Step());
  Set(std::string(path), nullptr, next_group_++);
  return absl::OkStatus();
}

absl::Status FakeFileSystem::RemoveDir(absl::string_view path) {
  absl::MutexLock lock(&mu_);
  MODELD_ASSIGN_OR_RETURN(NodePtr node, Find(path));
  if (!node->directory) return Error(ENOTDIR);
  for (const auto& [entry, unused] : seen_) {
    if (!entry.empty() && Parent(entry) == path) return Error(ENOTEMPTY);
  }
  MODELD_RETURN_IF_ERROR(Step());
  Set(std::string(path), nullptr, next_group_++);
  return absl::OkStatus();
}

absl::Status FakeFileSystem::SyncDir(absl::string_view path) {
  absl::MutexLock lock(&mu_);
  MODELD_RETURN_IF_ERROR(Find(path).status());
  MODELD_RETURN_IF_ERROR(Step());
  if (plan_.DropsSync()) return absl::OkStatus();
  auto keep = std::stable_partition(unsynced_.begin(), unsynced_.end(),
                                    [&](const Change& change) { return Parent(change.path) != path; });
  for (auto change = keep; change != unsynced_.end(); ++change) {
    if (change->node) {
      durable_[change->path] = change->node;
    } else {
      durable_.erase(change->path);
    }
  }
  unsynced_.erase(keep, unsynced_.end());
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> FakeFileSystem::FreeBytes() {
  absl::MutexLock lock(&mu_);
  MODELD_RETURN_IF_ERROR(CheckReadable());
  if (!disk_bytes_) return free_bytes_;
  uint64_t used = 0;
  for (const auto& [path, node] : seen_) used += node->content.size();
  return *disk_bytes_ - std::min(used, *disk_bytes_);
}

absl::StatusOr<uint64_t> FakeFileSystem::TotalBytes() {
  absl::MutexLock lock(&mu_);
  MODELD_RETURN_IF_ERROR(CheckReadable());
  return disk_bytes_.value_or(free_bytes_);
}

absl::StatusOr<std::unique_ptr<FileLock>> FakeFileSystem::Lock(absl::string_view path) {
  MODELD_RETURN_IF_ERROR(Open(path, Access::kCreate).status());
  absl::MutexLock lock(&mu_);
  if (!locked_.insert(std::string(path)).second) {
    return absl::AbortedError(absl::StrCat(name_, ": somebody else uses it"));
  }
  return std::make_unique<FakeFileLock>(*this, std::string(path));
}

void FakeFileSystem::DropOrphans() {
  // In path order a folder comes before what is in it.
  for (auto entry = seen_.begin(); entry != seen_.end();) {
    bool orphan = !entry->first.empty() && !seen_.contains(std::string(Parent(entry->first)));
    entry = orphan ? seen_.erase(entry) : std::next(entry);
  }
}

void FakeFileSystem::Crash(Survival survival, uint64_t seed) {
  absl::MutexLock lock(&mu_);
  std::mt19937_64 random(seed);
  if (survival != Survival::kAll) {
    size_t kept = 0;
    if (survival == Survival::kRandom && !unsynced_.empty()) {
      kept = random() % (unsynced_.size() + 1);
      while (kept > 0 && kept < unsynced_.size() && unsynced_[kept].group == unsynced_[kept - 1].group)
        ++kept;
    }
    seen_ = durable_;
    for (size_t i = 0; i < kept; ++i) {
      if (unsynced_[i].node) {
        seen_[unsynced_[i].path] = unsynced_[i].node;
      } else {
        seen_.erase(unsynced_[i].path);
      }
    }
    DropOrphans();
    for (auto& [path, node] : seen_) {
      bool keep_content = survival == Survival::kRandom && random() % 2 == 0;
      if (keep_content && node->content.size() > node->synced.size() && random() % 2 == 0) {
        size_t grown = node->content.size() - node->synced.size();
        node->content.resize(node->synced.size() + random() % grown);
      }
      // The size may reach the disk before the bytes do.
      if (keep_content && random() % 2 == 0) {
        for (size_t i = node->synced.size(); i < node->content.size(); ++i) node->content[i] = '\0';
      }
      if (!keep_content) node->content = node->synced;
    }
  }
  // New nodes, so that descriptors of the dead process reach nothing.
  for (auto& [path, node] : seen_) {
    auto fresh = std::make_shared<Node>(*node);
    fresh->synced = fresh->content;
    node = std::move(fresh);
  }
  durable_ = seen_;
  unsynced_.clear();
}

void FakeFileSystem::SetFreeBytes(uint64_t bytes) {
  absl::MutexLock lock(&mu_);
  free_bytes_ = bytes;
}

void FakeFileSystem::SetDiskBytes(uint64_t bytes) {
  absl::MutexLock lock(&mu_);
  disk_bytes_ = bytes;
}

void FakeFileSystem::SetReadOnly(bool read_only) {
  absl::MutexLock lock(&mu_);
  read_only_ = read_only;
}

void FakeFileSystem::FlipBit(absl::string_view path, uint64_t byte_offset) {
  absl::MutexLock lock(&mu_);
  Node& node = *seen_.at(std::string(path));
  node.content.at(byte_offset) ^= 1;
  node.synced = node.content;
}

void FakeFileSystem::SetUnreadable(absl::string_view path, uint64_t first_byte) {
  absl::MutexLock lock(&mu_);
  seen_.at(std::string(path))->unreadable_from = first_byte;
}

void FakeFileSystem::CutTo(absl::string_view path, uint64_t size_bytes) {
  absl::MutexLock lock(&mu_);
  Node& node = *seen_.at(std::string(path));
  node.content.resize(size_bytes);
  node.synced = node.content;
}

void FakeFileSystem::RemoveBehind(absl::string_view path) {
  absl::MutexLock lock(&mu_);
  seen_.erase(seen_.find(std::string(path)));
  durable_.erase(std::string(path));
}

void FakeFileSystem::Wipe() {
  absl::MutexLock lock(&mu_);
  seen_ = {{"", NewDirectory()}};
  durable_ = seen_;
  unsynced_.clear();
}

std::vector<std::string> FakeFileSystem::Files() const {
  return Paths(false);
}

std::vector<std::string> FakeFileSystem::Folders() const {
  return Paths(true);
}

std::vector<std::string> FakeFileSystem::Paths(bool folders) const {
  absl::MutexLock lock(&mu_);
  std::vector<std::string> paths;
  for (const auto& [path, node] : seen_) {
    if (node->directory == folders) paths.push_back(path);
  }
  return paths;
}

}  // namespace modeld
