// The graph under construction and what ONNX's names stand for.
#ifndef MODELD_TOOLS_IMPORTER_IMPORT_CONTEXT_H_
#define MODELD_TOOLS_IMPORTER_IMPORT_CONTEXT_H_

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/graph/graph.h"
#include "engine/graph/limits.h"
#include "onnx/onnx_pb.h"
#include "tools/importer/host_tensor.h"
#include "tools/importer/reason.h"

namespace modeld::importer {

// One ONNX value: known bytes, an operand of the graph, or (a constant once used) both.
struct Value {
  std::optional<HostTensor> host;
  std::optional<OperandId> operand;
};

// Owns the graph while it grows. Not thread-safe.
class ImportContext {
 public:
  explicit ImportContext(const GraphLimits& limits) : limits_(limits) {}

  // The value of this name, or null.
  Value* Find(absl::string_view name);
  // INVALID_ARGUMENT: the name is taken in this scope.
  absl::Status Define(const std::string& name, Value value);
  // Values defined between these are forgotten; they may have the names of values outside.
  void EnterScope() { scopes_.emplace_back(); }
  void LeaveScope() { scopes_.pop_back(); }
  // An input of the graph.
  absl::Status AddInput(const std::string& name, const TensorDescriptor& descriptor);

  // The operand of a value; bytes become a constant operand the first time. UNIMPLEMENTED: it has no
  // elements.
  absl::StatusOr<OperandId> Materialize(Value& value);
  // Appends an operation with one or more outputs. Errors: engine/ops/infer.h, naming `label`; UNIMPLEMENTED
  // with kDataType when WebNN's operation does not take an operand's type.
  absl::StatusOr<std::vector<OperandId>> Emit(absl::string_view type, std::vector<OperandId> inputs,
                                              Attributes attributes, absl::string_view label);

  // By value: a reference would dangle as soon as another operand is added.
  TensorDescriptor descriptor(OperandId id) const { return graph_.descriptor(id); }
  // Names of the graph's inputs that the operand depends on.
  std::vector<std::string> InputsBehind(OperandId id) const;
  Graph& graph() { return graph_; }
  const GraphLimits& limits() const { return limits_; }

 private:
  GraphLimits limits_;
  Graph graph_;
  // The innermost scope is the last; the first one is the model's graph.
  std::vector<std::map<std::string, Value, std::less<>>> scopes_ = {{}};
};

// One ONNX node being converted: its inputs, attributes and a place for its outputs, with errors that name
// it. Borrows all.
class NodeContext {
 public:
  NodeContext(const onnx::NodeProto& node, int64_t opset, ImportContext& context, ExternalFiles& files,
              std::shared_ptr<const void> owner)
      : node_(node), opset_(opset), context_(context), files_(files), owner_(std::move(owner)) {}

  // `Conv "name"`, or by its first output where it has no name.
  std::string Name() const;
  // Status with Name() before the message.
  absl::Status Invalid(absl::string_view message) const;
  // UNIMPLEMENTED: the node is right, but WebNN does not express it.
  absl::Status Unsupported(absl::string_view message, Reason reason = Reason::kOption) const;
  // UNIMPLEMENTED: `what`, which the input holds, must be known while importing.
  absl::Status MustBeKnown(int index, absl::string_view what);

  absl::string_view op_type() const { return node_.op_type(); }
  absl::string_view domain() const { return node_.domain(); }
  int64_t opset() const { return opset_; }
  int input_count() const { return node_.input_size(); }
  int output_count() const { return node_.output_size(); }
  // Whether the optional input is given.
  bool HasInput(int index) const { return index < node_.input_size() && !node_.input(index).empty(); }
  // Whether the optional output is asked for.
  bool HasOutput(int index) const { return index < node_.output_size() && !node_.output(index).empty(); }

  // The input as an operand. INVALID_ARGUMENT when absent or unknown.
  absl::StatusOr<OperandId> Input(int index);
  // Descriptor of an input that exists, without making it an operand.
  absl::StatusOr<TensorDescriptor> InputDescriptor(int index);
  // The input's bytes, or null when they are not known while importing (or the input is absent).
  const HostTensor* HostInput(int index);
  // The input's elements as integers: UNIMPLEMENTED when they are not known while importing.
  absl::StatusOr<std::vector<int64_t>> IntsInput(int index, absl::string_view what);
  // As above, one number.
  absl::StatusOr<double> NumberInput(int index, absl::string_view what);

  bool HasAttribute(absl::string_view name) const { return FindAttribute(name) != nullptr; }
  int64_t Int(absl::string_view name, int64_t default_value) const;
  double Float(absl::string_view name, double default_value) const;
  std::string String(absl::string_view name, absl::string_view default_value) const;
  std::vector<int64_t> Ints(absl::string_view name) const;
  std::vector<float> Floats(absl::string_view name) const;
  std::vector<std::string> Strings(absl::string_view name) const;
  // INVALID_ARGUMENT: it is not there, or wrong.
  absl::StatusOr<HostTensor> Tensor(absl::string_view name) const;
  // Converts the nodes of a graph attribute without inputs (a branch of If) and returns its outputs.
  absl::StatusOr<std::vector<Value>> Subgraph(absl::string_view name);

  // An operation with one output, labelled with the node's name.
  absl::StatusOr<OperandId> Emit(absl::string_view type, std::vector<OperandId> inputs,
                                 Attributes attributes = {});
  // As above, with all outputs.
  absl::StatusOr<std::vector<OperandId>> EmitMany(absl::string_view type, std::vector<OperandId> inputs,
                                                  Attributes attributes);
  // A constant operand.
  absl::StatusOr<OperandId> Constant(HostTensor tensor);
  // Scalar of the type.
  absl::StatusOr<OperandId> Scalar(DataType type, double value);
  // `reshape`, unless the shape is already this.
  absl::StatusOr<OperandId> Reshape(OperandId operand, const Shape& shape);

  TensorDescriptor descriptor(OperandId id) const { return context_.descriptor(id); }
  Shape shape(OperandId id) const { return context_.descriptor(id).shape; }

  // Gives the node's output a meaning. An output that nobody wants is dropped.
  absl::Status SetOutput(int index, OperandId operand);
  absl::Status SetOutput(int index, absl::StatusOr<OperandId> operand);
  absl::Status SetHostOutput(int index, HostTensor tensor);
  absl::Status SetOutput(int index, Value value);
  // The operand of a value that Subgraph returned.
  absl::StatusOr<OperandId> Materialize(Value& value) { return context_.Materialize(value); }

  // `axis` of a tensor of this rank as an unsigned number; INVALID_ARGUMENT out of [-rank, rank).
  absl::StatusOr<uint32_t> Axis(int64_t axis, size_t rank) const;
  // As above, each; INVALID_ARGUMENT when one comes twice.
  absl::StatusOr<std::vector<int64_t>> Axes(const std::vector<int64_t>& axes, size_t rank) const;

 private:
  const onnx::AttributeProto* FindAttribute(absl::string_view name) const;
  absl::StatusOr<Value*> InputValue(int index);

  const onnx::NodeProto& node_;
  int64_t opset_;
  ImportContext& context_;
  ExternalFiles& files_;
  std::shared_ptr<const void> owner_;
};

// A shape as WebNN's list attributes carry it.
std::vector<int64_t> ToList(const Shape& shape);

}  // namespace modeld::importer

#endif  // MODELD_TOOLS_IMPORTER_IMPORT_CONTEXT_H_
