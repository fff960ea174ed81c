// Bytes that claim to be an ONNX model: importing them has an answer, and what it accepts is a valid graph.
// The file lies alone in its folder, so external data lead nowhere but to itself.
#include <filesystem>
#include <fstream>
#include <string>

#include "engine/ops/validate.h"
#include "tests/fuzz/fuzz_target.h"
#include "tools/importer/onnx_importer.h"

namespace modeld::fuzz {
namespace {

const importer::ImportOptions kOptions = {.max_file_bytes = 1 << 20,
                                          .limits = {.max_tensor_bytes = 1 << 20,
                                                     .max_constant_bytes = 4 << 20,
                                                     .max_operands = 4'096,
                                                     .max_operations = 2'048}};

// A folder of this process, in memory where there is such a place.
class Folder {
 public:
  Folder() {
    const char* scratch = std::getenv("TEST_TMPDIR");
    std::string name = std::string(scratch != nullptr ? scratch : "/dev/shm") + "/importer_fuzzer.XXXXXX";
    Require(mkdtemp(name.data()) != nullptr, "a scratch folder can be made", name);
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string Write(const uint8_t* data, size_t size) const {
    const std::string path = path_ + "/model.onnx";
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
    return path;
  }

 private:
  std::string path_;
};

}  // namespace
}  // namespace modeld::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using modeld::fuzz::Require;
  static const modeld::fuzz::Folder folder;
  const auto model = modeld::importer::ImportOnnx(folder.Write(data, size), modeld::fuzz::kOptions);
  if (!model.ok()) {
    Require(!model.status().message().empty(), "a refusal says why");
    Require(model.status().code() != absl::StatusCode::kInternal, "no input is an internal error",
            model.status().ToString());
    return 0;
  }
  for (const modeld::Operand& operand : model->graph.operands) {
    if (operand.kind != modeld::OperandKind::kConstant) continue;
    Require(operand.bytes.size() == operand.descriptor.ByteSize().value_or(0), "a constant has its bytes");
  }
  const auto valid = modeld::Validate(model->graph, modeld::fuzz::kOptions.limits);
  Require(valid.ok(), "an imported graph is valid", valid.status().ToString());
  return 0;
}
