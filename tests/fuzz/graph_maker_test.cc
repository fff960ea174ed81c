// The generator reaches everything that the table of operations allows.
#include "tests/fuzz/graph_maker.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <random>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "engine/ops/table.h"
#include "engine/ops/validate.h"
#include "tests/fuzz/seed.h"

namespace modeld::fuzz {
namespace {

// What is rare comes after some hundred samples; what does not come after so many is not made.
constexpr uint64_t kMostSamples = 20'000;

void ForEachOperation(const Graph& graph, const std::function<void(const Graph&, const Operation&)>& f) {
  for (const Operation& operation : graph.operations) {
    f(graph, operation);
    for (const auto& [name, value] : operation.attributes) {
      if (const auto* body = std::get_if<GraphValue>(&value)) ForEachOperation(*body->graph, f);
    }
  }
}

void AddTypes(std::set<std::string>& all, const std::string& what, TypeSet types) {
  for (uint32_t t = 1; t < 32; ++t) {
    const auto type = static_cast<DataType>(t);
    if (types.Contains(type)) all.insert(absl::StrCat(what, " ", std::string(DataTypeName(type))));
  }
}

// Everything that a sample may show, as lines such as "conv2d bias absent".
std::set<std::string> EverythingOf(const OpSchema& row) {
  const std::string type(row.type);
  std::set<std::string> all = {type};
  for (const OperandSchema& operand : row.operands) {
    AddTypes(all, absl::StrCat(type, " ", std::string(operand.name)), operand.types);
  }
  for (const AttributeSchema& attribute : row.attributes) {
    const std::string name = absl::StrCat(type, " ", std::string(attribute.name));
    all.insert(name);
    if (!attribute.required) all.insert(name + " absent");
    for (absl::string_view choice : attribute.choices)
      all.insert(absl::StrCat(name, " ", std::string(choice)));
    if (attribute.kind == AttributeKind::kBool) all.insert({name + " 0", name + " 1"});
    if (attribute.kind == AttributeKind::kDataType || attribute.kind == AttributeKind::kOperand) {
      TypeSet types = attribute.types;
      if (attribute.kind == AttributeKind::kOperand && attribute.same_type_as >= 0) {
        types = row.operands[static_cast<size_t>(attribute.same_type_as)].types;
      }
      AddTypes(all, name, types);
    }
  }
  return all;
}

void Note(const Graph& graph, const Operation& operation, std::set<std::string>& seen) {
  const OpSchema& row = *FindOp(operation.type);
  seen.insert(operation.type);
  for (size_t i = 0; i < operation.inputs.size(); ++i) {
    const OperandSchema& schema = row.operands[std::min(i, row.operands.size() - 1)];
    const DataType type = graph.descriptor(operation.inputs[i]).data_type;
    seen.insert(
        absl::StrCat(operation.type, " ", std::string(schema.name), " ", std::string(DataTypeName(type))));
  }
  for (const AttributeSchema& attribute : row.attributes) {
    const std::string name = absl::StrCat(operation.type, " ", std::string(attribute.name));
    const auto found = operation.attributes.find(attribute.name);
    if (found == operation.attributes.end()) {
      seen.insert(name + " absent");
      continue;
    }
    seen.insert(name);
    if (const auto* text = std::get_if<std::string>(&found->second))
      seen.insert(absl::StrCat(name, " ", *text));
    if (const auto* truth = std::get_if<bool>(&found->second)) seen.insert(absl::StrCat(name, " ", *truth));
    if (const auto* type = std::get_if<DataType>(&found->second)) {
      seen.insert(absl::StrCat(name, " ", std::string(DataTypeName(*type))));
    }
    if (const auto* id = std::get_if<OperandId>(&found->second)) {
      seen.insert(absl::StrCat(name, " ", std::string(DataTypeName(graph.descriptor(*id).data_type))));
    }
  }
}

TEST_CASE("every operation is made with every type, choice and option that its row allows") {
  const uint64_t seed = SeedOfTest();
  std::set<std::string> seen;
  for (const OpSchema& row : AllOps()) {
    const std::set<std::string> all = EverythingOf(row);
    const auto missing = [&] {
      std::string lines;
      for (const std::string& what : all) {
        if (!seen.contains(what)) absl::StrAppend(&lines, what, "\n");
      }
      return lines;
    };
    for (uint64_t i = 0; i < kMostSamples && !missing().empty(); ++i) {
      const Sample sample = RandomSample(seed + i, {.max_operations = 4, .only = std::string(row.type)});
      ForEachOperation(sample.graph,
                       [&](const Graph& graph, const Operation& operation) { Note(graph, operation, seen); });
    }
    CHECK(missing() == "");
  }
}

TEST_CASE("samples are valid, hold a tensor for each input, and come again from their seed") {
  const uint64_t seed = SeedOfTest();
  std::set<size_t> lengths;
  std::set<std::string> types;
  // Without a filter nothing is left out.
  const auto all_came = [&] { return types.size() == AllOps().size() && *lengths.rbegin() > 30; };
  for (uint64_t i = 0; i < 1'000 || (i < kMostSamples && !all_came()); ++i) {
    const Sample sample = RandomSample(seed + i);
    const auto valid = Validate(sample.graph, SampleLimits());
    INFO("seed " << seed + i << ": " << valid.status());
    REQUIRE(valid.ok());
    REQUIRE(!sample.graph.operations.empty());
    REQUIRE(sample.graph.operations.size() <= 40);
    for (OperandId id : sample.graph.inputs) {
      const Operand& input = sample.graph.operand(id);
      REQUIRE(sample.inputs.at(input.name).bytes.size() == *input.descriptor.ByteSize());
    }
    lengths.insert(sample.graph.operations.size());
    for (const Operation& operation : sample.graph.operations) types.insert(operation.type);
    const Sample again = RandomSample(seed + i);
    REQUIRE(again.graph.operands.size() == sample.graph.operands.size());
    REQUIRE(again.graph.operations.size() == sample.graph.operations.size());
  }
  CHECK(*lengths.begin() == 1);
  CHECK(*lengths.rbegin() > 30);
  CHECK(types.size() == AllOps().size());
}

}  // namespace
}  // namespace modeld::fuzz
