// What `modelctl doctor` looks at from this side of the socket.
#ifndef MODELD_TOOLS_MODELCTL_CHECKS_H_
#define MODELD_TOOLS_MODELCTL_CHECKS_H_

#include <string>
#include <vector>

#include "modeld/v1/admin.pb.h"
#include "tools/modelctl/installation.h"

namespace modeld::tools {

using Finding = v1::DiagnoseResponse::Finding;

// A finding; `remedy` is empty when all is well.
Finding MakeFinding(Finding::Severity severity, const std::string& area, const std::string& text,
                    const std::string& remedy = "");

// The folders of the XDG rules and of modeld: there, the user's own, not open to others, room left.
std::vector<Finding> CheckFolders(const Surroundings& surroundings);
// The sockets of a folder: something listens behind each file.
std::vector<Finding> CheckSockets(const std::string& runtime_folder);
// systemd's units: installed, enabled, and naming a program that is there.
std::vector<Finding> CheckUnits(const Surroundings& surroundings);
// modelctl and modeld: found by the shell, and not hidden behind others of the same name.
std::vector<Finding> CheckPrograms(const Surroundings& surroundings, const std::string& own_executable);
// The configuration file: readable, and nobody else's to write. Files that something left half done.
std::vector<Finding> CheckConfiguration(const Surroundings& surroundings);

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_CHECKS_H_
