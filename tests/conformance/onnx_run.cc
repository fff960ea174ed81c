#include "tests/conformance/onnx_run.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tests/conformance/compare.h"
#include "tools/importer/onnx_importer.h"

namespace modeld::conformance {
namespace {

constexpr Tolerance kFloats = {.metric = Metric::kClose, .value = 1e-7, .relative = 1e-3};
constexpr Tolerance kIntegers = {.metric = Metric::kUlp, .value = 0};

// One data set on its way through.
class Attempt {
 public:
  Attempt(const OnnxCase& test, const std::string& data_set, const client::Context& context,
          OnnxOutcome& outcome)
      : test_(test), data_set_(data_set), context_(context), outcome_(outcome) {}

  absl::Status Run() {
    MODELD_ASSIGN_OR_RETURN(const Graph graph, Import());
    MODELD_ASSIGN_OR_RETURN(const client::Graph built, context_.BuildGraph(graph));
    NamedHostTensors inputs;
    client::NamedBytes bytes;
    for (const client::Binding& input : built.inputs()) {
      MODELD_ASSIGN_OR_RETURN(inputs[input.name], InputValue(input.name));
      const importer::HostTensor& value = inputs[input.name];
      if (value.descriptor != input.descriptor) {
        return absl::InvalidArgumentError(absl::StrCat("input \"", input.name, "\" is ",
                                                       input.descriptor.ToString(), ", the data set has ",
                                                       value.descriptor.ToString()));
      }
      bytes[input.name] = value.bytes.bytes();
    }
    MODELD_ASSIGN_OR_RETURN(const client::RunResult result, built.Run(bytes));
    for (size_t i = 0; i < test_.output_names.size(); ++i) {
      MODELD_RETURN_IF_ERROR(CheckOutput(i, built, result));
    }
    return absl::OkStatus();
  }

 private:
  // Imports again with each input that the importer must know, as long as it names another one.
  absl::StatusOr<Graph> Import() {
    importer::ImportOptions options;
    options.limits = context_.limits();
    while (true) {
      absl::StatusOr<importer::ImportedModel> model = importer::ImportOnnx(test_.model_path(), options);
      if (model.ok()) return std::move(model->graph);
      bool learned = false;
      for (const std::string& name : importer::InputsToKnow(model.status())) {
        if (options.known_inputs.contains(name)) continue;
        const absl::StatusOr<importer::HostTensor> value = InputValue(name);
        if (!value.ok()) continue;
        options.known_inputs[name] = *value;
        if (std::find(outcome_.bound.begin(), outcome_.bound.end(), name) == outcome_.bound.end()) {
          outcome_.bound.push_back(name);
        }
        learned = true;
      }
      if (learned) continue;
      outcome_.reason = importer::ReasonOf(model.status());
      return Annotate(model.status(), "import");
    }
  }

  absl::StatusOr<importer::HostTensor> InputValue(const std::string& name) const {
    const auto found = std::find(test_.input_names.begin(), test_.input_names.end(), name);
    return ReadTestTensor(data_set_, "input", static_cast<size_t>(found - test_.input_names.begin()));
  }

  absl::Status CheckOutput(size_t index, const client::Graph& built, const client::RunResult& result) const {
    const std::string& name = test_.output_names[index];
    absl::StatusOr<importer::HostTensor> wanted = ReadTestTensor(data_set_, "output", index);
    if (!wanted.ok()) return Annotate(wanted.status(), absl::StrCat("output \"", name, "\""));
    const auto binding = std::find_if(built.outputs().begin(), built.outputs().end(),
                                      [&](const client::Binding& output) { return output.name == name; });
    const auto got = result.outputs.find(name);
    if (binding == built.outputs().end() || got == result.outputs.end()) {
      return absl::InternalError(absl::StrCat("output \"", name, "\" is not there"));
    }
    const TensorDescriptor& descriptor = wanted->descriptor;
    if (binding->descriptor != descriptor) {
      return absl::InternalError(absl::StrCat("output \"", name, "\": expected ", descriptor.ToString(),
                                              ", got ", binding->descriptor.ToString()));
    }
    const uint64_t count = descriptor.ElementCount();
    MODELD_ASSIGN_OR_RETURN(const std::vector<Element> expected,
                            Unpack(descriptor.data_type, wanted->bytes.bytes(), count));
    MODELD_ASSIGN_OR_RETURN(const std::vector<Element> elements,
                            Unpack(descriptor.data_type, got->second, count));
    const Tolerance& tolerance = IsFloat(descriptor.data_type) ? kFloats : kIntegers;
    const Comparison comparison = Compare(descriptor.data_type, expected, elements, tolerance);
    if (comparison.wrong == 0) return absl::OkStatus();
    return absl::InternalError(absl::StrCat("output \"", name, "\" ", descriptor.ToString(), ": ",
                                            Describe(descriptor.data_type, comparison, tolerance)));
  }

  const OnnxCase& test_;
  const std::string& data_set_;
  const client::Context& context_;
  OnnxOutcome& outcome_;
};

}  // namespace

OnnxOutcome RunOnnxCase(const OnnxCase& test, const client::Context& context) {
  OnnxOutcome outcome;
  if (test.data_sets.empty()) {
    outcome.message = "has no data sets";
    return outcome;
  }
  for (const std::string& data_set : test.data_sets) {
    const absl::Status status = Attempt(test, data_set, context, outcome).Run();
    if (status.ok()) continue;
    outcome.verdict = outcome.reason ? Verdict::kUnsupported : Verdict::kFailed;
    outcome.message = std::string(status.message());
    return outcome;
  }
  outcome.verdict = Verdict::kPassed;
  return outcome;
}

}  // namespace modeld::conformance
