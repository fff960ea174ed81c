// Prints the table of engine/ops/README.md as it should be: bazel run //engine/testing:print_operation_table
// The cases of engine/ops use Catch2, which this program gives its code to.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#include <cstdio>

#include "engine/testing/operation_table.h"

int main() {
  std::printf("%s", modeld::testing::OperationTable().c_str());
  return 0;
}
