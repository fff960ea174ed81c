#include "tools/data/image.h"

#include <png.h>
#include <turbojpeg.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "tools/data/file.h"
#include "tools/data/npy.h"

namespace modeld::tools {
namespace {

std::string MakePng(uint32_t width, uint32_t height, uint32_t format, const void* pixels) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = width;
  png.height = height;
  png.format = format;
  png_alloc_size_t size = 0;
  REQUIRE(png_image_write_to_memory(&png, nullptr, &size, 0, pixels, 0, nullptr) != 0);
  std::string file(size, '\0');
  REQUIRE(png_image_write_to_memory(&png, file.data(), &size, 0, pixels, 0, nullptr) != 0);
  file.resize(size);
  return file;
}

std::string MakeJpeg(int width, int height, int format, int subsampling, const uint8_t* pixels) {
  tjhandle encoder = tjInitCompress();
  unsigned char* out = nullptr;
  unsigned long size = 0;
  REQUIRE(tjCompress2(encoder, pixels, width, 0, height, format, &out, &size, subsampling, 95, 0) == 0);
  std::string file(reinterpret_cast<char*>(out), size);
  tjFree(out);
  tjDestroy(encoder);
  return file;
}

absl::StatusOr<Image> Decode(const std::string& file, const ImageLimits& limits = {}) {
  return DecodeImage("picture", std::as_bytes(std::span(file)), limits);
}

std::string Refusal(const std::string& file, const ImageLimits& limits = {}) {
  const auto image = Decode(file, limits);
  REQUIRE(image.status().code() == absl::StatusCode::kInvalidArgument);
  const std::string message(image.status().message());
  REQUIRE(message.find("picture: ") == 0);
  return message;
}

// A smooth picture that JPEG keeps nearly as it is.
std::vector<uint8_t> Gradient(int width, int height, int channels) {
  std::vector<uint8_t> pixels;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        pixels.push_back(static_cast<uint8_t>(c == 0 ? 5 * x : c == 1 ? 5 * y : 100));
      }
    }
  }
  return pixels;
}

TEST_CASE("the ten digits decode to exactly the pixels that the network was trained on") {
  const auto pixels = ReadNpyFile("tools/digits/samples/pixels.npy");
  REQUIRE(pixels.ok());
  for (int digit = 0; digit < 10; ++digit) {
    const auto image = ReadImageFile("tools/digits/samples/digit" + std::to_string(digit) + ".png");
    REQUIRE(image.status().message() == "");
    CHECK(image->channels == 1);
    REQUIRE(image->pixels.size() == 64);
    CHECK(std::memcmp(image->pixels.data(), pixels->bytes.data() + 64 * digit, 64) == 0);
  }
}

TEST_CASE("PNGs in colour and in grey decode to their exact pixels") {
  const std::vector<uint8_t> rgb = Gradient(5, 3, 3);
  const auto colour = Decode(MakePng(5, 3, PNG_FORMAT_RGB, rgb.data()));
  REQUIRE(colour.ok());
  CHECK((colour->width == 5 && colour->height == 3 && colour->channels == 3));
  CHECK(colour->pixels == rgb);
  const std::vector<uint8_t> grey = Gradient(5, 3, 1);
  CHECK(Decode(MakePng(5, 3, PNG_FORMAT_GRAY, grey.data()))->pixels == grey);
}

TEST_CASE("transparent pixels of a PNG show white") {
  const std::vector<uint8_t> rgba = {10, 20, 30, 0, 10, 20, 30, 255};
  CHECK(Decode(MakePng(2, 1, PNG_FORMAT_RGBA, rgba.data()))->pixels ==
        std::vector<uint8_t>{255, 255, 255, 10, 20, 30});
}

TEST_CASE("JPEGs in colour and in grey decode to nearly their pixels") {
  const std::vector<uint8_t> rgb = Gradient(40, 24, 3);
  const auto colour = Decode(MakeJpeg(40, 24, TJPF_RGB, TJSAMP_444, rgb.data()));
  REQUIRE(colour.ok());
  CHECK((colour->width == 40 && colour->height == 24 && colour->channels == 3));
  REQUIRE(colour->pixels.size() == rgb.size());
  for (size_t i = 0; i < rgb.size(); ++i) REQUIRE(std::abs(colour->pixels[i] - rgb[i]) <= 6);
  const std::vector<uint8_t> grey = Gradient(40, 24, 1);
  const auto one = Decode(MakeJpeg(40, 24, TJPF_GRAY, TJSAMP_GRAY, grey.data()));
  REQUIRE(one.ok());
  CHECK(one->channels == 1);
  for (size_t i = 0; i < grey.size(); ++i) REQUIRE(std::abs(one->pixels[i] - grey[i]) <= 4);
}

