// ONNX's rules for target shapes, shared by conversion and folding.
#ifndef MODELD_TOOLS_IMPORTER_SHAPE_RULES_H_
#define MODELD_TOOLS_IMPORTER_SHAPE_RULES_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/graph/tensor_descriptor.h"
#include "tools/importer/import_context.h"

namespace modeld::importer {

// Reshape: 0 copies the input's dimension (unless `allow_zero`), one -1 takes what is left. INVALID_ARGUMENT,
// naming the node.
absl::StatusOr<Shape> ResolveReshape(const NodeContext& node, const Shape& input,
                                     const std::vector<int64_t>& wanted, bool allow_zero);

// Squeeze or Unsqueeze, whichever the node is, with its axes from attribute or input 1.
absl::StatusOr<Shape> ResolveSqueeze(NodeContext& node, const Shape& input);

// Expand: two-way broadcasting of the input's shape and `wanted`.
absl::StatusOr<Shape> ResolveExpand(const NodeContext& node, const Shape& input,
                                    const std::vector<int64_t>& wanted);

// One entry per dimension: elements starts, starts + steps ... below starts + extents.
struct SliceRange {
  std::vector<int64_t> starts;
  // WebNN's sizes: how much of the input is covered, of which every `steps`-th element is taken.
  std::vector<int64_t> extents;
  std::vector<int64_t> steps;
  // Dimensions with a negative step: their elements are taken in the opposite order.
  std::vector<int64_t> reversed_axes;
};

// Slice, with starts, ends, axes and steps from attributes (before opset 10) or inputs.
absl::StatusOr<SliceRange> ResolveSlice(NodeContext& node, const Shape& input);

}  // namespace modeld::importer

#endif  // MODELD_TOOLS_IMPORTER_SHAPE_RULES_H_
