#include "engine/backend/cpu/cpu_backend.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <thread>

#include "engine/backend/cpu/dnnl_status.h"
#include "engine/backend/cpu/test_programs.h"

namespace modeld::cpu {
namespace {

using testing::Tensor;

const Backend& Cpu() {
  static const Backend* const backend = MakeCpuBackend().release();
  return *backend;
}

OperandId Convolve(TestGraph& g, OperandId x, Shape filter, int64_t groups, bool nhwc) {
  const uint32_t outputs = filter[0];
  const int64_t padding = filter[2] / 2;
  if (nhwc) filter = {filter[0], filter[2], filter[3], filter[1]};
  return g.Op("conv2d", {x, RandomConstant(g, filter, outputs)},
              {{"padding", Ints({padding, padding, padding, padding})},
               {"groups", groups},
               {"inputLayout", Str(nhwc ? "nhwc" : "nchw")},
               {"filterLayout", Str(nhwc ? "ohwi" : "oihw")},
               {"bias", RandomConstant(g, {outputs}, 7)}});
}

OperandId Relu6(TestGraph& g, OperandId x) {
  return g.Op("clamp", {x}, {{"minValue", 0.0}, {"maxValue", 6.0}});
}

// The block that MobileNetV2 repeats: widen, depthwise, narrow, add the input.
TestGraph InvertedResidual(bool nhwc) {
  TestGraph g;
  const OperandId x = g.Float("x", nhwc ? Shape{1, 14, 14, 16} : Shape{1, 16, 14, 14});
  const OperandId wide = Relu6(g, Convolve(g, x, {96, 16, 1, 1}, 1, nhwc));
  const OperandId deep = Relu6(g, Convolve(g, wide, {96, 1, 3, 3}, 96, nhwc));
  g.Output("y", g.Op("add", {Convolve(g, deep, {16, 96, 1, 1}, 1, nhwc), x}));
  return g;
}

TEST_CASE("the device is described by processor and library") {
  const DeviceDescription description = Cpu().Describe();
  CHECK(description.name == "cpu");
  CHECK(description.description.find("oneDNN 2.") != std::string::npos);
  CHECK(description.fingerprint.find("isa 0x") != std::string::npos);
  CHECK(description.fingerprint == Cpu().Describe().fingerprint);
}

TEST_CASE("a block of convolutions becomes one step each, with reorders at the edges only") {
  // Row-major in and out: one reorder at each end.
  CHECK(Compiled(InvertedResidual(false), Cpu())->steps.size() == 5);
  CHECK(Compiled(InvertedResidual(true), Cpu())->steps.size() == 3);
  // Three convolutions, three biases, two clamps, one addition.
  CHECK(Compiled(InvertedResidual(true), Cpu(), {.fuse = false, .claim = true})->steps.size() == 6);
}

TEST_CASE("a fully connected layer is one step") {
  TestGraph g;
  const OperandId x = g.Float("x", {1, 4, 8});
  const OperandId product = g.Op("matmul", {x, RandomConstant(g, {8, 24}, 1)});
  g.Output("y", g.Op("gelu", {g.Op("add", {product, RandomConstant(g, {24}, 2)})}));
  CHECK(Compiled(g, Cpu())->steps.size() == 1);
}

TEST_CASE("transposes and broadcasts cost no step where their users can stride") {
  TestGraph g;
  const OperandId a = g.Float("a", {6, 5});
  const OperandId transposed = g.Op("transpose", {a}, {{"permutation", Ints({1, 0})}});
  g.Output("y", g.Op("matmul",
                     {transposed, g.Op("expand", {g.Float("b", {1, 3})}, {{"newShape", Ints({6, 3})}})}));
  // The broadcast is a matrix that has to exist; the transpose is not.
  CHECK(Compiled(g, Cpu())->steps.size() == 2);
}

TEST_CASE("packed weights are counted") {
  const auto program = Compiled(InvertedResidual(true), Cpu());
  const uint64_t weights = (96 * 16 + 96 * 9 + 16 * 96) * sizeof(float);
  CHECK(program->packed_bytes >= weights / 2);
  CHECK(program->packed_bytes <= 4 * weights);
}

TEST_CASE("many threads run one program at once and get the same bytes") {
  const auto program = Compiled(InvertedResidual(false), Cpu(), {.num_threads = 2});
  constexpr int kThreads = 6;
  std::vector<std::vector<Tensor>> inputs;
  std::vector<std::vector<Tensor>> expected;
  for (uint32_t i = 0; i < kThreads; ++i) {
    inputs.push_back({RandomTensor({1, 16, 14, 14}, i)});
    const auto result = Run(*program, inputs[i]);
    REQUIRE(result.ok());
    expected.push_back(*result);
  }
  std::vector<int> wrong(kThreads, 0);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int repeat = 0; repeat < 10; ++repeat) {
        const auto result = Run(*program, inputs[i]);
        if (!result.ok() || result->at(0).bytes != expected[i][0].bytes) ++wrong[i];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(kThreads, 0));
}

TEST_CASE("inputs and outputs of the caller need only their element's alignment") {
  const auto program = Compiled(InvertedResidual(true), Cpu());
  const Tensor input = RandomTensor({1, 14, 14, 16}, 3);
  const auto expected = Run(*program, {input});
  REQUIRE(expected.ok());
  constexpr size_t kOffset = sizeof(float);
  std::vector<std::byte> in(input.bytes.size() + kOffset);
  std::vector<std::byte> out(input.bytes.size() + kOffset);
  std::memcpy(in.data() + kOffset, input.bytes.data(), input.bytes.size());
  auto arena = Arena::Create(*program);
  REQUIRE(arena.ok());
  const std::span<const std::byte> inputs[] = {std::span(in).subspan(kOffset)};
  const std::span<std::byte> outputs[] = {std::span(out).subspan(kOffset)};
  REQUIRE(Execute(*program, inputs, outputs, *arena, nullptr).ok());
  CHECK(std::memcmp(out.data() + kOffset, expected->at(0).bytes.data(), input.bytes.size()) == 0);
}

TEST_CASE("oneDNN's errors become statuses") {
  const auto thrown = [](dnnl_status_t status) {
    return CatchDnnl("conv", [&]() -> absl::Status { throw dnnl::error(status, "text"); });
  };
  CHECK(thrown(dnnl_unimplemented).code() == absl::StatusCode::kUnimplemented);
  CHECK(thrown(dnnl_out_of_memory).code() == absl::StatusCode::kResourceExhausted);
  CHECK(thrown(dnnl_invalid_arguments).code() == absl::StatusCode::kInternal);
  CHECK(CatchDnnl("conv", []() -> absl::Status { throw std::bad_alloc(); }).code() ==
        absl::StatusCode::kResourceExhausted);
  CHECK(FromDnnl(dnnl_success, "conv").ok());
}

TEST_CASE("a native operation that was never claimed is refused by name") {
  core::Graph graph;
  const Tensor x = RandomTensor({2}, 4);
  graph = testing::GraphOf(core::Native{Operation{.type = "unheardOf"}}, std::vector{x}, x.descriptor);
  graph.nodes[0].label = "unheardOf \"stem\"";
  const absl::Status status = Cpu().Compile(graph, {}).status();
  CHECK(status.code() == absl::StatusCode::kUnimplemented);
  CHECK(std::string(status.message()).find("unheardOf \"stem\"") == 0);
}

}  // namespace
}  // namespace modeld::cpu
