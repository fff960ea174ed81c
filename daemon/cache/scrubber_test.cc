#include "daemon/cache/scrubber.h"

#include <catch2/catch.hpp>

#include "absl/synchronization/notification.h"
#include "storage/test_store.h"

namespace modeld {
namespace {

using storage::Bytes;
using storage::TestModel;
using storage::TestStore;

const TestModel kModel{"graph", {Bytes(1000, 1), Bytes(2000, 2)}};
// So many that no test waits for the rate.
constexpr uint64_t kFast = uint64_t{1} << 40;

TEST_CASE("the scrub finds damage by itself, and tells the models that it costs") {
  TestStore store;
  REQUIRE(StoreWhole(*store, "app:one", kModel).ok());
  store.cache->FlipBit(storage::BlobPathOf(kModel.constants[0]), 3);
  absl::Notification done;
  storage::ScrubStep found;
  {
    const Scrubber scrubber(store->integrity(), store.clock, {.bytes_per_second = kFast},
                            [&](const storage::ScrubStep& step) {
                              found = step;
                              done.Notify();
                            });
    done.WaitForNotification();
  }
  CHECK(found.models == std::vector<Digest>{kModel.id()});
  CHECK(absl::IsDataLoss(ReadWhole(*store, "app:one", kModel)));
}

TEST_CASE("a scrub that is off reads nothing") {
  TestStore store;
  REQUIRE(StoreWhole(*store, "app:one", kModel).ok());
  {
    const Scrubber scrubber(store->integrity(), store.clock, {}, [](const storage::ScrubStep&) {});
  }
  CHECK(store->integrity().last_scrubbed() == absl::InfinitePast());
}

TEST_CASE("a scrub that waits for its rate ends at once when it is told to") {
  TestStore store;
  REQUIRE(StoreWhole(*store, "app:one", kModel).ok());
  {
    // One byte in a second: the first piece alone would take many minutes.
    const Scrubber scrubber(store->integrity(), store.clock, {.bytes_per_second = 1},
                            [](const storage::ScrubStep&) {});
  }
  CHECK(store->integrity().last_scrubbed() == absl::InfinitePast());
}

}  // namespace
}  // namespace modeld
