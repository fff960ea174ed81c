#include "engine/runtime/executor.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <thread>
#include <vector>

namespace modeld {
namespace {

const TensorDescriptor kVector = {DataType::kFloat32, {256}};

// output = input + 1, through scratch memory.
class AddOne : public Kernel {
 public:
  explicit AddOne(CancelToken* cancel = nullptr) : cancel_(cancel) {}
  absl::Status Run(const KernelArgs& args) const override {
    std::memcpy(args.scratch, args.inputs[0], 1024);
    const auto* in = reinterpret_cast<const float*>(args.scratch);
    auto* out = reinterpret_cast<float*>(args.outputs[0]);
    for (int i = 0; i < 256; ++i) out[i] = in[i] + 1;
    if (cancel_ != nullptr) cancel_->Cancel();
    return absl::OkStatus();
  }
  size_t scratch_bytes() const override { return 1024; }

 private:
  CancelToken* const cancel_;
};

class Broken : public Kernel {
 public:
  absl::Status Run(const KernelArgs&) const override { return absl::InternalError("the library failed"); }
};

std::unique_ptr<Program> Chain(std::vector<std::unique_ptr<const Kernel>> kernels) {
  ProgramBuilder builder;
  auto value = builder.AddInput(kVector);
  for (size_t i = 0; i < kernels.size(); ++i) {
    const auto next = builder.AddIntermediate(1024);
    builder.AddStep(std::move(kernels[i]), {value}, {next}, "step \"" + std::to_string(i) + "\"");
    value = next;
  }
  builder.AddOutput(value, kVector);
  auto program = std::move(builder).Build();
  REQUIRE(program.ok());
  return *std::move(program);
}

std::unique_ptr<Program> AddChain(int length) {
  std::vector<std::unique_ptr<const Kernel>> kernels;
  for (int i = 0; i < length; ++i) kernels.push_back(std::make_unique<AddOne>());
  return Chain(std::move(kernels));
}

// One execution over plain vectors.
struct Call {
  std::vector<float> input = std::vector<float>(256, 1);
  std::vector<float> output = std::vector<float>(256, 0);
  absl::Status operator()(const Program& program, Arena& arena, const CancelToken* cancel = nullptr) {
    const std::span<const std::byte> in = std::as_bytes(std::span(input));
    const std::span<std::byte> out = std::as_writable_bytes(std::span(output));
    return Execute(program, {&in, 1}, {&out, 1}, arena, cancel);
  }
};

TEST_CASE("many threads share one program, each with its own arena") {
  const std::unique_ptr<Program> program = AddChain(20);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      auto arena = Arena::Create(*program);
      for (int run = 0; run < 50; ++run) {
        Call call;
        call.input.assign(256, static_cast<float>(t * 1000 + run));
        const bool ok = arena.ok() && call(*program, *arena).ok();
        if (!ok || call.output != std::vector<float>(256, static_cast<float>(t * 1000 + run + 20)))
          ++wrong[t];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4, 0));
}

TEST_CASE("an execution that was cancelled before it starts does nothing") {
  const auto program = AddChain(2);
  auto arena = Arena::Create(*program);
  REQUIRE(arena.ok());
  CancelToken cancel;
  cancel.Cancel();
  Call call;
  CHECK(call(*program, *arena, &cancel).code() == absl::StatusCode::kCancelled);
  CHECK(call.output == std::vector<float>(256, 0));
}

TEST_CASE("an execution stops at the next step after it was cancelled") {
  CancelToken cancel;
  std::vector<std::unique_ptr<const Kernel>> kernels;
  kernels.push_back(std::make_unique<AddOne>(&cancel));
  kernels.push_back(std::make_unique<Broken>());
  const auto program = Chain(std::move(kernels));
  auto arena = Arena::Create(*program);
  REQUIRE(arena.ok());
  Call call;
  CHECK(call(*program, *arena, &cancel).code() == absl::StatusCode::kCancelled);
}

TEST_CASE("a kernel's error names its step") {
  std::vector<std::unique_ptr<const Kernel>> kernels;
  kernels.push_back(std::make_unique<AddOne>());
  kernels.push_back(std::make_unique<Broken>());
  const auto program = Chain(std::move(kernels));
  auto arena = Arena::Create(*program);
  REQUIRE(arena.ok());
  Call call;
  const absl::Status status = call(*program, *arena);
  CHECK(status.code() == absl::StatusCode::kInternal);
  CHECK(std::string(status.message()) == "step \"1\": the library failed");
}

TEST_CASE("buffers that do not fit the program are refused by name") {
  const auto program = AddChain(2);
  auto arena = Arena::Create(*program);
  REQUIRE(arena.ok());
  std::vector<float> memory(1024, 0);
  const std::span<std::byte> bytes = std::as_writable_bytes(std::span(memory));
  const auto message = [&](std::vector<std::span<const std::byte>> in,
                           std::vector<std::span<std::byte>> out) {
    const absl::Status status = Execute(*program, in, out, *arena, nullptr);
    CHECK(status.code() == absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  CHECK(message({}, {bytes.first(1024)}) == "execution: 0 inputs and 1 outputs given, the graph has 1 and 1");
  CHECK(message({bytes.first(1020)}, {bytes.last(1024)}) ==
        "input 0: has 1020 bytes, float32[256] takes 1024");
  CHECK(message({bytes.first(1024)}, {bytes.last(2000)}) ==
        "output 0: has 2000 bytes, float32[256] takes 1024");
  CHECK(message({bytes.subspan(1, 1024)}, {bytes.last(1024)}) ==
        "input 0: its memory is not aligned for float32[256]");
  CHECK(message({bytes.first(1024)}, {bytes.subspan(512, 1024)}) == "output 0: shares memory with input 0");
}

TEST_CASE("an arena of a smaller program is refused") {
  const auto small = AddChain(1);
  const auto large = AddChain(3);
  REQUIRE(small->arena_bytes < large->arena_bytes);
  auto arena = Arena::Create(*small);
  REQUIRE(arena.ok());
  Call call;
  CHECK(call(*large, *arena).code() == absl::StatusCode::kInvalidArgument);
  Arena other = *std::move(arena);
  CHECK(arena->data() == nullptr);
  CHECK(call(*small, other).ok());
}

TEST_CASE("memory that cannot be had is an error, not a crash") {
  Program program;
  program.arena_bytes = uint64_t{1} << 62;
  CHECK(Arena::Create(program).status().code() == absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace modeld
