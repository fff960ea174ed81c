// Trained models through importer and engine, without a daemon: both backends against the expected outputs.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <map>

#include "engine/backend/cpu/cpu_backend.h"
#include "engine/backend/reference/reference_backend.h"
#include "engine/engine.h"
#include "engine/runtime/executor.h"
#include "tools/data/npy.h"
#include "tools/importer/onnx_importer.h"

namespace modeld {
namespace {

constexpr float kTolerance = 1e-4f;

// One file of one array; REQUIREs that it can be read.
tools::Array Read(const std::string& path) {
  absl::StatusOr<tools::Array> array = tools::ReadNpyFile(path);
  INFO(array.status());
  REQUIRE(array.ok());
  return *std::move(array);
}

std::vector<float> Floats(std::span<const std::byte> bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

// A compiled model.
class Runner {
 public:
  Runner(const std::string& path, const Backend& backend, const CompileOptions& options) {
    absl::StatusOr<importer::ImportedModel> model = importer::ImportOnnx(path);
    INFO(model.status());
    REQUIRE(model.ok());
    absl::StatusOr<std::shared_ptr<const Program>> program = CompileGraph(model->graph, backend, options);
    INFO(program.status());
    REQUIRE(program.ok());
    program_ = *program;
    for (const OperandId input : model->graph.inputs) inputs_.push_back(model->graph.operand(input).name);
    for (const GraphOutput& output : model->graph.outputs) outputs_.push_back(output.name);
  }

  // All outputs, by their names.
  std::map<std::string, std::vector<float>> Run(
      const std::map<std::string, std::span<const std::byte>>& given) {
    REQUIRE(given.size() == inputs_.size());
    std::vector<std::span<const std::byte>> inputs;
    for (const std::string& name : inputs_) inputs.push_back(given.at(name));
    std::vector<std::vector<std::byte>> memory;
    for (const TensorDescriptor& output : program_->outputs) memory.emplace_back(output.ByteSize().value());
    const std::vector<std::span<std::byte>> outputs(memory.begin(), memory.end());
    absl::StatusOr<Arena> arena = Arena::Create(*program_);
    REQUIRE(arena.ok());
    const absl::Status status = Execute(*program_, inputs, outputs, *arena, nullptr);
    INFO(status);
    REQUIRE(status.ok());
    std::map<std::string, std::vector<float>> results;
    for (size_t i = 0; i < memory.size(); ++i) results[outputs_[i]] = Floats(memory[i]);
    return results;
  }
  // The output of a model with one input and one output.
  std::vector<float> Run(std::span<const std::byte> input) {
    REQUIRE(outputs_.size() == 1);
    return Run({{inputs_.at(0), input}}).at(outputs_[0]);
  }

 private:
  // Names, in the program's order.
  std::vector<std::string> inputs_, outputs_;
  std::shared_ptr<const Program> program_;
};

void CheckClose(const std::vector<float>& got, std::span<const float> want) {
  REQUIRE(got.size() == want.size());
  float worst = 0;
  for (size_t i = 0; i < got.size(); ++i) worst = std::max(worst, std::abs(got[i] - want[i]));
  CHECK(worst <= kTolerance);
}

// The folder of shared models, or nothing, with the reason printed.
std::optional<std::string> SharedModel(const std::string& name) {
  const char* shared = std::getenv("MODELD_SHARED");
  const std::string folder = std::string(shared == nullptr ? "" : shared) + "/models/" + name;
  if (shared != nullptr && std::filesystem::is_directory(folder)) return folder;
  std::cout << "skipped " << name << ": the shared models are not there (MODELD_SHARED)\n";
  return std::nullopt;
}

// Every way to compile that must give the same numbers.
template <typename Body>
void ForEachBackend(Body body) {
  const std::unique_ptr<Backend> cpu = MakeCpuBackend();
  const ReferenceBackend reference;
  SECTION("cpu") {
    body(*cpu, CompileOptions{});
  }
  SECTION("cpu, nothing fused") {
    body(*cpu, CompileOptions{.fuse = false});
  }
  SECTION("cpu, everything decomposed") {
    body(*cpu, CompileOptions{.claim = false});
  }
  SECTION("reference") {
    body(reference, CompileOptions{});
  }
}

TEST_CASE("the digits model computes what numpy computed") {
  ForEachBackend([](const Backend& backend, const CompileOptions& options) {
    Runner runner("tools/digits/model.onnx", backend, options);
    const tools::Array pixels = Read("tools/digits/samples/pixels.npy");
    const tools::Array expected = Read("tools/digits/samples/expected.npy");
    const std::vector<float> want = Floats(expected.bytes);
    for (size_t digit = 0; digit < 10; ++digit) {
      std::vector<float> image(64);
      for (size_t i = 0; i < image.size(); ++i) {
        image[i] = static_cast<float>(pixels.bytes[64 * digit + i]) / 255.0f;
      }
      CheckClose(runner.Run(std::as_bytes(std::span(image))), std::span(want).subspan(10 * digit, 10));
    }
  });
}

TEST_CASE("LeNet reads the ten shared digits") {
  const std::optional<std::string> folder = SharedModel("lenet");
  if (!folder) return;
  ForEachBackend([&](const Backend& backend, const CompileOptions& options) {
    Runner runner(*folder + "/model.onnx", backend, options);
    const std::vector<float> want = Floats(Read(*folder + "/expected.npy").bytes);
    for (size_t digit = 0; digit < 10; ++digit) {
      const tools::Array image = Read(*folder + "/digit" + std::to_string(digit) + ".npy");
      CheckClose(runner.Run(image.bytes), std::span(want).subspan(10 * digit, 10));
    }
  });
}

TEST_CASE("MobileNetV2 gives the expected numbers") {
  const std::optional<std::string> folder = SharedModel("mobilenetv2");
  if (!folder) return;
  ForEachBackend([&](const Backend& backend, const CompileOptions& options) {
    Runner runner(*folder + "/model.onnx", backend, options);
    CheckClose(runner.Run(Read(*folder + "/input.npy").bytes), Floats(Read(*folder + "/expected.npy").bytes));
  });
}

TEST_CASE("NSNet2, which is two GRUs, gives the expected gains and states, and goes on from these") {
  const std::optional<std::string> folder = SharedModel("nsnet2");
  if (!folder) return;
  const tools::Array frames = Read(*folder + "/input.npy");
  const std::vector<float> zeros(400);
  const auto start = std::as_bytes(std::span(zeros));
  std::map<std::string, std::vector<float>> want;
  for (const char* name : {"output", "state1_out", "state2_out"}) {
    want[name] = Floats(Read(*folder + "/expected_" + name + ".npy").bytes);
  }
  ForEachBackend([&](const Backend& backend, const CompileOptions& options) {
    Runner runner(*folder + "/model.onnx", backend, options);
    const auto got = runner.Run({{"input", frames.bytes}, {"state1_in", start}, {"state2_in", start}});
    REQUIRE(got.size() == want.size());
    for (const auto& [name, values] : want) {
      INFO(name);
      CheckClose(got.at(name), values);
    }
    // The states are read, not taken for zeros.
    const auto next = runner.Run({{"input", frames.bytes},
                                  {"state1_in", std::as_bytes(std::span(got.at("state1_out")))},
                                  {"state2_in", std::as_bytes(std::span(got.at("state2_out")))}});
    CHECK(std::abs(next.at("output")[0] - want["output"][0]) > kTolerance);
  });
}

}  // namespace
}  // namespace modeld
