// Every rule of the specification, operation by operation: calls that break it, and those that just keep it.
#include <catch2/catch.hpp>
#include <iostream>
#include <limits>
#include <set>

#include "engine/graph/limits.h"
#include "engine/ops/infer.h"
#include "engine/ops/rules/violations.h"
#include "engine/ops/table.h"

namespace modeld::rules {
namespace {

void CheckSame(const AttributeSchema& found, const AttributeSchema& expected) {
  CAPTURE(std::string(expected.name));
  CHECK(found.kind == expected.kind);
  CHECK(found.default_value == expected.default_value);
  CHECK(found.required == expected.required);
  CHECK(found.min == expected.min);
  CHECK(found.size == expected.size);
  CHECK(found.choices == expected.choices);
  if (expected.kind == AttributeKind::kOperand || expected.kind == AttributeKind::kDataType) {
    CHECK(found.types.ToString() == expected.types.ToString());
    CHECK(found.ranks.min == expected.ranks.min);
    CHECK(found.ranks.max == expected.ranks.max);
    CHECK(found.same_type_as == expected.same_type_as);
  }
}

void CheckSame(const OpSchema& found, const Specified& expected) {
  CHECK(found.variadic == expected.variadic);
  CHECK(found.open_attributes == expected.open_attributes);
  REQUIRE(found.operands.size() == expected.operands.size());
  for (size_t i = 0; i < expected.operands.size(); ++i) {
    CAPTURE(i);
    CHECK(found.operands[i].name == expected.operands[i].name);
    CHECK(found.operands[i].types.ToString() == expected.operands[i].types.ToString());
    CHECK(found.operands[i].ranks.min == expected.operands[i].ranks.min);
    CHECK(found.operands[i].ranks.max == expected.operands[i].ranks.max);
    CHECK(found.operands[i].same_type_as == expected.operands[i].same_type_as);
  }
  for (const AttributeSchema& attribute : expected.attributes) {
    CAPTURE(std::string(attribute.name));
    const AttributeSchema* row = found.FindAttribute(attribute.name);
    REQUIRE(row != nullptr);
    CheckSame(*row, attribute);
  }
  CHECK(found.attributes.size() == expected.attributes.size());
}

TEST_CASE("each operation has the operands and options of the specification") {
  for (const Family& family : AllFamilies()) {
    for (const Specified& row : family.specified) {
      CAPTURE(std::string(row.type));
      const OpSchema* schema = FindOp(row.type);
      REQUIRE(schema != nullptr);
      CheckSame(*schema, row);
    }
  }
}

TEST_CASE("each operation has a row of the specification, rules it keeps and rules that it breaks") {
  std::set<std::string> specified, kept, broken;
  for (const Family& family : AllFamilies()) {
    for (const Specified& row : family.specified) CHECK(specified.insert(std::string(row.type)).second);
    for (const OpCase& rule : family.rules) {
      (rule.expected.rfind("! ", 0) == 0 ? broken : kept).insert(rule.type);
    }
  }
  for (const OpSchema& schema : AllOps()) {
    CAPTURE(std::string(schema.type));
    CHECK(specified.count(std::string(schema.type)) == 1);
    CHECK(kept.count(std::string(schema.type)) == 1);
    // What takes one operand of any shape and no required option has no rule beyond its row.
    const bool has_rules = schema.operands.size() > 1 || !schema.attributes.empty();
    if (has_rules && schema.infer != FindOp("elu")->infer && schema.type != "cast") {
      CHECK(broken.count(std::string(schema.type)) == 1);
    }
  }
  CHECK(specified.size() == AllOps().size());
}

using Maker = std::vector<OpCase> (*)(const Specified&);

// Runs the calls that `make` makes of each row of each family.
void RunMade(Maker make) {
  for (const Family& family : AllFamilies()) {
    for (const Specified& row : family.specified) RunCases(make(row));
  }
}

TEST_CASE("the valid calls that the others are made from are valid") {
  for (const Family& family : AllFamilies()) {
    for (const Specified& row : family.specified) RunCases({row.base});
  }
}

TEST_CASE("a wrong number of operands and operands that are not there are refused") {
  RunMade(BrokenCounts);
}

TEST_CASE("an operand of a data type that is not allowed is refused") {
  RunMade(BrokenTypes);
}

TEST_CASE("an operand of a rank that is not allowed is refused") {
  RunMade(BrokenRanks);
}

TEST_CASE("attributes that are unknown, missing or of a wrong kind are refused") {
  RunMade(BrokenKinds);
}

TEST_CASE("attributes out of range are refused") {
  RunMade(BrokenRanges);
}

TEST_CASE("every data type that is allowed is accepted, decomposes and gives what it should") {
  RunMade(AllowedTypes);
}

TEST_CASE("the rules between operands and options hold, and no more than these") {
  for (const Family& family : AllFamilies()) {
    INFO(family.name);
    RunCases(family.rules);
  }
}

TEST_CASE("an operation without a label is named by its type and index") {
  Graph graph = GraphOf({"softmax", {F32({2})}, {{"axis", Int(1)}}}, 1);
  graph.operations[0].label = "";
  Operation operation = graph.operations[0];
  CHECK(InferOperation(graph, operation, 41, {}).status().message() ==
        "softmax #41: axis 1 must be below the input's rank 1");
}

TEST_CASE("concat and split take as many tensors as a list may be long") {
  const OpCase concat = {"concat", std::vector<TensorDescriptor>(4096, U8({1})), {{"axis", Int(0)}}};
  const OpCase split = {"split", {U8({8192})}, {{"splits", Int(4096)}}};
  for (const OpCase& call : {concat, split}) {
    Graph graph = GraphOf(call, 1);
    CHECK(InferOperation(graph, graph.operations[0], 0, {}).status() == absl::OkStatus());
  }
}

TEST_CASE("NaN is accepted as an end of clamp, as padding and as a parameter") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Attributes padding = {{"beginningPadding", Ints({1})}, {"endingPadding", Ints({1})}, {"value", nan}};
  for (const OpCase& call : {OpCase("clamp", {F32({2})}, {{"minValue", nan}, {"maxValue", 1.0}}),
                             OpCase("clamp", {F16({2})}, {{"minValue", 1.0}, {"maxValue", nan}}),
                             OpCase("pad", {F32({2})}, padding), OpCase("elu", {F32({2})}, {{"alpha", nan}}),
                             OpCase("linear", {F16({2})}, {{"beta", nan}})}) {
    Graph graph = GraphOf(call, 1);
    CHECK(InferOperation(graph, graph.operations[0], 0, {}).status() == absl::OkStatus());
  }
}

TEST_CASE("a label that is too long or no UTF-8 is refused at once, and not repeated") {
  const auto error_of = [](std::string label) {
    Graph graph = GraphOf({"relu", {F32({2})}}, 1);
    graph.operations[0].label = std::move(label);
    return std::string(InferOperation(graph, graph.operations[0], 7, {}).status().message());
  };
  CHECK(error_of(std::string(1024, 'x')) == "");
  CHECK(error_of(std::string(1025, 'x')) == "relu #7: label has 1025 bytes, expected at most 1024");
  CHECK(error_of("a\xff").find("label is not UTF-8") != std::string::npos);
}

// Not a rule: what the tables above come to.
TEST_CASE("rules are counted") {
  for (const Family& family : AllFamilies()) {
    size_t made = 0;
    for (const Specified& row : family.specified) {
      for (Maker make : {BrokenCounts, BrokenTypes, BrokenRanks, BrokenKinds, BrokenRanges, AllowedTypes}) {
        made += make(row).size();
      }
    }
    std::cout << family.name << ": " << family.specified.size() << " operations, " << family.rules.size()
              << " rules written, " << made << " made from the tables\n";
    CHECK(family.rules.size() >= family.specified.size());
  }
}

}  // namespace
}  // namespace modeld::rules
