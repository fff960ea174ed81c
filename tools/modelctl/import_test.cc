// What modelctl import and run say of an ONNX model beside its file.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "client/cpp/fake_daemon.h"
#include "tools/data/file.h"
#include "tools/data/npy.h"
#include "tools/importer/testing/test_model.h"
#include "tools/modelctl/app_testing.h"

namespace modeld::tools {
namespace {

using Catch::Matchers::Contains;
using importer::TestModel;

// The model's file, which goes with it.
std::string Written(const TestModel& model) {
  const std::string path = (model.folder() / "model.onnx").string();
  REQUIRE(WriteWholeFile(path, model.proto.SerializeAsString()) == absl::OkStatus());
  return path;
}

template <typename T>
std::string NpyFile(const std::string& name, DataType type, const std::vector<T>& values) {
  const std::string path = TempFile(name);
  const auto bytes = std::as_bytes(std::span(values));
  REQUIRE(WriteNpyFile(path, {{type, {static_cast<uint32_t>(values.size())}},
                              {bytes.begin(), bytes.end()}}) == absl::OkStatus());
  return path;
}

// y = x, of four floats, reshaped to `rows` rows.
void Reshaping(TestModel& model) {
  model.Input("x", {4});
  model.Input("rows", {1}, onnx::TensorProto::INT64);
  model.Constant("rest", {1}, {-1}, onnx::TensorProto::INT64);
  model.Node("Concat", {"rows", "rest"}, {"shape"}).Int("axis", 0);
  model.Node("Reshape", {"x", "shape"}, {"y"});
  model.Output("y");
}

TEST_CASE("An input that shapes the model is given with --known", "[import]") {
  const client::FakeDaemon daemon;
  TestModel model;
  Reshaping(model);
  const std::string file = Written(model);
  const std::string rows = NpyFile<int64_t>("rows.npy", DataType::kInt64, {2});
  const std::string x = NpyFile<float>("x.npy", DataType::kFloat32, {1, 2, 3, 4});

  const Result asked = Modelctl(daemon, {"import", file});
  CHECK(asked.code == 1);
  CHECK_THAT(asked.err, Contains("must be known before running; give --known rows=FILE.npy\n"));

  CHECK(Modelctl(daemon, {"import", file, "--known", "rows=" + rows}).code == 0);
  const Result run = Modelctl(daemon, {"run", file, "--known", "rows=" + rows, "--input", x, "--json"});
  CAPTURE(run.err);
  REQUIRE(run.code == 0);
  CHECK(nlohmann::json::parse(run.out)["outputs"][0]["shape"].dump() == "[2,2]");
}

TEST_CASE("A known value that does not fit the model is a usage error", "[import]") {
  const client::FakeDaemon daemon;
  TestModel model;
  Reshaping(model);
  const std::string file = Written(model);
  const auto refused = [&](const std::string& known) {
    const Result result = Modelctl(daemon, {"import", file, "--known", known});
    CHECK(result.code == 2);
    return result.err;
  };
  const std::string two = NpyFile<int64_t>("two.npy", DataType::kInt64, {2, 2});
  const std::string other = NpyFile<float>("float.npy", DataType::kFloat32, {2});
  CHECK_THAT(refused("rows=" + two), Contains("input \"rows\": its known value int64[2]"));
  CHECK_THAT(refused("rows=" + other), Contains("input \"rows\": its known value float32[1]"));
  CHECK_THAT(refused("row=" + two), Contains("\"row\", which is no input of the model"));
  CHECK_THAT(refused("rest=" + two), Contains("\"rest\", which the model gives one itself"));
  CHECK(Modelctl(daemon, {"import", file, "--known", "rows=" + TempFile("absent.npy")}).code == 3);
  CHECK(Modelctl(daemon, {"import", file, "--known", "rows=" + file}).code == 1);
}

TEST_CASE("A dimension that the model does not have is named, also where others are open", "[import]") {
  const client::FakeDaemon daemon;
  TestModel model;
  model.Input("x", {-1, 3});
  model.Node("Relu", {"x"}, {"y"});
  model.Output("y");
  const Result typo = Modelctl(daemon, {"import", Written(model), "--dim", "bath=2"});
  CHECK(typo.code == 2);
  CHECK_THAT(typo.err,
             Contains("dimension \"bath\", which no input has; input \"x\" dimension 0 (\"batch\")"));
}

TEST_CASE("Operators that are refused are told with their reason", "[import]") {
  const client::FakeDaemon daemon;
  TestModel model;
  model.Input("x", {3});
  model.Node("Scan", {"x"}, {"y"});
  model.Node("Unheard", {"x"}, {"z"});
  model.Output("y");
  model.Output("z");
  const Result refused = Modelctl(daemon, {"import", Written(model)});
  CHECK(refused.code == 1);
  CHECK_THAT(refused.err,
             Contains("Scan \"Scan_y\", Unheard \"Unheard_z\" (Scan: a loop, which is not unrolled)\n"));
}

}  // namespace
}  // namespace modeld::tools
