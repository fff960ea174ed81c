#include "engine/ops/decompose.h"

#include "absl/strings/str_cat.h"
#include "engine/ops/op_context.h"
#include "engine/ops/table.h"

namespace modeld {

absl::StatusOr<std::vector<core::ValueId>> Decompose(const Graph& graph, const Operation& operation,
                                                     absl::Span<const core::ValueId> values,
                                                     core::CoreBuilder& builder) {
  const OpSchema* schema = FindOp(operation.type);
  if (schema == nullptr) {
    return absl::UnimplementedError(absl::StrCat("operation \"", operation.type, "\" is unknown"));
  }
  if (schema->decompose == nullptr) {
    return absl::UnimplementedError(absl::StrCat(operation.type, ": its body is its decomposition"));
  }
  DecomposeContext context(graph, operation, values, builder);
  std::vector<core::ValueId> outputs = schema->decompose(context);
  if (outputs.size() != operation.outputs.size()) {
    return absl::InternalError(absl::StrCat(operation.type, ": the decomposition has ", outputs.size(),
                                            " outputs, not ", operation.outputs.size()));
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    const TensorDescriptor& expected = graph.descriptor(operation.outputs[i]);
    if (Unpacked(expected.data_type) == builder.type(outputs[i])) {
      outputs[i] = builder.CastTo(outputs[i], expected.data_type);
    }
    const TensorDescriptor& found = builder.descriptor(outputs[i]);
    if (!(expected == found)) {
      return absl::InternalError(absl::StrCat(operation.type, ": the decomposition gives ", found.ToString(),
                                              ", not ", expected.ToString()));
    }
  }
  return outputs;
}

}  // namespace modeld
