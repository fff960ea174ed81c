// Random sizes, shapes and elements for test cases.
#ifndef MODELD_ENGINE_TESTING_RANDOM_SOURCE_H_
#define MODELD_ENGINE_TESTING_RANDOM_SOURCE_H_

#include <cstdint>
#include <random>
#include <utility>

#include "engine/testing/tensor.h"

namespace modeld::testing {

// The least value of an integer type, and a double that is no larger than its greatest: both convert to it
// without overflow. Thread-safe.
std::pair<double, double> IntegerRange(DataType type);

// What the elements of a random tensor are like.
enum class Elements : uint8_t {
  // Floats within [-1, 1], so that sums stay small.
  kSmall,
  // Floats within [-4, 4].
  kPlain,
  // As kPlain, with some NaN, infinities, zeros and numbers too large for integers; integers with their
  // extremes.
  kExtreme,
};

// A seeded source; the same seed gives the same cases on every machine, as only the engine's bits are used.
// Not thread-safe.
class RandomSource {
 public:
  explicit RandomSource(uint64_t seed) : engine_(seed) {}

  // Within [least, most].
  uint32_t Between(uint32_t least, uint32_t most) {
    return least + static_cast<uint32_t>(engine_() % (uint64_t{most} - least + 1));
  }
  // True once in `n` times.
  bool Once(uint32_t n) { return Between(1, n) == 1; }
  // Within [-1, 1].
  double Unit() { return static_cast<double>(engine_() >> 11) / static_cast<double>(uint64_t{1} << 52) - 1; }

  // Of a rank within [least_rank, most_rank], at most 4096 elements; mostly small sizes, some large.
  Shape AnyShape(uint32_t least_rank = 0, uint32_t most_rank = 5);
  Tensor AnyTensor(DataType type, Shape shape, Elements elements);

 private:
  double Element(DataType type, Elements elements);

  std::mt19937_64 engine_;
};

}  // namespace modeld::testing

#endif  // MODELD_ENGINE_TESTING_RANDOM_SOURCE_H_
