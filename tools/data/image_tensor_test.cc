#include "tools/data/image_tensor.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace modeld::tools {
namespace {

std::vector<float> Values(const absl::StatusOr<Array>& array) {
  INFO(array.status().message());
  REQUIRE(array.ok());
  REQUIRE(*array->descriptor.ByteSize() == array->bytes.size());
  const auto* values = reinterpret_cast<const float*>(array->bytes.data());
  return {values, values + array->descriptor.ElementCount()};
}

std::string Refusal(const Image& image, const ImageOptions& options) {
  const auto array = ImageToTensor("picture", image, options);
  REQUIRE(array.status().code() == absl::StatusCode::kInvalidArgument);
  REQUIRE(std::string(array.status().message()).find("picture: ") == 0);
  return std::string(array.status().message());
}

Image Grey(uint32_t width, uint32_t height, std::vector<uint8_t> pixels) {
  return {.width = width, .height = height, .channels = 1, .pixels = std::move(pixels)};
}

const Image kTwoByOne{.width = 2, .height = 1, .channels = 3, .pixels = {0, 51, 102, 153, 204, 255}};

TEST_CASE("the layouts put the same values in their own order") {
  const auto nchw = ImageToTensor("picture", kTwoByOne, {});
  CHECK(nchw->descriptor.ToString() == "float32[1,3,1,2]");
  const std::vector<float> expected_nchw = {0.0f, 0.6f, 0.2f, 0.8f, 0.4f, 1.0f};
  const std::vector<float> by_channel = Values(nchw);
  for (int i = 0; i < 6; ++i) CHECK(by_channel[i] == Approx(expected_nchw[i]));
  const auto nhwc = ImageToTensor("picture", kTwoByOne, {.layout = Layout::kNhwc});
  CHECK(nhwc->descriptor.ToString() == "float32[1,1,2,3]");
  const std::vector<float> by_pixel = Values(nhwc);
  for (int i = 0; i < 6; ++i) CHECK(by_pixel[i] == Approx(0.2f * i));
}

TEST_CASE("scale comes before mean, and mean before standard deviation, each channel by its own") {
  const auto values = Values(ImageToTensor(
      "picture", kTwoByOne, {.scale = 2.0f, .mean = {10.0f, 20.0f, 30.0f}, .std = {1.0f, 2.0f, 4.0f}}));
  CHECK(values == std::vector<float>{-10.0f, 296.0f, 41.0f, 194.0f, 43.5f, 120.0f});
  CHECK(Values(ImageToTensor("picture", Grey(1, 1, {9}),
                             {.channels = 3, .scale = 1, .mean = {4}, .std = {5}})) ==
        std::vector<float>{1, 1, 1});
}

TEST_CASE("halving a picture averages, doubling it interpolates between pixel centres") {
  const auto half =
      Values(ImageToTensor("picture", Grey(4, 1, {0, 0, 200, 200}),
                           {.width = 2, .height = 1, .channels = 1, .fit = Fit::kStretch, .scale = 1}));
  CHECK(half[0] + half[1] == Approx(200));
  CHECK(half[0] < 30);
  const auto twice =
      Values(ImageToTensor("picture", Grey(2, 1, {0, 200}),
                           {.width = 4, .height = 1, .channels = 1, .fit = Fit::kStretch, .scale = 1}));
  CHECK(twice == std::vector<float>{0, 50, 150, 200});
}

TEST_CASE("a picture of one colour keeps it through any resize") {
  const Image image = Grey(7, 5, std::vector<uint8_t>(35, 77));
  for (const Fit fit : {Fit::kStretch, Fit::kCrop}) {
    for (const uint32_t width : {1u, 3u, 8u, 100u}) {
      const auto values = Values(ImageToTensor(
          "picture", image, {.width = width, .height = 9, .channels = 1, .fit = fit, .scale = 1}));
      REQUIRE(values.size() == width * 9);
      CHECK(std::ranges::all_of(values, [](float v) { return v == 77.0f; }));
    }
  }
}

// What a line of pixels becomes: a triangle over all that each new pixel covers, the picture's edge repeated
// outwards.
std::vector<double> Resized(const std::vector<uint8_t>& line, uint32_t size) {
  const double step = static_cast<double>(line.size()) / size, radius = std::max(step, 1.0);
  std::vector<double> result;
  for (uint32_t i = 0; i < size; ++i) {
    const double centre = (i + 0.5) * step;
    double sum = 0, weights = 0;
    for (auto j = std::lround(std::floor(centre - radius)); j <= centre + radius; ++j) {
      const double weight = std::max(0.0, 1 - std::abs(static_cast<double>(j) + 0.5 - centre) / radius);
      sum += weight * line[std::clamp<long>(j, 0, static_cast<long>(line.size()) - 1)];
      weights += weight;
    }
    result.push_back(sum / weights);
  }
  return result;
}

// Resizes a line of pixels lying and standing; both must be what the formula says, up to rounding.
void CheckLine(const std::vector<uint8_t>& line, uint32_t size, double tolerance) {
  const auto length = static_cast<uint32_t>(line.size());
  const std::vector<double> expected = Resized(line, size);
  for (const bool lying : {true, false}) {
    INFO(length << " to " << size << (lying ? ", lying" : ", standing"));
    const ImageOptions options{.width = lying ? size : 1,
                               .height = lying ? 1 : size,
                               .channels = 1,
                               .fit = Fit::kStretch,
                               .scale = 1};
    const auto values =
        Values(ImageToTensor("picture", Grey(lying ? length : 1, lying ? 1 : length, line), options));
    REQUIRE(values.size() == size);
    double worst = 0;
    for (uint32_t i = 0; i < size; ++i) worst = std::max(worst, std::abs(values[i] - expected[i]));
    CHECK(worst < tolerance);
  }
}

void CheckSizes(uint32_t from, uint32_t to, double tolerance = 0.51) {
  CheckLine(std::vector<uint8_t>(from, 77), to, tolerance);
  std::vector<uint8_t> ramp, stripes;
  for (uint32_t i = 0; i < from; ++i) {
    ramp.push_back(static_cast<uint8_t>(uint64_t{i} * 255 / from));
    stripes.push_back(i % 3 == 0 ? 255 : 0);
  }
  CheckLine(ramp, to, tolerance);
  CheckLine(stripes, to, tolerance);
}

TEST_CASE("pictures of every usual width and height become those of a network") {
  for (uint32_t from = 225; from <= 1000; ++from) CheckSizes(from, 224);
  for (const uint32_t to : {28u, 192u, 256u, 299u, 331u}) {
    for (uint32_t from = 20; from <= 700; from += 7) CheckSizes(from, to);
  }
}

TEST_CASE("usual photographs are cut to a network's square") {
  for (const auto& [width, height] : {std::pair{300u, 300u}, {400u, 300u}, {500u, 333u}, {333u, 500u}}) {
    const Image image{.width = width,
                      .height = height,
                      .channels = 3,
                      .pixels = std::vector<uint8_t>(size_t{width} * height * 3, 51)};
    for (const uint32_t short_side : {0u, 224u, 256u}) {
      const auto values = Values(ImageToTensor(
          "picture", image, {.width = 224, .height = 224, .short_side = short_side, .scale = 1}));
      REQUIRE(values.size() == size_t{3} * 224 * 224);
      CHECK(std::ranges::all_of(values, [](float v) { return v == 51.0f; }));
    }
  }
}

TEST_CASE("small pictures grow and shrink to any small size") {
  for (uint32_t from = 1; from <= 40; ++from) {
    for (uint32_t to = 1; to <= 40; ++to) CheckSizes(from, to);
  }
}

TEST_CASE("the longest pictures shrink to a pixel and a pixel grows to the longest") {
  // Places that far out have few bits behind the point.
  constexpr double kTolerance = 0.75;
  for (const uint32_t size : {1u, 2u, 16'383u}) {
    CheckSizes(16'384, size, kTolerance);
    CheckSizes(size, 16'384, kTolerance);
  }
}

TEST_CASE("a crop takes the centre and keeps proportions") {
  // Columns 0..5; the middle two remain.
  const Image wide = Grey(6, 2, {0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5});
  CHECK(Values(ImageToTensor("picture", wide, {.width = 2, .height = 2, .channels = 1, .scale = 1})) ==
        std::vector<float>{2, 3, 2, 3});
  const Image tall = Grey(1, 5, {10, 20, 30, 40, 50});
  CHECK(Values(ImageToTensor("picture", tall, {.width = 1, .height = 1, .channels = 1, .scale = 1})) ==
        std::vector<float>{30});
}

TEST_CASE("the shorter side can be larger than the crop") {
  const Image image = Grey(4, 4, {0, 0, 0, 0, 0, 8, 8, 0, 0, 8, 8, 0, 0, 0, 0, 0});
  const ImageOptions options{.width = 2, .height = 2, .channels = 1, .short_side = 4, .scale = 1};
  CHECK(Values(ImageToTensor("picture", image, options)) == std::vector<float>{8, 8, 8, 8});
  const auto array = ImageToTensor("picture", Grey(30, 20, std::vector<uint8_t>(600, 3)),
                                   {.width = 22, .height = 22, .channels = 1, .short_side = 25, .scale = 1});
  CHECK(Values(array) == std::vector<float>(22 * 22, 3.0f));
}

TEST_CASE("options that cannot be are refused") {
  const Image image = Grey(2, 2, {1, 2, 3, 4});
  CHECK(Refusal(image, {.channels = 2}).find("2 channels") != std::string::npos);
  CHECK(Refusal(image, {.width = 20'000}).find("resized") != std::string::npos);
  CHECK(Refusal(image, {.width = 8, .height = 8, .short_side = 7}).find("cover") != std::string::npos);
  CHECK(Refusal(image, {.mean = {1, 2}}).find("mean has 2") != std::string::npos);
  CHECK(Refusal(image, {.std = {0}}).find("std must not be 0") != std::string::npos);
  const Image line = Grey(1, 16'384, std::vector<uint8_t>(16'384));
  CHECK(Refusal(line, {.width = 16'384, .height = 1, .fit = Fit::kStretch}).find("1 x 16384") !=
        std::string::npos);
  CHECK(Refusal(image, {.scale = std::numeric_limits<float>::quiet_NaN()}).find("finite") !=
        std::string::npos);
  CHECK(Refusal(Grey(10'000, 1, std::vector<uint8_t>(10'000)), {.width = 8, .height = 8}).find("stretch") !=
        std::string::npos);
}

TEST_CASE("an input's shape tells size, channels and layout") {
  const auto options = [](Shape shape, std::optional<Layout> layout = std::nullopt) {
    return OptionsForInput("input \"image\"", {DataType::kFloat32, std::move(shape)}, {.scale = 3.0f},
                           layout);
  };
  const auto first = options({1, 3, 8, 9});
  REQUIRE(first.ok());
  CHECK((first->channels == 3 && first->height == 8 && first->width == 9 && first->layout == Layout::kNchw));
  CHECK(first->scale == 3.0f);
  const auto last = options({1, 8, 9, 1});
  CHECK((last->channels == 1 && last->height == 8 && last->width == 9 && last->layout == Layout::kNhwc));
  CHECK(options({1, 3, 8, 3})->layout == Layout::kNchw);
  CHECK(options({1, 3, 8, 3}, Layout::kNhwc)->height == 3);
  CHECK((options({5, 6})->channels == 1 && options({5, 6})->height == 5));
  CHECK(options({3, 5, 6})->width == 6);
}

TEST_CASE("an input that takes no picture is refused with its name and type") {
  for (const TensorDescriptor& input :
       {TensorDescriptor{DataType::kFloat32, {2, 3, 8, 8}},
        TensorDescriptor{DataType::kFloat32, {1, 4, 8, 8}}, TensorDescriptor{DataType::kInt32, {1, 3, 8, 8}},
        TensorDescriptor{DataType::kFloat32, {10}}}) {
    const auto options = OptionsForInput("input \"image\"", input, {});
    REQUIRE(options.status().code() == absl::StatusCode::kInvalidArgument);
    const std::string message(options.status().message());
    CHECK(message.find("input \"image\": " + input.ToString()) == 0);
  }
}

}  // namespace
}  // namespace modeld::tools
