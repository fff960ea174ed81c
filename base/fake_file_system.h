// A FileSystem in memory that forgets what was not synced, for tests.
#ifndef MODELD_BASE_FAKE_FILE_SYSTEM_H_
#define MODELD_BASE_FAKE_FILE_SYSTEM_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "base/fault_plan.h"
#include "base/file_system.h"

namespace modeld {

// Keeps two states of the folder: what the process sees, and what the disk would hold after the power went.
// Content reaches the disk by File::Sync(), a name by SyncDir() of its folder. Every changing call is a step
// of the fault plan. Thread-safe.
class FakeFileSystem : public FileSystem {
 public:
  // What survives Crash().
  enum class Survival {
    kSyncedOnly,  // the strictest disk: nothing that was not synced
    kAll,         // kill -9: the kernel keeps everything
    kRandom,  // a disk that wrote some of the rest: a prefix of the names' changes in order, and any part of
              // each file's unsynced content
  };

  // `plan` must outlive this.
  FakeFileSystem(FaultPlan& plan, std::string name) : plan_(plan), name_(std::move(name)) {}

  absl::string_view name() const override { return name_; }
  absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view path, Access access) override;
  absl::StatusOr<Region> Map(absl::string_view path) override;
  absl::StatusOr<FileInfo> Stat(absl::string_view path) override;
  absl::StatusOr<std::vector<std::string>> List(absl::string_view path) override;
  absl::Status MakeDir(absl::string_view path) override;
  absl::Status Rename(absl::string_view from, absl::string_view to) override;
  absl::Status Remove(absl::string_view path) override;
  absl::Status RemoveDir(absl::string_view path) override;
  absl::Status SyncDir(absl::string_view path) override;
  absl::StatusOr<uint64_t> FreeBytes() override;
  absl::StatusOr<uint64_t> TotalBytes() override;
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(absl::string_view path) override;

  // Becomes what a machine finds that starts again. Files opened before are of no use afterwards.
  void Crash(Survival survival, uint64_t seed = 0);
  // What FreeBytes() answers.
  void SetFreeBytes(uint64_t bytes);
  // From now on FreeBytes() answers `bytes` less the files' sizes, as a disk of that size would.
  void SetDiskBytes(uint64_t bytes);
  // Changing calls answer EROFS while set.
  void SetReadOnly(bool read_only);

  // Behind the back of whoever uses the folder; no steps. The file must exist.
  void FlipBit(absl::string_view path, uint64_t byte_offset);
  void CutTo(absl::string_view path, uint64_t size_bytes);
  void RemoveBehind(absl::string_view path);
  // Whether reading the file's bytes from `first_byte` on answers EIO, as on a disk with a bad sector;
  // follows the file when it is renamed. UINT64_MAX: no longer.
  void SetUnreadable(absl::string_view path, uint64_t first_byte);
  // Everything beneath the folder is gone, as after `rm -rf`.
  void Wipe();
  // Paths of all plain files, sorted.
  std::vector<std::string> Files() const;
  // Paths of all folders, sorted; the first is "" while the folder itself is there.
  std::vector<std::string> Folders() const;

 private:
  struct Node {
    bool directory = false;
    std::string content;
    std::string synced;
    uint64_t unreadable_from = UINT64_MAX;
  };
  using NodePtr = std::shared_ptr<Node>;
  // A change of one name: a node, or null for a removal. Changes of one group are atomic on the disk.
  struct Change {
    std::string path;
    NodePtr node;
    uint64_t group;
  };
  friend class FakeFile;
  friend class FakeFileLock;

  absl::Status Error(int error) const { return ErrnoStatus(error, name_); }
  // OK, or why a changing call fails. `torn` is set when a part of it is to be done before.
  absl::Status Step(bool* torn = nullptr);
  absl::Status CheckReadable() const;
  // The node of a path that may be looked up. INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION.
  absl::StatusOr<NodePtr> Find(absl::string_view path) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status CheckParent(absl::string_view path) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Set(const std::string& path, NodePtr node, uint64_t group) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::vector<std::string> Paths(bool folders) const;
  void DropOrphans() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  FaultPlan& plan_;
  const std::string name_;
  mutable absl::Mutex mu_;
  std::map<std::string, NodePtr> seen_ ABSL_GUARDED_BY(mu_) = {{"", NewDirectory()}};
  std::map<std::string, NodePtr> durable_ ABSL_GUARDED_BY(mu_) = {{"", NewDirectory()}};
  std::vector<Change> unsynced_ ABSL_GUARDED_BY(mu_);
  uint64_t next_group_ ABSL_GUARDED_BY(mu_) = 0;
  std::set<std::string> locked_ ABSL_GUARDED_BY(mu_);
  uint64_t free_bytes_ ABSL_GUARDED_BY(mu_) = uint64_t{1} << 40;
  std::optional<uint64_t> disk_bytes_ ABSL_GUARDED_BY(mu_);
  bool read_only_ ABSL_GUARDED_BY(mu_) = false;

  static NodePtr NewDirectory();
};

}  // namespace modeld

#endif  // MODELD_BASE_FAKE_FILE_SYSTEM_H_
