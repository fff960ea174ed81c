// The main() of every unit test: Catch2's own, and at the end one line that scripts can add up.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#include <cstdio>

namespace {

struct SummaryListener : Catch::TestEventListenerBase {
  using TestEventListenerBase::TestEventListenerBase;

  void testRunEnded(const Catch::TestRunStats& stats) override {
    std::printf("%zu passed, %zu failed\n",
                stats.totals.testCases.passed + stats.totals.testCases.failedButOk,
                stats.totals.testCases.failed);
    std::fflush(stdout);
  }
};

CATCH_REGISTER_LISTENER(SummaryListener)

}  // namespace
