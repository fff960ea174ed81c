// Random graphs, cpu against reference: bazel run //tests/fuzz:differential -- --help
#include <chrono>
#include <cstdio>
#include <iostream>
#include <random>

#include "CLI/CLI.hpp"
#include "engine/ops/table.h"
#include "tests/fuzz/differential.h"

int main(int argc, char** argv) {
  using namespace modeld::fuzz;
  uint64_t graphs = 10'000;
  uint64_t seed = std::random_device()();
  double minutes = 0;
  uint64_t most_failures = 10;
  MakerOptions options;
  CLI::App app{
      "Random valid graphs on the reference and the cpu backend, each element compared with its bounds."};
  app.add_option("--graphs", graphs, "how many graphs")->capture_default_str();
  app.add_option("--seed", seed, "the first graph's seed, the others count up; random unless given");
  app.add_option("--minutes", minutes, "for so long instead of --graphs");
  app.add_option("--max-operations", options.max_operations, "operations of a graph, at most")
      ->capture_default_str();
  app.add_option("--filter", options.only, "graphs of this operation only");
  app.add_option("--max-failures", most_failures, "stop after so many")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (!options.only.empty() && modeld::FindOp(options.only) == nullptr) {
    std::cerr << "--filter: there is no operation " << options.only << "\n";
    return 2;
  }
  std::cout << "seed " << seed << std::endl;
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(minutes * 60);
  uint64_t passed = 0;
  uint64_t failed = 0;
  Sharpness sharpness;
  for (uint64_t i = 0; minutes > 0 ? std::chrono::steady_clock::now() < end : i < graphs; ++i) {
    const Sample sample = RandomSample(seed + i, options);
    if (!Difference(sample, &sharpness)) {
      ++passed;
      continue;
    }
    ++failed;
    const Sample smaller = Minimised(sample);
    std::cout << "\nFAILED: --seed " << seed + i << " --graphs 1\n"
              << Difference(smaller).value_or("not when minimised: " +
                                              Difference(sample).value_or("never again"))
              << "\n"
              << ToText(smaller) << std::endl;
    if (failed >= most_failures) break;
  }
  std::printf(
      "elements: %llu exact, %llu narrow, %llu wide, %llu unbounded\n",
      static_cast<unsigned long long>(sharpness.exact), static_cast<unsigned long long>(sharpness.narrow),
      static_cast<unsigned long long>(sharpness.wide), static_cast<unsigned long long>(sharpness.unbounded));
  std::printf("%llu passed, %llu failed\n", static_cast<unsigned long long>(passed),
              static_cast<unsigned long long>(failed));
  return failed == 0 && passed > 0 ? 0 : 1;
}
