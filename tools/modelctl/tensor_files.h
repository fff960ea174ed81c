// Tensors between files and a graph's inputs and outputs.
#ifndef MODELD_TOOLS_MODELCTL_TENSOR_FILES_H_
#define MODELD_TOOLS_MODELCTL_TENSOR_FILES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cpp/binding.h"
#include "tools/data/array.h"
#include "tools/data/image_tensor.h"

namespace modeld::tools {

// One --input or --output: NAME=FILE.
struct NamedFile {
  std::string name;
  std::string path;
};

// Splits "NAME=FILE" at the last "=" that leaves a name of `bindings` before it. "FILE" alone goes for a
// graph with one binding. A usage error names what is wrong, and the names that there are. `kind` is "input"
// or "output".
absl::StatusOr<NamedFile> ParseNamedFile(const std::string& text,
                                         const std::vector<client::Binding>& bindings,
                                         absl::string_view kind);

// How pictures become tensors, as the command line says it.
struct PictureOptions {
  ImageOptions image = {};
  std::optional<Layout> layout = {};
};

// The tensor in a file, for this input: an .npy file of its type and, dimensions of 1 apart, its shape; or a
// PNG or JPEG picture. INVALID_ARGUMENT, beginning with the input's name, when it does not fit; a
// usage error when means or deviations are given for other channels than the input has.
absl::StatusOr<Array> ReadInput(const client::Binding& input, const std::string& path,
                                const PictureOptions& options);

// An element of a tensor as a number.
double ElementOf(const Array& array, uint64_t index);

// The indices of the greatest elements, the greatest first; equal ones by index; NaNs never.
std::vector<uint64_t> TopElements(const Array& array, uint64_t count);

// The lines of a file of labels.
absl::StatusOr<std::vector<std::string>> ReadLabels(const std::string& path);

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_TENSOR_FILES_H_
