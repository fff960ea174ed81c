// Where modeld lives on this machine, as far as this side of the socket can tell.
#ifndef MODELD_TOOLS_MODELCTL_INSTALLATION_H_
#define MODELD_TOOLS_MODELCTL_INSTALLATION_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tools/modelctl/config_edit.h"

namespace modeld::tools {

// A program with its surroundings: this one, or the daemon's process.
struct Surroundings {
  // Without the program's name.
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;
  // The unit of systemd that it runs in, "modeld.service"; empty: none that is modeld's.
  std::string unit;

  // A variable's value; "" where it is not set.
  std::string Variable(const std::string& name) const;
};

// Of this process. Its arguments are not the daemon's and stay out.
Surroundings OwnSurroundings();
// Of a process of the same user; nothing when /proc does not tell.
std::optional<Surroundings> SurroundingsOf(uint64_t pid);

// The daemon's rules (daemon/config) for where things are: --config, then MODELD_CONFIG, then the XDG
// folders.
std::string ConfigFile(const Surroundings& daemon);
// paths.cache_dir and paths.state_dir: environment, file, default. For when no daemon can be asked.
std::string CacheFolder(const Surroundings& daemon);
std::string StateFolder(const Surroundings& daemon);
// The folder of the sockets.
std::string RuntimeFolder(const Surroundings& daemon);

// This program's own file; "" where /proc does not tell.
std::string OwnExecutable();
// A program's files in the folders of PATH, in that order.
std::vector<std::string> InPath(const Surroundings& surroundings, const std::string& program);

// Text of a small file; nothing when it cannot be read or has more than 1 MiB.
std::optional<std::string> ReadSmallFile(const std::string& path);

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_INSTALLATION_H_
