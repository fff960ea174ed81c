#include "engine/ops/documentation.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <string>

namespace modeld {
namespace {

TEST_CASE("README.md holds the table as it is") {
  std::ifstream file("engine/ops/README.md");
  REQUIRE(file);
  const std::string readme{std::istreambuf_iterator<char>(file), {}};
  // When this fails: put the expected text into README.md, behind its last heading.
  CHECK_THAT(readme, Catch::EndsWith("\n\n" + OpsTableMarkdown()));
}

}  // namespace
}  // namespace modeld
