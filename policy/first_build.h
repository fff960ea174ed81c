// What a partition pays for its first program of a model that another partition has compiled already. A
// program that came at once would tell that somebody else has the model.
#ifndef MODELD_POLICY_FIRST_BUILD_H_
#define MODELD_POLICY_FIRST_BUILD_H_

#include <optional>

#include "absl/strings/string_view.h"

namespace modeld::policy {

enum class FirstBuild {
  // Compiles as if it were alone, once; from then on plan and memory are shared. Leaves the same work, caches
  // and noise behind as a compilation, since it is one.
  kCompile,
  // Takes the plan, and waits until the recorded time of the compilation has passed. Spares the processor; a
  // clock may tell the wait from a compilation.
  kWait,
  // Takes the plan. The user does not mind.
  kShare,
};

// The choice of a name: "compile", "wait", "share"; nothing for another. Pure; thread-safe.
std::optional<FirstBuild> FirstBuildNamed(absl::string_view name);

}  // namespace modeld::policy

#endif  // MODELD_POLICY_FIRST_BUILD_H_
