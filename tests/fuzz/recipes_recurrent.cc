// gru, gruCell, lstm, lstmCell.
#include <string>

#include "tests/fuzz/recipes.h"

namespace modeld::fuzz {
namespace {

void DrawActivations(Draft& d, size_t count) {
  constexpr const char* kNames[] = {"sigmoid", "tanh", "relu"};
  if (d.random().Once(2)) return;
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) names.emplace_back(d.OneOf(kNames));
  d.Set("activations", names);
}

// `gates`: 3 of gru, 4 of lstm.
void DrawNetwork(Draft& d, uint32_t gates) {
  const TensorDescriptor x = d.AnyOperand();
  const uint32_t hidden = d.random().Between(1, 4);
  const uint32_t batch = x.shape[1];
  uint32_t directions = 1;
  if (d.random().Once(2)) {
    const std::string direction(d.OneOf(d.schema().FindAttribute("direction")->choices));
    directions = direction == "both" ? 2 : 1;
    d.Set("direction", direction);
  } else {
    d.Leave("direction");
  }
  d.Set("steps", int64_t{x.shape[0]});
  d.Set("hiddenSize", int64_t{hidden});
  d.OperandOf({directions, gates * hidden, x.shape[2]});
  d.OperandOf({directions, gates * hidden, hidden});
  d.MaybeOperand("bias", {directions, gates * hidden});
  d.MaybeOperand("recurrentBias", {directions, gates * hidden});
  d.MaybeOperand("initialHiddenState", {directions, batch, hidden});
  if (gates == 4) {
    d.MaybeOperand("peepholeWeight", {directions, 3 * hidden});
    d.MaybeOperand("initialCellState", {directions, batch, hidden});
  }
  DrawActivations(d, gates - 1);
}

void DrawCell(Draft& d, uint32_t gates) {
  const TensorDescriptor x = d.AnyOperand();
  const uint32_t hidden = d.random().Between(1, 4);
  const uint32_t batch = x.shape[0];
  d.Set("hiddenSize", int64_t{hidden});
  d.OperandOf({gates * hidden, x.shape[1]});
  d.OperandOf({gates * hidden, hidden});
  d.OperandOf({batch, hidden});
  if (gates == 4) d.OperandOf({batch, hidden});
  d.MaybeOperand("bias", {gates * hidden});
  d.MaybeOperand("recurrentBias", {gates * hidden});
  if (gates == 4) d.MaybeOperand("peepholeWeight", {3 * hidden});
  DrawActivations(d, gates - 1);
}

}  // namespace

const std::vector<Recipe>& RecurrentRecipes() {
  static const std::vector<Recipe> recipes = {
      {"gru", [](Draft& d) { DrawNetwork(d, 3); }},
      {"lstm", [](Draft& d) { DrawNetwork(d, 4); }},
      {"gruCell", [](Draft& d) { DrawCell(d, 3); }},
      {"lstmCell", [](Draft& d) { DrawCell(d, 4); }},
  };
  return recipes;
}

}  // namespace modeld::fuzz
