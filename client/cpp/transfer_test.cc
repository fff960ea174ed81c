// Uploads, tensors, dispatch and run: what moves bytes.
#include <catch2/catch.hpp>
#include <numeric>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "client/cpp/fake_daemon.h"
#include "client/cpp/modeld.h"

namespace modeld::client {
namespace {

constexpr auto kF32 = DataType::kFloat32;
constexpr uint64_t kMiB = 1 << 20;

struct Setup {
  explicit Setup(FakeDaemon::Options options = {}, bool shared_memory = true) : daemon(std::move(options)) {
    auto connected = Client::Connect({.host = daemon.host(), .shared_memory = shared_memory});
    REQUIRE(connected.status() == absl::OkStatus());
    auto created = connected->CreateContext();
    REQUIRE(created.status() == absl::OkStatus());
    context = *created;
  }
  Context& operator*() { return *context; }
  Context* operator->() { return &*context; }

  FakeDaemon daemon;
  std::optional<Context> context;
};

std::vector<float> Ramp(size_t count, float start) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), start);
  return values;
}

// x + one constant for each of these sizes, in elements.
modeld::Graph SumWith(const std::vector<uint32_t>& sizes) {
  GraphBuilder b;
  NamedOperands outputs;
  float start = 1;
  for (uint32_t size : sizes) {
    auto constant = b.Constant<float>({size}, Ramp(size, start++));
    outputs.emplace_back("y" + std::to_string(outputs.size()),
                         b.Add(b.Input("x" + std::to_string(outputs.size()), {kF32, {1}}), constant));
  }
  auto graph = b.Finish(outputs);
  REQUIRE(graph.status() == absl::OkStatus());
  return *graph;
}

// Collects progress, and checks that it never goes back: in the test's own thread, as Catch2 wants it.
struct Progress {
  std::vector<uint64_t> committed;
  uint64_t total = 0;
  bool sound = true;
  ~Progress() { CHECK(sound); }
  BuildOptions options() {
    return {.progress = [this](const UploadProgress& p) {
      sound = sound && (committed.empty() || committed.back() <= p.committed_bytes) &&
              p.committed_bytes <= p.total_bytes;
      committed.push_back(p.committed_bytes);
      total = p.total_bytes;
    }};
  }
};

TEST_CASE("Constants go through shared memory together, once", "[upload]") {
  Setup setup;
  const modeld::Graph graph = SumWith({1000, 2000, 1, 3});
  Progress progress;
  REQUIRE(setup->BuildGraph(graph, progress.options()).status() == absl::OkStatus());
  auto seen = setup.daemon.seen();
  CHECK(seen.imported == std::vector<int>{4});
  CHECK(seen.calls["UploadConstant"] == 0);
  CHECK(progress.total == 4 * 3004);
  CHECK(progress.committed.back() == progress.total);

  Progress none;
  REQUIRE(setup->BuildGraph(graph, none.options()).ok());
  CHECK(setup.daemon.seen().calls["OpenMemory"] == 1);
  CHECK(none.committed.empty());
}

TEST_CASE("Equal constants are uploaded once", "[upload]") {
  Setup setup;
  GraphBuilder b(*setup);
  auto one = b.Constant<float>({4}, {1, 2, 3, 4});
  auto same = b.Constant<float>({4}, {1, 2, 3, 4});
  REQUIRE(b.Build({{"y", b.Add(b.Add(b.Input("x", {kF32, {4}}), one), same)}}).status() == absl::OkStatus());
  CHECK(setup.daemon.seen().imported == std::vector<int>{1});
}

TEST_CASE("Large constants are handed over in several batches", "[upload]") {
  Setup setup({.max_message_bytes = 8 * kMiB});
  const uint32_t big = 40 * kMiB / 4;
  Progress progress;
  REQUIRE(setup->BuildGraph(SumWith({big, big, 10, 70 * kMiB / 4, 11}), progress.options()).status() ==
          absl::OkStatus());
  CHECK(setup.daemon.seen().imported == std::vector<int>{1, 2, 1, 1});
  CHECK(progress.committed.size() == 4);
}

