#include "engine/runtime/program.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <limits>

#include "engine/runtime/executor.h"

namespace modeld {
namespace {

const TensorDescriptor kFour = {DataType::kFloat32, {4}};

// Adds 1 to each of four floats; asks for scratch when told to.
class AddOne : public Kernel {
 public:
  explicit AddOne(size_t scratch = 0) : scratch_(scratch) {}
  absl::Status Run(const KernelArgs& args) const override {
    const auto* in = reinterpret_cast<const float*>(args.inputs[0]);
    auto* out = reinterpret_cast<float*>(args.outputs[0]);
    for (int i = 0; i < 4; ++i) out[i] = in[i] + 1;
    return absl::OkStatus();
  }
  size_t scratch_bytes() const override { return scratch_; }

 private:
  const size_t scratch_;
};

// Runs `program` on inputs 0 1 2 3 and returns each output's values.
std::vector<std::vector<float>> Run(const Program& program) {
  const std::vector<float> input = {0, 1, 2, 3};
  std::vector<std::vector<float>> results(program.outputs.size(), std::vector<float>(4, -1));
  std::vector<std::span<const std::byte>> inputs(program.inputs.size(), std::as_bytes(std::span(input)));
  std::vector<std::span<std::byte>> outputs;
  for (auto& result : results) outputs.push_back(std::as_writable_bytes(std::span(result)));
  auto arena = Arena::Create(program);
  REQUIRE(arena.ok());
  const absl::Status status = Execute(program, inputs, outputs, *arena, nullptr);
  INFO(std::string(status.message()));
  REQUIRE(status.ok());
  return results;
}

TEST_CASE("a chain writes its last value in place and shares arena bytes between the others") {
  ProgramBuilder builder;
  auto value = builder.AddInput(kFour);
  for (int i = 0; i < 10; ++i) {
    const auto next = builder.AddIntermediate(16);
    builder.AddStep(std::make_unique<AddOne>(), {value}, {next}, "add");
    value = next;
  }
  builder.AddOutput(value, kFour);
  const auto program = std::move(builder).Build();
  REQUIRE(program.ok());
  CHECK((*program)->steps.size() == 10);
  CHECK((*program)->steps.back().outputs[0].kind == BufferRef::Kind::kOutput);
  CHECK((*program)->arena_bytes == 128);
  CHECK(Run(**program)[0] == std::vector<float>{10, 11, 12, 13});
}

TEST_CASE("scratch is planned beside the buffers that live at its step") {
  ProgramBuilder builder;
  const auto input = builder.AddInput(kFour);
  const auto middle = builder.AddIntermediate(16);
  const auto last = builder.AddIntermediate(16);
  builder.AddStep(std::make_unique<AddOne>(1000), {input}, {middle}, "first");
  builder.AddStep(std::make_unique<AddOne>(1000), {middle}, {last}, "second");
  builder.AddOutput(last, kFour);
  const auto program = std::move(builder).Build();
  REQUIRE(program.ok());
  CHECK((*program)->arena_bytes == 1024 + 64);
  CHECK(Run(**program)[0] == std::vector<float>{2, 3, 4, 5});
}

TEST_CASE("outputs that cannot be computed in place are copied") {
  ProgramBuilder builder;
  const auto input = builder.AddInput(kFour);
  const std::vector<float> values = {7, 8, 9, 10};
  const auto constant = builder.AddConstant(Region::Copy(std::as_bytes(std::span(values))), /*packed=*/false);
  const auto sum = builder.AddIntermediate(16);
  builder.AddStep(std::make_unique<AddOne>(), {input}, {sum}, "add");
  const auto alias = builder.AddAlias(sum);
  builder.AddOutput(input, kFour);
  builder.AddOutput(constant, kFour);
  builder.AddOutput(sum, kFour);
  builder.AddOutput(alias, {DataType::kFloat32, {2, 2}});
  builder.AddOutput(sum, kFour);
  const auto program = std::move(builder).Build();
  REQUIRE(program.ok());
  CHECK((*program)->steps.size() == 1 + 4);
  CHECK((*program)->arena_bytes == 0);
  CHECK((*program)->packed_bytes == 0);
  const auto results = Run(**program);
  CHECK(results[0] == std::vector<float>{0, 1, 2, 3});
  CHECK(results[1] == values);
  for (int i = 2; i < 5; ++i) CHECK(results[i] == std::vector<float>{1, 2, 3, 4});
}

TEST_CASE("a value that is read through an alias keeps its bytes until then") {
  ProgramBuilder builder;
  const auto input = builder.AddInput(kFour);
  const auto first = builder.AddIntermediate(16);
  const auto alias = builder.AddAlias(builder.AddAlias(first));
  builder.AddStep(std::make_unique<AddOne>(), {input}, {first}, "first");
  auto value = input;
  for (int i = 0; i < 3; ++i) {
    const auto next = builder.AddIntermediate(16);
    builder.AddStep(std::make_unique<AddOne>(), {value}, {next}, "other");
    value = next;
  }
  const auto last = builder.AddIntermediate(16);
  builder.AddStep(std::make_unique<AddOne>(), {alias}, {last}, "last");
  builder.AddOutput(value, kFour);
  builder.AddOutput(last, kFour);
  const auto program = std::move(builder).Build();
  REQUIRE(program.ok());
  CHECK(Run(**program)[1] == std::vector<float>{2, 3, 4, 5});
}

TEST_CASE("a misaligned constant is copied once to where its elements are aligned") {
  std::vector<std::byte> bytes(17);
  const float one = 1;
  for (int i = 0; i < 4; ++i) std::memcpy(bytes.data() + 1 + 4 * i, &one, 4);
  const Region whole = Region::FromVector(bytes);
  ProgramBuilder builder;
  const auto constant =
      builder.AddConstant(Region(whole.bytes().subspan(1), whole.owner()), /*packed=*/false);
  const auto sum = builder.AddIntermediate(16);
  builder.AddStep(std::make_unique<AddOne>(), {constant}, {sum}, "add");
  builder.AddOutput(sum, kFour);
  const auto program = std::move(builder).Build();
  REQUIRE(program.ok());
  CHECK((*program)->packed_bytes == 16);
  CHECK(Run(**program)[0] == std::vector<float>{2, 2, 2, 2});
}

TEST_CASE("mistakes of a backend are reported when the program is built") {
  ProgramBuilder builder;
  const auto input = builder.AddInput(kFour);
  const auto value = builder.AddIntermediate(16);
  std::string expected;
  SECTION("read before written") {
    builder.AddStep(std::make_unique<AddOne>(), {value}, {builder.AddIntermediate(16)}, "early");
    expected = "early: value 1 is read before it is written";
  }
  SECTION("written twice") {
    builder.AddStep(std::make_unique<AddOne>(), {input}, {value}, "one");
    builder.AddStep(std::make_unique<AddOne>(), {input}, {value}, "two");
    expected = "two: value 1 is written a second time";
  }
  SECTION("input written") {
    builder.AddStep(std::make_unique<AddOne>(), {input}, {input}, "self");
    expected = "self: value 0 is written a second time";
  }
  SECTION("no such value") {
    builder.AddStep(std::make_unique<AddOne>(), {77}, {value}, "stray");
    expected = "stray: value 77 is not of this program";
  }
  SECTION("alias of no value") {
    builder.AddStep(std::make_unique<AddOne>(), {builder.AddAlias(99)}, {value}, "stray");
    expected = "stray: value 2 is not of this program";
  }
  SECTION("output never written") {
    builder.AddOutput(value, kFour);
    expected = "output 0: is never written";
  }
  SECTION("output of another size") {
    builder.AddOutput(input, {DataType::kFloat32, {5}});
    expected = "output 0: float32[5] takes 20 bytes, its value has 16";
  }
  const auto program = std::move(builder).Build();
  REQUIRE(program.status().code() == absl::StatusCode::kInternal);
  CHECK(std::string(program.status().message()) == expected);
}

TEST_CASE("an arena past the address space is refused") {
  ProgramBuilder builder;
  const auto input = builder.AddInput(kFour);
  const auto huge = builder.AddIntermediate(std::numeric_limits<uint64_t>::max() - 5);
  builder.AddStep(std::make_unique<AddOne>(), {input}, {huge}, "huge");
  CHECK(std::move(builder).Build().status().code() == absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace modeld
