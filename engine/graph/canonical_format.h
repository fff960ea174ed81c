// Constants of the canonical encoding. Internal to engine/graph; proto/README.md is the specification.
#ifndef MODELD_ENGINE_GRAPH_CANONICAL_FORMAT_H_
#define MODELD_ENGINE_GRAPH_CANONICAL_FORMAT_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace modeld::canonical {

// "modeld", a zero byte, and the format's version.
inline constexpr absl::string_view kMagic("modeld\0\1", 8);
// The one NaN.
inline constexpr uint64_t kNanBits = 0x7ff8000000000000;

}  // namespace modeld::canonical

#endif  // MODELD_ENGINE_GRAPH_CANONICAL_FORMAT_H_
