// What libFuzzer calls, and what replay_main.cc calls in its place where there is no libFuzzer.
#ifndef MODELD_TESTS_FUZZ_FUZZ_TARGET_H_
#define MODELD_TESTS_FUZZ_FUZZ_TARGET_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"

// Judges one input; ends the process when something is wrong. Returns 0. Defined by each target, once.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace modeld::fuzz {

// Ends the process with a message, for libFuzzer to keep the input, unless `holds`.
inline void Require(bool holds, absl::string_view what, absl::string_view detail = "") {
  if (holds) return;
  std::fprintf(stderr, "PROPERTY VIOLATED: %s %s\n", std::string(what).c_str(), std::string(detail).c_str());
  std::abort();
}

}  // namespace modeld::fuzz

#endif  // MODELD_TESTS_FUZZ_FUZZ_TARGET_H_
