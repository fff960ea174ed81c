#include "tools/importer/input_types.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/checked_math.h"
#include "base/status.h"
#include "tools/importer/reason.h"

namespace modeld::importer {
namespace {

// Listing more helps nobody.
constexpr size_t kMaxListed = 50;

// Reads inputs one by one, and remembers what is missing and which of the caller's sizes were of use.
class InputReader {
 public:
  explicit InputReader(const ImportOptions& options) : options_(options) {}

  absl::StatusOr<TensorDescriptor> Read(const onnx::ValueInfoProto& input) {
    const std::string name = absl::StrCat("input \"", input.name(), "\"");
    if (!input.type().has_tensor_type()) {
      return NotExpressible(Reason::kNotATensor, absl::StrCat(name, " is not a tensor"));
    }
    const auto& type = input.type().tensor_type();
    TensorDescriptor descriptor;
    const absl::StatusOr<DataType> data_type = DataTypeFromOnnx(type.elem_type());
    if (!data_type.ok()) return Annotate(data_type.status(), name);
    descriptor.data_type = *data_type;
    const auto given = options_.shapes.find(input.name());
    const std::vector<int64_t>* shape = given == options_.shapes.end() ? nullptr : &given->second;
    if (shape != nullptr) used_shapes_.insert(input.name());
    if (!type.has_shape()) {
      if (shape == nullptr) {
        missing_.push_back(absl::StrCat(name, " has no shape"));
        return descriptor;
      }
      for (size_t i = 0; i < shape->size(); ++i) {
        MODELD_ASSIGN_OR_RETURN(const uint32_t size,
                                GivenSize((*shape)[i], absl::StrCat(name, " dimension ", i)));
        descriptor.shape.push_back(size);
      }
      return descriptor;
    }
    const auto rank = static_cast<size_t>(type.shape().dim_size());
    if (shape != nullptr && shape->size() != rank) {
      return WrongOption(absl::StrCat(name, " has ", rank, " dimensions, the given shape ", shape->size()));
    }
    for (size_t i = 0; i < rank; ++i) {
      MODELD_ASSIGN_OR_RETURN(const uint32_t size, ReadSize(type.shape().dim(static_cast<int>(i)),
                                                            absl::StrCat(name, " dimension ", i),
                                                            shape == nullptr ? nullptr : &(*shape)[i]));
      descriptor.shape.push_back(size);
    }
    return descriptor;
  }

  // What is missing, or was given in vain.
  absl::Status Finish() {
    std::vector<std::string> in_vain;
    for (const auto& [name, shape] : options_.shapes) {
      if (!used_shapes_.contains(name)) {
        in_vain.push_back(
            absl::StrCat("a shape is given for \"", name, "\", which is no input of the model"));
      }
    }
    for (const auto& [name, size] : options_.dims) {
      if (!used_dims_.contains(name)) {
        in_vain.push_back(absl::StrCat("a size is given for dimension \"", name, "\", which no input has"));
      }
    }
    const std::string given = absl::StrJoin(in_vain, "; ");
    if (missing_.empty()) return in_vain.empty() ? absl::OkStatus() : WrongOption(given);
    const size_t total = missing_.size();
    if (total > kMaxListed) missing_.resize(kMaxListed);
    const std::string missing = absl::StrCat(
        absl::StrJoin(missing_, "; "), total > kMaxListed ? "; and more" : "",
        ": say the sizes (--dim NAME=SIZE, --shape INPUT=SIZExSIZE), or export the model with fixed shapes");
    if (in_vain.empty()) return absl::InvalidArgumentError(missing);
    return WrongOption(absl::StrCat(given, "; ", missing));
  }

 private:
  static absl::StatusOr<uint32_t> CheckSize(int64_t size, absl::string_view name) {
    if (size >= 1 && size <= INT32_MAX) return static_cast<uint32_t>(size);
    if (size == 0) return NotExpressible(Reason::kEmptyTensor, absl::StrCat(name, " has size 0"));
    return absl::InvalidArgumentError(absl::StrCat(name, " has size ", size));
  }

