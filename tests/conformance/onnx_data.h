// Cases of ONNX's backend test suite: a model, and data sets of inputs and expected outputs.
#ifndef MODELD_TESTS_CONFORMANCE_ONNX_DATA_H_
#define MODELD_TESTS_CONFORMANCE_ONNX_DATA_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/importer/host_tensor.h"

namespace modeld::conformance {

// Tensors by the names that the model gives to its inputs or outputs.
using NamedHostTensors = std::map<std::string, importer::HostTensor>;

// A folder with model.onnx and test_data_set_<n>/{input,output}_<i>.pb; the i-th file belongs to the model's
// i-th input or output. A plain value.
struct OnnxCase {
  // "node/test_abs": the last two parts of the path.
  std::string name;
  // Of the folder.
  std::string path;
  std::vector<std::string> input_names;
  std::vector<std::string> output_names;
  // Folders, sorted.
  std::vector<std::string> data_sets;

  std::string model_path() const { return path + "/model.onnx"; }
};

// Reads what the model names. INVALID_ARGUMENT: there is no model, or it cannot be parsed.
absl::StatusOr<OnnxCase> ReadOnnxCase(const std::string& path);

// The folders beneath `path` that hold a model.onnx, or `path` itself if it does; sorted. NOT_FOUND: there
// are none.
absl::StatusOr<std::vector<std::string>> FindOnnxCases(const std::string& path);

// The i-th tensor of `kind`, "input" or "output", of a data set. NOT_FOUND: the suite leaves it out.
// INVALID_ARGUMENT: it is no tensor. UNIMPLEMENTED: its type.
absl::StatusOr<importer::HostTensor> ReadTestTensor(const std::string& data_set, const std::string& kind,
                                                    size_t index);

}  // namespace modeld::conformance

#endif  // MODELD_TESTS_CONFORMANCE_ONNX_DATA_H_