TEST_CASE("a JPEG in CMYK is refused by name") {
  const std::vector<uint8_t> cmyk(16 * 16 * 4, 90);
  CHECK(Refusal(MakeJpeg(16, 16, TJPF_CMYK, TJSAMP_444, cmyk.data())).find("CMYK") != std::string::npos);
}

TEST_CASE("limits hold from the header on, before anything is decoded") {
  const std::vector<uint8_t> grey(100 * 10, 1);
  for (const std::string& file : {MakePng(100, 10, PNG_FORMAT_GRAY, grey.data()),
                                  MakeJpeg(100, 10, TJPF_GRAY, TJSAMP_GRAY, grey.data())}) {
    CHECK(Decode(file, {.max_side = 100, .max_pixels = 1000}).ok());
    CHECK(Refusal(file, {.max_side = 99}).find("100 x 10") != std::string::npos);
    CHECK(Refusal(file, {.max_pixels = 999}).find("999") != std::string::npos);
    CHECK(Refusal(file, {.max_file_bytes = file.size() - 1}).find("bytes") != std::string::npos);
  }
}

TEST_CASE("what is neither PNG nor JPEG is refused, and told apart beforehand") {
  for (const std::string file : {"", "GIF89a", "\x89PNG", "\xff\xd8", "\x93NUMPY"}) {
    CHECK(Refusal(file).find("neither") != std::string::npos);
    CHECK(!LooksLikeImage(std::as_bytes(std::span(file))));
  }
  const uint8_t pixel = 7;
  const std::string png = MakePng(1, 1, PNG_FORMAT_GRAY, &pixel);
  CHECK(LooksLikeImage(std::as_bytes(std::span(png))));
  CHECK(ReadImageFile("tools/digits/samples/none.png").status().code() == absl::StatusCode::kNotFound);
}

TEST_CASE("a file that is cut off is refused, never shown in part") {
  const std::vector<uint8_t> rgb = Gradient(40, 40, 3);
  const std::string png = MakePng(40, 40, PNG_FORMAT_RGB, rgb.data());
  for (size_t size = 0; size < png.size() - 12; ++size) Refusal(png.substr(0, size));
  const std::string jpeg = MakeJpeg(40, 40, TJPF_RGB, TJSAMP_420, rgb.data());
  for (size_t size = 0; size < jpeg.size() - 2; ++size) Refusal(jpeg.substr(0, size));
}

TEST_CASE("pictures with changed bytes give an error or a whole picture") {
  const uint32_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  const std::vector<uint8_t> rgb = Gradient(24, 16, 3);
  const ImageLimits limits{.max_side = 1024, .max_pixels = 1 << 18, .max_file_bytes = 1 << 20};
  for (const std::string& whole :
       {MakePng(24, 16, PNG_FORMAT_RGB, rgb.data()), MakeJpeg(24, 16, TJPF_RGB, TJSAMP_420, rgb.data())}) {
    for (int i = 0; i < 3000; ++i) {
      std::string file = whole;
      for (uint32_t n = 1 + random() % 3; n > 0; --n)
        file[random() % file.size()] = static_cast<char>(random());
      const auto image = Decode(file, limits);
      if (image.ok()) REQUIRE(image->pixels.size() == size_t{image->width} * image->height * image->channels);
    }
  }
}

TEST_CASE("grey is luma, and grey becomes equal colours") {
  const Image rgb{
      .width = 2, .height = 2, .channels = 3, .pixels = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255}};
  CHECK(WithChannels(rgb, 1).pixels == std::vector<uint8_t>{76, 150, 29, 255});
  CHECK(WithChannels(rgb, 3).pixels == rgb.pixels);
  const Image grey{.width = 2, .height = 1, .channels = 1, .pixels = {3, 200}};
  CHECK(WithChannels(grey, 3).pixels == std::vector<uint8_t>{3, 3, 3, 200, 200, 200});
}

}  // namespace
}  // namespace modeld::tools
