// Keeping what is stored whole: uploads' progress, checks and repairs, the scrub, and moving the cache
// folder.
#ifndef MODELD_STORAGE_INTEGRITY_H_
#define MODELD_STORAGE_INTEGRITY_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/digest.h"
#include "storage/store_types.h"

namespace modeld::storage {

class Lease;
class ModelStore;
class StoreCore;

// How an upload of a partition gets on. A plain value.
struct UploadState {
  // Durable, of those that were sent or, for a damaged blob, are still right.
  uint64_t committed_bytes = 0;
  // The partition sees the blob, whole.
  bool complete = false;
  // What OpenUpload() would lack, in order; empty when complete.
  std::vector<ByteRange> missing;
  // A call of the partition sends it now.
  bool open = false;
  // When the last byte came, or that call began. InfinitePast(): nothing is kept, or it is complete.
  absl::Time last_bytes = absl::InfinitePast();
};

// Which unfinished uploads PrunePartials() takes.
struct PartialFilter {
  // Only those that nobody has written to for longer.
  absl::Duration older_than = absl::ZeroDuration();
  // Nothing: of all partitions.
  std::optional<Partition> partition = {};
  // Tell, and remove nothing.
  bool dry_run = false;
};

// What VerifyAll() looks at and does.
struct VerifyOptions {
  // Read and hash every blob and plan; else compare names, sizes and records only.
  bool rehash = false;
  // Remove stray files and records that nothing can mend, drop damaged plans and damaged uploads that no
  // model names, put blobs that prove right back in their place. Never removes a model.
  bool repair = false;
};

// A message of VerifyAll().
struct VerifyNews {
  // Bytes read so far, and in all; both 0 when nothing is to be read. `done` never falls.
  uint64_t done_bytes = 0;
  uint64_t total_bytes = 0;
  // Empty: only progress. One sentence, without paths.
  std::string problem;
  // Models that cannot be used for it, ascending.
  std::vector<Digest> models;
  // The problem was there and is mended.
  bool repaired = false;
};

// What Scrub() did.
struct ScrubStep {
  uint64_t bytes_read = 0;
  // The end was reached: the next step begins a new round.
  bool round_finished = false;
  // A blob or plan was found damaged: what to tell the user, and the models that it costs.
  std::string problem;
  std::vector<Digest> models;
};

// How far Move() has come.
struct MoveProgress {
  uint64_t copied_bytes = 0;
  uint64_t total_bytes = 0;
};

// A facet of ModelStore: ModelStore::integrity(). Thread-safe; lives as long as its store. Errors that all
// share are ModelStore's.
class Integrity {
 public:
  explicit Integrity(StoreCore& core) : core_(core) {}
  Integrity(const Integrity&) = delete;
  Integrity& operator=(const Integrity&) = delete;

  // --- Uploads ---

  // How far a partition has come with a blob. Begins nothing, and tells nothing of other partitions. What is
  // complete is held by `lease` from now on. INVALID_ARGUMENT: a blob of the partition's own is declared with
  // another size.
  absl::StatusOr<UploadState> StateOf(const Partition& partition, const BlobRef& blob, Lease& lease);

  // Removes the uploads of a blob that no stored model names, in all partitions; returns the bytes that the
  // disk gets back. NOT_FOUND: there is none. FAILED_PRECONDITION: a session is sending one, or holds it.
  absl::StatusOr<uint64_t> DeleteUpload(const Digest& blob);

  // Removes unfinished uploads that no session is sending. Returns what it removed, or with dry_run would.
  absl::StatusOr<std::vector<StagedInfo>> PrunePartials(const PartialFilter& filter);

  // --- Checks ---

  // Checks that catalogue, memory and files agree and, as the options say, all bytes: of models, of uploads
  // that are finished, of plans. A blob whose bytes are
  // wrong, or cannot be read, goes to quarantine and its models are named; nothing of it is deleted. `report`
  // is called for each problem and after each blob; CANCELLED when it returns false. One finding never hides
  // another. Other calls may overlap; what they change meanwhile may be reported or not.
  absl::Status VerifyAll(const VerifyOptions& options, const std::function<bool(const VerifyNews&)>& report);

  // Reads and checks the next piece of the store: one chunk of a blob, or a plan's file. Goes round and
  // round, over restarts, too. No lock is held while it reads. `pace` is called before each read with its
  // bytes and may sleep; when it returns false the step ends early, and the same piece comes again next time.
  absl::StatusOr<ScrubStep> Scrub(absl::FunctionRef<bool(uint64_t bytes)> pace);
  // When the last whole round ended; InfinitePast() when none has.
  absl::Time last_scrubbed() const;

  // --- Moving the cache folder ---

  // Copies the cache to `directory` (an absolute path) and remembers it; the store goes on in its own folder.
  // When it is next opened with `directory` as its cache folder, what came meanwhile is brought over and the
  // old folder is removed, as far as it is ours. May be stopped at any point, and repeated. `report` is
  // called at least after each file; CANCELLED when it returns false. INVALID_ARGUMENT: no absolute path, or
  // within a folder of the store. FAILED_PRECONDITION: not empty and not the target of an earlier move of
  // this store, not writable, or in use. RESOURCE_EXHAUSTED: it has not the room.
  absl::Status Move(const std::string& directory, const std::function<bool(const MoveProgress&)>& report);
  // Where to the cache is being moved; nothing when no move is under way.
  std::optional<std::string> move_target() const;

 private:
  StoreCore& core_;
};

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_INTEGRITY_H_
