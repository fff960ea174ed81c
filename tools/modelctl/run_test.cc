// modelctl run with pictures, against a daemon that copies each input to an output.
#include <catch2/catch.hpp>

#include "client/cpp/fake_daemon.h"
#include "client/cpp/modeld.h"
#include "engine/graph/canonical.h"
#include "tools/data/image.h"
#include "tools/data/npy.h"
#include "tools/modelctl/app_testing.h"
#include "tools/modelctl/container.h"

namespace modeld::tools {
namespace {

using Catch::Matchers::Contains;

// 8 x 8, grey.
constexpr char kPicture[] = "tools/digits/samples/digit7.png";
constexpr size_t kPixels = 8 * 8;

// A .modeld file with one input "image" of this many channels.
std::string PictureModel(uint32_t channels) {
  client::GraphBuilder b;
  const auto image = b.Input("image", {DataType::kFloat32, {1, channels, 8, 8}});
  const auto graph = b.Finish({{"y", b.Abs(image)}});
  REQUIRE(graph.status() == absl::OkStatus());
  const std::string file = TempFile(absl::StrCat("picture", channels, ".modeld"));
  const auto writer = ContainerWriter::Create(file, ModelIdOf(*graph), true);
  REQUIRE(writer.status() == absl::OkStatus());
  (*writer)->body().AddCanonical(EncodeCanonical(*graph));
  REQUIRE((*writer)->Finish() == absl::OkStatus());
  return file;
}

// The input that the daemon got, out of its copy.
std::vector<float> Input(std::vector<std::string> arguments) {
  const client::FakeDaemon daemon;
  const std::string file = TempFile("y.npy");
  arguments.insert(arguments.begin(), "run");
  arguments.insert(arguments.end(), {"--input", kPicture, "--output", "y=" + file});
  const Result run = Modelctl(daemon, arguments);
  CAPTURE(run.err);
  REQUIRE(run.code == 0);
  const auto array = ReadNpyFile(file);
  REQUIRE(array.ok());
  const auto* values = reinterpret_cast<const float*>(array->bytes.data());
  return {values, values + array->descriptor.ElementCount()};
}

void CheckPicture(const std::vector<float>& values, const std::vector<float>& mean,
                  const std::vector<float>& std) {
  const auto image = ReadImageFile(kPicture);
  REQUIRE(image.ok());
  REQUIRE(image->pixels.size() == kPixels);
  REQUIRE(values.size() == kPixels * mean.size());
  size_t wrong = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const float pixel = static_cast<float>(image->pixels[i % kPixels]) / 255.0f;
    const size_t channel = i / kPixels;
    wrong += values[i] != Approx((pixel - mean[channel]) / std[channel]).margin(1e-5) ? 1 : 0;
  }
  CHECK(wrong == 0);
}

TEST_CASE("Means and deviations are one number or one for each channel", "[run]") {
  const std::string model = PictureModel(3);
  CheckPicture(Input({model}), {0, 0, 0}, {1, 1, 1});
  CheckPicture(Input({model, "--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225"}),
               {0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f});
  CheckPicture(Input({model, "--mean=0.5", "--std=0.25"}), {0.5f, 0.5f, 0.5f}, {0.25f, 0.25f, 0.25f});
  CheckPicture(Input({model, "--mean", "-0.5,0,.5"}), {-0.5f, 0, 0.5f}, {1, 1, 1});
  CheckPicture(Input({PictureModel(1), "--mean", "-.5", "--std", "2"}), {-0.5f}, {2});
}

TEST_CASE("What follows means and deviations is the model", "[run]") {
  const std::string model = PictureModel(3);
  CheckPicture(Input({"--mean", "1,2,3", model}), {1, 2, 3}, {1, 1, 1});
  CheckPicture(Input({"--mean", "1", "--std", "2", model}), {1, 1, 1}, {2, 2, 2});
}

TEST_CASE("Three means for one channel are a usage error that names both", "[run]") {
  const client::FakeDaemon daemon;
  const Result run = Modelctl(daemon, {"run", PictureModel(1), "--input", kPicture, "--mean", "0.1,0.2,0.3"});
  CHECK(run.code == 2);
  CHECK_THAT(run.err, Contains("--mean has 3 numbers; input image takes one channel"));
}

}  // namespace
}  // namespace modeld::tools
