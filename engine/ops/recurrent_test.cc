// gru, gruCell, lstm, lstmCell: rules. Values: recurrent_values_test.cc.
#include <catch2/catch.hpp>

#include "engine/ops/op_cases.h"
#include "engine/ops/test_graph.h"

namespace modeld {
namespace {

AttributeValue Strings(std::vector<std::string> values) {
  return values;
}

// `base` with these set.
Attributes With(Attributes base, const Attributes& more) {
  for (const auto& [name, value] : more) base.insert_or_assign(name, value);
  return base;
}

// A network of 2 steps, batch 3, input size 4, hidden size 5.
const Attributes kSequence = {{"steps", Int(2)}, {"hiddenSize", Int(5)}};
const Attributes kCell = {{"hiddenSize", Int(5)}};

// Bad lists of activations for `count` of them.
void CheckActivations(const char* type, const std::vector<TensorDescriptor>& operands, const Attributes& base,
                      size_t count) {
  const std::string number = std::to_string(count);
  const std::vector<std::string> relus(count, "relu");
  std::vector<std::string> wrong = relus;
  wrong.back() = "gelu\n";
  const std::vector<std::string> more(count + 1, "relu");
  const std::string too_many =
      "! activations has " + std::to_string(count + 1) + " elements, expected " + number;
  const std::string none = "! activations has 0 elements, expected " + number;
  RunCases({
      {type, operands, With(base, {{"activations", Strings({})}}), none.c_str()},
      {type, operands, With(base, {{"activations", Strings(more)}}), too_many.c_str()},
      {type, operands, With(base, {{"activations", Strings(wrong)}}),
       "! activations holds \"gelu\\n\", expected any of relu, sigmoid, tanh"},
      {type, operands, With(base, {{"activations", Str("relu")}}),
       "! activations is a string, expected a list of strings"},
  });
}

TEST_CASE("gru gives the last hidden state, and all of them where asked") {
  const std::vector<TensorDescriptor> one = {F32({2, 3, 4}), F32({1, 15, 4}), F32({1, 15, 5})};
  const std::vector<TensorDescriptor> both = {F16({2, 3, 4}), F16({2, 15, 4}), F16({2, 15, 5})};
  RunCases({
      {"gru", one, kSequence, "float32[1,3,5]"},
      {"gru", one, With(kSequence, {{"returnSequence", true}}), "float32[1,3,5] float32[2,1,3,5]"},
      {"gru", one,
       With(kSequence, {{"direction", Str("backward")}, {"resetAfter", false}, {"layout", Str("rzn")}}),
       "float32[1,3,5]"},
      {"gru",
       both,
       With(kSequence, {{"direction", Str("both")},
                        {"returnSequence", true},
                        {"bias", OperandId{0}},
                        {"recurrentBias", OperandId{1}},
                        {"initialHiddenState", OperandId{2}},
                        {"activations", Strings({"relu", "sigmoid"})}}),
       {F16({2, 15}), F16({2, 15}), F16({2, 3, 5})},
       "float16[2,3,5] float16[2,2,3,5]"},
      {"gru", one, {{"hiddenSize", Int(5)}}, "! steps is missing"},
      {"gru", one, {{"steps", Int(2)}}, "! hiddenSize is missing"},
      {"gru", one, With(kSequence, {{"steps", Int(0)}}), "! steps 0 is out of range, expected at least 1"},
      {"gru", one, With(kSequence, {{"hiddenSize", Int(0)}}),
       "! hiddenSize 0 is out of range, expected at least 1"},
      {"gru", one, With(kSequence, {{"steps", Int(3)}}), "! steps is 3, but input has 2"},
      {"gru", one, With(kSequence, {{"hiddenSize", Int(357913942)}}),
       "! hiddenSize is 357913942, expected at most 357913941"},
      {"gru", one, With(kSequence, {{"direction", Str("both")}}),
       "! weight has shape [1,15,4], expected [2,15,4]"},
      {"gru", one, With(kSequence, {{"direction", Str("sideways")}}),
       "! direction is \"sideways\", expected one of forward, backward, both"},
      {"gru", one, With(kSequence, {{"layout", Str("iofg")}}),
       "! layout is \"iofg\", expected one of zrn, rzn"},
  });
  CheckActivations("gru", one, kSequence, 2);
}

TEST_CASE("gru checks the types and shapes of its operands") {
  const TensorDescriptor input = F32({2, 3, 4});
  const TensorDescriptor weight = F32({1, 15, 4});
  const TensorDescriptor recurrent = F32({1, 15, 5});
  RunCases({
      {"gru",
       {I32({2, 3, 4}), weight, recurrent},
       kSequence,
       "! input has data type int32, expected float32, float16"},
      {"gru",
       {input, F16({1, 15, 4}), recurrent},
       kSequence,
       "! weight has data type float16, expected float32 like input"},
      {"gru",
       {input, weight, F16({1, 15, 5})},
       kSequence,
       "! recurrentWeight has data type float16, expected float32 like input"},
      {"gru", {F32({3, 4}), weight, recurrent}, kSequence, "! input has rank 2, expected 3"},
      {"gru", {input, F32({15, 4}), recurrent}, kSequence, "! weight has rank 2, expected 3"},
      {"gru", {input, weight, F32({15, 5})}, kSequence, "! recurrentWeight has rank 2, expected 3"},
      {"gru",
       {input, F32({1, 20, 4}), recurrent},
       kSequence,
       "! weight has shape [1,20,4], expected [1,15,4]"},
      {"gru",
       {input, F32({1, 15, 5}), recurrent},
       kSequence,
       "! weight has shape [1,15,5], expected [1,15,4]"},
      {"gru",
       {input, weight, F32({1, 15, 4})},
       kSequence,
       "! recurrentWeight has shape [1,15,4], expected [1,15,5]"},
      {"gru", {input, weight}, kSequence, "! operands are 2, expected 3"},
  });
  const auto optional = [&](const char* name, TensorDescriptor operand, const char* expected) {
    RunCases(
        {{"gru", {input, weight, recurrent}, With(kSequence, {{name, OperandId{0}}}), {operand}, expected}});
  };
  for (const char* name : {"bias", "recurrentBias"}) {
    const std::string prefix = std::string("! ") + name;
    optional(name, F16({1, 15}), (prefix + " has data type float16, expected float32 like input").c_str());
    optional(name, F32({15}), (prefix + " has rank 1, expected 2").c_str());
    optional(name, F32({1, 5}), (prefix + " has shape [1,5], expected [1,15]").c_str());
    optional(name, F32({2, 15}), (prefix + " has shape [2,15], expected [1,15]").c_str());
  }
  optional("initialHiddenState", F16({1, 3, 5}),
           "! initialHiddenState has data type float16, expected float32 like input");
  optional("initialHiddenState", F32({3, 5}), "! initialHiddenState has rank 2, expected 3");
  optional("initialHiddenState", F32({1, 3, 4}), "! initialHiddenState has shape [1,3,4], expected [1,3,5]");
  optional("peepholeWeight", F32({1, 15}), "! attribute \"peepholeWeight\" is unknown");
}

TEST_CASE("gruCell is one step without directions") {
  const std::vector<TensorDescriptor> good = {F32({3, 4}), F32({15, 4}), F32({15, 5}), F32({3, 5})};
  RunCases({
      {"gruCell", good, kCell, "float32[3,5]"},
      {"gruCell",
       {F16({3, 4}), F16({15, 4}), F16({15, 5}), F16({3, 5})},
       With(kCell, {{"bias", OperandId{0}},
                    {"recurrentBias", OperandId{1}},
                    {"layout", Str("rzn")},
                    {"resetAfter", false}}),
       {F16({15}), F16({15})},
       "float16[3,5]"},
      {"gruCell", good, {}, "! hiddenSize is missing"},
      {"gruCell", good, {{"hiddenSize", Int(4)}}, "! weight has shape [15,4], expected [12,4]"},
      {"gruCell",
       good,
       {{"hiddenSize", Int(357913942)}},
       "! hiddenSize is 357913942, expected at most 357913941"},
      {"gruCell", good, With(kCell, {{"steps", Int(1)}}), "! attribute \"steps\" is unknown"},
      {"gruCell", {F32({1, 3, 4}), good[1], good[2], good[3]}, kCell, "! input has rank 3, expected 2"},
      {"gruCell", {good[0], good[1], good[2], F32({1, 3, 5})}, kCell, "! hiddenState has rank 3, expected 2"},
      {"gruCell",
       {good[0], good[1], good[2], F16({3, 5})},
       kCell,
       "! hiddenState has data type float16, expected float32 like input"},
      {"gruCell",
       {good[0], good[1], F32({15, 4}), good[3]},
       kCell,
       "! recurrentWeight has shape [15,4], expected [15,5]"},
      {"gruCell",
       {good[0], good[1], good[2], F32({5, 3})},
       kCell,
       "! hiddenState has shape [5,3], expected [3,5]"},
      {"gruCell",
       good,
       With(kCell, {{"bias", OperandId{0}}}),
       {F32({5})},
       "! bias has shape [5], expected [15]"},
      {"gruCell",
       good,
       With(kCell, {{"recurrentBias", OperandId{0}}}),
       {F32({1, 15})},
       "! recurrentBias has rank 2, expected 1"},
  });
  CheckActivations("gruCell", good, kCell, 2);
}

TEST_CASE("lstm gives the last hidden state, the last cell state and all hidden states where asked") {
  const std::vector<TensorDescriptor> one = {F32({2, 3, 4}), F32({1, 20, 4}), F32({1, 20, 5})};
  const std::vector<TensorDescriptor> both = {F16({2, 3, 4}), F16({2, 20, 4}), F16({2, 20, 5})};
  RunCases({
      {"lstm", one, kSequence, "float32[1,3,5] float32[1,3,5]"},
      {"lstm", one, With(kSequence, {{"returnSequence", true}, {"direction", Str("backward")}}),
       "float32[1,3,5] float32[1,3,5] float32[2,1,3,5]"},
      {"lstm",
       both,
       With(kSequence, {{"direction", Str("both")},
                        {"returnSequence", true},
                        {"layout", Str("ifgo")},
                        {"bias", OperandId{0}},
                        {"recurrentBias", OperandId{1}},
                        {"peepholeWeight", OperandId{2}},
                        {"initialHiddenState", OperandId{3}},
                        {"initialCellState", OperandId{4}},
                        {"activations", Strings({"relu", "sigmoid", "tanh"})}}),
       {F16({2, 20}), F16({2, 20}), F16({2, 15}), F16({2, 3, 5}), F16({2, 3, 5})},
       "float16[2,3,5] float16[2,3,5] float16[2,2,3,5]"},
      {"lstm", one, With(kSequence, {{"steps", Int(1)}}), "! steps is 1, but input has 2"},
      {"lstm", one, With(kSequence, {{"steps", Int(0)}}), "! steps 0 is out of range, expected at least 1"},
      {"lstm", one, With(kSequence, {{"hiddenSize", Int(268435456)}}),
       "! hiddenSize is 268435456, expected at most 268435455"},
      {"lstm", one, With(kSequence, {{"direction", Str("both")}}),
       "! weight has shape [1,20,4], expected [2,20,4]"},
      {"lstm", one, With(kSequence, {{"layout", Str("zrn")}}),
       "! layout is \"zrn\", expected one of iofg, ifgo"},
      {"lstm", one, With(kSequence, {{"resetAfter", true}}), "! attribute \"resetAfter\" is unknown"},
  });
  CheckActivations("lstm", one, kSequence, 3);
}

TEST_CASE("lstm checks the types and shapes of its operands") {
  const TensorDescriptor input = F32({2, 3, 4});
  const TensorDescriptor weight = F32({1, 20, 4});
  const TensorDescriptor recurrent = F32({1, 20, 5});
  RunCases({
      {"lstm",
       {U8({2, 3, 4}), weight, recurrent},
       kSequence,
       "! input has data type uint8, expected float32, float16"},
      {"lstm",
       {input, F16({1, 20, 4}), recurrent},
       kSequence,
       "! weight has data type float16, expected float32 like input"},
      {"lstm", {input, F32({20, 4}), recurrent}, kSequence, "! weight has rank 2, expected 3"},
      {"lstm",
       {input, F32({1, 15, 4}), recurrent},
       kSequence,
       "! weight has shape [1,15,4], expected [1,20,4]"},
      {"lstm",
       {input, weight, F32({1, 20, 4})},
       kSequence,
       "! recurrentWeight has shape [1,20,4], expected [1,20,5]"},
  });
  const auto optional = [&](const char* name, TensorDescriptor operand, const std::string& expected) {
    RunCases({{"lstm",
               {input, weight, recurrent},
               With(kSequence, {{name, OperandId{0}}}),
               {operand},
               expected.c_str()}});
  };
  for (const char* name :
       {"bias", "recurrentBias", "peepholeWeight", "initialHiddenState", "initialCellState"}) {
    const std::string prefix = std::string("! ") + name;
    const bool is_state = prefix.ends_with("State");
    const bool is_peephole = prefix.ends_with("peepholeWeight");
    const Shape good = is_state ? Shape{1, 3, 5} : Shape{1, is_peephole ? 15u : 20u};
    optional(name, F32(good), "float32[1,3,5] float32[1,3,5]");
    optional(name, F16(good), prefix + " has data type float16, expected float32 like input");
    Shape bad = good;
    bad.back() = 7;
    optional(name, F32(bad),
             prefix + " has shape " + ShapeToString(bad) + ", expected " + ShapeToString(good));
    bad.pop_back();
    optional(name, F32(bad), prefix + (is_state ? " has rank 2, expected 3" : " has rank 1, expected 2"));
  }
}

TEST_CASE("lstmCell is one step without directions") {
  const std::vector<TensorDescriptor> good = {F32({3, 4}), F32({20, 4}), F32({20, 5}), F32({3, 5}),
                                              F32({3, 5})};
  RunCases({
      {"lstmCell", good, kCell, "float32[3,5] float32[3,5]"},
      {"lstmCell",
       good,
       With(kCell, {{"bias", OperandId{0}},
                    {"recurrentBias", OperandId{1}},
                    {"peepholeWeight", OperandId{2}},
                    {"layout", Str("ifgo")}}),
       {F32({20}), F32({20}), F32({15})},
       "float32[3,5] float32[3,5]"},
      {"lstmCell", good, {{"hiddenSize", Int(4)}}, "! weight has shape [20,4], expected [16,4]"},
      {"lstmCell",
       good,
       {{"hiddenSize", Int(268435456)}},
       "! hiddenSize is 268435456, expected at most 268435455"},
      {"lstmCell",
       {good[0], good[1], good[2], good[3], F32({1, 5})},
       kCell,
       "! cellState has shape [1,5], expected [3,5]"},
      {"lstmCell",
       {good[0], good[1], good[2], F32({3, 4}), good[4]},
       kCell,
       "! hiddenState has shape [3,4], expected [3,5]"},
      {"lstmCell",
       {good[0], good[1], good[2], good[3], F16({3, 5})},
       kCell,
       "! cellState has data type float16, expected float32 like input"},
      {"lstmCell", {good[0], good[1], good[2], good[3]}, kCell, "! operands are 4, expected 5"},
      {"lstmCell",
       good,
       With(kCell, {{"peepholeWeight", OperandId{0}}}),
       {F32({20})},
       "! peepholeWeight has shape [20], expected [15]"},
  });
  CheckActivations("lstmCell", good, kCell, 3);
}

TEST_CASE("the number of steps is limited") {
  GraphLimits limits;
  limits.max_recurrent_steps = 3;
  const auto operands = [](uint32_t steps, uint32_t rows) {
    return std::vector<TensorDescriptor>{F32({steps, 1, 1}), F32({1, rows, 1}), F32({1, rows, 1})};
  };
  for (const auto& [type, rows, good] :
       {std::tuple("gru", 3u, "float32[1,1,1]"), std::tuple("lstm", 4u, "float32[1,1,1] float32[1,1,1]")}) {
    RunCases({{type, operands(3, rows), {{"steps", Int(3)}, {"hiddenSize", Int(1)}}, good},
              {type,
               operands(4, rows),
               {{"steps", Int(4)}, {"hiddenSize", Int(1)}},
               "! steps is 4, expected at most 3"}},
             limits);
  }
}

}  // namespace
}  // namespace modeld
