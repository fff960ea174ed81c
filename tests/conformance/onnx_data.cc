#include "tests/conformance/onnx_data.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "onnx/onnx_pb.h"

namespace modeld::conformance {
namespace {

namespace fs = std::filesystem;

template <typename Message>
bool ReadMessage(const std::string& path, Message& message) {
  std::ifstream file(path, std::ios::binary);
  return file && message.ParseFromIstream(&file);
}

}  // namespace

absl::StatusOr<OnnxCase> ReadOnnxCase(const std::string& path) {
  const fs::path folder = fs::path(path).lexically_normal();
  OnnxCase result;
  result.path = folder.string();
  result.name = (folder.parent_path().filename() / folder.filename()).string();
  onnx::ModelProto model;
  if (!ReadMessage(result.model_path(), model)) {
    return absl::InvalidArgumentError(absl::StrCat(result.name, ": model.onnx cannot be read"));
  }
  for (const auto& input : model.graph().input()) result.input_names.push_back(input.name());
  for (const auto& output : model.graph().output()) result.output_names.push_back(output.name());
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (entry.is_directory() && entry.path().filename().string().starts_with("test_data_set_")) {
      result.data_sets.push_back(entry.path().string());
    }
  }
  std::sort(result.data_sets.begin(), result.data_sets.end());
  return result;
}

absl::StatusOr<std::vector<std::string>> FindOnnxCases(const std::string& path) {
  std::error_code error;
  if (fs::exists(fs::path(path) / "model.onnx", error)) return std::vector<std::string>{path};
  std::vector<std::string> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
    if (fs::exists(entry.path() / "model.onnx", error)) found.push_back(entry.path().string());
  }
  if (found.empty()) return absl::NotFoundError(absl::StrCat("\"", path, "\" holds no cases"));
  std::sort(found.begin(), found.end());
  return found;
}

absl::StatusOr<importer::HostTensor> ReadTestTensor(const std::string& data_set, const std::string& kind,
                                                    size_t index) {
  const std::string name = absl::StrCat(kind, "_", index, ".pb");
  const std::string path = absl::StrCat(data_set, "/", name);
  if (std::error_code error; !fs::exists(path, error)) {
    return absl::NotFoundError(absl::StrCat(name, " is not there"));
  }
  const auto proto = std::make_shared<onnx::TensorProto>();
  if (!ReadMessage(path, *proto)) return absl::InvalidArgumentError(absl::StrCat(name, " is no tensor"));
  importer::ExternalFiles files(data_set);
  return importer::ReadTensor(*proto, proto, files);
}

}  // namespace modeld::conformance
