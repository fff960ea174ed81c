// What modelctl tells the shell.
#ifndef MODELD_TOOLS_MODELCTL_EXIT_CODE_H_
#define MODELD_TOOLS_MODELCTL_EXIT_CODE_H_

#include <span>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace modeld::tools {

// Part of the command line's contract: frozen.
enum class ExitCode : int {
  kOk = 0,
  kFailure = 1,
  kUsage = 2,
  kNotFound = 3,
  kUnreachable = 4,
  kNoSpace = 5,
  kVerificationFailed = 6,
  kPermission = 7,
  kBusy = 8,
  kInterrupted = 130,
};

// What a code tells the user.
struct ExitMeaning {
  ExitCode code;
  // In a few words, and how these go on where there is room.
  const char* meaning;
  const char* more;
};

// One for each code, in order.
std::span<const ExitMeaning> ExitMeanings();

// INVALID_ARGUMENT that is the command line's fault: kUsage.
absl::Status UsageError(absl::string_view message);

// The code for an error. kUnreachable also where the connection was lost between two calls. kInterrupted for
// CANCELLED, which only the user's interrupt causes. kUsage also where the daemon says that the name of a
// partition, which came from the command line, is malformed.
ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_EXIT_CODE_H_
