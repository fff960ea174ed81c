// Table-driven tests of operations: operands in, descriptors or an error out. Valid cases are also
// decomposed, and the core graph verified.
#ifndef MODELD_ENGINE_OPS_OP_CASES_H_
#define MODELD_ENGINE_OPS_OP_CASES_H_

#include <string>
#include <vector>

#include "engine/core/core_graph.h"
#include "engine/graph/graph.h"
#include "engine/graph/limits.h"

namespace modeld {

// One call of one operation.
struct OpCase {
  // `expected` as below.
  OpCase(std::string type, std::vector<TensorDescriptor> operands, const char* expected = "")
      : type(std::move(type)), operands(std::move(operands)), expected(expected) {}
  OpCase(std::string type, std::vector<TensorDescriptor> operands, Attributes attributes,
         const char* expected = "")
      : type(std::move(type)),
        operands(std::move(operands)),
        attributes(std::move(attributes)),
        expected(expected) {}
  OpCase(std::string type, std::vector<TensorDescriptor> operands, Attributes attributes,
         std::vector<TensorDescriptor> extras, const char* expected = "")
      : type(std::move(type)),
        operands(std::move(operands)),
        attributes(std::move(attributes)),
        extras(std::move(extras)),
        expected(expected) {}

  std::string type;
  // Its required operands.
  std::vector<TensorDescriptor> operands;
  // Attributes; an OperandId{i} stands for extras[i].
  Attributes attributes;
  std::vector<TensorDescriptor> extras;
  // "float32[2]", several joined by spaces; or, behind "! ", the error's message after `TYPE "op": `.
  std::string expected;
};

// Shorthand.
inline TensorDescriptor F32(Shape shape) {
  return {DataType::kFloat32, std::move(shape)};
}
inline TensorDescriptor F16(Shape shape) {
  return {DataType::kFloat16, std::move(shape)};
}
inline TensorDescriptor I32(Shape shape) {
  return {DataType::kInt32, std::move(shape)};
}
inline TensorDescriptor U8(Shape shape) {
  return {DataType::kUint8, std::move(shape)};
}

// The operation between inputs and outputs, labelled "op". `outputs`: how many it is said to have.
Graph GraphOf(const OpCase& op_case, size_t outputs);

// Checks each case inside the calling TEST_CASE: an error's code, text, label and field; a result's
// descriptors, that validation agrees, that completing again changes nothing, and that the decomposition
// verifies.
void RunCases(const std::vector<OpCase>& cases, const GraphLimits& limits = {});

// The core graph that a valid case decomposes into; its inputs are the operands, then the extras.
core::Graph CoreGraphOf(const OpCase& op_case);
// It, as core::ToString prints it.
std::string DecompositionOf(const OpCase& op_case);

}  // namespace modeld

#endif  // MODELD_ENGINE_OPS_OP_CASES_H_
