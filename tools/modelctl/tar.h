// The little of tar that backups are made of: plain files with short names, POSIX 1003.1-1988 "ustar", sizes
// beyond 8 GiB in base 256 as GNU and others write them. Pure.
#ifndef MODELD_TOOLS_MODELCTL_TAR_H_
#define MODELD_TOOLS_MODELCTL_TAR_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace modeld::tools {

// Headers, and what follows them, begin at multiples of this.
inline constexpr uint64_t kTarBlockBytes = 512;

// A member: where its bytes are in the file.
struct TarMember {
  std::string name;
  uint64_t begin_bytes = 0;
  uint64_t size_bytes = 0;
};

// `size` up to a whole number of blocks. Requires: size_bytes < 2^63.
uint64_t TarPadded(uint64_t size_bytes);

// The header of a plain file, one block. Requires: a name of 1 to 99 bytes; size_bytes < 2^63.
std::string TarHeader(absl::string_view name, uint64_t size_bytes);

// The members of a whole tar file, in order. INVALID_ARGUMENT: not a tar, or with something else than plain
// files. DATA_LOSS: it ends within a member, or without the block of zeros that ends a tar.
absl::StatusOr<std::vector<TarMember>> ReadTar(absl::string_view file);

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_TAR_H_
