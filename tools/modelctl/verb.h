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
std::span<const Verb> DaemonVerbs();    // verbs_daemon.cc: status, stop, metrics, config show, version
std::span<const Verb> TransferVerbs();  // verbs_transfer.cc: import, export
std::span<const Verb> ModelVerbs();     // verbs_models.cc: ls, show
std::span<const Verb> RemovalVerbs();   // verbs_removal.cc: rm
std::span<const Verb> RunVerbs();       // verbs_run.cc: run
std::span<const Verb> ActivityVerbs();  // verbs_activity.cc: ps, top
std::span<const Verb> CacheVerbs();     // verbs_cache.cc: cache ls, cache du, cache verify, verify
std::span<const Verb> CleaningVerbs();  // verbs_cleaning.cc: cache prune, cache clear
std::span<const Verb>
WishVerbs();  // verbs_wishes.cc: cache pin, unpin, priority; share, unshare, shares; why
std::span<const Verb> BackupVerbs();     // verbs_backup.cc: cache export, cache import
std::span<const Verb> MoveVerbs();       // verbs_move.cc: cache move
std::span<const Verb> DoctorVerbs();     // verbs_doctor.cc: doctor, info
std::span<const Verb> PartitionVerbs();  // verbs_partitions.cc: partition ls, rm, quota

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_VERB_H_
