#include "tools/modelctl/container.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "client/cpp/graph_builder.h"
#include "engine/graph/canonical.h"
#include "tools/data/file.h"

namespace modeld::tools {
namespace {

std::string TempFile(const std::string& name) {
  const std::string path = std::string(std::getenv("TEST_TMPDIR")) + "/" + name;
  ::unlink(path.c_str());
  return path;
}

// y = x * a + a + b, with one constant used twice.
Graph SmallGraph() {
  client::GraphBuilder b;
  auto x = b.Input("x", {DataType::kFloat32, {3}});
  auto a = b.Constant<float>({3}, {1, 2, 3});
  auto again = b.Constant<float>({3}, {1, 2, 3});
  auto c = b.Constant<float>({1}, {4});
  auto graph = b.Finish({{"y", b.Add(b.Add(b.Mul(x, a), again), c)}});
  REQUIRE(graph.status() == absl::OkStatus());
  return *graph;
}

// Writes the graph as the daemon would export it, in pieces of `chunk` bytes.
absl::Status Write(const std::string& path, const Graph& graph, size_t chunk, bool replace = false) {
  auto writer = ContainerWriter::Create(path, ModelIdOf(graph), replace);
  if (!writer.ok()) return writer.status();
  const std::string canonical = EncodeCanonical(graph);
  for (size_t at = 0; at < canonical.size(); at += chunk) {
    (*writer)->body().AddCanonical(absl::string_view(canonical).substr(at, chunk));
  }
  std::map<Digest, bool> sent;
  for (const Operand& operand : graph.operands) {
    if (operand.kind != OperandKind::kConstant || std::exchange(sent[operand.digest], true)) continue;
    for (size_t at = 0; at < operand.bytes.size(); at += chunk) {
      absl::Status s =
          (*writer)->body().AddConstant(operand.digest, at, operand.bytes.view().substr(at, chunk));
      if (!s.ok()) return s;
    }
  }
  return (*writer)->Finish();
}

TEST_CASE("A container gives back its model, however it was written", "[container]") {
  const Graph graph = SmallGraph();
  std::string first;
  for (size_t chunk : {size_t{1}, size_t{5}, size_t{1000}}) {
    const std::string path = TempFile("model.modeld");
    REQUIRE(Write(path, graph, chunk) == absl::OkStatus());
    const auto read = ReadContainer(path, {});
    REQUIRE(read.status() == absl::OkStatus());
    CHECK(ModelIdOf(*read) == ModelIdOf(graph));
    for (const Operand& operand : read->operands) {
      if (operand.kind == OperandKind::kConstant) CHECK(Digest::Of(operand.bytes.bytes()) == operand.digest);
    }
    const std::string bytes = *ReadWholeFile(path, 1 << 20);
    CHECK(bytes.substr(0, 8) == "MODELD\r\n");
    if (first.empty()) first = bytes;
    CHECK(bytes == first);
  }
}

TEST_CASE("A damaged container is refused", "[container]") {
  const std::string path = TempFile("model.modeld");
  REQUIRE(Write(path, SmallGraph(), 1000) == absl::OkStatus());
  const std::string good = *ReadWholeFile(path, 1 << 20);
  const auto code = [&](const std::string& bytes) {
    REQUIRE(WriteWholeFile(path, bytes) == absl::OkStatus());
    return ReadContainer(path, {}).status().code();
  };
  CHECK(code(good) == absl::StatusCode::kOk);
  CHECK(code("") == absl::StatusCode::kInvalidArgument);
  CHECK(code("no container at all, but a text of more than forty-eight bytes") ==
        absl::StatusCode::kInvalidArgument);
  // Every cut, and every change of a byte before the constants.
  for (size_t size = 48; size < good.size(); ++size) {
    if (code(good.substr(0, size)) != absl::StatusCode::kDataLoss) FAIL("cut at " << size);
  }
  CHECK(code(good + '\0') == absl::StatusCode::kDataLoss);
  const size_t canonical = static_cast<uint8_t>(good[8]) + 256 * static_cast<uint8_t>(good[9]);
  for (size_t at = 0; at < 48 + canonical; ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    if (code(bad) == absl::StatusCode::kOk) FAIL("changed byte " << at);
  }
}

TEST_CASE("What is not there or no plain file is said so", "[container]") {
  CHECK(ReadContainer(TempFile("absent.modeld"), {}).status().code() == absl::StatusCode::kNotFound);
  CHECK(ReadContainer(std::getenv("TEST_TMPDIR"), {}).status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(ContainerWriter::Create("/nonexistent/m.modeld", Digest(), false).status().code() ==
        absl::StatusCode::kNotFound);
}

TEST_CASE("A file is replaced only when that is wanted, and never by half", "[container]") {
  const Graph graph = SmallGraph();
  const std::string path = TempFile("model.modeld");
  REQUIRE(WriteWholeFile(path, "old") == absl::OkStatus());
  CHECK(Write(path, graph, 1000).code() == absl::StatusCode::kAlreadyExists);
  {
    auto writer = ContainerWriter::Create(path, ModelIdOf(graph), true);
    REQUIRE(writer.ok());
    (*writer)->body().AddCanonical(EncodeCanonical(graph));
    CHECK((*writer)->Finish().code() == absl::StatusCode::kDataLoss);  // constants are missing
  }
  CHECK(*ReadWholeFile(path, 10) == "old");
  CHECK(::access((path + ".partial").c_str(), F_OK) != 0);
  CHECK(Write(path, graph, 1000, true) == absl::OkStatus());
  CHECK(ReadContainer(path, {}).ok());
}

TEST_CASE("A daemon that sends something else is noticed", "[container]") {
  const Graph graph = SmallGraph();
  const std::string path = TempFile("model.modeld");
  const auto writer = [&](const Digest& id) {
    auto created = ContainerWriter::Create(path, id, true);
    REQUIRE(created.ok());
    (*created)->body().AddCanonical(EncodeCanonical(graph));
    return *std::move(created);
  };
  const Digest id = ModelIdOf(graph);
  const float four[] = {4};
  const Digest constant = Digest::Of(std::as_bytes(std::span(four)));
  CHECK(writer(Digest())->body().AddConstant(constant, 0, "1234").code() == absl::StatusCode::kDataLoss);
  CHECK(writer(id)->body().AddConstant(Digest(), 0, "1234").code() == absl::StatusCode::kDataLoss);
  CHECK(writer(id)->body().AddConstant(constant, 0, "12345").code() == absl::StatusCode::kDataLoss);
  CHECK(writer(id)->body().AddConstant(constant, 1, "123").code() == absl::StatusCode::kDataLoss);
  CHECK(writer(id)->body().AddConstant(constant, UINT64_MAX, "1").code() == absl::StatusCode::kDataLoss);
  CHECK(writer(id)->body().AddConstant(constant, 0, "1234") == absl::OkStatus());
}

}  // namespace
}  // namespace modeld::tools
