// index.json of a backup: whose models they are, and what the user wants with them.
#ifndef MODELD_TOOLS_MODELCTL_BACKUP_INDEX_H_
#define MODELD_TOOLS_MODELCTL_BACKUP_INDEX_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/digest.h"
#include "modeld/v1/cache_admin.pb.h"

namespace modeld::tools {

// A partition that has a model, and what it calls it.
struct BackupHolder {
  std::string partition;
  std::vector<std::string> keys;

  bool operator==(const BackupHolder&) const = default;
};

// With whom a model is shared.
struct BackupShare {
  bool everybody = false;
  std::vector<std::string> with;
  // What the user said; nothing where the daemon decides.
  std::optional<double> commonness;

  bool operator==(const BackupShare&) const = default;
};

// A model of the backup.
struct BackupModel {
  Digest id;
  // Of its graph and constants; for showing how far one is.
  uint64_t size_bytes = 0;
  std::vector<BackupHolder> holders;
  bool pinned = false;
  v1::Priority priority = v1::PRIORITY_NORMAL;
  std::optional<BackupShare> share;

  bool operator==(const BackupModel&) const = default;
};

// The bounds that the user set for a partition.
struct BackupBounds {
  std::string partition;
  std::optional<uint64_t> quota_bytes;
  std::optional<uint32_t> keep_at_most;
  std::optional<int64_t> max_age_seconds;

  bool operator==(const BackupBounds&) const = default;
};

// All of it. A plain value.
struct BackupIndex {
  std::vector<BackupModel> models;
  std::vector<BackupBounds> partitions;

  bool operator==(const BackupIndex&) const = default;
};

// As the file has it.
std::string PrintIndex(const BackupIndex& index);

// INVALID_ARGUMENT, naming the member: no such JSON, another version, or a value that none can have.
absl::StatusOr<BackupIndex> ParseIndex(absl::string_view text);

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_BACKUP_INDEX_H_
