// The real daemon, on a disk that fails when a test says so.
#ifndef MODELD_TESTS_CAMPAIGN_FAILING_DAEMON_H_
#define MODELD_TESTS_CAMPAIGN_FAILING_DAEMON_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/campaign/fault_control.h"
#include "tests/support/scratch_daemon.h"

namespace modeld::campaign {

// A daemon whose file calls can be made to fail, and which can be killed. Takes this program for the user's
// own modelctl. Fails the Catch2 test that it is made in when it cannot be started. Not thread-safe.
class FailingDaemon {
 public:
  // `flags` go to the daemon.
  explicit FailingDaemon(std::vector<std::string> flags = {});
  ~FailingDaemon();
  FailingDaemon(const FailingDaemon&) = delete;
  FailingDaemon& operator=(const FailingDaemon&) = delete;

  testing::ScratchDaemon* operator->() { return daemon_.get(); }

  // After so many more changing file calls one fails with this errno, or, when sticky, all from then on.
  void Fail(int error, int64_t after, bool sticky);
  void Heal();
  uint64_t failed_calls() const { return control_->failed; }
  // The sum of the sizes of the cache's files: blobs, plans, uploads, quarantine.
  uint64_t CacheBytes() const;

 private:
  std::string control_folder_ = "/tmp/campaignXXXXXX";
  FaultControl* control_ = nullptr;
  std::unique_ptr<testing::ScratchDaemon> daemon_;
};

}  // namespace modeld::campaign

#endif  // MODELD_TESTS_CAMPAIGN_FAILING_DAEMON_H_
