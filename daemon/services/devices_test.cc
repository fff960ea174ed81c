#include "daemon/services/devices.h"

#include <catch2/catch.hpp>

#include "engine/backend/reference/reference_backend.h"

namespace modeld {
namespace {

TEST_CASE("A choice has the daemon's options and the context's threads") {
  const ReferenceBackend backend;
  const CompileOptions plain = Devices({&backend}, 4).Choose({})->options;
  CHECK(plain == CompileOptions{});
  const Devices devices({&backend}, 4, {.num_threads = 9, .fuse = false, .claim = false});
  const CompileOptions chosen = devices.Choose({.num_threads = 2, .device = "reference"})->options;
  CHECK(chosen == CompileOptions{.num_threads = 2, .fuse = false, .claim = false});
}

TEST_CASE("Threads are bounded by the machine's, and low power means one") {
  const ReferenceBackend backend;
  const Devices devices({&backend}, 4);
  CHECK(devices.Choose({.num_threads = 9})->options.num_threads == 4);
  CHECK(devices.Choose({.low_power = true})->options.num_threads == 1);
  CHECK(devices.Choose({.low_power = true, .num_threads = 3})->options.num_threads == 3);
  CHECK(devices.Choose({.device = "abacus"}).status().code() == absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace modeld
