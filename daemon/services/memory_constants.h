// Constants that never touch a disk: those of uncacheable graphs.
#ifndef MODELD_DAEMON_SERVICES_MEMORY_CONSTANTS_H_
#define MODELD_DAEMON_SERVICES_MEMORY_CONSTANTS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "base/digest.h"
#include "base/region.h"
#include "daemon/services/byte_budget.h"
#include "storage/store_types.h"

namespace modeld {

// One session's constants in memory, each under the partition in whose name it was sent and unknown under
// every other. Bytes are bounded by a budget, and counted until the last program that uses them is gone.
// Thread-safe; shared with its uploads.
class MemoryConstants : public std::enable_shared_from_this<MemoryConstants> {
 private:
  struct Entry;

 public:
  static std::shared_ptr<MemoryConstants> Create(uint64_t max_bytes) {
    return std::shared_ptr<MemoryConstants>(new MemoryConstants(max_bytes));
  }

  // A constant on its way in; what has arrived stays when it ends. Not thread-safe.
  class Upload {
   public:
    ~Upload();
    Upload(const Upload&) = delete;
    Upload& operator=(const Upload&) = delete;

    // Where the next piece goes on.
    uint64_t committed_bytes() const;
    // Takes the next piece. OUT_OF_RANGE: more bytes than the constant has.
    absl::Status Append(absl::string_view bytes);
    // Requires: all bytes have come. DATA_LOSS: they do not hash to the digest, and are dropped.
    absl::Status Commit();

   private:
    friend class MemoryConstants;
    Upload(std::shared_ptr<MemoryConstants> constants, std::pair<std::string, Digest> key,
           std::shared_ptr<Entry> entry);

    const std::shared_ptr<MemoryConstants> constants_;
    const std::pair<std::string, Digest> key_;
    const std::shared_ptr<Entry> entry_;
  };

  // Goes on with a constant where its last upload ended; `afresh`: from the start, unless it is complete.
  // ABORTED: another call is sending it. RESOURCE_EXHAUSTED: no room in the budget, or no memory.
  // INVALID_ARGUMENT: it was begun with another size.
  absl::StatusOr<std::unique_ptr<Upload>> Open(const std::string& partition, const storage::BlobRef& blob,
                                               bool afresh);

  // The bytes of a constant that is complete.
  std::optional<Region> Find(const std::string& partition, const Digest& digest) const;
  // Those of `refs` that are not complete here, in their order.
  std::vector<storage::BlobRef> Lacking(const std::string& partition,
                                        const std::vector<storage::BlobRef>& refs) const;

  // Lets all of a partition go, or all; uploads under way lead nowhere.
  void Clear(const std::optional<std::string>& partition = std::nullopt);

 private:
  explicit MemoryConstants(uint64_t max_bytes)
      : budget_(ByteBudget::Create("constants in memory", max_bytes)) {}

  // Fixed at construction.
  const std::shared_ptr<ByteBudget> budget_;

  // Under mu_.
  mutable absl::Mutex mu_;
  std::map<std::pair<std::string, Digest>, std::shared_ptr<Entry>> entries_ ABSL_GUARDED_BY(mu_);
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_MEMORY_CONSTANTS_H_
