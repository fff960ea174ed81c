// Short ways to emit chains of operations while converting one node.
#ifndef MODELD_TOOLS_IMPORTER_EMITTER_H_
#define MODELD_TOOLS_IMPORTER_EMITTER_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tools/importer/import_context.h"

namespace modeld::importer {

// Emits operations for a node. The first error sticks: what follows does nothing and returns operands that
// mean nothing, until Finish or status() reports it. Borrows the node. Not thread-safe.
class Emitter {
 public:
  explicit Emitter(NodeContext& node) : node_(node) {}

  bool ok() const { return status_.ok(); }
  const absl::Status& status() const { return status_; }
  // The first error stays.
  void Fail(absl::Status status) { status_.Update(std::move(status)); }
  // Fails with INVALID_ARGUMENT and the message unless `condition`; returns ok().
  bool Require(bool condition, absl::string_view message);

  // The node's input; an error when it is absent.
  OperandId Input(int index);
  // Nothing when the optional input is absent.
  std::optional<OperandId> OptionalInput(int index);

  // An operation with one output, or with many.
  OperandId Op(absl::string_view type, std::vector<OperandId> inputs, Attributes attributes = {});
  // After an error: `count` operands that mean nothing.
  std::vector<OperandId> Ops(absl::string_view type, std::vector<OperandId> inputs, Attributes attributes,
                             size_t count);

  OperandId Add(OperandId a, OperandId b) { return Op("add", {a, b}); }
  OperandId Sub(OperandId a, OperandId b) { return Op("sub", {a, b}); }
  OperandId Mul(OperandId a, OperandId b) { return Op("mul", {a, b}); }
  OperandId Div(OperandId a, OperandId b) { return Op("div", {a, b}); }
  OperandId MatMul(OperandId a, OperandId b) { return Op("matmul", {a, b}); }
  OperandId Where(OperandId condition, OperandId a, OperandId b) { return Op("where", {condition, a, b}); }
  // alpha * x + beta, for floats.
  OperandId Linear(OperandId x, double alpha, double beta);
  OperandId Clamp(OperandId x, double least, double most);
  // The operand itself where it is of the type already.
  OperandId Cast(OperandId x, DataType to);
  // The operand itself where it has the shape already.
  OperandId Reshape(OperandId x, const Shape& new_shape);
  OperandId Expand(OperandId x, const Shape& new_shape);
  OperandId Transpose(OperandId x, std::vector<int64_t> permutation);
  // The last two dimensions change places.
  OperandId TransposeLast(OperandId x);
  // `count` elements from `start` along the axis; the operand itself where these are all.
  OperandId Slice(OperandId x, uint32_t axis, uint32_t start, uint32_t count);
  OperandId Concat(std::vector<OperandId> parts, uint32_t axis);
  OperandId Reduce(absl::string_view type, OperandId x, std::vector<int64_t> axes, bool keep);

  OperandId Constant(HostTensor tensor);
  OperandId Scalar(DataType type, double value);
  // All elements 0, without holding more than one of them while importing.
  OperandId Zeros(DataType type, const Shape& shape);

  // A copy, as operands move while operations are emitted; empty after an error.
  Shape shape(OperandId x) const;
  // Size of a dimension; 1 after an error or where there is no such dimension.
  uint32_t size(OperandId x, size_t axis) const;
  size_t rank(OperandId x) const { return shape(x).size(); }
  DataType type(OperandId x) const;

  // Names the node's output, if anybody wants it.
  void Output(int index, OperandId x);
  // The first error, or success.
  absl::Status Finish() const { return status_; }

  NodeContext& node() { return node_; }

 private:
  NodeContext& node_;
  absl::Status status_;
};

}  // namespace modeld::importer

#endif  // MODELD_TOOLS_IMPORTER_EMITTER_H_
