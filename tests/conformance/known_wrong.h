// Vectors of the suite that are themselves wrong.
#ifndef MODELD_TESTS_CONFORMANCE_KNOWN_WRONG_H_
#define MODELD_TESTS_CONFORMANCE_KNOWN_WRONG_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tests/conformance/case.h"

namespace modeld::conformance {

// One expected value put right.
struct Correction {
  uint64_t index;
  double value;
};

struct KnownWrong {
  absl::string_view case_name;
  absl::string_view output;
  absl::string_view reason;
  std::vector<Correction> corrections;
};

// The entry of that case, or null.
const KnownWrong* FindKnownWrong(absl::string_view case_name);

// Puts the case's expectation right, so that the elements which are not wrong still count. INVALID_ARGUMENT:
// the case has no such output or element.
absl::Status Correct(const KnownWrong& entry, Case& parsed);

}  // namespace modeld::conformance

#endif  // MODELD_TESTS_CONFORMANCE_KNOWN_WRONG_H_
