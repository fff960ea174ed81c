// The portable graph: WebNN's operands, operations and constants as plain data.
#ifndef MODELD_ENGINE_GRAPH_GRAPH_H_
#define MODELD_ENGINE_GRAPH_GRAPH_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/digest.h"
#include "base/region.h"
#include "engine/graph/tensor_descriptor.h"

namespace modeld {

// Index into Graph::operands. May be out of range in a graph that nobody has validated.
struct OperandId {
  uint32_t value = 0;
  friend auto operator<=>(const OperandId&, const OperandId&) = default;
};

struct Graph;

// A graph as the value of an attribute: the body of a `composite` operation (engine/ops/composite.cc). Never
// null in a graph that a decoder or builder made. Immutable, shared by copies; equal only if the same object.
struct GraphValue {
  std::shared_ptr<const Graph> graph;
  friend bool operator==(const GraphValue&, const GraphValue&) = default;
};

// The value of an operation's attribute. The alternatives' order is the wire tag of the canonical encoding:
// frozen, only appended to. An OperandId is an optional operand that WebNN passes in the options
// (conv2d's bias); operand lists (gru's activations aside) serve options that hold several.
using AttributeValue =
    std::variant<bool, int64_t, double, std::string, DataType, OperandId, std::vector<int64_t>,
                 std::vector<double>, std::vector<std::string>, std::vector<OperandId>, GraphValue>;

// Sorted by name, as the canonical encoding wants it. Names and meaning: the operation's schema (engine/ops).
using Attributes = std::map<std::string, AttributeValue, std::less<>>;

// What an operand is.
enum class OperandKind : uint8_t { kInput = 1, kConstant = 2, kIntermediate = 3 };

// One tensor of a graph. Which members mean something depends on `kind`.
struct Operand {
  OperandKind kind = OperandKind::kIntermediate;
  // For an intermediate operand: filled by validation (engine/ops/validate.h).
  TensorDescriptor descriptor;
  // kInput: its name, unique among inputs.
  std::string name;
  // kConstant: the SHA-256 of its bytes, and the bytes: mapped, shared, or empty where they are not here (a
  // graph that is only described). When present their size is the descriptor's ByteSize.
  Digest digest;
  Region bytes;
};

// One WebNN operation.
struct Operation {
  // WebNN's method name: "conv2d".
  std::string type;
  // The caller's own name for it, for error messages; may be empty.
  std::string label;
  // The required operands, in the order of the schema.
  std::vector<OperandId> inputs;
  // Attributes that are set; after validation, all, with defaults filled in.
  Attributes attributes;
  // Intermediate operands that it writes; each is written by exactly one operation.
  std::vector<OperandId> outputs;
};

// A named output of the graph.
struct GraphOutput {
  std::string name;
  OperandId operand;
};

// A graph, not necessarily valid: engine/ops/validate.h tells, and completes it. A plain value; copies share
// the constants' bytes. Operations stand in an order in which each operand is written before it is read. As a
// body (GraphValue) its inputs and outputs are bound by position, have empty names, and it has no constants.
struct Graph {
  std::vector<Operand> operands;
  // The operands of kind kInput, in the caller's order.
  std::vector<OperandId> inputs;
  std::vector<Operation> operations;
  std::vector<GraphOutput> outputs;

  const Operand& operand(OperandId id) const { return operands[id.value]; }
  const TensorDescriptor& descriptor(OperandId id) const { return operands[id.value].descriptor; }
};

// `conv2d "stem"`, or `conv2d #7` where there is no label: how every message names an operation.
std::string OperationName(const Operation& operation, size_t index);

// All operands that the operation reads: its inputs, then those of its attributes, in the order of names.
std::vector<OperandId> OperandsRead(const Operation& operation);

// The body that the operation carries as its attribute `body`, or null.
const Graph* BodyOf(const Operation& operation);

// The graph without what no output depends on: operations, constants, intermediate operands and, unless
// `keep_inputs`, inputs. Operands are renumbered. A graph that names an operand that it does not have comes
// back as it was: validation tells what is wrong with it.
Graph WithoutUnreachable(Graph graph, bool keep_inputs);

}  // namespace modeld

#endif  // MODELD_ENGINE_GRAPH_GRAPH_H_
