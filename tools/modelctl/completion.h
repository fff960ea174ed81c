// Completion of modelctl's command line.
#ifndef MODELD_TOOLS_MODELCTL_COMPLETION_H_
#define MODELD_TOOLS_MODELCTL_COMPLETION_H_

#include <CLI/App.hpp>
#include <string>

namespace modeld::tools {

// A script for bash that completes verbs and options of `app`, whatever they are, and file names elsewhere.
std::string BashCompletion(const CLI::App& app);

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_COMPLETION_H_
