#include "daemon/services/memory_slots.h"

#include <catch2/catch.hpp>
#include <vector>

namespace modeld {
namespace {

TEST_CASE("one app's many sessions cannot take every descriptor of the daemon") {
  const auto slots = MemorySlots::Create(/*limit=*/5, /*limit_per_app=*/3);
  std::vector<MemorySlots::Slot> held;
  for (int i = 0; i < 3; ++i) held.push_back(slots->Take("greedy").value());
  const auto refused = slots->Take("greedy").status();
  CHECK(refused.code() == absl::StatusCode::kResourceExhausted);
  CHECK(std::string(refused.message()) ==
        "tensors and handed-over memory: this app's sessions have 3 together, the limit");
  held.push_back(slots->Take("other").value());
  held.push_back(slots->Take("other").value());
  CHECK(slots->Take("third").status().code() == absl::StatusCode::kResourceExhausted);
  held.pop_back();
  CHECK(slots->Take("third").ok());
}

TEST_CASE("a place is free again when its last holder lets go") {
  auto slots = MemorySlots::Create(1, 1);
  MemorySlots::Slot first = slots->Take("me").value();
  MemorySlots::Slot copy = first;
  first.reset();
  CHECK_FALSE(slots->Take("me").ok());
  copy.reset();
  copy = slots->Take("me").value();
  // What outlives the daemon's table still returns its place to something.
  slots.reset();
  copy.reset();
}

}  // namespace
}  // namespace modeld
