// For tests of ProgramCache: programs of weights alone, whose compilations take a second of a clock that only
// they and the tests move.
#ifndef MODELD_DAEMON_SERVICES_TEST_PROGRAMS_H_
#define MODELD_DAEMON_SERVICES_TEST_PROGRAMS_H_

#include <atomic>
#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/services/program_cache.h"

namespace modeld {

using Key = ProgramCache::Key;
using ProgramPtr = ProgramCache::ProgramPtr;
using HandlePtr = ProgramCache::HandlePtr;

inline constexpr absl::Duration kKeepAlive = absl::Minutes(5);
inline constexpr absl::Duration kCompileTime = absl::Seconds(1);
inline constexpr uint64_t kWeightBytes = 1000;

// What a test's partition has to go through for a program.
class TestSource : public ProgramSource {
 public:
  explicit TestSource(std::function<absl::StatusOr<Made>()> make) : make_(std::move(make)) {}
  absl::StatusOr<Made> Make() override { return make_(); }
  bool HasPaid() override { return paid; }
  void NotePaid() override { paid = noted = true; }

  bool paid = false;
  bool noted = false;

 private:
  const std::function<absl::StatusOr<Made>()> make_;
};

inline ProgramPtr NewProgram(const Region& weights) {
  auto program = std::make_shared<Program>();
  program->constants.push_back(weights);
  return program;
}

inline Region Weights() {
  return Region::FromVector(std::vector<std::byte>(kWeightBytes));
}

// A cache whose compilations take a second of a clock that only they and the tests move.
struct ProgramFixture {
  explicit ProgramFixture(policy::ResidencyBounds bounds = {.keep_alive = kKeepAlive, .budget_bytes = 0},
                          policy::FirstBuild first_build = policy::FirstBuild::kCompile)
      : cache(pool, clock, {bounds, first_build, [this](absl::Duration duration, const CancelToken&) {
                              absl::MutexLock lock(&mu);
                              pauses.push_back(duration);
                            }}) {}

  FakeClock clock;
  Scheduler pool{{"compilations", 4, 16}};
  std::atomic<int> made = 0;
  absl::Mutex mu;
  std::vector<absl::Duration> pauses;
  ProgramCache cache;
  Cancellation nobody_leaves;

  TestSource compiling{[this]() -> absl::StatusOr<ProgramSource::Made> {
    ++made;
    clock.Advance(kCompileTime);
    return ProgramSource::Made{NewProgram(Weights()), kCompileTime};
  }};
  HandlePtr Get(const std::string& partition, const Key& key, uint64_t session = 1) {
    auto handle = cache.Get(partition, key, session, nobody_leaves, compiling);
    REQUIRE(handle.ok());
    return *handle;
  }
  ProgramPtr Use(const HandlePtr& handle) {
    auto program = cache.Use(*handle, 1, nobody_leaves, compiling);
    REQUIRE(program.ok());
    return *program;
  }
  // For how long the partition's program stays; nothing: it has none.
  std::optional<absl::Duration> Left(const std::string& partition, const Key& key) const {
    for (const auto& residency : cache.Residencies()) {
      if (residency.partition == partition && residency.key == key) return residency.idle_left;
    }
    return std::nullopt;
  }
};

inline const Key kKey{Digest::Of("model"), "cpu", 0};
inline const Key kOther{Digest::Of("other"), "cpu", 0};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_TEST_PROGRAMS_H_
