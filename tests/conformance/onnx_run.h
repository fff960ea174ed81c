// Runs a case of ONNX's suite through the importer, the client library and a daemon.
#ifndef MODELD_TESTS_CONFORMANCE_ONNX_RUN_H_
#define MODELD_TESTS_CONFORMANCE_ONNX_RUN_H_

#include <optional>
#include <string>
#include <vector>

#include "client/cpp/context.h"
#include "tests/conformance/onnx_data.h"
#include "tools/importer/reason.h"

namespace modeld::conformance {

enum class Verdict { kPassed, kFailed, kUnsupported };

struct OnnxOutcome {
  Verdict verdict = Verdict::kFailed;
  // kUnsupported: the importer's reason.
  std::optional<importer::Reason> reason = std::nullopt;
  // What went wrong: the importer's message, the daemon's, or the elements that differ.
  std::string message = {};
  // Inputs whose values from the data set became constants, because the importer said that it must know them.
  std::vector<std::string> bound = {};
};

// Imports the model, builds and runs it in `context`, and compares every output of every data set: shapes and
// types must be the same, integers (and bools) exact, floats within rtol 1e-3 and atol 1e-7, the defaults of
// ONNX's own runner (onnx/backend/test/loader and case/test_case.py). Only an UNIMPLEMENTED error of the
// importer that has a reason makes a case unsupported; every other error is a failure.
OnnxOutcome RunOnnxCase(const OnnxCase& test, const client::Context& context);

}  // namespace modeld::conformance

#endif  // MODELD_TESTS_CONFORMANCE_ONNX_RUN_H_
