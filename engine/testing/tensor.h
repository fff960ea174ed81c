// Tensors with bytes, and running core graphs on them, for tests.
#ifndef MODELD_ENGINE_TESTING_TENSOR_H_
#define MODELD_ENGINE_TESTING_TENSOR_H_

#include <cstddef>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/core/core_graph.h"
#include "engine/graph/tensor_descriptor.h"

namespace modeld::testing {

// A packed row-major tensor. A plain value.
struct Tensor {
  TensorDescriptor descriptor;
  std::vector<std::byte> bytes = {};
};

// A tensor of these values, converted to the type: floats round to nearest, integers must fit. Requires: as
// many values as the shape has elements.
Tensor TensorOf(DataType type, Shape shape, const std::vector<double>& values);

// The elements; 64-bit integers beyond 2^53 are rounded.
std::vector<double> ValuesOf(const Tensor& tensor);

// Adds a value to the graph: a plain one, or a constant of these bytes.
core::ValueId AddValue(core::Graph& graph, TensorDescriptor descriptor);
core::ValueId AddConstant(core::Graph& graph, const Tensor& tensor);

// Verifies and compiles the graph, and runs it once.
absl::StatusOr<std::vector<Tensor>> RunGraph(const Backend& backend, const core::Graph& graph,
                                             std::span<const Tensor> inputs,
                                             const CompileOptions& options = {});

// The graph of one operation with one output, whose inputs are the graph's.
core::Graph GraphOf(core::Op op, std::span<const Tensor> inputs, TensorDescriptor output);

}  // namespace modeld::testing

#endif  // MODELD_ENGINE_TESTING_TENSOR_H_
