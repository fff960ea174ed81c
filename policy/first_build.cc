#include "policy/first_build.h"

namespace modeld::policy {

std::optional<FirstBuild> FirstBuildNamed(absl::string_view name) {
  if (name == "compile") return FirstBuild::kCompile;
  if (name == "wait") return FirstBuild::kWait;
  if (name == "share") return FirstBuild::kShare;
  return std::nullopt;
}

}  // namespace modeld::policy
