// Of a constant that the daemon has in part, exactly the ranges are sent that it says it lacks.
#include <catch2/catch.hpp>
#include <numeric>

#include "absl/status/status.h"
#include "client/cpp/fake_daemon.h"
#include "client/cpp/modeld.h"

namespace modeld::client {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint32_t kElements = 6 * kMiB + 1;
constexpr uint64_t kSize = kElements * sizeof(float);

using Ranges = std::vector<std::pair<uint64_t, uint64_t>>;

FakeUploadState Lacking(const Ranges& ranges, uint64_t committed_bytes) {
  FakeUploadState state{committed_bytes, {}};
  for (const auto& [begin, end] : ranges) {
    v1::ByteRange& range = state.missing.emplace_back();
    range.set_begin_bytes(begin);
    range.set_end_bytes(end);
  }
  return state;
}

uint64_t Sum(const Ranges& ranges) {
  uint64_t sum = 0;
  for (const auto& [begin, end] : ranges) sum += end - begin;
  return sum;
}

modeld::Graph SumWithLarge() {
  std::vector<float> values(kElements);
  std::iota(values.begin(), values.end(), 1.0f);
  GraphBuilder b;
  const auto x = b.Input("x", {DataType::kFloat32, {1}});
  const auto graph = b.Finish({{"y", b.Add(x, b.Constant<float>({kElements}, values))}});
  REQUIRE(graph.status() == absl::OkStatus());
  return *graph;
}

// A client, and a graph with one constant of kSize bytes of which its daemon has a part.
struct Setup {
  explicit Setup(bool shared_memory) : daemon({.memory_socket = shared_memory}) {
    auto connected = Client::Connect({.host = daemon.host()});
    REQUIRE(connected.status() == absl::OkStatus());
    auto created = connected->CreateContext();
    REQUIRE(created.status() == absl::OkStatus());
    context = *created;
    for (const modeld::Operand& operand : graph.operands) {
      if (operand.kind == OperandKind::kConstant) constant = operand;
    }
    REQUIRE(constant.bytes.size() == kSize);
  }
  static const modeld::Graph& LargeGraph() {
    static const modeld::Graph graph = SumWithLarge();
    return graph;
  }
  std::string name() const { return std::string(constant.digest.bytes()); }

  // What was sent, with pieces that follow one another put together; each was checked.
  Ranges Sent() {
    const FakeDaemon::Seen seen = daemon.seen();
    Ranges sent;
    for (size_t i = 0; i < seen.chunks.size(); ++i) {
      const auto& [begin, digest] = seen.chunks[i];
      CHECK(digest == Digest::Of(constant.bytes.view().substr(begin, seen.chunk_bytes[i])));
      if (sent.empty() || sent.back().second != begin) sent.emplace_back(begin, begin);
      sent.back().second += seen.chunk_bytes[i];
    }
    return sent;
  }

  FakeDaemon daemon;
  std::optional<Context> context;
  const modeld::Graph& graph = LargeGraph();
  modeld::Operand constant;
};

TEST_CASE("Exactly the missing ranges are sent, over as many streams as it takes", "[upload]") {
  Setup setup(GENERATE(true, false));
  // More than one stream takes.
  const Ranges missing = {{kMiB, kMiB + 3}, {4 * kMiB, 12 * kMiB}, {14 * kMiB, kSize}};
  setup.daemon.Lack(setup.name(), Lacking(missing, kSize - Sum(missing)), {});
  REQUIRE(setup.context->BuildGraph(setup.graph).status() == absl::OkStatus());
  CHECK(setup.Sent() == missing);
  auto seen = setup.daemon.seen();
  CHECK(seen.calls["UploadConstant"] == 2);
  CHECK(seen.imported.empty());
}

TEST_CASE("What the daemon lacks after a stream is what it says then", "[upload]") {
  Setup setup(GENERATE(true, false));
  const Ranges later = {{0, kMiB}, {20 * kMiB, 21 * kMiB}};
  setup.daemon.Lack(setup.name(), Lacking({{4 * kMiB, 8 * kMiB}}, kSize - 4 * kMiB),
                    Lacking(later, kSize - Sum(later)));
  REQUIRE(setup.context->BuildGraph(setup.graph).status() == absl::OkStatus());
  CHECK(setup.Sent() == Ranges{{4 * kMiB, 8 * kMiB}, {0, kMiB}, {20 * kMiB, 21 * kMiB}});
}

TEST_CASE("Ranges that cannot be are an internal error, and nothing of them is sent", "[upload]") {
  const Ranges wrong = GENERATE(Ranges{{0, 8 * kMiB}, {4 * kMiB, 12 * kMiB}},  // overlapping
                                Ranges{{8 * kMiB, 12 * kMiB}, {0, 4 * kMiB}},  // descending
                                Ranges{{0, 4}, {0, 4}},                        // twice
                                Ranges{{4, kSize + 1}},                        // beyond the end
                                Ranges{{kSize + 8, kSize + 16}},               // after it
                                Ranges{{UINT64_MAX - 4, UINT64_MAX}},          // far beyond
                                Ranges{{8, 4}},                                // backwards
                                Ranges{{8, 8}},                                // empty
                                Ranges{{0, 4}, {8, UINT64_MAX}});              // the second one
  CAPTURE(wrong);
  SECTION("when they are asked for") {
    Setup setup(false);
    setup.daemon.Lack(setup.name(), Lacking(wrong, 1000), {});
    CHECK(absl::IsInternal(setup.context->BuildGraph(setup.graph).status()));
    CHECK(setup.Sent().empty());
    CHECK(setup.daemon.seen().calls["UploadConstant"] == 0);
  }
  SECTION("when they are told after a stream") {
    Setup setup(false);
    setup.daemon.Lack(setup.name(), Lacking({{0, 4 * kMiB}}, 1000), Lacking(wrong, 2000));
    CHECK(absl::IsInternal(setup.context->BuildGraph(setup.graph).status()));
    CHECK(setup.Sent() == Ranges{{0, 4 * kMiB}});
  }
  SECTION("and where memory can be handed over, all goes that way") {
    Setup setup(true);
    setup.daemon.Lack(setup.name(), Lacking(wrong, 1000), {});
    CHECK(setup.context->BuildGraph(setup.graph).status() == absl::OkStatus());
    CHECK(setup.Sent().empty());
    CHECK(setup.daemon.seen().imported == std::vector<int>{1});
  }
}

TEST_CASE("A daemon that takes bytes and counts none is not asked forever", "[upload]") {
  Setup setup(false);
  setup.daemon.Lack(setup.name(), Lacking({{0, 4 * kMiB}}, 1000), Lacking({{0, 4 * kMiB}}, 1000));
  CHECK(absl::IsInternal(setup.context->BuildGraph(setup.graph).status()));
  CHECK(setup.daemon.seen().calls["UploadConstant"] == 1);
}

}  // namespace
}  // namespace modeld::client
