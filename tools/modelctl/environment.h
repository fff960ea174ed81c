// What every verb works with: streams, global options, the connection.
#ifndef MODELD_TOOLS_MODELCTL_ENVIRONMENT_H_
#define MODELD_TOOLS_MODELCTL_ENVIRONMENT_H_

#include <functional>
#include <istream>
#include <optional>
#include <ostream>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cpp/admin.h"
#include "client/cpp/cache_admin.h"
#include "client/cpp/cancellation.h"
#include "client/cpp/client.h"

namespace modeld::tools {

// Where a run of modelctl reads and writes. Data goes to `out`, talk to `err`.
struct Streams {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  // Whether somebody sits at the other end.
  bool in_is_terminal = false;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  // Descriptors behind `in` and `out` where those are terminals; -1: none.
  int in_fd = -1;
  int out_fd = -1;
};

// Options that every verb knows.
struct GlobalOptions {
  // ConnectOptions::host.
  std::string host = {};
  // Acts on this partition instead of modelctl's own.
  std::string partition = {};
  bool json = false;
  bool quiet = false;
};

// One run of modelctl. Not thread-safe.
class Environment {
 public:
  // `streams` hold references that must outlive this. Throwing `cancellation` stops calls under way.
  Environment(Streams streams, client::Cancellation cancellation)
      : streams_(streams), cancellation_(std::move(cancellation)) {}

  GlobalOptions& options() { return options_; }
  const GlobalOptions& options() const { return options_; }
  std::ostream& out() { return streams_.out; }
  std::ostream& err() { return streams_.err; }
  const Streams& streams() const { return streams_; }
  const client::Cancellation& cancellation() const { return cancellation_; }
  // Bounds of calls: the cancellation.
  client::CallOptions call() const { return {.cancellation = cancellation_}; }

  // The client, speaking for --partition if that is given; connects at the first call. UNAVAILABLE, with a
  // hint, when no daemon answers.
  // Usage error: --host or --partition cannot be read.
  absl::StatusOr<client::Client> Connect();
  absl::StatusOr<client::Admin> ConnectAdmin();
  absl::StatusOr<client::CacheAdmin> ConnectCacheAdmin();

  // Says something on `err`, one line, unless -q.
  void Say(absl::string_view line);
  // Whether to go on with what cannot be undone. True with `yes`; else asks on a terminal, and is a usage
  // error where nobody can answer. ABORTED when the answer is no.
  absl::Status Confirm(absl::string_view question, bool yes);
  // Whether `out` takes colours: a terminal, and NO_COLOR is not set.
  bool Colours() const;

 private:
  Streams streams_;
  client::Cancellation cancellation_;
  GlobalOptions options_;
  std::optional<client::Client> client_;
};

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_ENVIRONMENT_H_
