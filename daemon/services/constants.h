// Constants on their way into the store: uploads in chunks, and memory that was handed over.
#ifndef MODELD_DAEMON_SERVICES_CONSTANTS_H_
#define MODELD_DAEMON_SERVICES_CONSTANTS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "daemon/cache/space_keeper.h"
#include "daemon/services/call_context.h"
#include "daemon/services/limits.h"
#include "policy/transfer.h"
#include "storage/integrity.h"
#include "storage/model_store.h"

namespace modeld {

// The part of InferenceService that takes bytes; its comments state effects and errors. Thread-safe. Its
// arguments must outlive it.
class Constants {
 public:
  // `stall_after`: as in policy::JudgeTransfer().
  Constants(storage::ModelStore& store, SpaceKeeper& space, const ServiceLimits& limits, const Clock& clock,
            absl::Duration stall_after)
      : store_(store), space_(space), limits_(limits), clock_(clock), stall_after_(stall_after) {}

  // A piece of an upload; `data` is valid until the next one is asked for.
  struct Chunk {
    uint64_t offset_bytes = 0;
    absl::string_view data;
  };
  // Blocks for the client's next piece; nothing when there are no more, or the client has gone.
  using NextChunk = std::function<std::optional<Chunk>()>;

  // Returns how much is safely kept. Ends early, and well, when the constant is complete: then the rest of
  // what the client sends is not looked at. `digests`: of the constant's digest chunks, or none.
  absl::StatusOr<storage::UploadState> Upload(Call& call, const storage::BlobRef& blob,
                                              std::span<const Digest> digests, const NextChunk& next);

  // The same into the session's memory, for an uncacheable graph: nothing touches the disk. A stream that
  // begins at offset 0 begins anew.
  absl::StatusOr<uint64_t> UploadToMemory(Call& call, const storage::BlobRef& blob, const NextChunk& next);

  absl::StatusOr<storage::UploadState> Query(Call& call, const storage::BlobRef& blob);

  // Of several uploads together.
  struct Progress {
    uint64_t committed_bytes = 0;
    uint64_t total_bytes = 0;
    double fraction = 0;
    policy::TransferVerdict verdict;
  };
  // Reports at once, whenever more is kept or the state changes, each second while it is stalled, and a last
  // time when all is complete; returns then, or when `send` returns false (CANCELLED). The bytes that it
  // reports never fall, also when a wrong chunk is dropped.
  absl::Status Watch(Call& call, std::vector<storage::BlobRef> blobs,
                     const std::function<bool(const Progress&)>& send);

  struct Range {
    storage::BlobRef blob;
    uint64_t offset_bytes = 0;
  };
  // `last`: the memory is freed afterwards, whatever the result.
  absl::Status Import(Call& call, uint64_t memory_id, const std::vector<Range>& ranges, bool last);

 private:
  absl::Status ImportAll(Call& call, uint64_t memory_id, const std::vector<Range>& ranges);
  // One constant from memory: a large one piece by piece, so that what came is kept and its progress shows.
  absl::Status ImportOne(Call& call, const storage::BlobRef& blob, const Region& bytes,
                         storage::Lease& lease);

  storage::ModelStore& store_;
  SpaceKeeper& space_;
  const ServiceLimits& limits_;
  const Clock& clock_;
  const absl::Duration stall_after_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_CONSTANTS_H_
