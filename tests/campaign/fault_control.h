// How a test tells a daemon's file calls to fail (fault_shim.cc).
#ifndef MODELD_TESTS_CAMPAIGN_FAULT_CONTROL_H_
#define MODELD_TESTS_CAMPAIGN_FAULT_CONTROL_H_

#include <atomic>
#include <cstdint>

namespace modeld::campaign {

// Shared memory of the test and the daemon. All zeros: no faults.
struct FaultControl {
  // Changing file calls that still succeed; the next one fails.
  std::atomic<int64_t> calls_left;
  // Its errno. 0: none fails.
  std::atomic<int> error;
  // All calls after it fail, too, until `error` is 0 again.
  std::atomic<bool> sticky;
  // Calls that failed so far.
  std::atomic<uint64_t> failed;
};

}  // namespace modeld::campaign

#endif  // MODELD_TESTS_CAMPAIGN_FAULT_CONTROL_H_
