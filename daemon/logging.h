// Where the daemon's log goes.
#ifndef MODELD_DAEMON_LOGGING_H_
#define MODELD_DAEMON_LOGGING_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace modeld {

// Whether `journal_stream`, the value of JOURNAL_STREAM that systemd sets ("device:inode"), names what `fd`
// is open on.
bool LeadsToJournal(int fd, const std::optional<std::string>& journal_stream);

// Makes spdlog's default logger write to `target` at `level`, both as in the settings log.target and
// log.level. "auto" means the journal when stderr leads there. A message that the journal does not take goes
// to stderr. Takes in what gRPC logs, at debug level, as it may quote clients. Call once, before there are
// threads.
void StartLogging(absl::string_view level, absl::string_view target,
                  const std::optional<std::string>& journal_stream);

}  // namespace modeld

#endif  // MODELD_DAEMON_LOGGING_H_
