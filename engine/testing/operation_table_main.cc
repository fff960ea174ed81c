// Prints the table of engine/ops/README.md as it should be: bazel run //engine/testing:print_operation_table
#include <cstdio>

#include "engine/testing/operation_table.h"

int main() {
  std::printf("%s", modeld::testing::OperationTable().c_str());
  return 0;
}