TEST_CASE("What must not be written down goes in chunks into memory, whole and unasked", "[upload]") {
  Setup setup;
  Progress progress;
  BuildOptions options = progress.options();
  options.uncacheable = true;
  const uint32_t elements = 20 * kMiB / 4 + 1;
  REQUIRE(setup->BuildGraph(SumWith({elements, 5}), options).status() == absl::OkStatus());
  auto seen = setup.daemon.seen();
  CHECK(seen.calls["UploadConstant uncacheable"] == 2);
  CHECK(seen.calls["Build uncacheable"] == 2);
  for (const char* never : {"OpenMemory", "ImportConstants", "QueryUpload", "WatchUploads"}) {
    INFO(never);
    CHECK(seen.calls[never] == 0);
  }
  CHECK(seen.stream_offsets == std::vector<uint64_t>{0, 0});
  CHECK(progress.committed.back() == progress.total);
}

TEST_CASE("Where shared memory is barred, constants go in chunks", "[upload]") {
  const auto check = [](Setup& setup) {
    Progress progress;
    const uint32_t elements = 20 * kMiB / 4 + 1;
    REQUIRE(setup->BuildGraph(SumWith({elements, 5}), progress.options()).status() == absl::OkStatus());
    const auto seen = setup.daemon.seen();
    for (uint64_t bytes : seen.chunk_bytes) CHECK(bytes <= kMiB);
    CHECK(seen.stream_offsets == std::vector<uint64_t>{0, 16 * kMiB, 0});
    CHECK(progress.committed == std::vector<uint64_t>{16 * kMiB, 20 * kMiB + 4, 20 * kMiB + 24});
    CHECK(seen.imported.empty());
  };
  SECTION("no socket") {
    Setup setup({.memory_socket = false});
    check(setup);
  }
  SECTION("switched off") {
    Setup setup({}, false);
    check(setup);
    CHECK(setup.daemon.seen().calls["OpenMemory"] == 0);
  }
  SECTION("tickets refused") {
    Setup setup;
    setup.daemon.RefuseMemory();
    check(setup);
  }
  SECTION("no memory left for this session") {
    Setup setup;
    setup.daemon.Fail("OpenMemory", static_cast<int>(absl::StatusCode::kResourceExhausted), "tickets");
    check(setup);
  }
}

TEST_CASE("An upload goes on where an earlier one was cut off", "[upload]") {
  Setup setup({.memory_socket = false});
  const modeld::Graph graph = SumWith({1000});
  const modeld::Operand* constant = nullptr;
  for (const auto& operand : graph.operands) {
    if (operand.kind == OperandKind::kConstant) constant = &operand;
  }
  REQUIRE(constant != nullptr);
  setup.daemon.Preload(std::string(constant->digest.bytes()),
                       std::string(constant->bytes.view().substr(0, 1234)));
  Progress progress;
  REQUIRE(setup->BuildGraph(graph, progress.options()).status() == absl::OkStatus());
  CHECK(setup.daemon.seen().stream_offsets == std::vector<uint64_t>{1234});
  CHECK(progress.committed == std::vector<uint64_t>{1234, 4000});
}

TEST_CASE("An upload that meets another one tries again; other errors end it", "[upload]") {
  Setup setup({.memory_socket = false});
  setup.daemon.Fail("UploadConstant", static_cast<int>(absl::StatusCode::kAborted), "busy", 2);
  REQUIRE(setup->BuildGraph(SumWith({10})).status() == absl::OkStatus());
  CHECK(setup.daemon.seen().calls["UploadConstant"] == 3);
  setup.daemon.Fail("UploadConstant", static_cast<int>(absl::StatusCode::kResourceExhausted), "no room");
  const absl::Status status = setup->BuildGraph(SumWith({11})).status();
  CHECK(status.code() == absl::StatusCode::kResourceExhausted);
  CHECK(status.message() == "no room");
}

TEST_CASE("Bytes that the graph does not hold cannot be uploaded", "[upload]") {
  Setup setup;
  modeld::Graph graph = SumWith({10});
  for (auto& operand : graph.operands) operand.bytes = Region();
  CHECK(setup->BuildGraph(graph).status().code() == absl::StatusCode::kFailedPrecondition);
}

