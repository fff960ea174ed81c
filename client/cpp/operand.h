// Operands of a graph under construction: WebNN's MLOperand.
#ifndef MODELD_CLIENT_CPP_OPERAND_H_
#define MODELD_CLIENT_CPP_OPERAND_H_

#include <cstdint>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "engine/graph/graph.h"
#include "engine/graph/tensor_descriptor.h"

namespace modeld::client {

// Names a tensor of the GraphBuilder that made it, and is good for calls of that builder only. A plain value.
class Operand {
 public:
  // For GraphBuilder.
  Operand(uint64_t builder, OperandId id, TensorDescriptor descriptor)
      : builder_(builder), id_(id), descriptor_(std::move(descriptor)) {}

  DataType data_type() const { return descriptor_.data_type; }
  const Shape& shape() const { return descriptor_.shape; }
  const TensorDescriptor& descriptor() const { return descriptor_; }
  // Its index in the graph, for attributes of GraphBuilder::AddOperation.
  OperandId id() const { return id_; }
  // Which builder made it.
  uint64_t builder() const { return builder_; }

 private:
  uint64_t builder_;
  OperandId id_;
  TensorDescriptor descriptor_;
};

// What builder calls return and take: an operand, or the error of the call that should have made it. A call
// that is given an error returns that error, so calls may be nested or chained, and only the last result need
// be looked at.
using MaybeOperand = absl::StatusOr<Operand>;

// WebNN's MLNumber.
using Number = std::variant<int64_t, double>;

}  // namespace modeld::client

#endif  // MODELD_CLIENT_CPP_OPERAND_H_
