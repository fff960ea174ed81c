#include "tools/data/image_tensor.h"

#include <stb/stb_image_resize.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace modeld::tools {
namespace {

constexpr uint32_t kMaxSide = 16'384;

// Memory for the rows that stb keeps at a time; it computes its sizes as int.
constexpr uint64_t kMaxRowBytes = uint64_t{1} << 30;

absl::Status Bad(absl::string_view name, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(name, ": ", what));
}

absl::Status CheckOptions(absl::string_view name, const ImageOptions& options) {
  if (std::max({options.width, options.height, options.short_side}) > kMaxSide) {
    return Bad(name, absl::StrCat("a picture cannot be resized to more than ", kMaxSide, " pixels a side"));
  }
  if (options.channels != 1 && options.channels != 3) {
    return Bad(name, absl::StrCat(options.channels, " channels; a picture has 1 or 3"));
  }
  for (const auto& [what, values] : {std::pair{"mean", &options.mean}, std::pair{"std", &options.std}}) {
    if (values->size() > 1 && values->size() != options.channels) {
      return Bad(name,
                 absl::StrCat(what, " has ", values->size(), " values; expected 1 or ", options.channels));
    }
    if (!std::ranges::all_of(*values, [](float v) { return std::isfinite(v); })) {
      return Bad(name, absl::StrCat(what, " must be finite"));
    }
  }
  if (!std::isfinite(options.scale)) return Bad(name, "scale must be finite");
  if (std::ranges::count(options.std, 0.0f) != 0) return Bad(name, "std must not be 0");
  return absl::OkStatus();
}

absl::StatusOr<Image> Resize(absl::string_view name, Image image, uint32_t width, uint32_t height) {
  if (image.width == width && image.height == height) return image;
  // As many rows as a row of the result covers, and one.
  const uint64_t rows = uint64_t{2} * image.height / height + 3;
  if (rows * width * image.channels * sizeof(float) > kMaxRowBytes) {
    return Bad(name, absl::StrCat("a picture of ", image.width, " x ", image.height, " cannot be resized to ",
                                  width, " x ", height));
  }
  Image out{.width = width, .height = height, .channels = image.channels, .pixels = {}};
  out.pixels.resize(size_t{width} * height * image.channels);
  const int done = stbir_resize(
      image.pixels.data(), static_cast<int>(image.width), static_cast<int>(image.height), 0,
      out.pixels.data(), static_cast<int>(width), static_cast<int>(height), 0, STBIR_TYPE_UINT8,
      static_cast<int>(image.channels), STBIR_ALPHA_CHANNEL_NONE, 0, STBIR_EDGE_CLAMP, STBIR_EDGE_CLAMP,
      STBIR_FILTER_TRIANGLE, STBIR_FILTER_TRIANGLE, STBIR_COLORSPACE_LINEAR, nullptr);
  if (done == 0) return absl::ResourceExhaustedError(absl::StrCat(name, ": no memory to resize the picture"));
  return out;
}

// The middle width x height of `image`, which is no smaller.
Image CutCentre(Image image, uint32_t width, uint32_t height) {
  if (image.width == width && image.height == height) return image;
  Image out{.width = width, .height = height, .channels = image.channels, .pixels = {}};
  const size_t row = size_t{width} * image.channels;
  out.pixels.resize(row * height);
  const size_t left = (image.width - width) / 2, top = (image.height - height) / 2;
  for (size_t y = 0; y < height; ++y) {
    std::memcpy(&out.pixels[y * row], &image.pixels[((top + y) * image.width + left) * image.channels], row);
  }
  return out;
}

absl::StatusOr<Image> ResizeAndCut(absl::string_view name, Image image, const ImageOptions& options) {
  const uint32_t width = options.width == 0 ? image.width : options.width;
  const uint32_t height = options.height == 0 ? image.height : options.height;
  if (options.fit == Fit::kStretch) return Resize(name, std::move(image), width, height);
  if (options.short_side != 0 && options.short_side < std::min(width, height)) {
    return Bad(name,
               absl::StrCat("short side ", options.short_side, " does not cover ", width, " x ", height));
  }
  const double factor =
      options.short_side != 0
          ? static_cast<double>(options.short_side) / std::min(image.width, image.height)
          : std::max(static_cast<double>(width) / image.width, static_cast<double>(height) / image.height);
  const double full_width = std::max<double>(std::floor(image.width * factor + 1e-6), 1);
  const double full_height = std::max<double>(std::floor(image.height * factor + 1e-6), 1);
  if (std::max(full_width, full_height) > kMaxSide || full_width < width || full_height < height) {
    return Bad(name, absl::StrCat("a picture of ", image.width, " x ", image.height, " cannot be cropped to ",
                                  width, " x ", height, "; stretch it"));
  }
  MODELD_ASSIGN_OR_RETURN(Image full, Resize(name, std::move(image), static_cast<uint32_t>(full_width),
                                             static_cast<uint32_t>(full_height)));
  return CutCentre(std::move(full), width, height);
}

float PerChannel(const std::vector<float>& values, uint32_t channel, float otherwise) {
  if (values.empty()) return otherwise;
  return values[values.size() == 1 ? 0 : channel];
}

}  // namespace

absl::StatusOr<ImageOptions> OptionsForInput(absl::string_view name, const TensorDescriptor& input,
                                             ImageOptions options, std::optional<Layout> layout) {
  Shape shape = input.shape;
  if (shape.size() == 4 && shape[0] == 1) shape.erase(shape.begin());
  if (shape.size() == 2) shape.insert(shape.begin(), 1);
  const auto is_channels = [](uint32_t size) { return size == 1 || size == 3; };
  const bool picture = input.data_type == DataType::kFloat32 && shape.size() == 3;
  const bool first = picture && layout != Layout::kNhwc && is_channels(shape[0]);
  const bool last = picture && layout != Layout::kNchw && is_channels(shape[2]);
  if (!first && !last) {
    return Bad(name, absl::StrCat(input.ToString(),
                                  " takes no picture; expected float32 [1,C,H,W] or [1,H,W,C] with ",
                                  "1 or 3 channels"));
  }
  options.layout = first ? Layout::kNchw : Layout::kNhwc;
  options.channels = first ? shape[0] : shape[2];
  options.height = first ? shape[1] : shape[0];
  options.width = first ? shape[2] : shape[1];
  return options;
}

absl::StatusOr<Array> ImageToTensor(absl::string_view name, const Image& image, const ImageOptions& options) {
  MODELD_RETURN_IF_ERROR(CheckOptions(name, options));
  MODELD_ASSIGN_OR_RETURN(const Image fitted,
                          ResizeAndCut(name, WithChannels(image, options.channels), options));
  const uint32_t channels = fitted.channels;
  const bool channels_first = options.layout == Layout::kNchw;
  const size_t count = size_t{fitted.width} * fitted.height;
  Array array{.descriptor = {DataType::kFloat32, {1, fitted.height, fitted.width, channels}}, .bytes = {}};
  if (channels_first) array.descriptor.shape = {1, channels, fitted.height, fitted.width};
  array.bytes.resize(count * channels * sizeof(float));
  auto* out = reinterpret_cast<float*>(array.bytes.data());
  for (uint32_t c = 0; c < channels; ++c) {
    const float mean = PerChannel(options.mean, c, 0.0f), std = PerChannel(options.std, c, 1.0f);
    for (size_t i = 0; i < count; ++i) {
      const float value = (static_cast<float>(fitted.pixels[i * channels + c]) * options.scale - mean) / std;
      out[channels_first ? c * count + i : i * channels + c] = value;
    }
  }
  return array;
}

}  // namespace modeld::tools
