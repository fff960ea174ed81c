// NumPy's .npy files. Format: numpy/lib/format.py, versions 1.0, 2.0 and 3.0.
#ifndef MODELD_TOOLS_DATA_NPY_H_
#define MODELD_TOOLS_DATA_NPY_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/data/array.h"

namespace modeld::tools {

// How to read. The functions below are thread-safe: they share nothing.
struct NpyReadOptions {
  // float64, which no WebNN tensor has, becomes float32 (rounded to nearest) instead of an error.
  bool narrow_float64 = false;
  // Files with more bytes than this are refused before they are read.
  uint64_t max_file_bytes = uint64_t{4} << 30;
};

// The array in `file`, a whole .npy file. `name` begins every error message. Little-endian f2, f4, i1, u1,
// i4, u4, i8, u8 become the type of that name, bool becomes uint8 of 0 and 1, f8 see the options.
// INVALID_ARGUMENT for anything else: no .npy, truncated, longer than its header says, big-endian, Fortran
// order of more than one dimension, structured or other types, a dimension of 0. Allocates no more than
// `file` holds.
absl::StatusOr<Array> ParseNpy(absl::string_view name, std::span<const std::byte> file,
                               const NpyReadOptions& options = {});

// A version 1.0 file of `array`; int4 and uint4, which numpy has not, as int8 and uint8. INVALID_ARGUMENT
// when its bytes do not fit its descriptor or it has more than 32 dimensions, numpy's limit.
absl::StatusOr<std::string> SerializeNpy(const Array& array);

// ParseNpy of the file at `path`. Beside its errors: NOT_FOUND, PERMISSION_DENIED or what else the system
// says.
absl::StatusOr<Array> ReadNpyFile(const std::string& path, const NpyReadOptions& options = {});

// Writes SerializeNpy's bytes to `path`, over what was there. On an error the file may be there in part.
absl::Status WriteNpyFile(const std::string& path, const Array& array);

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_DATA_NPY_H_
