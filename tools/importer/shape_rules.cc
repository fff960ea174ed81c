#include "tools/importer/shape_rules.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/checked_math.h"
#include "base/status.h"

namespace modeld::importer {
namespace {

constexpr int64_t kMaxSize = std::numeric_limits<int32_t>::max();

int64_t Clamp(int64_t value, int64_t low, int64_t high) {
  return std::max(low, std::min(value, high));
}

// A list that is an attribute in old opsets and an input in new ones; empty when neither is there.
absl::StatusOr<std::vector<int64_t>> ListOf(NodeContext& node, const char* name, int input) {
  if (node.HasInput(input)) return node.IntsInput(input, name);
  return node.Ints(name);
}

}  // namespace

absl::StatusOr<Shape> ResolveReshape(const NodeContext& node, const Shape& input,
                                     const std::vector<int64_t>& wanted, bool allow_zero) {
  Shape shape;
  uint64_t known = 1;
  std::optional<size_t> free_axis;
  for (size_t i = 0; i < wanted.size(); ++i) {
    int64_t size = wanted[i];
    if (size == 0 && !allow_zero) {
      if (i >= input.size())
        return node.Invalid(absl::StrCat("shape[", i, "] copies a dimension that is not there"));
      size = input[i];
    }
    if (size == -1) {
      if (free_axis) return node.Invalid("shape has more than one -1");
      free_axis = i;
      size = 1;
    }
    if (size < 0 || size > kMaxSize) return node.Invalid(absl::StrCat("shape[", i, "] is ", size));
    shape.push_back(static_cast<uint32_t>(size));
    const auto product = CheckedMul(known, static_cast<uint64_t>(size));
    if (!product) return node.Invalid("shape has too many elements");
    known = *product;
  }
  uint64_t total = 1;
  for (uint32_t size : input) total *= size;
  if (free_axis) {
    if (known == 0 || total % known != 0 || total / known > static_cast<uint64_t>(kMaxSize)) {
      return node.Invalid(absl::StrCat("shape cannot take ", total, " elements"));
    }
    shape[*free_axis] = static_cast<uint32_t>(total / known);
  } else if (known != total) {
    return node.Invalid(absl::StrCat("shape has ", known, " elements, the input ", total));
  }
  return shape;
}

absl::StatusOr<Shape> ResolveSqueeze(NodeContext& node, const Shape& input) {
  MODELD_ASSIGN_OR_RETURN(std::vector<int64_t> axes, ListOf(node, "axes", 1));
  if (node.op_type() == "Squeeze") {
    if (axes.empty()) {
      for (size_t i = 0; i < input.size(); ++i) {
        if (input[i] == 1) axes.push_back(static_cast<int64_t>(i));
      }
    }
    MODELD_ASSIGN_OR_RETURN(axes, node.Axes(axes, input.size()));
    Shape shape;
    for (size_t i = 0; i < input.size(); ++i) {
      if (std::find(axes.begin(), axes.end(), static_cast<int64_t>(i)) == axes.end()) {
        shape.push_back(input[i]);
      } else if (input[i] != 1) {
        return node.Invalid(absl::StrCat("dimension ", i, " has size ", input[i], ", 1 is wanted"));
      }
    }
    return shape;
  }
  const size_t rank = input.size() + axes.size();
  MODELD_ASSIGN_OR_RETURN(axes, node.Axes(axes, rank));
  Shape shape;
  size_t next = 0;
  for (size_t i = 0; i < rank; ++i) {
    const bool inserted = std::find(axes.begin(), axes.end(), static_cast<int64_t>(i)) != axes.end();
    shape.push_back(inserted ? 1 : input[next++]);
  }
  return shape;
}

absl::StatusOr<Shape> ResolveExpand(const NodeContext& node, const Shape& input,
                                    const std::vector<int64_t>& wanted) {
  const size_t rank = std::max(input.size(), wanted.size());
  Shape shape(rank);
  for (size_t i = 0; i < rank; ++i) {  // from the last dimension
    const int64_t a = i < input.size() ? input[input.size() - 1 - i] : 1;
    const int64_t b = i < wanted.size() ? wanted[wanted.size() - 1 - i] : 1;
    if (b < 0 || b > kMaxSize || (a != b && a != 1 && b != 1)) {
      return node.Invalid(absl::StrCat("shape ", ShapeToString(input), " does not broadcast to size ", b));
    }
    shape[rank - 1 - i] = static_cast<uint32_t>(a == 1 ? b : a);
  }
  return shape;
}

absl::StatusOr<SliceRange> ResolveSlice(NodeContext& node, const Shape& input) {
  MODELD_ASSIGN_OR_RETURN(const std::vector<int64_t> starts, ListOf(node, "starts", 1));
  MODELD_ASSIGN_OR_RETURN(const std::vector<int64_t> ends, ListOf(node, "ends", 2));
  MODELD_ASSIGN_OR_RETURN(std::vector<int64_t> axes, ListOf(node, "axes", 3));
  MODELD_ASSIGN_OR_RETURN(std::vector<int64_t> steps, ListOf(node, "steps", 4));
  if (axes.empty()) {
    for (size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<int64_t>(i));
  }
  if (steps.empty()) steps.assign(starts.size(), 1);
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size()) {
    return node.Invalid("starts, ends, axes and steps differ in length");
  }
  MODELD_ASSIGN_OR_RETURN(axes, node.Axes(axes, input.size()));
  SliceRange range{.starts = std::vector<int64_t>(input.size(), 0),
                   .extents = {input.begin(), input.end()},
                   .steps = std::vector<int64_t>(input.size(), 1),
                   .reversed_axes = {}};
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<size_t>(axes[i]);
    const int64_t size = input[axis];
    if (steps[i] == 0) return node.Invalid("a step is 0");
    if (steps[i] < 0) {
      range.reversed_axes.push_back(axes[i]);
      // From `start` down to what lies above `end`; both are cut to the dimension, -1 being below its first.
      const int64_t step = -std::max(steps[i], -kMaxSize);
      const int64_t start =
          Clamp(starts[i] < 0 ? Clamp(starts[i], -size - 1, 0) + size : starts[i], -1, size - 1);
      const int64_t end = Clamp(ends[i] < 0 ? Clamp(ends[i], -size - 1, 0) + size : ends[i], -1, size - 1);
      const int64_t count = start > end ? (start - end + step - 1) / step : 0;
      range.starts[axis] = count > 0 ? start - (count - 1) * step : 0;
      range.extents[axis] = count > 0 ? (count - 1) * step + 1 : 0;
      range.steps[axis] = std::min<int64_t>(step, std::max<int64_t>(1, size));
      continue;
    }
    // Negative indices count from the end; both ends are then cut to the dimension (INT64_MIN and _MAX are
    // common).
    const int64_t start = Clamp(starts[i] < 0 ? Clamp(starts[i], -size, 0) + size : starts[i], 0, size);
    const int64_t end = Clamp(ends[i] < 0 ? Clamp(ends[i], -size - 1, 0) + size : ends[i], 0, size);
    range.starts[axis] = start;
    range.extents[axis] = std::max<int64_t>(0, end - start);
    range.steps[axis] = std::min<int64_t>(steps[i], std::max<int64_t>(1, size));
  }
  return range;
}

}  // namespace modeld::importer
