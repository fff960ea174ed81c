#include "policy/first_build.h"

#include <catch2/catch.hpp>

namespace modeld::policy {
namespace {

TEST_CASE("each choice has its name, and nothing else is one") {
  CHECK(FirstBuildNamed("compile") == FirstBuild::kCompile);
  CHECK(FirstBuildNamed("wait") == FirstBuild::kWait);
  CHECK(FirstBuildNamed("share") == FirstBuild::kShare);
  for (const char* other : {"", "Compile", "share ", "shared", "0"}) {
    CAPTURE(other);
    CHECK(FirstBuildNamed(other) == std::nullopt);
  }
}

}  // namespace
}  // namespace modeld::policy
