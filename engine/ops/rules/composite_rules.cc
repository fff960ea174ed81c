// composite, which is modeld's own: a name, a body, and attributes of any name.
#include <memory>

#include "engine/ops/rules/specified.h"

namespace modeld::rules {
namespace {

// relu(a + b) over inputs of this shape.
AttributeValue AddRelu(Shape shape) {
  TestGraph g;
  const OperandId a = g.Float("", shape);
  const OperandId b = g.Float("", shape);
  g.Output("", g.Op("relu", {g.Op("add", {a, b})}));
  return GraphValue{std::make_shared<const Graph>(g.graph())};
}

std::vector<OpCase> CompositeRules() {
  const OpCase base = {"composite",
                       {F32({2, 3}), F32({2, 3})},
                       {{"name", Str("acme.AddRelu")}, {"body", AddRelu({2, 3})}},
                       "float32[2,3]"};
  return {
      base,
      With(base, {{"name", std::string(1024, 'n')}}, "float32[2,3]"),
      With(base, {{"axis", Ints({-1})}, {"heads", 0.5}, {"mode", Str("")}, {"on", true}}, "float32[2,3]"),
      With(base, {{"name", Str("")}}, "! name is empty"),
      With(base, {{"name", std::string(1025, 'n')}}, "! name has 1025 bytes, expected at most 1024"),
      With(base, {{"body", GraphValue{}}}, "! body is empty"),
      With(base, {{"body", AddRelu({3, 3})}},
           "! inputs[0] is float32[2,3], expected float32[3,3] like the body's input"),
      With(base, {{"x", OperandId{0}}}, "! attribute \"x\" is an operand, expected plain data"),
      With(base, {{"x", std::vector<OperandId>{}}},
           "! attribute \"x\" is a list of operands, expected plain data"),
      With(base, {{"x", GraphValue{}}}, "! attribute \"x\" is a graph, expected plain data"),
      With(base, {{"x", Ints(std::vector<int64_t>(4097, 0))}},
           "! attribute \"x\" has 4097 elements, expected at most 4096"),
      With(base, {{"x", std::string(1025, 'n')}}, "! attribute \"x\" has 1025 bytes, expected at most 1024"),
      On(base, {F32({2, 3})}, "! body's inputs has 2 elements, expected 1"),
      On(base, {F32({2, 3}), F32({2, 3}), F32({2, 3})}, "! body's inputs has 2 elements, expected 3"),
      On(base, {F32({2, 3}), F16({2, 3})},
         "! inputs[1] is float16[2,3], expected float32[2,3] like the body's input"),
  };
}

}  // namespace

Family CompositeFamily() {
  return {.name = "composite",
          .specified = {{.type = "composite",
                         .operands = {Operand1("inputs", kMoved)},
                         .attributes = {{.name = "name", .kind = AttributeKind::kString, .required = true},
                                        {.name = "body", .kind = AttributeKind::kGraph, .required = true}},
                         .base = CompositeRules()[0],
                         .variadic = true,
                         .open_attributes = true}},
          .rules = CompositeRules()};
}

}  // namespace modeld::rules
