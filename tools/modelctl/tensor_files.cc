#include "tools/modelctl/tensor_files.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "engine/graph/float16.h"
#include "tools/data/file.h"
#include "tools/data/image.h"
#include "tools/data/npy.h"
#include "tools/data/packed.h"
#include "tools/modelctl/exit_code.h"

namespace modeld::tools {
namespace {

constexpr uint64_t kMaxFileBytes = uint64_t{4} << 30;
constexpr uint64_t kMaxLabelBytes = uint64_t{16} << 20;

// A shape without its ones: what must agree for the bytes to mean the same.
Shape WithoutOnes(const Shape& shape) {
  Shape result;
  std::copy_if(shape.begin(), shape.end(), std::back_inserter(result),
               [](uint32_t size) { return size != 1; });
  return result;
}

// Whether the user gave a number for each of other channels than the input has.
absl::Status CheckChannels(const client::Binding& input, const ImageOptions& options) {
  for (const auto& [name, numbers] : {std::pair{"--mean", &options.mean}, {"--std", &options.std}}) {
    if (numbers->size() <= 1 || numbers->size() == options.channels) continue;
    return UsageError(absl::StrCat(name, " has ", numbers->size(), " numbers; input ", input.name, " takes ",
                                   options.channels == 1 ? "one channel" : "3 channels"));
  }
  return absl::OkStatus();
}

bool HasName(const std::vector<client::Binding>& bindings, absl::string_view name) {
  return std::any_of(bindings.begin(), bindings.end(), [&](const auto& b) { return b.name == name; });
}

template <typename T>
double ElementAs(const Array& array, uint64_t index) {
  T value;
  std::memcpy(&value, array.bytes.data() + index * sizeof(T), sizeof(T));
  return static_cast<double>(value);
}

}  // namespace

absl::StatusOr<NamedFile> ParseNamedFile(const std::string& text,
                                         const std::vector<client::Binding>& bindings,
                                         absl::string_view kind) {
  // Names and file names may both hold "=".
  for (size_t at = text.rfind('='); at != std::string::npos && at > 0; at = text.rfind('=', at - 1)) {
    if (HasName(bindings, text.substr(0, at)) && at + 1 < text.size())
      return NamedFile{text.substr(0, at), text.substr(at + 1)};
  }
  if (bindings.size() == 1 && text.find('=') == std::string::npos && !text.empty()) {
    return NamedFile{bindings[0].name, text};
  }
  std::vector<std::string> names;
  for (const client::Binding& binding : bindings) names.push_back(binding.name);
  return UsageError(absl::StrCat("--", kind, " ", text, ": expected NAME=FILE; the model's ", kind,
                                 names.size() == 1 ? " is " : "s are ", absl::StrJoin(names, ", ")));
}

absl::StatusOr<Array> ReadInput(const client::Binding& input, const std::string& path,
                                const PictureOptions& options) {
  MODELD_ASSIGN_OR_RETURN(const std::string file, ReadWholeFile(path, kMaxFileBytes));
  const auto bytes = std::as_bytes(std::span(file));
  if (LooksLikeImage(bytes)) {
    MODELD_ASSIGN_OR_RETURN(const Image image, DecodeImage(path, bytes));
    MODELD_ASSIGN_OR_RETURN(const ImageOptions image_options,
                            OptionsForInput(input.name, input.descriptor, options.image, options.layout));
    MODELD_RETURN_IF_ERROR(CheckChannels(input, image_options));
    MODELD_ASSIGN_OR_RETURN(Array array, ImageToTensor(path, image, image_options));
    array.descriptor.shape = input.descriptor.shape;
    return array;
  }
  MODELD_ASSIGN_OR_RETURN(Array array, ParseNpy(path, bytes, {.narrow_float64 = true}));
  const DataType wanted = input.descriptor.data_type;
  if (IsPacked(wanted) && array.descriptor.data_type == Unpacked(wanted)) {
    MODELD_ASSIGN_OR_RETURN(array, WithPackedBytes(absl::StrCat(input.name, ": ", path), array, wanted));
  }
  if (array.descriptor.data_type != wanted ||
      WithoutOnes(array.descriptor.shape) != WithoutOnes(input.descriptor.shape)) {
    return absl::InvalidArgumentError(absl::StrCat(input.name, ": ", path, " holds ",
                                                   array.descriptor.ToString(), "; expected ",
                                                   input.descriptor.ToString()));
  }
  return array;
}

double ElementOf(const Array& array, uint64_t index) {
  switch (array.descriptor.data_type) {
    case DataType::kFloat32:
      return ElementAs<float>(array, index);
    case DataType::kFloat16: {
      uint16_t bits;
      std::memcpy(&bits, array.bytes.data() + index * sizeof(bits), sizeof(bits));
      return HalfToFloat(bits);
    }
    case DataType::kInt32:
      return ElementAs<int32_t>(array, index);
    case DataType::kUint32:
      return ElementAs<uint32_t>(array, index);
    case DataType::kInt64:
      return ElementAs<int64_t>(array, index);
    case DataType::kUint64:
      return ElementAs<uint64_t>(array, index);
    case DataType::kInt8:
      return ElementAs<int8_t>(array, index);
    case DataType::kUint8:
      return ElementAs<uint8_t>(array, index);
    case DataType::kInt4:
    case DataType::kUint4:
      return PackedElement(array, index);
  }
  return 0;
}

std::vector<uint64_t> TopElements(const Array& array, uint64_t count) {
  std::vector<std::pair<double, uint64_t>> elements;
  for (uint64_t i = 0; i < array.descriptor.ElementCount(); ++i) {
    const double value = ElementOf(array, i);
    if (!std::isnan(value)) elements.emplace_back(-value, i);
  }
  const size_t kept = std::min<uint64_t>(count, elements.size());
  std::partial_sort(elements.begin(), elements.begin() + static_cast<ptrdiff_t>(kept), elements.end());
  std::vector<uint64_t> indices;
  for (size_t i = 0; i < kept; ++i) indices.push_back(elements[i].second);
  return indices;
}

absl::StatusOr<std::vector<std::string>> ReadLabels(const std::string& path) {
  MODELD_ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path, kMaxLabelBytes));
  std::vector<std::string> labels;
  for (absl::string_view line : absl::StrSplit(absl::StripSuffix(text, "\n"), '\n')) {
    labels.emplace_back(absl::StripSuffix(line, "\r"));
  }
  return labels;
}

}  // namespace modeld::tools
