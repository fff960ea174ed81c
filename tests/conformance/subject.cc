#include "tests/conformance/subject.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/status.h"

namespace modeld::conformance {
namespace {

// Not meant to be reached: a vector that hangs is to fail alone.
constexpr absl::Duration kPatience = absl::Minutes(2);

}  // namespace

absl::StatusOr<std::unique_ptr<Subject>> Subject::Start(const SubjectOptions& options) {
  const std::vector<std::string> flags = {"--log",   "error",
                                          "--claim", options.decompose ? "false" : "true",
                                          "--fuse",  options.fuse ? "true" : "false"};
  MODELD_ASSIGN_OR_RETURN(auto daemon, testing::ScratchDaemon::Start(flags));
  std::unique_ptr<Subject> subject(new Subject(std::move(daemon), options.device));
  MODELD_RETURN_IF_ERROR(subject->Connect());
  return subject;
}

absl::Status Subject::Connect() {
  MODELD_ASSIGN_OR_RETURN(
      client_,
      client::Client::Connect({.host = daemon_->host(), .default_deadline = kPatience, .reconnect = false}));
  MODELD_ASSIGN_OR_RETURN(context_, client_->CreateContext({.device = device_}));
  return absl::OkStatus();
}

absl::Status Subject::Use(const std::function<absl::Status(const client::Context&)>& use) {
  if (!context_) return absl::InternalError("there is no daemon");
  const absl::Status status = use(*context_);
  std::string how = daemon_->HowItEnded();
  // The connection breaks a little before the process is gone.
  for (const absl::Time until = absl::Now() + kPatience;
       how.empty() && !client_->Connected() && absl::Now() < until;) {
    absl::SleepFor(absl::Milliseconds(5));
    how = daemon_->HowItEnded();
  }
  if (how.empty()) return status;
  context_.reset();
  client_.reset();
  MODELD_RETURN_IF_ERROR(daemon_->Restart());
  MODELD_RETURN_IF_ERROR(Connect());
  return absl::InternalError(absl::StrCat("the daemon ended: ", how));
}

}  // namespace modeld::conformance
