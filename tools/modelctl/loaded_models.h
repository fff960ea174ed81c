// What is in memory, as modelctl shows it.
#ifndef MODELD_TOOLS_MODELCTL_LOADED_MODELS_H_
#define MODELD_TOOLS_MODELCTL_LOADED_MODELS_H_

#include <string>

#include "modeld/v1/admin.pb.h"
#include "tools/modelctl/output.h"

namespace modeld::tools {

// "idle", "running", "kept", "gone"; the last also for values that only a newer daemon knows.
std::string ResidencyName(v1::Residency residency);
// When it leaves memory, for a person: "idle, 4m50s left", "running", "never", or "gone" when it has left.
std::string ResidencyText(v1::Residency residency, double idle_seconds_left);
// The moment at which it leaves, in seconds since the epoch; null unless it idles.
Json IdleUntil(v1::Residency residency, double idle_seconds_left);

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_LOADED_MODELS_H_
