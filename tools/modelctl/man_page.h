// The manual page of modelctl.
#ifndef MODELD_TOOLS_MODELCTL_MAN_PAGE_H_
#define MODELD_TOOLS_MODELCTL_MAN_PAGE_H_

#include <CLI/App.hpp>
#include <string>

namespace modeld::tools {

// modelctl(1) for man, in roff with the macros of man(7), pure ASCII: every verb and option of `app`,
// whatever they are, what modelctl exits with, reads from its environment and finds in files, and examples.
// Depends on nothing of the machine it runs on.
std::string ManPage(const CLI::App& app);

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_MAN_PAGE_H_
