// Whole files, for command-line tools.
#ifndef MODELD_TOOLS_DATA_FILE_H_
#define MODELD_TOOLS_DATA_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace modeld::tools {

// All bytes of the file at `path`. Messages begin with `path`, as the user wrote it. NOT_FOUND,
// PERMISSION_DENIED; INVALID_ARGUMENT when it is a folder or holds more than `max_bytes`; UNKNOWN for other
// errors of the system. Pipes and devices are read to their end, within `max_bytes`.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path, uint64_t max_bytes);

// Writes `bytes` to `path`, over what was there. RESOURCE_EXHAUSTED when the disk is full, otherwise as
// above. On an error the file may be there in part.
absl::Status WriteWholeFile(const std::string& path, absl::string_view bytes);

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_DATA_FILE_H_
