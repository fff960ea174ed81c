// Runs ONNX's backend test suite against a daemon of its own: bazel run //tests/conformance:onnx -- DIR...
#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "client/cpp/client.h"
#include "tests/conformance/onnx_data.h"
#include "tests/conformance/onnx_run.h"
#include "tests/support/scratch_daemon.h"

namespace modeld::conformance {
namespace {

struct Arguments {
  std::vector<std::string> folders;
  std::string device;
  std::string filter;
  bool json = false;
  bool list_unsupported = false;
};

struct Tally {
  int passed = 0;
  int failed = 0;
  int unsupported = 0;
  // Passed only because values of inputs were known while importing.
  int bound = 0;
  // Unsupported cases by reason, each with its message.
  std::map<importer::Reason, std::vector<std::string>> reasons;

  void Add(const OnnxCase& test, const OnnxOutcome& outcome) {
    passed += outcome.verdict == Verdict::kPassed ? 1 : 0;
    failed += outcome.verdict == Verdict::kFailed ? 1 : 0;
    bound += outcome.verdict == Verdict::kPassed && !outcome.bound.empty() ? 1 : 0;
    if (outcome.verdict != Verdict::kUnsupported) return;
    ++unsupported;
    reasons[*outcome.reason].push_back(absl::StrCat(test.name, ": ", outcome.message));
  }
};

void PrintCase(const OnnxCase& test, const OnnxOutcome& outcome, bool json) {
  static constexpr const char* kNames[] = {"passed", "failed", "unsupported"};
  if (!json) {
    if (outcome.verdict == Verdict::kFailed) {
      std::cout << "FAILED " << test.name << ": " << outcome.message << "\n";
    }
    return;
  }
  nlohmann::json line = {{"case", test.name}, {"result", kNames[static_cast<size_t>(outcome.verdict)]}};
  if (!outcome.message.empty()) line["message"] = outcome.message;
  if (outcome.reason) line["reason"] = std::string(importer::ReasonText(*outcome.reason));
  if (!outcome.bound.empty()) line["bound_inputs"] = outcome.bound;
  std::cout << line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
}

void PrintSummary(const std::map<std::string, Tally>& tallies, const Arguments& arguments) {
  for (const auto& [folder, tally] : tallies) {
    std::cout << folder << ": " << tally.passed << " passed (" << tally.bound
              << " with inputs known while importing), " << tally.failed << " failed, " << tally.unsupported
              << " unsupported\n";
    for (const auto& [reason, cases] : tally.reasons) {
      std::cout << "  " << cases.size() << " " << importer::ReasonText(reason) << "\n";
      if (!arguments.list_unsupported) continue;
      for (const std::string& text : cases) std::cout << "    " << text << "\n";
    }
  }
}

// Whether all that could run passed.
absl::StatusOr<bool> RunAll(const Arguments& arguments) {
  std::map<std::string, std::vector<std::string>> paths;
  for (const std::string& folder : arguments.folders) {
    MODELD_ASSIGN_OR_RETURN(paths[folder], FindOnnxCases(folder));
  }
  MODELD_ASSIGN_OR_RETURN(const auto daemon, testing::ScratchDaemon::Start());
  MODELD_ASSIGN_OR_RETURN(const client::Client client, client::Client::Connect({.host = daemon->host()}));
  MODELD_ASSIGN_OR_RETURN(const client::Context context, client.CreateContext({.device = arguments.device}));
  std::map<std::string, Tally> tallies;
  int passed = 0;
  int failed = 0;
  for (const auto& [folder, cases] : paths) {
    Tally& tally = tallies[folder];
    for (const std::string& path : cases) {
      MODELD_ASSIGN_OR_RETURN(const OnnxCase test, ReadOnnxCase(path));
      if (!absl::StrContains(test.name, arguments.filter)) continue;
      const OnnxOutcome outcome = RunOnnxCase(test, context);
      tally.Add(test, outcome);
      PrintCase(test, outcome, arguments.json);
    }
    passed += tally.passed;
    failed += tally.failed;
  }
  if (!arguments.json) PrintSummary(tallies, arguments);
  std::cout << passed << " passed, " << failed << " failed" << std::endl;
  return failed == 0;
}

}  // namespace
}  // namespace modeld::conformance

int main(int argc, char** argv) {
  modeld::conformance::Arguments arguments;
  CLI::App app(
      "Runs cases of ONNX's backend test suite (model.onnx and test_data_set_*) through the importer, "
      "the client library and a daemon of its own, and compares what comes out.");
  app.add_option("DIR", arguments.folders, "folders of cases, or single cases")->required();
  app.add_option("--device", arguments.device, "the context's device: cpu or reference");
  app.add_option("--filter", arguments.filter, "only cases whose name holds this text");
  app.add_flag("--json", arguments.json, "a JSON object per case, a line each");
  app.add_flag("--list-unsupported", arguments.list_unsupported,
               "name the cases that the importer refuses, each with the importer's message");
  CLI11_PARSE(app, argc, argv);
  const absl::StatusOr<bool> passed = modeld::conformance::RunAll(arguments);
  if (!passed.ok()) {
    std::cerr << "onnx: " << passed.status().message() << "\n";
    return 2;
  }
  return *passed ? 0 : 1;
}
