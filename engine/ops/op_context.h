// What an operation's infer and decompose functions see of it.
#ifndef MODELD_ENGINE_OPS_OP_CONTEXT_H_
#define MODELD_ENGINE_OPS_OP_CONTEXT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/core/core_builder.h"
#include "engine/graph/graph.h"
#include "engine/graph/graph_error.h"
#include "engine/graph/limits.h"

namespace modeld {

// Typed access to an operation's attributes. Requires, for every getter but Has: the attribute is set and of
// that kind; the schema's generic checks have seen to it, so anything else is a fault of the row and fails an
// assert. Not thread-safe.
class AttributeReader {
 public:
  // `attributes` must outlive the reader.
  explicit AttributeReader(const Attributes& attributes) : attributes_(attributes) {}

  bool Has(absl::string_view name) const;
  // A kNumber or kUintOrUints attribute is an int64.
  bool IsInt(absl::string_view name) const;
  bool Bool(absl::string_view name) const;
  int64_t Int(absl::string_view name) const;
  uint32_t Uint(absl::string_view name) const;
  double Float(absl::string_view name) const;
  const std::string& String(absl::string_view name) const;
  DataType Type(absl::string_view name) const;
  std::vector<uint32_t> Uints(absl::string_view name) const;
  const std::vector<double>& Floats(absl::string_view name) const;
  const std::vector<std::string>& Strings(absl::string_view name) const;
  const GraphValue& Body(absl::string_view name) const;

 protected:
  const AttributeValue& Get(absl::string_view name) const;

 private:
  const Attributes& attributes_;
};

// For infer functions: the operands' descriptors, and errors that name the place. Not thread-safe.
class InferContext : public AttributeReader {
 public:
  // All must outlive the context. Requires: the operation's operand ids are within `graph`.
  InferContext(const Graph& graph, Operation& operation, uint32_t index, const GraphLimits& limits)
      : AttributeReader(operation.attributes),
        graph_(graph),
        operation_(operation),
        index_(index),
        limits_(limits) {}

  const Operation& operation() const { return operation_; }
  const GraphLimits& limits() const { return limits_; }
  size_t input_count() const { return operation_.inputs.size(); }
  // The i-th required operand.
  const TensorDescriptor& input(size_t i = 0) const { return graph_.descriptor(operation_.inputs[i]); }
  // The operand of this attribute, or null when it is not set.
  const TensorDescriptor* OptionalInput(absl::string_view attribute) const;

  // Sets or completes an attribute.
  void Set(absl::string_view name, AttributeValue value) {
    operation_.attributes.insert_or_assign(std::string(name), std::move(value));
  }
  void SetUints(absl::string_view name, const std::vector<uint32_t>& values) {
    Set(name, std::vector<int64_t>(values.begin(), values.end()));
  }

  // INVALID_ARGUMENT, `conv2d "stem": FIELD MESSAGE`, with field, expected and found in its ErrorSite.
  absl::Status Error(absl::string_view field, absl::string_view message, std::string expected = "",
                     std::string found = "") const;

 private:
  const Graph& graph_;
  Operation& operation_;
  uint32_t index_;
  const GraphLimits& limits_;
};

// For decompositions: operands as core values, and the builder to write with. Operands of packed types appear
// as their 8-bit type, and an output of a packed type may be given as that. Not thread-safe.
class DecomposeContext : public AttributeReader {
 public:
  // Operand and value in the core graph.
  using ValueMap = absl::Span<const core::ValueId>;

  // All must outlive the context. `values` is indexed by OperandId.
  DecomposeContext(const Graph& graph, const Operation& operation, ValueMap values,
                   core::CoreBuilder& builder);

  size_t input_count() const { return operation_.inputs.size(); }
  // The i-th required operand.
  core::ValueId input(size_t i = 0) const { return ValueOf(operation_.inputs[i]); }
  std::vector<core::ValueId> inputs() const;
  // The operand of this attribute, or nothing.
  std::optional<core::ValueId> OptionalInput(absl::string_view attribute) const;
  // What infer said of the i-th output; its type may be packed.
  const TensorDescriptor& output(size_t i = 0) const { return graph_.descriptor(operation_.outputs[i]); }
  size_t output_count() const { return operation_.outputs.size(); }
  // A kNumber attribute as a scalar constant of `type`, exact.
  core::ValueId NumberScalar(absl::string_view name, DataType type) const;

  // The builder.
  core::CoreBuilder& b;

 private:
  core::ValueId ValueOf(OperandId id) const;

  const Graph& graph_;
  const Operation& operation_;
  ValueMap values_;
  // By operand: the values of packed types, in 8 bits.
  std::map<OperandId, core::ValueId> unpacked_;
};

}  // namespace modeld

#endif  // MODELD_ENGINE_OPS_OP_CONTEXT_H_
