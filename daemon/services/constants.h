// Constants on their way into the store: uploads in chunks, and memory that was handed over.
#ifndef MODELD_DAEMON_SERVICES_CONSTANTS_H_
#define MODELD_DAEMON_SERVICES_CONSTANTS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/services/call_context.h"
#include "daemon/services/limits.h"
#include "storage/model_store.h"

namespace modeld {

// The part of InferenceService that takes bytes; its comments state effects and errors. Thread-safe. Its
// arguments must outlive it.
class Constants {
 public:
  Constants(storage::ModelStore& store, const ServiceLimits& limits) : store_(store), limits_(limits) {}

  // A piece of an upload; `data` is valid until the next one is asked for.
  struct Chunk {
    uint64_t offset_bytes = 0;
    absl::string_view data;
  };
  // Blocks for the client's next piece; nothing when there are no more, or the client has gone.
  using NextChunk = std::function<std::optional<Chunk>()>;

  // Returns how much is safely kept. Ends early, and well, when the constant is complete: then the rest of
  // what the client sends is not looked at.
  absl::StatusOr<uint64_t> Upload(Call& call, const storage::BlobRef& blob, const NextChunk& next);

  struct Progress {
    uint64_t committed_bytes = 0;
    bool complete = false;
  };
  absl::StatusOr<Progress> Query(Call& call, const storage::BlobRef& blob);

  struct Range {
    storage::BlobRef blob;
    uint64_t offset_bytes = 0;
  };
  // `last`: the memory is freed afterwards, whatever the result.
  absl::Status Import(Call& call, uint64_t memory_id, const std::vector<Range>& ranges, bool last);

 private:
  absl::StatusOr<bool> IsComplete(Call& call, const storage::BlobRef& blob, storage::Lease& lease);
  absl::Status ImportAll(Call& call, uint64_t memory_id, const std::vector<Range>& ranges);

  storage::ModelStore& store_;
  const ServiceLimits& limits_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_CONSTANTS_H_
