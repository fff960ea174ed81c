#include "tools/importer/window_attributes.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace modeld::importer {

bool Window::IsPadded() const {
  const auto not_zero = [](int64_t pad) { return pad != 0; };
  return std::any_of(before.begin(), before.end(), not_zero) ||
         std::any_of(after.begin(), after.end(), not_zero);
}

Window Window::Part(size_t from, size_t to) const {
  const auto cut = [&](const std::vector<int64_t>& list) {
    return std::vector<int64_t>(list.begin() + from, list.begin() + to);
  };
  return {cut(kernel), cut(strides), cut(dilations), cut(before), cut(after)};
}

Window Window::InTwoDimensions() const {
  if (rank() == 2) return *this;
  return {{1, kernel[0]}, {1, strides[0]}, {1, dilations[0]}, {0, before[0]}, {0, after[0]}};
}

std::vector<int64_t> Window::Padding() const {
  return {before[0], after[0], before[1], after[1]};
}

absl::StatusOr<std::vector<int64_t>> SpatialInts(const NodeContext& node, absl::string_view name,
                                                 size_t count, int64_t default_value) {
  std::vector<int64_t> values = node.Ints(name);
  if (values.empty()) values.assign(count, default_value);
  if (values.size() != count) {
    return node.Invalid(absl::StrCat(name, " has ", values.size(), " elements, ", count, " are wanted"));
  }
  for (int64_t value : values) {
    if (value < 0 || value > INT32_MAX)
      return node.Invalid(absl::StrCat(name, " ", value, " is out of range"));
  }
  return values;
}

absl::StatusOr<Window> ReadWindow(const NodeContext& node, std::vector<int64_t> kernel,
                                  const std::vector<int64_t>& input) {
  const size_t rank = kernel.size();
  Window window{.kernel = std::move(kernel)};
  MODELD_ASSIGN_OR_RETURN(window.strides, SpatialInts(node, "strides", rank, 1));
  MODELD_ASSIGN_OR_RETURN(window.dilations, SpatialInts(node, "dilations", rank, 1));
  MODELD_ASSIGN_OR_RETURN(const std::vector<int64_t> pads, SpatialInts(node, "pads", 2 * rank, 0));
  const std::string auto_pad = node.String("auto_pad", "NOTSET");
  for (const auto& [list, name] :
       {std::pair(&window.kernel, "kernel_shape"), std::pair(&window.strides, "strides"),
        std::pair(&window.dilations, "dilations")}) {
    if (std::find(list->begin(), list->end(), 0) == list->end()) continue;
    return node.Invalid(absl::StrCat(name, " holds a 0"));
  }
  const bool same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
  if (!same && auto_pad != "NOTSET" && auto_pad != "VALID") {
    return node.Invalid(absl::StrCat("auto_pad \"", auto_pad, "\" is unknown"));
  }
  for (size_t i = 0; i < rank; ++i) {
    int64_t before = auto_pad == "NOTSET" ? pads[i] : 0;
    int64_t after = auto_pad == "NOTSET" ? pads[rank + i] : 0;
    if (same && i < input.size()) {
      const int64_t output = (input[i] + window.strides[i] - 1) / window.strides[i];
      const int64_t total =
          std::max<int64_t>(0, (output - 1) * window.strides[i] + window.Extent(i) - input[i]);
      before = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
      after = total - before;
    }
    if (before > INT32_MAX || after > INT32_MAX) return node.Invalid("the padding is out of range");
    window.before.push_back(before);
    window.after.push_back(after);
  }
  return window;
}

std::vector<int64_t> SpatialSizes(const Shape& shape) {
  return {shape.begin() + 2, shape.end()};
}

}  // namespace modeld::importer
