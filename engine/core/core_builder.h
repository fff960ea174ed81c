// What decompositions write core operations with.
#ifndef MODELD_ENGINE_CORE_CORE_BUILDER_H_
#define MODELD_ENGINE_CORE_CORE_BUILDER_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/core_graph.h"

namespace modeld::core {

// Appends values and nodes to a core graph, working out the shapes that a core operation needs to be told.
// Each method adds the nodes that are necessary, which may be none (a cast to the same type, a broadcast to
// the same shape), and returns the result's value. Scalar constants are made once per type and value.
// Requires, throughout: types and shapes are those that a validated graph leads to; a wrong call is a fault
// of the decomposition and fails an assert. Not thread-safe.
class CoreBuilder {
 public:
  // `graph` must outlive the builder.
  explicit CoreBuilder(Graph& graph) : graph_(graph) {}
  CoreBuilder(const CoreBuilder&) = delete;
  CoreBuilder& operator=(const CoreBuilder&) = delete;

  // What nodes added from now on are called in messages, and the operation that they come from
  // (Node::operation).
  void set_label(std::string label, uint32_t operation = kNoOperation) {
    label_ = std::move(label);
    operation_ = operation;
  }

  // By value: a reference would dangle as soon as another value is added.
  TensorDescriptor descriptor(ValueId value) const { return graph_.values[value].descriptor; }
  Shape shape(ValueId value) const { return graph_.values[value].descriptor.shape; }
  DataType type(ValueId value) const { return graph_.values[value].descriptor.data_type; }

  // A value that is not yet written: an input of the graph.
  ValueId AddValue(TensorDescriptor descriptor);
  // A constant. `bytes` holds exactly what the descriptor says.
  ValueId AddConstant(TensorDescriptor descriptor, Region bytes);
  // Any node, for what the methods below do not cover. Returns its outputs in order.
  std::vector<ValueId> AddNode(Op op, std::vector<ValueId> inputs, std::vector<TensorDescriptor> outputs);

  // A scalar constant of `type`. Floats are rounded to nearest even, integers must be exact.
  ValueId Scalar(DataType type, double value);
  // A scalar of an integer type; `value` is the two's complement bit pattern for uint64.
  ValueId IntegerScalar(DataType type, int64_t value);

  ValueId Apply(UnaryFunction function, ValueId x);
  // Broadcasts both sides to their common shape first (numpy's rule).
  ValueId Apply(BinaryFunction function, ValueId a, ValueId b);
  ValueId Apply(Comparison comparison, ValueId a, ValueId b);
  // condition ? a : b, broadcasting all three.
  ValueId SelectIf(ValueId condition, ValueId a, ValueId b);
  // Packed types by way of their 8-bit type; to a packed type keeps the low four bits of that.
  ValueId CastTo(ValueId x, DataType type);

  ValueId Add(ValueId a, ValueId b) { return Apply(BinaryFunction::kAdd, a, b); }
  ValueId Sub(ValueId a, ValueId b) { return Apply(BinaryFunction::kSub, a, b); }
  ValueId Mul(ValueId a, ValueId b) { return Apply(BinaryFunction::kMul, a, b); }
  ValueId Div(ValueId a, ValueId b) { return Apply(BinaryFunction::kDiv, a, b); }
  ValueId Max(ValueId a, ValueId b) { return Apply(BinaryFunction::kMax, a, b); }
  ValueId Min(ValueId a, ValueId b) { return Apply(BinaryFunction::kMin, a, b); }
  // With a scalar of x's type on the right.
  ValueId AddScalar(ValueId x, double scalar) { return Add(x, Scalar(type(x), scalar)); }
  ValueId SubScalar(ValueId x, double scalar) { return Sub(x, Scalar(type(x), scalar)); }
  ValueId MulScalar(ValueId x, double scalar) { return Mul(x, Scalar(type(x), scalar)); }
  ValueId DivScalar(ValueId x, double scalar) { return Div(x, Scalar(type(x), scalar)); }
  ValueId MaxScalar(ValueId x, double scalar) { return Max(x, Scalar(type(x), scalar)); }
  ValueId MinScalar(ValueId x, double scalar) { return Min(x, Scalar(type(x), scalar)); }

  // Combines along `axes` (distinct, any order, may be empty: then nothing happens). The dimensions stay with
  // size 1, or go when `keep_dimensions` is false.
  ValueId ReduceAlong(ReduceFunction function, ValueId x, std::vector<uint32_t> axes, bool keep_dimensions);
  // The mean along `axes`, dimensions kept. Float types only.
  ValueId MeanAlong(ValueId x, std::vector<uint32_t> axes);

  // Matrix product with broadcast batch dimensions; both ranks >= 2.
  ValueId MatMul(ValueId a, ValueId b);
  ValueId Convolve(const Convolution& op, ValueId input, ValueId filter, Shape output_shape);
  ValueId PoolTo(const Pool& op, ValueId input, Shape output_shape);
  ValueId GatherAlong(ValueId data, ValueId indices, uint32_t axis);
  // A copy of `data` with rows replaced: Scatter.
  ValueId ScatterRows(ValueId data, ValueId indices, ValueId updates);
  ValueId ScanAlong(const Scan& op, ValueId x);
  ValueId PadWith(const Pad& op, ValueId x);
  // sizes[i] elements from starts[i], strides[i] apart.
  ValueId SliceOf(ValueId x, std::vector<uint32_t> starts, std::vector<uint32_t> strides, Shape sizes);
  ValueId ConcatAlong(std::vector<ValueId> inputs, uint32_t axis);
  // Output dimension i is input dimension permutation[i].
  ValueId TransposeBy(ValueId x, std::vector<uint32_t> permutation);
  ValueId ReshapeTo(ValueId x, Shape shape);
  ValueId BroadcastTo(ValueId x, const Shape& shape);

 private:
  ValueId AddOne(Op op, std::vector<ValueId> inputs, TensorDescriptor output);
  // Both stretched to their common shape.
  std::pair<ValueId, ValueId> Align(ValueId a, ValueId b);

  // Fixed at construction.
  Graph& graph_;

  std::string label_;
  uint32_t operation_ = kNoOperation;
  // Scalars that exist, by type and bytes.
  std::map<std::pair<DataType, std::string>, ValueId> scalars_;
};

}  // namespace modeld::core

#endif  // MODELD_ENGINE_CORE_CORE_BUILDER_H_
