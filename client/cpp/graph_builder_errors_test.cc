// A wrong call is an error at once and leaves the builder as it was: of every operation, with every broken
// rule of engine/ops/rules.
#include <catch2/catch.hpp>
#include <optional>

#include "client/cpp/graph_builder.h"
#include "client/cpp/status.h"
#include "engine/graph/canonical.h"
#include "engine/ops/rules/specified.h"

namespace modeld::client {
namespace {

constexpr DataType kF32 = DataType::kFloat32;

// A small graph, in two halves between which a test may do harm.
struct Sample {
  GraphBuilder b;
  MaybeOperand x = b.Input("x", {kF32, {2, 3}});
  MaybeOperand y = b.Relu(x);

  NamedOperands Outputs() {
    auto z = b.Add(y, b.Constant(kF32, 1), {.label = "sum"});
    return {{"z", b.Softmax(z, 1)}};
  }
  // Its canonical id.
  Digest Finish() {
    const auto graph = b.Finish(Outputs());
    REQUIRE(graph.status() == absl::OkStatus());
    return ModelIdOf(*graph);
  }
};

// The operands as inputs of the builder, or nothing where a descriptor is none that an input may have.
std::optional<std::vector<MaybeOperand>> Inputs(GraphBuilder& b,
                                                const std::vector<TensorDescriptor>& operands,
                                                size_t& count) {
  std::vector<MaybeOperand> result;
  for (const TensorDescriptor& operand : operands) {
    result.push_back(b.Input("in" + std::to_string(count++), operand));
    if (!result.back().ok()) return std::nullopt;
  }
  return result;
}

// Makes the call, which must fail as the rule says. False where it cannot be made.
bool MakeWrongCall(GraphBuilder& b, const OpCase& rule, size_t& count) {
  const auto inputs = Inputs(b, rule.operands, count);
  const auto extras = Inputs(b, rule.extras, count);
  if (!inputs || !extras) return false;
  Attributes attributes = rule.attributes;
  for (auto& [name, value] : attributes) {
    auto* id = std::get_if<OperandId>(&value);
    if (id != nullptr && id->value < extras->size()) *id = (*extras)[id->value]->id();
  }
  const absl::Status status = b.AddOperation(rule.type, *inputs, attributes, "op").status();
  INFO(rule.type << " " << rule.expected);
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  CHECK(std::string(status.message()) == rule.type + " \"op\": " + rule.expected.substr(2));
  const auto detail = ErrorDetailOf(status);
  REQUIRE(detail);
  CHECK(detail->label == "op");
  // One operation stands before it, however many calls went wrong.
  CHECK(detail->operation_index == 1u);
  return true;
}

TEST_CASE("Wrong calls of every operation leave the builder as it was", "[builder]") {
  const Digest expected = Sample().Finish();
  size_t made = 0;
  for (const rules::Family& family : rules::AllFamilies()) {
    Sample sample;
    size_t count = 0;
    for (const OpCase& rule : family.rules) {
      if (rule.expected.rfind("! ", 0) == 0) made += MakeWrongCall(sample.b, rule, count);
    }
    INFO(family.name);
    CHECK(sample.Finish() == expected);
  }
  CHECK(made > 400);
}

TEST_CASE("A wrong input or constant leaves the builder as it was", "[builder]") {
  const Digest expected = Sample().Finish();
  Sample sample;
  GraphBuilder& b = sample.b;
  const auto refused = [](const MaybeOperand& operand) {
    CHECK(operand.status().code() == absl::StatusCode::kInvalidArgument);
    return std::string(operand.status().message());
  };
  refused(b.Input("", {kF32, {1}}));
  refused(b.Input("x", {kF32, {1}}));
  refused(b.Input("zero", {kF32, {0}}));
  refused(b.Input("rank", {kF32, Shape(9, 1)}));
  refused(b.Input("bytes", {kF32, {(1 << 30) + 1}}));
  refused(b.Input("type", {static_cast<DataType>(0), {1}}));
  refused(b.Input(std::string(1025, 'n'), {kF32, {1}}));
  CHECK(refused(b.Input("\xff", {kF32, {1}})) == "input \"\\377\": its name is not UTF-8");
  refused(b.Constant({kF32, {2}}, Region::Copy("abc")));
  refused(b.Constant(DataType::kInt8, 128));
  // A name that was refused is free.
  CHECK(b.Input("zero", {kF32, {1}}).ok());
  CHECK(sample.Finish() == expected);
}

TEST_CASE("A builder that could not finish may be finished rightly", "[builder]") {
  const Digest expected = Sample().Finish();
  Sample sample;
  Sample other;
  const MaybeOperand x = sample.x;
  const MaybeOperand y = sample.y;
  const MaybeOperand wrong = sample.b.Softmax(x, 9);
  const std::vector<NamedOperands> cases = {
      {},         {{"", y}},        {{"y", y}, {"y", y}}, {{"\xff", y}}, {{std::string(1025, 'n'), y}},
      {{"y", x}}, {{"y", other.y}}, {{"y", wrong}},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    CAPTURE(i);
    CHECK(sample.b.Finish(cases[i]).status().code() == absl::StatusCode::kInvalidArgument);
  }
  CHECK(sample.b.Build({{"y", y}}).status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(sample.b.FinishBody({x, wrong}).status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(sample.b.FinishBody({other.x}).status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(sample.Finish() == expected);
  CHECK(sample.b.Finish({{"y", y}}).status().code() == absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace modeld::client
