// Pictures: PNG and JPEG files into pixels.
#ifndef MODELD_TOOLS_DATA_IMAGE_H_
#define MODELD_TOOLS_DATA_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace modeld::tools {

// What a picture may be at most, checked from its header before any pixel is decoded.
struct ImageLimits {
  uint32_t max_side = 16'384;
  uint64_t max_pixels = uint64_t{64} << 20;
  uint64_t max_file_bytes = uint64_t{256} << 20;
};

// Pixels of 8 bits per channel, rows from top to bottom, channels interleaved: 1 (grey) or 3 (red, green,
// blue). A plain value; what makes one states that pixels.size() is width * height * channels, all above 0.
struct Image {
  uint32_t width = 0;
  uint32_t height = 0;
  uint32_t channels = 0;
  std::vector<uint8_t> pixels = {};
};

// True when the bytes begin as a PNG or a JPEG file does.
bool LooksLikeImage(std::span<const std::byte> file);

// The picture in `file`, a whole PNG or JPEG file, told apart by its first bytes; `name` begins every error
// message. A grey file gives 1 channel, any other 3. 16-bit PNGs are rounded to 8, transparency is laid over
// white; JPEG's orientation tag is not applied. INVALID_ARGUMENT for another format, damage of any kind (also
// such that a viewer would show a part), CMYK, and sizes past `limits`. Thread-safe.
absl::StatusOr<Image> DecodeImage(absl::string_view name, std::span<const std::byte> file,
                                  const ImageLimits& limits = {});

// DecodeImage of the file at `path`. Beside its errors: NOT_FOUND, PERMISSION_DENIED or what the system says.
absl::StatusOr<Image> ReadImageFile(const std::string& path, const ImageLimits& limits = {});

// `image` with this number of channels. Grey is ITU-R BT.601 luma, 0.299 R + 0.587 G + 0.114 B, rounded, as
// most Python pipelines do it; red, green and blue of a grey pixel are equal. Requires: `channels` is 1 or 3.
Image WithChannels(Image image, uint32_t channels);

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_DATA_IMAGE_H_
