#include "tests/conformance/case.h"

#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/conformance/case_files.h"
#include "tests/conformance/known_wrong.h"
#include "tests/conformance/report.h"

namespace modeld::conformance {
namespace {

namespace fs = std::filesystem;

// A case of one relu.
Json Relu() {
  return Json::parse(R"({
    "name": "relu float32 1D",
    "inputs": {"x": {"data": [-1, "NaN"], "descriptor": {"shape": [2], "dataType": "float32"}}},
    "operators": [{"name": "relu", "arguments": [{"input": "x"}], "outputs": "y"}],
    "expectedOutputs": {"y": {"data": [0, "NaN"], "descriptor": {"shape": [2], "dataType": "float32"}}},
    "tolerance": {"metric": "ULP", "value": 0}})");
}

void CheckRefused(const Json& json, const std::string& why) {
  const absl::StatusOr<Case> parsed = ParseCase(json);
  REQUIRE_FALSE(parsed.ok());
  INFO(parsed.status());
  CHECK(parsed.status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(absl::StrContains(std::string(parsed.status().message()), why));
}

TEST_CASE("A case is read with all that it says") {
  Json json = Relu();
  json["inputs"]["x"]["constant"] = true;
  json["operators"][0]["arguments"].push_back({{"options", {{"label", "r"}}}});
  json["castToSupportedType"] = true;
  const absl::StatusOr<Case> parsed = ParseCase(json);
  INFO(parsed.status());
  REQUIRE(parsed.ok());
  CHECK(parsed->name == "relu float32 1D");
  CHECK(parsed->inputs.at("x").constant);
  CHECK_FALSE(parsed->expected.at("y").constant);
  CHECK(parsed->inputs.at("x").elements.size() == 2);
  REQUIRE(parsed->operators.size() == 1);
  CHECK(parsed->operators[0].arguments == std::vector<Json>{"x"});
  CHECK(parsed->operators[0].options.at("label") == "r");
  CHECK(parsed->operators[0].outputs == std::vector<std::string>{"y"});
  CHECK(parsed->tolerance.ToString() == "ULP 0");
}

TEST_CASE("One number or text fills a shape") {
  Json json = Relu();
  json["inputs"]["x"] = {{"data", "-9223372036854775808"},
                         {"descriptor", {{"shape", {2, 3}}, {"dataType", "int64"}}}};
  const CaseTensor tensor = ParseCase(json)->inputs.at("x");
  CHECK(tensor.filled);
  CHECK(tensor.elements == std::vector<Element>(6, std::numeric_limits<int64_t>::min()));
  json["inputs"]["x"] = {{"data", 7}, {"descriptor", {{"shape", Json::array()}, {"dataType", "uint4"}}}};
  CHECK(ParseCase(json)->inputs.at("x").elements == std::vector<Element>{7});
}

TEST_CASE("What is wrong with a case is told by its member") {
  Json json = Relu();
  json["tolerance"]["metric"] = "RTOL";
  CheckRefused(json, "there is no metric \"RTOL\"");
  json = Relu();
  json["tolerance"].erase("value");
  CheckRefused(json, "tolerance: value: expected a number");
  json = Relu();
  json["inputs"]["x"]["data"].push_back(1);
  CheckRefused(json, "inputs: \"x\": data: holds 3 elements, the shape [2] 2");
  json = Relu();
  json["inputs"]["x"]["descriptor"]["dataType"] = "float64";
  CheckRefused(json, "\"float64\" is no data type");
  json = Relu();
  json["expectedOutputs"]["y"]["data"][1] = "nan";
  CheckRefused(json, "expectedOutputs: \"y\": data: \"nan\" is no number");
  json = Relu();
  json["inputs"]["x"]["descriptor"]["shape"] = {-2};
  CheckRefused(json, "shape: expected numbers from 0");
  json["inputs"]["x"]["descriptor"]["shape"] = {1u << 31, 1u << 31, 1u << 31};
  CheckRefused(json, "shape");
  json["inputs"]["x"]["descriptor"]["shape"] = {1u << 31};
  json["inputs"]["x"]["data"] = 1;
  CheckRefused(json, "shape: expected fewer elements");
  json = Relu();
  json["operators"][0]["arguments"] = {{{"a", "x"}, {"b", "x"}}};
  CheckRefused(json, "operators: 0: arguments: expected objects of one member");
  json = Relu();
  json["operators"][0]["outputs"] = 3;
  CheckRefused(json, "operators: 0: outputs");
  json = Relu();
  json["expectedOutputs"] = Json::object();
  CheckRefused(json, "expectedOutputs: expected at least one");
  for (const char* member : {"name", "inputs", "operators", "expectedOutputs", "tolerance"}) {
    json = Relu();
    json.erase(member);
    CheckRefused(json, member);
  }
  CheckRefused(Json(3), "expected an object");
  CHECK(CaseName(Json(3)) == "(a case without a name)");
}

TEST_CASE("A text that is no array of cases is refused") {
  CHECK(SplitCases("[{}, 1]")->size() == 2);
  CHECK(absl::StrContains(std::string(SplitCases("[{}").status().message()), "no JSON"));
  CHECK(absl::StrContains(std::string(SplitCases("{}").status().message()), "no array"));
}

TEST_CASE("A folder stands for its vectors, without the index, in the order of names") {
  std::string folder = absl::StrCat(getenv("TEST_TMPDIR"), "/casesXXXXXX");
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  for (const char* name : {"b.json", "a.json", "INDEX.json", "README.md"})
    std::ofstream(fs::path(folder) / name);
  fs::create_directory(fs::path(folder) / "empty");
  const auto found = FindCaseFiles({"."}, folder);
  INFO(found.status());
  REQUIRE(found.ok());
  REQUIRE(found->size() == 2);
  CHECK(FileName((*found)[0]) == "a.json");
  CHECK(FileName((*found)[1]) == "b.json");
  CHECK(FindCaseFiles({absl::StrCat(folder, "/INDEX.json")}, "/elsewhere")->size() == 1);
  CHECK(FindCaseFiles({"none"}, folder).status().code() == absl::StatusCode::kNotFound);
  CHECK(FindCaseFiles({"empty"}, folder).status().code() == absl::StatusCode::kNotFound);
  CHECK(absl::StrContains(std::string(ReadCaseFile((*found)[0]).status().message()), "no JSON"));
  CHECK_FALSE(ReadCaseFile(absl::StrCat(folder, "/none.json")).ok());
}

TEST_CASE("A vector that is known to be wrong is put right where it is wrong, and only there") {
  constexpr char kName[] =
      "l2Pool2d float32 4D tensor options.outputSizes ignores options.roundingType=floor";
  const KnownWrong* known = FindKnownWrong(kName);
  REQUIRE(known != nullptr);
  CHECK(FindKnownWrong("l2Pool2d float32 4D tensor") == nullptr);
  Case parsed = *ParseCase(Relu());
  CHECK_FALSE(Correct(*known, parsed).ok());
  CaseTensor& tensor = parsed.expected["l2Pool2dOutput"];
  tensor.descriptor = {DataType::kFloat32, {18}};
  CHECK_FALSE(Correct(*known, parsed).ok());
  tensor.elements.assign(18, 0);
  REQUIRE(Correct(*known, parsed).ok());
  CHECK(std::count(tensor.elements.begin(), tensor.elements.end(), 0) == 14);
  CHECK(FloatValue(DataType::kFloat32, tensor.elements[2]) == Approx(90.676862));
}

TEST_CASE("A report counts by operation, and known wrong vectors apart") {
  const std::vector<CaseReport> reports = {
      {"a.json", "one", "abs", Outcome::kPassed, {}},
      {"a.json", "two", "abs", Outcome::kFailed, {"output \"y\": wrong"}},
      {"b.json", "three", "l2Pool2d", Outcome::kKnownWrong, {"because"}},
  };
  CHECK(CountAll(reports).ToString() == "1 passed, 1 failed");
  CHECK(ReportText(reports[0]).empty());
  CHECK(ReportText(reports[1]) == "a.json: two: FAILED\n  output \"y\": wrong\n");
  CHECK(ReportText(reports[2]) == "b.json: three: known wrong\n  because\n");
  const nlohmann::ordered_json json = ReportJson(reports);
  CHECK(json["passed"] == 1);
  CHECK(json["operations"]["abs"]["failed"] == 1);
  CHECK(json["operations"]["l2Pool2d"]["known_wrong"] == 1);
  CHECK(json["cases"][1]["outcome"] == "failed");
}

}  // namespace
}  // namespace modeld::conformance