  static absl::StatusOr<uint32_t> GivenSize(int64_t size, absl::string_view name) {
    if (size >= 1 && size <= INT32_MAX) return static_cast<uint32_t>(size);
    return WrongOption(absl::StrCat(name, " has size ", size, " as given"));
  }

  // One dimension, of the size given with the input's shape (may be null), by name, or by the model.
  absl::StatusOr<uint32_t> ReadSize(const onnx::TensorShapeProto::Dimension& dimension,
                                    const std::string& name, const int64_t* given) {
    const auto by_name = options_.dims.find(dimension.dim_param());
    if (dimension.has_dim_param() && by_name != options_.dims.end()) {
      used_dims_.insert(by_name->first);
      if (given == nullptr) given = &by_name->second;
    }
    // Some exporters write -1 for a size that is not fixed.
    const bool open = !dimension.has_dim_value() || dimension.dim_value() < 0;
    if (given != nullptr) {
      if (!open && dimension.dim_value() != *given) {
        return WrongOption(absl::StrCat(name, " is ", dimension.dim_value(), ", not ", *given, " as given"));
      }
      return GivenSize(*given, name);
    }
    if (!open) return CheckSize(dimension.dim_value(), name);
    missing_.push_back(absl::StrCat(
        name, dimension.has_dim_param() ? absl::StrCat(" (\"", dimension.dim_param(), "\")") : "",
        " is not a fixed size"));
    return uint32_t{1};
  }

  const ImportOptions& options_;
  std::vector<std::string> missing_;
  std::set<std::string> used_shapes_;
  std::set<std::string> used_dims_;
};

}  // namespace

absl::StatusOr<std::vector<InputType>> ReadInputTypes(const onnx::GraphProto& graph,
                                                      const std::set<std::string>& left_out,
                                                      const ImportOptions& options) {
  std::vector<InputType> inputs;
  InputReader reader(options);
  for (const auto& input : graph.input()) {
    if (left_out.contains(input.name())) continue;
    MODELD_ASSIGN_OR_RETURN(TensorDescriptor descriptor, reader.Read(input));
    inputs.push_back({input.name(), std::move(descriptor)});
  }
  MODELD_RETURN_IF_ERROR(reader.Finish());
  return inputs;
}

// The model's own type for an input holds for a value that the caller knows, too.
absl::Status CheckKnownInput(const onnx::ValueInfoProto& input, const HostTensor& known) {
  const std::string name = absl::StrCat("input \"", input.name(), "\"");
  const auto& type = input.type().tensor_type();
  const absl::StatusOr<DataType> data_type = DataTypeFromOnnx(type.elem_type());
  if (!data_type.ok()) return Annotate(data_type.status(), name);
  uint64_t bytes = ElementBytes(Unpacked(known.descriptor.data_type));
  for (uint32_t size : known.descriptor.shape) {
    const auto product = CheckedMul(bytes, uint64_t{size});
    if (!product) return WrongOption(absl::StrCat(name, ": its known value is too large"));
    bytes = *product;
  }
  bool fits = *data_type == known.descriptor.data_type && bytes == known.bytes.size();
  if (type.has_shape()) {
    fits = fits && static_cast<size_t>(type.shape().dim_size()) == known.descriptor.shape.size();
    for (int i = 0; fits && i < type.shape().dim_size(); ++i) {
      const auto& dimension = type.shape().dim(i);
      const bool open = !dimension.has_dim_value() || dimension.dim_value() < 0;
      fits = open || dimension.dim_value() == known.descriptor.shape[i];
    }
  }
  if (fits) return absl::OkStatus();
  return WrongOption(absl::StrCat(name, ": its known value ", known.descriptor.ToString(), " with ",
                                  known.bytes.size(), " bytes is not of the model's type"));
}

}  // namespace modeld::importer
