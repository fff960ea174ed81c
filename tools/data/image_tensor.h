// Pictures as a network's input: the usual resize, crop, scale, mean and standard deviation, layout.
#ifndef MODELD_TOOLS_DATA_IMAGE_TENSOR_H_
#define MODELD_TOOLS_DATA_IMAGE_TENSOR_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/graph/tensor_descriptor.h"
#include "tools/data/array.h"
#include "tools/data/image.h"

namespace modeld::tools {

// How a picture of another size becomes width x height.
enum class Fit {
  // Each side is resized on its own; proportions change.
  kStretch,
  // Proportions are kept: resized so that it covers the target (or see short_side), then the centre is cut
  // out.
  kCrop,
};

// Order of a tensor's dimensions behind the batch.
enum class Layout { kNchw, kNhwc };

// What to make of a picture. Each element of the tensor is (pixel * scale - mean[c]) / std[c] for a pixel of
// 0..255. A plain value.
struct ImageOptions {
  // Columns and rows of the tensor. 0: as the picture has them.
  uint32_t width = 0;
  uint32_t height = 0;
  // 1 (grey) or 3 (red, green, blue).
  uint32_t channels = 3;
  Layout layout = Layout::kNchw;
  Fit fit = Fit::kCrop;
  // With kCrop: pixels of the shorter side before the cut; at least the target's. 0: the smallest that
  // covers. 256 with a target of 224 is what most ImageNet networks were evaluated with.
  uint32_t short_side = 0;
  float scale = 1.0f / 255.0f;
  // Per channel; one value goes for all channels; empty: 0 and 1.
  std::vector<float> mean = {};
  std::vector<float> std = {};
};

// Sets width, height, channels and layout of `options` to what an input of this type and shape takes: float32
// and [1,C,H,W], [1,H,W,C], the same without the 1, or [H,W]; C is 1 or 3. When both orders fit the shape it
// is channels first, unless `layout` says otherwise. INVALID_ARGUMENT, with `name`, when the input takes no
// picture.
absl::StatusOr<ImageOptions> OptionsForInput(absl::string_view name, const TensorDescriptor& input,
                                             ImageOptions options,
                                             std::optional<Layout> layout = std::nullopt);

// The tensor, float32[1,C,H,W] or [1,H,W,C]. Resizing is bilinear, widened over all covered pixels when
// shrinking: the filter of Pillow's BILINEAR. INVALID_ARGUMENT, beginning with `name`, when `options` ask for
// what cannot be: sizes over 16,384 a side, a wrong number of means, a standard deviation of 0. Thread-safe.
absl::StatusOr<Array> ImageToTensor(absl::string_view name, const Image& image, const ImageOptions& options);

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_DATA_IMAGE_TENSOR_H_
