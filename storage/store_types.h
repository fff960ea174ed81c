// The plain values that storage's public interface speaks in.
#ifndef MODELD_STORAGE_STORE_TYPES_H_
#define MODELD_STORAGE_STORE_TYPES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/digest.h"
#include "base/region.h"

namespace modeld {
class FileSystem;
}  // namespace modeld

namespace modeld::storage {

// Whose cache it is: an opaque name of 1 to 4096 bytes, made by the daemon ("app:...", "web:...|...").
// Storage compares it bytewise, keeps it as data, and makes file names of its SHA-256 only.
using Partition = std::string;

// The system's own partition: its holds keep what the user shares. No client can name it; nothing in it is
// evicted, reclaimed, expired or pruned, and removing a hold from it ends the share.
inline constexpr char kSharedPartition[] = "user:shared";

// A blob as its owner declares it: the SHA-256 and the number of its bytes.
struct BlobRef {
  Digest digest;
  uint64_t size_bytes = 0;

  friend auto operator<=>(const BlobRef&, const BlobRef&) = default;
};

// [begin, end) of a blob, in bytes.
struct ByteRange {
  uint64_t begin_bytes = 0;
  uint64_t end_bytes = 0;

  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

// What bounds the space that stores take, resolved to bytes. The disk's floor is
// StoreOptions::min_free_bytes.
struct SpaceBounds {
  // Of a partition without limits of its own.
  uint64_t quota_bytes = UINT64_MAX;
  // All files of the cache together.
  uint64_t limit_bytes = UINT64_MAX;
  // Of a partition without limits of its own. 0: any number.
  uint32_t keep_at_most = 0;
  // Infinite: any age.
  absl::Duration max_age = absl::InfiniteDuration();
};

// Where the store lives and what bounds it.
struct StoreOptions {
  // Absolute paths; created with mode 0700 when absent. `cache_dir` holds blobs and uploads and may be wiped
  // by the user at any time; `state_dir` holds the catalogue.
  std::string cache_dir;
  std::string state_dir;
  // An upload is refused when the disk would have fewer free bytes than this afterwards.
  uint64_t min_free_bytes = uint64_t{256} << 20;
  // What one partition may hold in uploads and in blobs that no stored model names, in declared bytes.
  uint64_t max_staged_bytes_per_partition = uint64_t{16} << 30;
  // An unfinished upload that nobody has written to for longer is garbage.
  absl::Duration staged_max_age = absl::Hours(24);
  // A finished upload that no stored model names and no lease holds stays with its partition for this long,
  // so that a client whose connection broke sends only the rest. Zero: until the last lease closes.
  absl::Duration presented_max_age = absl::Hours(1);
  // What all compiled plans may take together, and how many one partition may cause for one structure (one
  // per device and options).
  uint64_t max_plan_bytes = uint64_t{8} << 30;
  uint32_t max_plans_per_structure = 4;
  SpaceBounds bounds;
  // Of one partition; a store or key beyond is refused.
  uint32_t max_models_per_partition = 1024;
  uint32_t max_keys_per_partition = 4096;
  // Opens a folder that is not the store's own, by its absolute path; empty: on the disk. For moving the
  // cache.
  std::function<std::shared_ptr<FileSystem>(const std::string& path)> open_folder = {};
  // Blobs larger than this have digests of their chunks kept beside them, so that damage costs a chunk.
  uint64_t digest_chunk_bytes = uint64_t{4} << 20;
};

// What StoreModel() keeps. `manifest` is opaque: the canonical bytes of a graph; its SHA-256 is the model id.
struct StoreRequest {
  absl::string_view manifest;
  // The blobs that the manifest names; duplicates are allowed and count once.
  std::vector<BlobRef> constants;
  // For the user's eyes only, at most 1024 bytes of UTF-8 each; may be empty. The first store of a model in a
  // partition decides; a later non-empty one replaces.
  std::string display_name;
  std::string source;
  // When set, the model is kept under this key (as SaveKey() would, in the same transaction) and lives as
  // long as a key names it. When unset, it is kept by its id until DeleteModel().
  std::optional<std::string> key;
};

// A model that GetModel() found whole.
struct StoredModel {
  Region manifest;
  std::vector<BlobRef> constants;
};

// How a model or blob fares.
enum class Health {
  kWhole,    // all files are there with the right size, and no check found a wrong byte
  kMissing,  // a file is gone (a cleaner, a wiped cache folder): fetches answer NOT_FOUND
  kDamaged,  // a file or record has wrong bytes: fetches answer DATA_LOSS
};

// A key of a partition, as the user and its owner see it.
struct KeyInfo {
  std::string key;
  Digest model_id;
  absl::Time created;
};

// One partition's hold on one model.
struct ModelInfo {
  Partition partition;
  Digest model_id;
  std::string display_name;
  std::string source;
  std::vector<std::string> keys;  // in bytewise order
  bool stored_by_id = false;      // kept even without keys
  // Distinct blobs, manifest included. Zero when the record is damaged.
  uint64_t logical_bytes = 0;
  // Of these, what no other model names: what the disk gets back when the last partition deletes it.
  uint64_t exclusive_bytes = 0;
  uint64_t constants = 0;  // distinct
  absl::Time created;
  absl::Time last_used;
  Health health = Health::kWhole;
};

// A partition's hold on a model, by name.
struct HoldName {
  Partition partition;
  Digest model_id;
};

// A file with wrong bytes that was set aside.
struct QuarantinedInfo {
  BlobRef blob;                // what it should have been, and the file's size
  std::vector<Digest> models;  // that name it, ascending
  absl::Time found;
};

// One partition.
struct PartitionInfo {
  Partition partition;
  uint64_t models = 0;
  uint64_t keys = 0;
  uint64_t logical_bytes = 0;  // distinct blobs of its models
  uint64_t staged_bytes = 0;   // declared sizes of its uploads and of blobs it has presented but not stored
  absl::Time created;
  absl::Time last_used;
};

// An upload that is not part of a stored model.
struct StagedInfo {
  Partition partition;
  BlobRef blob;
  uint64_t committed_bytes = 0;  // received and durable; equals blob.size_bytes when finished
  bool finished = false;         // verified, waiting for a model that names it
  bool open = false;             // a call is sending it now
  absl::Time created;
  absl::Time touched;
  absl::Time last_bytes;  // when the last byte came, or the call that sends it began
};

// The whole store, in bytes.
struct StoreUsage {
  uint64_t logical_bytes = 0;       // sum of the partitions' logical bytes
  uint64_t physical_bytes = 0;      // blob files of stored models, each once
  uint64_t unreferenced_bytes = 0;  // blob files that only a lease or a finished upload holds
  uint64_t staged_bytes = 0;        // received bytes of unfinished uploads
  uint64_t models = 0;              // distinct
  uint64_t partitions = 0;
  uint64_t free_bytes = 0;  // of the disk
};

// What Collect() removed.
struct CollectResult {
  uint64_t blobs = 0;
  uint64_t uploads = 0;
  uint64_t bytes = 0;
};

// What VerifyAll() found.
struct VerifyReport {
  struct BadBlob {
    Digest digest;
    Health health = Health::kDamaged;
    std::vector<Digest> models;  // that name it
  };
  uint64_t blobs_checked = 0;
  uint64_t bytes_checked = 0;
  std::vector<BadBlob> bad;
};

// What start-up found and repaired.
struct RecoveryReport {
  uint64_t orphan_files_removed = 0;
  uint64_t uploads_resumable = 0;
  uint64_t uploads_dropped = 0;
  uint64_t blobs_missing = 0;  // newly found to be gone or cut short
  // Of a cache folder that was moved: brought over from the old folder, and left there because they could not
  // be.
  uint64_t files_moved = 0;
  uint64_t files_not_moved = 0;
  uint64_t unreadable_records = 0;
};

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_STORE_TYPES_H_
