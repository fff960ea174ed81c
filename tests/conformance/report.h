// What the runner tells of the vectors that it ran.
#ifndef MODELD_TESTS_CONFORMANCE_REPORT_H_
#define MODELD_TESTS_CONFORMANCE_REPORT_H_

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/conformance/compare.h"

namespace modeld::conformance {

// kKnownWrong: the vector is listed as wrong (known_wrong.h), and all that is not wrong of it came out right.
enum class Outcome { kPassed, kFailed, kKnownWrong };

// Of one vector.
struct CaseReport {
  // The file's name, without folders.
  std::string file;
  std::string name;
  // The operation that it is about; "subgraph" for those of several.
  std::string operation;
  Outcome outcome = Outcome::kPassed;
  // kFailed: what is wrong, a line each. kKnownWrong: the reason.
  std::vector<std::string> messages;
  // The largest distance of an element from what was expected, and what was allowed.
  double worst = 0;
  Tolerance tolerance = {};
};

// "abs.json: abs float32 1D: FAILED" and the messages below it; nothing for one that passed.
std::string ReportText(const CaseReport& report);

struct Counts {
  uint64_t passed = 0;
  uint64_t failed = 0;
  uint64_t known_wrong = 0;

  void Add(Outcome outcome);
  // "12 passed, 0 failed", the runner's last line. Known wrong ones are neither.
  std::string ToString() const;
};

// Over all vectors, and by operation.
Counts CountAll(const std::vector<CaseReport>& reports);
std::map<std::string, Counts> CountByOperation(const std::vector<CaseReport>& reports);

// All of it as one object: counts, counts by operation, vectors.
nlohmann::ordered_json ReportJson(const std::vector<CaseReport>& reports);

}  // namespace modeld::conformance

#endif  // MODELD_TESTS_CONFORMANCE_REPORT_H_
