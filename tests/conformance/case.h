// One test vector: a small graph, its inputs and what it must compute. The format is that of the files which
// README.md of this folder describes.
#ifndef MODELD_TESTS_CONFORMANCE_CASE_H_
#define MODELD_TESTS_CONFORMANCE_CASE_H_

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/graph/tensor_descriptor.h"
#include "tests/conformance/compare.h"
#include "tests/conformance/elements.h"

namespace modeld::conformance {

using Json = nlohmann::json;

// An input or an expected output.
struct CaseTensor {
  TensorDescriptor descriptor;
  // One per element of the shape.
  std::vector<Element> elements;
  // The vector gave one number for all of them.
  bool filled = false;
  // A constant of the graph rather than an input.
  bool constant = false;
};

// One call of an MLGraphBuilder method.
struct Operator {
  // The method's name.
  std::string name;
  // The positional arguments, in the method's order, without the options. A text that names an input or an
  // earlier output is that operand.
  std::vector<Json> arguments;
  // The members of the options argument.
  std::map<std::string, Json> options;
  // Names for what it returns.
  std::vector<std::string> outputs;
};

// A plain value.
struct Case {
  std::string name;
  std::map<std::string, CaseTensor> inputs;
  // In execution order.
  std::vector<Operator> operators;
  std::map<std::string, CaseTensor> expected;
  Tolerance tolerance;
};

// Reads one case. INVALID_ARGUMENT, telling the member: something is missing, of the wrong kind, or does not
// fit the shape. Members that the format does not know are passed over; `castToSupportedType` is one that
// need not be known, as this suite's subject supports every type.
absl::StatusOr<Case> ParseCase(const Json& json);

// The `name` of a case, or a stand-in where it has none.
std::string CaseName(const Json& json);

// The cases of a file's text, each still to be parsed. INVALID_ARGUMENT: it is no JSON, or no array.
absl::StatusOr<std::vector<Json>> SplitCases(absl::string_view text);

// A literal of a JSON value. INVALID_ARGUMENT: neither a number nor a text.
absl::StatusOr<Literal> LiteralOf(const Json& json);

}  // namespace modeld::conformance

#endif  // MODELD_TESTS_CONFORMANCE_CASE_H_
