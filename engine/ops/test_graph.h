// Short ways to write graphs in tests.
#ifndef MODELD_ENGINE_OPS_TEST_GRAPH_H_
#define MODELD_ENGINE_OPS_TEST_GRAPH_H_

#include <string>
#include <utility>
#include <vector>

#include "engine/graph/graph.h"

namespace modeld {

// Builds a graph operand by operand; nothing is checked. Not thread-safe.
class TestGraph {
 public:
  OperandId Input(std::string name, DataType type, Shape shape) {
    const OperandId id = Add({.kind = OperandKind::kInput, .descriptor = {type, std::move(shape)}});
    graph_.operands.back().name = std::move(name);
    graph_.inputs.push_back(id);
    return id;
  }
  OperandId Float(std::string name, Shape shape) {
    return Input(std::move(name), DataType::kFloat32, std::move(shape));
  }

  // A constant; its digest is that of `bytes`.
  OperandId Constant(DataType type, Shape shape, const std::string& bytes) {
    const OperandId id = Add({.kind = OperandKind::kConstant, .descriptor = {type, std::move(shape)}});
    graph_.operands.back().digest = Digest::Of(bytes);
    graph_.operands.back().bytes = Region::Copy(bytes);
    return id;
  }
  // Of this descriptor, all bytes zero.
  OperandId Zeros(DataType type, Shape shape) {
    const TensorDescriptor descriptor = {type, shape};
    return Constant(type, shape, std::string(descriptor.ByteSize().value_or(0), '\0'));
  }

  std::vector<OperandId> OpN(size_t outputs, std::string type, std::vector<OperandId> inputs,
                             Attributes attributes = {}, std::string label = "") {
    std::vector<OperandId> ids;
    for (size_t i = 0; i < outputs; ++i) ids.push_back(Add({}));
    graph_.operations.push_back(
        {std::move(type), std::move(label), std::move(inputs), std::move(attributes), ids});
    return ids;
  }
  OperandId Op(std::string type, std::vector<OperandId> inputs, Attributes attributes = {},
               std::string label = "") {
    return OpN(1, std::move(type), std::move(inputs), std::move(attributes), std::move(label))[0];
  }

  void Output(std::string name, OperandId operand) { graph_.outputs.push_back({std::move(name), operand}); }

  Graph& graph() { return graph_; }

 private:
  OperandId Add(Operand operand) {
    graph_.operands.push_back(std::move(operand));
    return {static_cast<uint32_t>(graph_.operands.size() - 1)};
  }

  Graph graph_;
};

// A list attribute.
inline AttributeValue Ints(std::vector<int64_t> values) {
  return values;
}
inline AttributeValue Str(const char* value) {
  return std::string(value);
}
inline AttributeValue Int(int64_t value) {
  return value;
}

}  // namespace modeld

#endif  // MODELD_ENGINE_OPS_TEST_GRAPH_H_
