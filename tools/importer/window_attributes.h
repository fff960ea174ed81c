// The spatial attributes that convolution and pooling share.
#ifndef MODELD_TOOLS_IMPORTER_WINDOW_ATTRIBUTES_H_
#define MODELD_TOOLS_IMPORTER_WINDOW_ATTRIBUTES_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/importer/import_context.h"

namespace modeld::importer {

// One entry per spatial dimension.
struct Window {
  std::vector<int64_t> kernel;
  std::vector<int64_t> strides;
  std::vector<int64_t> dilations;
  std::vector<int64_t> before;
  std::vector<int64_t> after;

  size_t rank() const { return kernel.size(); }
  // The extent of the dilated kernel.
  int64_t Extent(size_t i) const { return (kernel[i] - 1) * dilations[i] + 1; }
  // Whether any padding is not 0.
  bool IsPadded() const;
  // Dimensions [from, to).
  Window Part(size_t from, size_t to) const;
  // As WebNN's two-dimensional operations want it: a single dimension gets a height of 1 before it.
  // Requires: rank 1 or 2.
  Window InTwoDimensions() const;
  // WebNN's padding: beginning and end of the first dimension, then of the second. Requires: rank 2.
  std::vector<int64_t> Padding() const;
};

// A list attribute with one element per spatial dimension, each in [0, 2^31 - 1], or a default.
absl::StatusOr<std::vector<int64_t>> SpatialInts(const NodeContext& node, absl::string_view name,
                                                 size_t count, int64_t default_value);

// strides, dilations and pads, for a kernel of this size; auto_pad other than SAME_* is resolved, these only
// where `input` has the spatial sizes (else the padding is 0). INVALID_ARGUMENT, naming the node.
absl::StatusOr<Window> ReadWindow(const NodeContext& node, std::vector<int64_t> kernel,
                                  const std::vector<int64_t>& input);

// Spatial sizes of a tensor [N, C, ...].
std::vector<int64_t> SpatialSizes(const Shape& shape);

}  // namespace modeld::importer

#endif  // MODELD_TOOLS_IMPORTER_WINDOW_ATTRIBUTES_H_
