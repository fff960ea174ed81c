// The operation that brings its own decomposition: composite.
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/ops/families.h"
#include "engine/ops/shared_rules.h"

namespace modeld {
namespace {

// The body has been validated and completed; what is left is how it joins the operation.
InferResult InferComposite(InferContext& c) {
  if (c.String("name").empty()) return c.Error("name", "is empty", "a name");
  const Graph& body = *c.Body("body").graph;
  MODELD_RETURN_IF_ERROR(CheckCount(c, "body's inputs", body.inputs.size(), c.input_count()));
  for (size_t i = 0; i < c.input_count(); ++i) {
    const TensorDescriptor& expected = body.descriptor(body.inputs[i]);
    if (c.input(i) == expected) continue;
    return c.Error(absl::StrCat("inputs[", i, "]"),
                   absl::StrCat("is ", c.input(i).ToString(), ", expected ", expected.ToString(),
                                " like the body's input"),
                   expected.ToString(), c.input(i).ToString());
  }
  std::vector<TensorDescriptor> outputs;
  for (const GraphOutput& output : body.outputs) outputs.push_back(body.descriptor(output.operand));
  return outputs;
}

}  // namespace

std::vector<OpSchema> CompositeOps() {
  return {{.type = "composite",
           .operands = {{.name = "inputs", .types = kMovableTypes}},
           .variadic = true,
           .attributes = {{.name = "name", .kind = AttributeKind::kString, .required = true},
                          {.name = "body", .kind = AttributeKind::kGraph, .required = true}},
           .open_attributes = true,
           .formula = "the body's operations, unless the backend knows the name",
           .infer = InferComposite,
           .decompose = nullptr}};
}

}  // namespace modeld
