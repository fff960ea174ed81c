// Random graphs, cpu against reference; `bazel run //tests/fuzz:differential` does the same for longer.
#include "tests/fuzz/differential.h"

#include <catch2/catch.hpp>
#include <iostream>

#include "engine/ops/test_graph.h"
#include "tests/fuzz/seed.h"

namespace modeld::fuzz {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kGraphs = 500;
#else
constexpr uint64_t kGraphs = 10'000;
#endif

TEST_CASE("random graphs give on every backend what the operations' rules bound") {
  const uint64_t seed = SeedOfTest();
  Sharpness sharpness;
  for (uint64_t i = 0; i < kGraphs; ++i) {
    const Sample sample = RandomSample(seed + i);
    if (!Difference(sample, &sharpness)) continue;
    const Sample smaller = Minimised(sample);
    FAIL_CHECK("bazel run //tests/fuzz:differential -- --graphs 1 --seed " << seed + i << "\n"
                                                                           << Difference(smaller).value_or("")
                                                                           << "\n"
                                                                           << ToText(smaller));
  }
  std::cout << kGraphs << " graphs; elements: " << sharpness.exact << " exact, " << sharpness.narrow
            << " narrow, " << sharpness.wide << " wide, " << sharpness.unbounded << " unbounded" << std::endl;
  // Bounds that allow anything would find nothing.
  CHECK(sharpness.wide + sharpness.unbounded < (sharpness.exact + sharpness.narrow) / 5);
}

// A graph whose constant differs from what the bounds were told: every way of being wrong must show.
TEST_CASE("a wrong result does not pass for a right one") {
  TestGraph g;
  const OperandId x = g.Float("x", {4});
  g.Output("y", g.Op("exp", {g.Op("sin", {x})}));
  Sample sample;
  sample.graph = g.graph();
  sample.inputs["x"] = testing::TensorOf(DataType::kFloat32, {4}, {0.5, -1, 2, 0});
  CHECK_FALSE(Difference(sample).has_value());
  const std::optional<std::string> difference =
      DifferenceOf(sample, {testing::TensorOf(DataType::kFloat32, {4}, {1.6151463, 0.43107596, 2.4836, 1})});
  REQUIRE(difference.has_value());
  CHECK(difference->find("element [2]: found 2.4835") != std::string::npos);
}

}  // namespace
}  // namespace modeld::fuzz
