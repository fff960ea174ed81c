// bazel run //tests/conformance:cases -- [OPTION...] DIR_OR_FILE...
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/conformance/case.h"
#include "tests/conformance/case_files.h"
#include "tests/conformance/known_wrong.h"
#include "tests/conformance/report.h"
#include "tests/conformance/run_case.h"
#include "tests/conformance/subject.h"

namespace modeld::conformance {
namespace {

constexpr int kUsage = 2;

struct Options {
  SubjectOptions subject;
  bool json = false;
  std::string filter;
  std::vector<std::string> paths;
};

std::string Text(const absl::Status& status) {
  return absl::StrCat(absl::StatusCodeToString(status.code()), ": ", status.message());
}

// The operation that a vector is about.
std::string OperationOf(const Case& parsed) {
  std::set<std::string> operations;
  for (const Operator& op : parsed.operators) operations.insert(op.name);
  return operations.size() == 1 ? *operations.begin() : "subgraph";
}

absl::Status Run(Case parsed, Subject& subject, CaseReport& report) {
  report.tolerance = parsed.tolerance;
  const KnownWrong* known = FindKnownWrong(parsed.name);
  if (known != nullptr) {
    if (const absl::Status corrected = Correct(*known, parsed); !corrected.ok()) return corrected;
  }
  const absl::Status computed = subject.Use([&](const client::Context& context) {
    const absl::StatusOr<CaseOutputs> outputs = ComputeCase(context, parsed);
    if (!outputs.ok()) return outputs.status();
    CaseVerdict verdict = CheckOutputs(parsed, *outputs);
    report.messages = std::move(verdict.wrong);
    report.worst = verdict.worst;
    return absl::OkStatus();
  });
  if (!computed.ok()) return computed;
  if (!report.messages.empty()) {
    report.outcome = Outcome::kFailed;
  } else if (known != nullptr) {
    report.outcome = Outcome::kKnownWrong;
    report.messages = {std::string(known->reason)};
  }
  return absl::OkStatus();
}

CaseReport RunJson(const std::string& file, const Json& json, Subject& subject) {
  CaseReport report{.file = file, .name = CaseName(json), .operation = "(unknown)"};
  absl::StatusOr<Case> parsed = ParseCase(json);
  absl::Status status = parsed.status();
  if (parsed.ok()) {
    report.operation = OperationOf(*parsed);
    status = Run(*std::move(parsed), subject, report);
  }
  if (!status.ok()) {
    report.outcome = Outcome::kFailed;
    report.messages = {Text(status)};
  }
  return report;
}

// All vectors of a file that the filter lets through; a file that cannot be read is one failure.
void RunFile(const std::string& path, const Options& options, Subject& subject,
             std::vector<CaseReport>& reports) {
  const std::string file = FileName(path);
  const auto add = [&](CaseReport report) {
    if (!options.json) std::cout << ReportText(report) << std::flush;
    reports.push_back(std::move(report));
  };
  const absl::StatusOr<std::vector<Json>> cases = ReadCaseFile(path);
  if (!cases.ok()) {
    add({file, "(the file)", "(unknown)", Outcome::kFailed, {Text(cases.status())}});
    return;
  }
  for (const Json& json : *cases) {
    if (absl::StrContains(absl::StrCat(file, ": ", CaseName(json)), options.filter)) {
      add(RunJson(file, json, subject));
    }
  }
}

int RunAll(const Options& options) {
  const char* folder = std::getenv("BUILD_WORKING_DIRECTORY");
  const auto files = FindCaseFiles(options.paths, folder == nullptr ? "" : folder);
  if (!files.ok()) {
    std::cerr << "cases: " << files.status().message() << "\n";
    return kUsage;
  }
  auto subject = Subject::Start(options.subject);
  if (!subject.ok()) {
    std::cerr << "cases: " << subject.status().message() << "\n";
    return subject.status().code() == absl::StatusCode::kUnimplemented ? kUsage : 1;
  }
  std::vector<CaseReport> reports;
  for (const std::string& path : *files) RunFile(path, options, **subject, reports);
  const Counts counts = CountAll(reports);
  if (options.json) {
    nlohmann::ordered_json json = {{"device", options.subject.device},
                                   {"decomposed", options.subject.decompose},
                                   {"fused", options.subject.fuse}};
    json.update(ReportJson(reports));
    std::cout << json.dump(1) << std::endl;
  } else if (counts.known_wrong > 0) {
    std::cout << counts.known_wrong << " known to be wrong, neither passed nor failed\n";
  }
  if (counts.passed == 0) std::cerr << "cases: nothing passed: is this the right folder?\n";
  (options.json ? std::cerr : std::cout) << counts.ToString() << std::endl;
  return counts.failed == 0 && counts.passed > 0 ? 0 : 1;
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Runs WebNN test vectors through client library, daemon and engine.", "cases");
  app.add_option("paths", options.paths, "files of vectors, or folders of such files")
      ->type_name("DIR_OR_FILE")
      ->required();
  app.add_option("--device", options.subject.device, "cpu or reference")->capture_default_str();
  app.add_flag("--decompose", options.subject.decompose, "every operation as its decomposition");
  app.add_flag("!--no-fuse", options.subject.fuse, "every core operation alone");
  app.add_flag("--json", options.json, "one JSON object with all results; the counts go to stderr");
  app.add_option("--filter", options.filter, "only vectors whose \"FILE: NAME\" contains TEXT")
      ->type_name("TEXT");
  app.footer(
      "Exit status: 0 if something passed and nothing failed, 1 if not, 2 for a wrong command line.\n"
      "The last line is \"N passed, N failed\".");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    std::cerr << "cases: " << error.what() << "\nTry --help.\n";
    return kUsage;
  }
  return RunAll(options);
}

}  // namespace
}  // namespace modeld::conformance

int main(int argc, char** argv) {
  return modeld::conformance::Main(argc, argv);
}
