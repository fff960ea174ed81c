// modelctl as a function.
#ifndef MODELD_TOOLS_MODELCTL_APP_H_
#define MODELD_TOOLS_MODELCTL_APP_H_

#include <string>
#include <vector>

#include "tools/modelctl/environment.h"
#include "tools/modelctl/exit_code.h"

namespace modeld::tools {

// Runs a command line, without the program's name. Errors are written to `err`, one line each, beginning with
// "modelctl: ". Not thread-safe.
ExitCode RunCommandLine(const std::vector<std::string>& arguments, Environment& environment);

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_APP_H_
