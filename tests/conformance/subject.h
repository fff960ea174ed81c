// What the vectors are run on: a daemon of the runner's own, and a context in it.
#ifndef MODELD_TESTS_CONFORMANCE_SUBJECT_H_
#define MODELD_TESTS_CONFORMANCE_SUBJECT_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/modeld.h"
#include "tests/support/scratch_daemon.h"

namespace modeld::conformance {

struct SubjectOptions {
  // "cpu" or "reference".
  std::string device = "cpu";
  // The daemon claims nothing: every operation runs as its decomposition.
  bool decompose = false;
  // The daemon runs every core operation alone.
  bool fuse = true;
};

// Not thread-safe.
class Subject {
 public:
  // Starts the daemon and makes the context. UNIMPLEMENTED: there is no such device. INTERNAL: the daemon
  // does not start.
  static absl::StatusOr<std::unique_ptr<Subject>> Start(const SubjectOptions& options);

  // The daemon's process.
  pid_t pid() const { return daemon_->pid(); }

  // Calls `use` with the context and returns what it returns. A daemon that ends meanwhile is an INTERNAL
  // error that says how, and is started anew, so that the next use finds one.
  absl::Status Use(const std::function<absl::Status(const client::Context&)>& use);

 private:
  Subject(std::unique_ptr<testing::ScratchDaemon> daemon, std::string device)
      : daemon_(std::move(daemon)), device_(std::move(device)) {}

  absl::Status Connect();

  const std::unique_ptr<testing::ScratchDaemon> daemon_;
  const std::string device_;
  std::optional<client::Client> client_;
  std::optional<client::Context> context_;
};

}  // namespace modeld::conformance

#endif  // MODELD_TESTS_CONFORMANCE_SUBJECT_H_
