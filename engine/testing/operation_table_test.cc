#include "engine/testing/operation_table.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <string>

namespace modeld::testing {
namespace {

TEST_CASE("engine/ops/README.md holds the table as it is") {
  std::ifstream file("engine/ops/README.md");
  REQUIRE(file);
  const std::string readme{std::istreambuf_iterator<char>(file), {}};
  // When this fails: put what //engine/testing:print_operation_table prints into README.md, behind its last
  // heading.
  CHECK_THAT(readme, Catch::EndsWith("\n\n" + OperationTable()));
}

}  // namespace
}  // namespace modeld::testing
