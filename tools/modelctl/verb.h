// The verbs of modelctl, as a table.
#ifndef MODELD_TOOLS_MODELCTL_VERB_H_
#define MODELD_TOOLS_MODELCTL_VERB_H_

#include <CLI/App.hpp>
#include <functional>
#include <span>

#include "absl/status/status.h"
#include "tools/modelctl/environment.h"

namespace modeld::tools {

// What a verb does once its arguments are parsed.
using Action = std::function<absl::Status(Environment&)>;

// A row of the table.
struct Verb {
  // "ls", or "config show": the last word beneath a group of the first.
  const char* name;
  const char* help;
  // Adds arguments and options to the verb's command; what they are parsed into lives in the action.
  Action (*define)(CLI::App& command);
};

// The families, each in the file of its name.
std::span<const Verb> ModelVerbs();     // verbs_models.cc: ls, show, rm
std::span<const Verb> TransferVerbs();  // verbs_transfer.cc: import, export
std::span<const Verb> RunVerbs();       // verbs_run.cc: run
std::span<const Verb> DaemonVerbs();    // verbs_daemon.cc: status, ps, stop, version
std::span<const Verb>
HousekeepingVerbs();  // verbs_housekeeping.cc: verify, config show, partition ls, partition rm

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_VERB_H_
