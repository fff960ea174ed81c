// Seeds of random tests.
#ifndef MODELD_TESTS_FUZZ_SEED_H_
#define MODELD_TESTS_FUZZ_SEED_H_

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>

namespace modeld::fuzz {

// The environment's MODELD_FUZZ_SEED, else a random one; prints it.
inline uint64_t SeedOfTest() {
  const char* given = std::getenv("MODELD_FUZZ_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::cout << "seed " << seed << " (MODELD_FUZZ_SEED repeats it)" << std::endl;
  return seed;
}

}  // namespace modeld::fuzz

#endif  // MODELD_TESTS_FUZZ_SEED_H_
