#include "engine/runtime/memory_plan.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>
#include <random>

namespace modeld {
namespace {

TEST_CASE("buffers that live one after the other share their bytes") {
  const std::vector<BufferLifetime> buffers = {{100, 0, 1}, {100, 1, 2}, {100, 2, 3}, {100, 3, 4}};
  const auto plan = PlanMemory(buffers);
  REQUIRE(plan.ok());
  CHECK(plan->total_bytes == 256);
  CHECK(plan->offsets[0] == plan->offsets[2]);
  CHECK(plan->offsets[1] == plan->offsets[3]);
  CHECK(plan->offsets[0] != plan->offsets[1]);
}

TEST_CASE("the smallest hole that fits is taken") {
  const std::vector<BufferLifetime> holes = {{640, 0, 1}, {128, 0, 1}, {64, 0, 9}, {128, 2, 2}, {640, 2, 2}};
  const auto fitted = PlanMemory(holes);
  REQUIRE(fitted.ok());
  CHECK(fitted->total_bytes == 640 + 128 + 64);
}

TEST_CASE("a hole at the end grows instead of staying empty") {
  const std::vector<BufferLifetime> buffers = {{64, 0, 5}, {128, 0, 1}, {640, 2, 3}};
  const auto plan = PlanMemory(buffers);
  REQUIRE(plan.ok());
  CHECK(plan->total_bytes <= 64 + 128 + 640);
  CHECK(plan->offsets[2] % kBufferAlignment == 0);
}

TEST_CASE("an empty plan takes nothing") {
  const auto plan = PlanMemory({});
  REQUIRE(plan.ok());
  CHECK(plan->total_bytes == 0);
}

TEST_CASE("sizes past the address space are refused, not wrapped") {
  const uint64_t half = uint64_t{1} << 62;
  CHECK(PlanMemory(std::vector<BufferLifetime>{{half, 0, 1}}).ok());
  CHECK(PlanMemory(std::vector<BufferLifetime>{{half, 0, 1}, {half, 1, 2}}).status().code() ==
        absl::StatusCode::kResourceExhausted);
  CHECK(
      PlanMemory(std::vector<BufferLifetime>{{std::numeric_limits<uint64_t>::max(), 0, 1}}).status().code() ==
      absl::StatusCode::kResourceExhausted);
}

TEST_CASE("random lifetimes: what lives at the same time never shares a byte") {
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    std::mt19937 random(seed);
    INFO("seed " << seed);
    const uint32_t count = 1 + random() % 120;
    std::vector<BufferLifetime> buffers;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t first = random() % 40;
      buffers.push_back({random() % 5000, first, first + static_cast<uint32_t>(random() % 10)});
      sum += (buffers.back().bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
    }
    const auto plan = PlanMemory(buffers);
    REQUIRE(plan.ok());
    REQUIRE(plan->offsets.size() == count);
    CHECK(plan->total_bytes <= sum);
    for (uint32_t i = 0; i < count; ++i) {
      const BufferLifetime& a = buffers[i];
      REQUIRE(plan->offsets[i] % kBufferAlignment == 0);
      REQUIRE(plan->offsets[i] + a.bytes <= plan->total_bytes);
      for (uint32_t j = 0; j < i; ++j) {
        const BufferLifetime& b = buffers[j];
        const bool together = a.first_step <= b.last_step && b.first_step <= a.last_step;
        const bool overlap =
            plan->offsets[i] < plan->offsets[j] + b.bytes && plan->offsets[j] < plan->offsets[i] + a.bytes;
        if (together && overlap) FAIL("buffers " << i << " and " << j << " overlap");
      }
    }
  }
}

TEST_CASE("a planned layout passes the check, and gives the same plan") {
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    std::mt19937 random(seed);
    INFO("seed " << seed);
    std::vector<BufferLifetime> buffers;
    for (uint32_t i = 0; i < 1 + random() % 80; ++i) {
      const uint32_t first = random() % 40;
      buffers.push_back({random() % 5000, first, first + static_cast<uint32_t>(random() % 10)});
    }
    const auto plan = PlanMemory(buffers);
    REQUIRE(plan.ok());
    const auto checked = CheckMemory(buffers, plan->offsets);
    INFO(checked.status());
    REQUIRE(checked.ok());
    CHECK(checked->offsets == plan->offsets);
    CHECK(checked->total_bytes == plan->total_bytes);
  }
}

TEST_CASE("a layout that nobody planned is accepted only if no two living buffers share a byte") {
  for (uint32_t seed = 1; seed <= 500; ++seed) {
    std::mt19937 random(seed);
    INFO("seed " << seed);
    std::vector<BufferLifetime> buffers;
    std::vector<uint64_t> offsets;
    for (uint32_t i = 0; i < 4; ++i) {
      const uint32_t first = random() % 4;
      buffers.push_back({1 + random() % 200, first, first + static_cast<uint32_t>(random() % 3)});
      offsets.push_back(kBufferAlignment * (random() % 8));
    }
    bool overlap = false;
    uint64_t end = 0;
    uint64_t sum = 0;
    const auto rounded = [](uint64_t bytes) {
      return (bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
    };
    for (size_t i = 0; i < buffers.size(); ++i) {
      const BufferLifetime& a = buffers[i];
      sum += rounded(a.bytes);
      end = std::max(end, offsets[i] + rounded(a.bytes));
      for (size_t j = 0; j < i; ++j) {
        const BufferLifetime& b = buffers[j];
        overlap |= a.first_step <= b.last_step && b.first_step <= a.last_step &&
                   offsets[i] < offsets[j] + rounded(b.bytes) && offsets[j] < offsets[i] + rounded(a.bytes);
      }
    }
    const auto checked = CheckMemory(buffers, offsets);
    CHECK(checked.ok() == (!overlap && end <= sum));
    if (checked.ok()) CHECK(checked->total_bytes == end);
  }
}

TEST_CASE("a layout with impossible offsets is refused") {
  const std::vector<BufferLifetime> buffers = {{64, 0, 1}, {64, 1, 2}, {0, 1, 1}};
  const auto refused = [&](std::vector<uint64_t> offsets) {
    return CheckMemory(buffers, offsets).status().code() == absl::StatusCode::kInvalidArgument;
  };
  CHECK(CheckMemory(buffers, std::vector<uint64_t>{64, 0, 0}).ok());
  CHECK(refused({64, 0}));
  CHECK(refused({64, 0, 0, 0}));
  CHECK(refused({0, 0, 0}));
  CHECK(refused({0, 32, 0}));
  CHECK(refused({0, 128, 0}));
  CHECK(refused({0, ~uint64_t{63}, 0}));
  CHECK(refused({0, 64, 64}));
  CHECK(CheckMemory(std::vector<BufferLifetime>{{~uint64_t{0}, 0, 0}}, std::vector<uint64_t>{0})
            .status()
            .code() == absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace modeld
