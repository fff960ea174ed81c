// What the table of operations cannot tell of the shapes that go together.
#ifndef MODELD_TESTS_FUZZ_RECIPES_H_
#define MODELD_TESTS_FUZZ_RECIPES_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "tests/fuzz/graph_maker.h"

namespace modeld::fuzz {

// Draws the operands of one operation, and those attributes that depend on shapes; what it leaves unset is
// drawn by kind and name. A draft that turns out invalid is thrown away, so a recipe may gamble.
struct Recipe {
  absl::string_view type;
  void (*draw)(Draft&);
};

// The recipe for an operation. Where there is none of its own: operands that broadcast to the first one.
void (*RecipeFor(absl::string_view type))(Draft&);

// The tables, by family.
const std::vector<Recipe>& ProductRecipes();
const std::vector<Recipe>& MovementRecipes();
const std::vector<Recipe>& RecurrentRecipes();

// Draws every attribute of the schema that is not set: by its name ("axis", "axes"), else by its kind. Those
// that are not required are left out one time in two. `first`: the first operand.
void DrawOtherAttributes(Draft& draft, const TensorDescriptor& first);

// Sizes and strides that divide, subsets and such.
std::vector<uint32_t> SubsetOfAxes(Draft& draft, size_t rank);
Shape BroadcastableTo(Draft& draft, const Shape& shape);
uint32_t DivisorOf(Draft& draft, uint32_t size);

}  // namespace modeld::fuzz

#endif  // MODELD_TESTS_FUZZ_RECIPES_H_
