#include "tests/conformance/report.h"

#include "absl/strings/str_cat.h"

namespace modeld::conformance {
namespace {

absl::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPassed:
      return "passed";
    case Outcome::kFailed:
      return "failed";
    case Outcome::kKnownWrong:
      return "known wrong";
  }
  return "";
}

void AddCounts(const Counts& counts, nlohmann::ordered_json& json) {
  json["passed"] = counts.passed;
  json["failed"] = counts.failed;
  json["known_wrong"] = counts.known_wrong;
}

}  // namespace

std::string ReportText(const CaseReport& report) {
  if (report.outcome == Outcome::kPassed) return "";
  std::string text = absl::StrCat(report.file, ": ", report.name, ": ",
                                  report.outcome == Outcome::kFailed ? "FAILED" : "known wrong", "\n");
  for (const std::string& message : report.messages) absl::StrAppend(&text, "  ", message, "\n");
  return text;
}

void Counts::Add(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPassed:
      ++passed;
      break;
    case Outcome::kFailed:
      ++failed;
      break;
    case Outcome::kKnownWrong:
      ++known_wrong;
      break;
  }
}

std::string Counts::ToString() const {
  return absl::StrCat(passed, " passed, ", failed, " failed");
}

Counts CountAll(const std::vector<CaseReport>& reports) {
  Counts counts;
  for (const CaseReport& report : reports) counts.Add(report.outcome);
  return counts;
}

std::map<std::string, Counts> CountByOperation(const std::vector<CaseReport>& reports) {
  std::map<std::string, Counts> counts;
  for (const CaseReport& report : reports) counts[report.operation].Add(report.outcome);
  return counts;
}

nlohmann::ordered_json ReportJson(const std::vector<CaseReport>& reports) {
  nlohmann::ordered_json json;
  AddCounts(CountAll(reports), json);
  nlohmann::ordered_json& operations = json["operations"] = nlohmann::ordered_json::object();
  for (const auto& [operation, counts] : CountByOperation(reports)) AddCounts(counts, operations[operation]);
  nlohmann::ordered_json& cases = json["cases"] = nlohmann::ordered_json::array();
  for (const CaseReport& report : reports) {
    cases.push_back({{"file", report.file},
                     {"name", report.name},
                     {"operation", report.operation},
                     {"outcome", std::string(OutcomeName(report.outcome))},
                     {"tolerance", report.tolerance.ToString()},
                     {"allowed", report.tolerance.value},
                     {"worst", report.worst},
                     {"messages", report.messages}});
  }
  return json;
}

}  // namespace modeld::conformance
