#include "tools/data/image.h"

#include <png.h>
#include <turbojpeg.h>

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tools/data/file.h"

namespace modeld::tools {
namespace {

constexpr absl::string_view kPngMagic("\x89PNG\r\n\x1a\n", 8);
constexpr absl::string_view kJpegMagic("\xff\xd8\xff", 3);

absl::string_view View(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

absl::Status Bad(absl::string_view name, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(name, ": ", what));
}

// An Image of this size with zeroed pixels, or why there is none.
absl::StatusOr<Image> Allocate(absl::string_view name, uint64_t width, uint64_t height, uint32_t channels,
                               const ImageLimits& limits) {
  if (width == 0 || height == 0) return Bad(name, "a picture without pixels");
  if (width > limits.max_side || height > limits.max_side || width * height > limits.max_pixels) {
    return Bad(name, absl::StrCat("a picture of ", width, " x ", height, " pixels; at most ", limits.max_side,
                                  " a side and ", limits.max_pixels, " in all are read"));
  }
  Image image{.width = static_cast<uint32_t>(width),
              .height = static_cast<uint32_t>(height),
              .channels = channels,
              .pixels = {}};
  image.pixels.resize(width * height * channels);
  return image;
}

absl::StatusOr<Image> DecodePng(absl::string_view name, std::span<const std::byte> file,
                                const ImageLimits& limits) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, decltype(&png_image_free)> release(&png, &png_image_free);
  if (png_image_begin_read_from_memory(&png, file.data(), file.size()) == 0) {
    return Bad(name, absl::StrCat("damaged PNG: ", png.message));
  }
  const bool colour = (png.format & PNG_FORMAT_FLAG_COLOR) != 0;
  MODELD_ASSIGN_OR_RETURN(Image image, Allocate(name, png.width, png.height, colour ? 3 : 1, limits));
  // 16-bit files are sRGB like all others; libpng would take them to be linear.
  png.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
  png.format = colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  const png_color white{255, 255, 255};
  if (png_image_finish_read(&png, &white, image.pixels.data(), 0, nullptr) == 0 ||
      png.warning_or_error != 0) {
    return Bad(name, absl::StrCat("damaged PNG: ", png.message));
  }
  return image;
}

absl::StatusOr<Image> DecodeJpeg(absl::string_view name, std::span<const std::byte> file,
                                 const ImageLimits& limits) {
  const std::unique_ptr<void, decltype(&tjDestroy)> decoder(tjInitDecompress(), &tjDestroy);
  if (decoder == nullptr)
    return absl::ResourceExhaustedError(absl::StrCat(name, ": no memory to decode a JPEG"));
  const auto* bytes = reinterpret_cast<const unsigned char*>(file.data());
  int width = 0, height = 0, subsampling = 0, colour_space = 0;
  if (tjDecompressHeader3(decoder.get(), bytes, file.size(), &width, &height, &subsampling, &colour_space) !=
      0) {
    return Bad(name, absl::StrCat("damaged JPEG: ", tjGetErrorStr2(decoder.get())));
  }
  if (colour_space == TJCS_CMYK || colour_space == TJCS_YCCK) {
    return Bad(name, "a JPEG in CMYK; expected grey or colours of red, green and blue");
  }
  const bool colour = colour_space != TJCS_GRAY;
  MODELD_ASSIGN_OR_RETURN(Image image, Allocate(name, width, height, colour ? 3 : 1, limits));
  // A truncated file is only a warning to libjpeg: it would fill the rest with grey. Scans are limited
  // because a progressive file may ask for very many of the whole picture.
  constexpr int kFlags = TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS;
  if (tjDecompress2(decoder.get(), bytes, file.size(), image.pixels.data(), width, 0, height,
                    colour ? TJPF_RGB : TJPF_GRAY, kFlags) != 0) {
    return Bad(name, absl::StrCat("damaged JPEG: ", tjGetErrorStr2(decoder.get())));
  }
  return image;
}

}  // namespace

bool LooksLikeImage(std::span<const std::byte> file) {
  return absl::StartsWith(View(file), kPngMagic) || absl::StartsWith(View(file), kJpegMagic);
}

absl::StatusOr<Image> DecodeImage(absl::string_view name, std::span<const std::byte> file,
                                  const ImageLimits& limits) {
  if (file.size() > limits.max_file_bytes) {
    return Bad(name,
               absl::StrCat("more than the ", limits.max_file_bytes, " bytes that are read of a picture"));
  }
  if (absl::StartsWith(View(file), kPngMagic)) return DecodePng(name, file, limits);
  if (absl::StartsWith(View(file), kJpegMagic)) return DecodeJpeg(name, file, limits);
  return Bad(name, "neither a PNG nor a JPEG picture");
}

absl::StatusOr<Image> ReadImageFile(const std::string& path, const ImageLimits& limits) {
  MODELD_ASSIGN_OR_RETURN(const std::string file, ReadWholeFile(path, limits.max_file_bytes));
  return DecodeImage(path, std::as_bytes(std::span(file)), limits);
}

Image WithChannels(Image image, uint32_t channels) {
  if (image.channels == channels) return image;
  const size_t count = size_t{image.width} * image.height;
  std::vector<uint8_t> pixels(count * channels);
  for (size_t i = 0; i < count; ++i) {
    if (channels == 1) {
      const uint8_t* rgb = &image.pixels[3 * i];
      pixels[i] = static_cast<uint8_t>((299u * rgb[0] + 587u * rgb[1] + 114u * rgb[2] + 500u) / 1000u);
    } else {
      pixels[3 * i] = pixels[3 * i + 1] = pixels[3 * i + 2] = image.pixels[i];
    }
  }
  return {.width = image.width, .height = image.height, .channels = channels, .pixels = std::move(pixels)};
}

}  // namespace modeld::tools