TEST_CASE("A wrong portable graph is refused without a round trip, an unknown operation by the daemon",
          "[upload]") {
  Setup setup;
  modeld::Graph graph = SumWith({10});
  graph.operations[0].label = "sum";
  graph.operations[0].inputs.pop_back();
  const absl::Status wrong = setup->BuildGraph(graph).status();
  CHECK(wrong.code() == absl::StatusCode::kInvalidArgument);
  CHECK(ErrorDetailOf(wrong)->label == "sum");
  CHECK(setup.daemon.seen().calls["Build"] == 0);
  graph = SumWith({10});
  graph.operations[0].type = "teleport";
  setup.daemon.Fail("Build", static_cast<int>(absl::StatusCode::kUnimplemented), "teleport #0: unknown");
  CHECK(setup->BuildGraph(graph).status().message() == "teleport #0: unknown");
}

TEST_CASE("A graph that no message can hold is refused", "[upload]") {
  Setup setup({.max_message_bytes = 1000});
  GraphBuilder b;
  MaybeOperand y = b.Input("x", {kF32, {1}});
  for (int i = 0; i < 100; ++i) y = b.Relu(y);
  const auto graph = b.Finish({{"y", y}});
  REQUIRE(graph.ok());
  CHECK(setup->BuildGraph(*graph).status().code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("BuildGraphAsync builds and reports", "[upload]") {
  Setup setup;
  absl::Notification done;
  absl::StatusOr<Graph> built = absl::UnknownError("");
  Progress progress;
  setup->BuildGraphAsync(
      SumWith({10}),
      [&](absl::StatusOr<Graph> result) {
        built = std::move(result);
        done.Notify();
      },
      progress.options());
  done.WaitForNotification();
  REQUIRE(built.status() == absl::OkStatus());
  CHECK(built->inputs() == std::vector<Binding>{{"x0", {kF32, {1}}}});
  CHECK(built->outputs() == std::vector<Binding>{{"y0", {kF32, {10}}}});
  CHECK(progress.committed == std::vector<uint64_t>{40});
}

Graph Identity(const Context& context, uint32_t elements) {
  GraphBuilder b(context);
  auto graph = b.Build({{"y", b.Identity(b.Input("x", {kF32, {elements}}))}});
  REQUIRE(graph.status() == absl::OkStatus());
  return *graph;
}

TEST_CASE("Tensors are shared memory, or messages where that is barred", "[tensor]") {
  const auto check = [](Setup& setup, bool mapped) {
    const std::vector<float> values = Ramp(700'000, 1);
    const auto in = setup->CreateTensor({kF32, {700'000}});
    const auto out = setup->CreateTensor({kF32, {700'000}});
    REQUIRE(in.ok());
    REQUIRE(out.ok());
    CHECK(ElementsOf<float>(*out->Read()) == std::vector<float>(700'000));
    REQUIRE(in->Write(std::as_bytes(std::span(values))) == absl::OkStatus());
    const float patch[] = {-7};
    REQUIRE(in->Write(std::as_bytes(std::span(patch)), 4) == absl::OkStatus());
    const auto took = Identity(*setup, 700'000).Dispatch({{"x", *in}}, {{"y", *out}});
    REQUIRE(took.status() == absl::OkStatus());
    CHECK(*took == absl::Nanoseconds(1500));
    const auto bytes = out->Read();
    REQUIRE(bytes.ok());
    const std::vector<float> result = ElementsOf<float>(*bytes);
    CHECK(result[0] == 1);
    CHECK(result[1] == -7);
    CHECK(result[699'999] == 700'000);
    CHECK(out->Map().ok() == mapped);
    CHECK((setup.daemon.seen().calls["WriteTensor"] == 0) == mapped);
  };
  SECTION("shared") {
    Setup setup;
    check(setup, true);
    CHECK(setup.daemon.seen().calls["OpenMemory"] == 2);
  }
  SECTION("no socket") {
    Setup setup({.memory_socket = false});
    check(setup, false);
  }
  SECTION("tickets refused") {
    Setup setup;
    setup.daemon.RefuseMemory();
    check(setup, false);
  }
}

TEST_CASE("Map gives the memory itself", "[tensor]") {
  Setup setup;
  const auto in = setup->CreateTensor({kF32, {2}});
  const auto out = setup->CreateTensor({kF32, {2}});
  const auto memory = in->Map();
  REQUIRE(memory.status() == absl::OkStatus());
  REQUIRE(memory->size() == 8);
  (*memory)[3] = std::byte{0x40};
  REQUIRE(Identity(*setup, 2).Dispatch({{"x", *in}}, {{"y", *out}}).ok());
  CHECK(ElementsOf<float>(*out->Read()) == std::vector<float>{2, 0});
}

TEST_CASE("Ranges beyond a tensor and descriptors without a size are refused", "[tensor]") {
  Setup setup;
  const auto tensor = setup->CreateTensor({kF32, {2}});
  std::vector<std::byte> bytes(9);
  const absl::Status statuses[] = {
      tensor->Write(bytes),
      tensor->Write(std::span(bytes).first(1), 8),
      tensor->Write({}, 9),
      tensor->ReadInto(std::span(bytes).first(4), UINT64_MAX - 2),
      setup->CreateTensor({kF32, {0}}).status(),
      setup->CreateTensor({kF32, {4'000'000'000, 4'000'000'000, 4'000'000'000}}).status(),
  };
  for (const absl::Status& status : statuses) CHECK(status.code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("Tensors have callback forms", "[tensor]") {
  Setup setup;
  absl::Notification done;
  absl::Status created, written;
  std::vector<std::byte> read;
  setup->CreateTensorAsync({kF32, {1}}, [&](absl::StatusOr<Tensor> tensor) {
    created = tensor.status();
    if (!tensor.ok()) return done.Notify();
    tensor->WriteAsync(std::vector<std::byte>(4, std::byte{1}), [&, tensor = *tensor](absl::Status status) {
      written = status;
      tensor.ReadAsync([&](absl::StatusOr<std::vector<std::byte>> bytes) {
        read = bytes.value_or(std::vector<std::byte>());
        done.Notify();
      });
    });
  });
  done.WaitForNotification();
  CHECK(created == absl::OkStatus());
  CHECK(written == absl::OkStatus());
  CHECK(read == std::vector<std::byte>(4, std::byte{1}));
}

TEST_CASE("Run takes and gives bytes; what no message holds goes through tensors", "[run]") {
  Setup setup({.max_message_bytes = kMiB});
  const uint32_t elements = GENERATE(2u, 1'000'000u);
  const std::vector<float> values = Ramp(elements, 5);
  const Graph graph = Identity(*setup, elements);
  const NamedBytes inputs = {{"x", std::as_bytes(std::span(values))}};
  const auto run = graph.Run(inputs);
  REQUIRE(run.status() == absl::OkStatus());
  CHECK(run->run_time == absl::Nanoseconds(1500));
  CHECK(ElementsOf<float>(run->outputs.at("y")) == values);
  absl::Notification done;
  absl::StatusOr<RunResult> later = absl::UnknownError("");
  graph.RunAsync(inputs, [&](absl::StatusOr<RunResult> result) {
    later = std::move(result);
    done.Notify();
  });
  done.WaitForNotification();
  REQUIRE(later.status() == absl::OkStatus());
  CHECK(ElementsOf<float>(later->outputs.at("y")) == values);
  CHECK(setup.daemon.seen().calls["Run"] == (elements == 2 ? 2 : 0));
}

TEST_CASE("DispatchAsync keeps its tensors until it is done", "[run]") {
  Setup setup;
  absl::Notification done;
  absl::Status status = absl::UnknownError("");
  {
    const auto in = setup->CreateTensor({kF32, {2}});
    const auto out = setup->CreateTensor({kF32, {2}});
    Identity(*setup, 2).DispatchAsync({{"x", *in}}, {{"y", *out}}, [&](absl::StatusOr<absl::Duration> took) {
      status = took.status();
      done.Notify();
    });
  }
  done.WaitForNotification();
  CHECK(status == absl::OkStatus());
}

}  // namespace
}  // namespace modeld::client
