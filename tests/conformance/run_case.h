// One vector through client library, daemon and engine.
#ifndef MODELD_TESTS_CONFORMANCE_RUN_CASE_H_
#define MODELD_TESTS_CONFORMANCE_RUN_CASE_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cpp/modeld.h"
#include "tests/conformance/case.h"

namespace modeld::conformance {

// What the graph computed, by the names of the outputs.
using CaseOutputs = std::map<std::string, CaseTensor>;

// Builds the case's graph in the context (adapted, see adapt.h; what no expected output needs is left out),
// runs it on the case's inputs and reads the outputs. Errors: those of Bind (bind.h), of the GraphBuilder, of
// building and running; INVALID_ARGUMENT: an expected output that no operator has, or a name that is taken.
absl::StatusOr<CaseOutputs> ComputeCase(const client::Context& context, const Case& parsed);

// How the outputs compare with what was expected.
struct CaseVerdict {
  // What is wrong, one line for each output that is; empty: nothing.
  std::vector<std::string> wrong;
  // The largest distance of an element, in what the case's tolerance counts.
  double worst = 0;
};

// Compares. Where the case gave one number for all elements of an output, the first 1000 of them are
// compared, as the suite does.
CaseVerdict CheckOutputs(const Case& parsed, const CaseOutputs& outputs);

}  // namespace modeld::conformance

#endif  // MODELD_TESTS_CONFORMANCE_RUN_CASE_H_
