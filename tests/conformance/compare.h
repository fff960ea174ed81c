// Comparing what a model computed with what was expected of it.
#ifndef MODELD_TESTS_CONFORMANCE_COMPARE_H_
#define MODELD_TESTS_CONFORMANCE_COMPARE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/graph/data_type.h"
#include "tests/conformance/elements.h"

namespace modeld::conformance {

enum class Metric {
  // The distance of two floats' bits, read as signed integers of their width, is at most `value`; 0 and -0
  // are the same, and so are two NaNs. Of integers: the absolute difference.
  kUlp,
  // The absolute difference is at most `value`.
  kAtol,
  // numpy.allclose: at most `value` + `relative` * |expected|.
  kClose,
};

// How far an element may be from what was expected. For float types two NaNs are equal, and so is an infinity
// to itself, in every metric; a NaN is equal to nothing else.
struct Tolerance {
  Metric metric = Metric::kUlp;
  double value = 0;
  double relative = 0;

  // "ULP 3".
  std::string ToString() const;
};

// The tolerance of a vector's metric name, "ULP" or "ATOL". INVALID_ARGUMENT: another name, or a value that
// is negative or no number.
absl::StatusOr<Tolerance> MakeTolerance(absl::string_view metric, double value);

// One element that is wrong.
struct WrongElement {
  uint64_t index = 0;
  Element expected = 0;
  Element got = 0;
};

struct Comparison {
  uint64_t compared = 0;
  uint64_t wrong = 0;
  // The largest distance.
  double worst = 0;
  // The first few of the wrong ones.
  std::vector<WrongElement> examples;
};

// How far `got` is from `expected`, in what the tolerance counts; infinity where no tolerance suffices.
double Distance(DataType type, Element expected, Element got, const Tolerance& tolerance);

// Whether `got` is near enough to `expected`.
bool Agree(DataType type, Element expected, Element got, const Tolerance& tolerance);

// Compares element by element. Requires: as many of the one as of the other.
Comparison Compare(DataType type, std::span<const Element> expected, std::span<const Element> got,
                   const Tolerance& tolerance, size_t max_examples = 5);

// "element 7: expected 1.5, got 2; element 9: ... (12 of 40 wrong, tolerance ULP 3)".
std::string Describe(DataType type, const Comparison& comparison, const Tolerance& tolerance);

}  // namespace modeld::conformance

#endif  // MODELD_TESTS_CONFORMANCE_COMPARE_H_
