// Exit codes, ids, figures, tensors from files: the parts of modelctl that need no daemon.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <sstream>

#include "client/cpp/status.h"
#include "tools/data/file.h"
#include "tools/data/npy.h"
#include "tools/modelctl/exit_code.h"
#include "tools/modelctl/latency.h"
#include "tools/modelctl/model_reference.h"
#include "tools/modelctl/output.h"
#include "tools/modelctl/tensor_files.h"

namespace modeld::tools {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

constexpr auto kF32 = DataType::kFloat32;

std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

std::string TempFile(const std::string& name) {
  return std::string(std::getenv("TEST_TMPDIR")) + "/" + name;
}

Array Floats(Shape shape, const std::vector<float>& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return {{kF32, std::move(shape)}, {bytes.begin(), bytes.end()}};
}

TEST_CASE("Every error has its exit code", "[exit]") {
  const std::pair<absl::Status, int> cases[] = {
      {absl::OkStatus(), 0},
      {absl::InvalidArgumentError(""), 1},
      {absl::InternalError(""), 1},
      {absl::UnimplementedError(""), 1},
      {absl::FailedPreconditionError(""), 1},
      {absl::DeadlineExceededError(""), 1},
      {absl::AlreadyExistsError(""), 1},
      {UsageError(""), 2},
      {absl::NotFoundError(""), 3},
      {absl::UnavailableError(""), 4},
      {client::SessionEndedError(), 4},
      {absl::ResourceExhaustedError(""), 5},
      {absl::DataLossError(""), 6},
      {absl::PermissionDeniedError(""), 7},
      {absl::AbortedError(""), 8},
      {absl::CancelledError(""), 130},
  };
  for (const auto& [status, code] : cases) {
    CAPTURE(status.ToString());
    CHECK(static_cast<int>(ExitCodeOf(status)) == code);
  }
}

TEST_CASE("A prefix of an id names one model or none", "[id]") {
  std::vector<Digest> ids;
  for (const char* last : {"00", "01"})
    ids.push_back(*Digest::FromHex("12345678" + std::string(54, 'a') + last));
  ids.push_back(*Digest::FromHex("fedcba98" + std::string(56, '0')));
  ids.push_back(ids.back());

  CHECK(*MatchPrefix("fedcba98", ids) == ids[2]);
  CHECK(*MatchPrefix("fedcba980", ids) == ids[2]);
  CHECK(*MatchPrefix(ids[1].ToHex(), ids) == ids[1]);
  CHECK(ExitCodeOf(MatchPrefix("fedcba99", ids).status()) == ExitCode::kNotFound);
  const absl::Status several = MatchPrefix("12345678", ids).status();
  CHECK(ExitCodeOf(several) == ExitCode::kUsage);
  CHECK_THAT(Message(several), Contains(ids[0].ToHex()) && Contains(ids[1].ToHex()));
  for (const char* wrong : {"", "fedcba9", "FEDCBA98", "fedcba98x", "../../etc/passwd"}) {
    CAPTURE(wrong);
    CHECK(ExitCodeOf(MatchPrefix(wrong, ids).status()) == ExitCode::kUsage);
  }
  CHECK(ExitCodeOf(MatchPrefix(std::string(65, 'a'), ids).status()) == ExitCode::kUsage);
}

TEST_CASE("Files are told from ids and keys by their ends", "[id]") {
  CHECK(IsModelFile("a.onnx"));
  CHECK(IsModelFile("/x/A.ONNX"));
  CHECK(IsModelFile("m.modeld"));
  CHECK_FALSE(IsModelFile("onnx"));
  CHECK_FALSE(IsModelFile("digits"));
}

TEST_CASE("Latency figures", "[latency]") {
  const auto ms = [](double value) { return absl::Milliseconds(value); };
  const Latency none = LatencyOf({});
  CHECK(none.max == absl::ZeroDuration());
  const Latency one = LatencyOf({ms(7)});
  CHECK(one.min == ms(7));
  CHECK(one.median == ms(7));
  CHECK(one.p95 == ms(7));
  CHECK(one.max == ms(7));
  CHECK(LatencyOf({ms(4), ms(1), ms(2), ms(9)}).median == ms(3));
  std::vector<absl::Duration> hundred;
  for (int i = 100; i >= 1; --i) hundred.push_back(ms(i));
  const Latency figures = LatencyOf(hundred);
  CHECK(figures.min == ms(1));
  CHECK(figures.median == ms(50.5));
  CHECK(figures.p95 == ms(95));
  CHECK(figures.max == ms(100));
  hundred.push_back(ms(101));
  CHECK(LatencyOf(hundred).p95 == ms(96));
}

TEST_CASE("Durations, times and names for people", "[output]") {
  CHECK(HumanDuration(absl::Microseconds(17)) == "17 us");
  CHECK(HumanDuration(absl::Microseconds(1250)) == "1.25 ms");
  CHECK(HumanDuration(absl::Milliseconds(2500)) == "2.50 s");
  CHECK(HumanTime(0) == "-");
  CHECK(Printable("a\033[2Jb\n") == "a\\x1b[2Jb\\n");
  CHECK(Printable("it's \"ü\"") == "it's \"ü\"");
}

TEST_CASE("Columns are aligned by characters, not bytes", "[output]") {
  std::istringstream in;
  std::ostringstream out, err;
  Environment environment({in, out, err}, {});
  Table table({"KEY", "N"});
  table.Add({"übung", "1"});
  table.Add({"a", "2"});
  table.Print(environment);
  CHECK(out.str() == "KEY    N\nübung  1\na      2\n");
}

TEST_CASE("NAME=FILE finds its name", "[files]") {
  const std::vector<client::Binding> two = {{"x", {kF32, {1}}}, {"a=b", {kF32, {1}}}};
  const std::vector<client::Binding> one = {{"image", {kF32, {1}}}};
  const auto parse = [](const std::string& text, const std::vector<client::Binding>& bindings) {
    const auto file = ParseNamedFile(text, bindings, "input");
    return file.ok() ? file->name + "|" + file->path : Message(file.status());
  };
  CHECK(parse("x=f.npy", two) == "x|f.npy");
  CHECK(parse("a=b=f.npy", two) == "a=b|f.npy");
  CHECK(parse("x=a=b.npy", two) == "x|a=b.npy");
  CHECK(parse("f.npy", one) == "image|f.npy");
  CHECK(parse("image=f.npy", one) == "image|f.npy");
  CHECK(parse("f.npy", two) == "--input f.npy: expected NAME=FILE; the model's inputs are x, a=b");
  CHECK(parse("y=f.npy", one) == "--input y=f.npy: expected NAME=FILE; the model's input is image");
  CHECK_THAT(parse("x=", two), Contains("expected NAME=FILE"));
  CHECK_THAT(parse("", one), Contains("expected NAME=FILE"));
}

TEST_CASE("An input takes arrays of its type and shape, ones apart", "[files]") {
  const std::string path = TempFile("in.npy");
  REQUIRE(WriteNpyFile(path, Floats({1, 2, 3}, {1, 2, 3, 4, 5, 6})) == absl::OkStatus());
  CHECK(ReadInput({"x", {kF32, {2, 3}}}, path, {}).ok());
  CHECK(ReadInput({"x", {kF32, {1, 2, 1, 3}}}, path, {}).ok());
  const absl::Status turned = ReadInput({"x", {kF32, {3, 2}}}, path, {}).status();
  CHECK_THAT(Message(turned), StartsWith("x: ") && Contains("holds float32[1,2,3]; expected float32[3,2]"));
  CHECK_FALSE(ReadInput({"x", {DataType::kInt32, {2, 3}}}, path, {}).ok());
  CHECK(ReadInput({"x", {kF32, {2, 3}}}, TempFile("absent.npy"), {}).status().code() ==
        absl::StatusCode::kNotFound);
  REQUIRE(WriteWholeFile(path, "neither array nor picture") == absl::OkStatus());
  CHECK(ReadInput({"x", {kF32, {2, 3}}}, path, {}).status().code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("The greatest elements come first, equal ones in order, NaNs never", "[files]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Array array = Floats({6}, {1, nan, 3, -7, 3, 2});
  CHECK(TopElements(array, 3) == std::vector<uint64_t>{2, 4, 5});
  CHECK(TopElements(array, 99) == std::vector<uint64_t>{2, 4, 5, 0, 3});
  CHECK(ElementOf({{DataType::kUint64, {1}}, std::vector<std::byte>(8, std::byte{1})}, 0) ==
        72340172838076673.0);
  CHECK(ElementOf({{DataType::kInt8, {1}}, {std::byte{0xff}}}, 0) == -1);
  CHECK(ElementOf({{DataType::kFloat16, {1}}, {std::byte{0}, std::byte{0x3c}}}, 0) == 1);
}

TEST_CASE("Labels are lines", "[files]") {
  const std::string path = TempFile("labels.txt");
  REQUIRE(WriteWholeFile(path, "zero\r\none\n\nthree\n") == absl::OkStatus());
  CHECK(*ReadLabels(path) == std::vector<std::string>{"zero", "one", "", "three"});
}

TEST_CASE("Counts, spans and bounds are said as people say them", "[output]") {
  CHECK(Counted(0, "model") == "0 models");
  CHECK(Counted(1, "partition") == "1 partition");
  CHECK(HumanSpan(absl::Seconds(90)) == "90s");
  CHECK(HumanSpan(absl::Minutes(5)) == "5m");
  CHECK(HumanSpan(absl::Hours(26)) == "26h");
  CHECK(HumanSpan(absl::Hours(24 * 90)) == "90d");
  CHECK(AmountText(1 << 20, 4 << 20, absl::ZeroDuration()) == "1.0 MiB of 4.0 MiB");
  CHECK(AmountText(1 << 20, 4 << 20, absl::Seconds(42)) == "1.0 MiB of 4.0 MiB, stalled 42s");
  CHECK(HumanBound(uint64_t{5} << 30) == "5.0 GiB");
  CHECK(HumanBound(UINT64_MAX) == "none");
}

}  // namespace
}  // namespace modeld::tools
