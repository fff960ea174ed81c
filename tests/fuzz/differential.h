// One graph on every backend, in every way of compiling it, against bounds of what it must give.
#ifndef MODELD_TESTS_FUZZ_DIFFERENTIAL_H_
#define MODELD_TESTS_FUZZ_DIFFERENTIAL_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/fuzz/graph_maker.h"

namespace modeld::fuzz {

// How much the bounds of the elements compared so far said.
struct Sharpness {
  uint64_t exact = 0;
  // No wider than a thousandth of the value (float16: a hundredth), or 1e-3 where that is less.
  uint64_t narrow = 0;
  uint64_t wide = 0;
  uint64_t unbounded = 0;
};

// Runs a sample on the reference backend and on the cpu backend: fused, unfused, and with nothing claimed.
// Every element of every output must lie within its bounds (bound_graph.h). Nothing when it does, else what
// went wrong, beginning with the way of compiling. Adds to `sharpness`, if not null. Thread-safe.
std::optional<std::string> Difference(const Sample& sample, Sharpness* sharpness = nullptr);

// As above for results that came from elsewhere, one for each output. For tests of the comparison.
std::optional<std::string> DifferenceOf(const Sample& sample, const std::vector<testing::Tensor>& found);

// A smaller sample that fails too: outputs are dropped, and operations replaced by what they gave.
Sample Minimised(const Sample& sample);

// The sample for a person: the graph's text, and its inputs and constants where they are short.
std::string ToText(const Sample& sample);

}  // namespace modeld::fuzz

#endif  // MODELD_TESTS_FUZZ_DIFFERENTIAL_H_
