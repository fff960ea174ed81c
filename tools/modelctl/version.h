// The version of the tools, which are released together with the daemon.
#ifndef MODELD_TOOLS_MODELCTL_VERSION_H_
#define MODELD_TOOLS_MODELCTL_VERSION_H_

namespace modeld::tools {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_VERSION_H_
