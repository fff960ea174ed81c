// Places for memory that is shared with clients. Each takes a descriptor and a mapping of the daemon's, of
// which the kernel gives a process a bounded number; without them no file can be opened and no thread made.
#ifndef MODELD_DAEMON_SERVICES_MEMORY_SLOTS_H_
#define MODELD_DAEMON_SERVICES_MEMORY_SLOTS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace modeld {

// A bounded number of places for all sessions, and for those of one app together. Thread-safe.
class MemorySlots : public std::enable_shared_from_this<MemorySlots> {
 public:
  // Taken until the last copy is dropped. Keeps the MemorySlots alive.
  using Slot = std::shared_ptr<const void>;

  static std::shared_ptr<MemorySlots> Create(uint32_t limit, uint32_t limit_per_app) {
    return std::shared_ptr<MemorySlots>(new MemorySlots(limit, limit_per_app));
  }

  // RESOURCE_EXHAUSTED, with REASON_SESSION_LIMIT, when the app or the daemon has no place left.
  absl::StatusOr<Slot> Take(const std::string& app_id);

 private:
  MemorySlots(uint32_t limit, uint32_t limit_per_app) : limit_(limit), limit_per_app_(limit_per_app) {}
  void Return(const std::string& app_id);

  // Fixed at construction.
  const uint32_t limit_;
  const uint32_t limit_per_app_;

  // Under mu_.
  absl::Mutex mu_;
  uint32_t used_ ABSL_GUARDED_BY(mu_) = 0;
  // Apps without a place are not in it.
  std::map<std::string, uint32_t> by_app_ ABSL_GUARDED_BY(mu_);
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_MEMORY_SLOTS_H_
