#include "storage/chunks.h"

#include <catch2/catch.hpp>

namespace modeld::storage {
namespace {

using Ranges = std::vector<ByteRange>;

TEST_CASE("a blob has as many chunks as cover it, the last one shorter") {
  CHECK(ChunkCount(0, 10) == 0);
  CHECK(ChunkCount(1, 10) == 1);
  CHECK(ChunkCount(10, 10) == 1);
  CHECK(ChunkCount(11, 10) == 2);
  CHECK(ChunkCount(UINT64_MAX, 1) == UINT64_MAX);
  CHECK(ChunkRange(0, 25, 10) == ByteRange{0, 10});
  CHECK(ChunkRange(2, 25, 10) == ByteRange{20, 25});
  CHECK(ChunkRange(0, UINT64_MAX, UINT64_MAX) == ByteRange{0, UINT64_MAX});
}

TEST_CASE("a map of chunks tells what is missing in ranges, in order") {
  ChunkMap map(45, 10);
  CHECK(map.missing() == Ranges{{0, 45}});
  CHECK(map.is_prefix());
  map.Hold(1);
  map.Hold(4);
  CHECK(map.missing() == Ranges{{0, 10}, {20, 40}});
  CHECK(map.held_bytes() == 15);
  CHECK_FALSE(map.is_prefix());
  map.Fill(3);
  CHECK(map.position() == 3);
  CHECK(map.room() == 7);
  CHECK(map.missing() == Ranges{{3, 10}, {20, 40}});
  CHECK(map.run_bytes(100) == 7);
  map.Hold(0);
  CHECK(map.position() == 20);
  CHECK(map.run_bytes(100) == 20);
  CHECK(map.run_bytes(12) == 12);
  map.Hold(3);
  map.Hold(2);
  CHECK(map.complete());
  CHECK(map.is_prefix());
  CHECK(map.missing().empty());
  CHECK(map.position() == 45);
  CHECK(map.room() == 0);
  CHECK(map.run_bytes(1) == 0);
  CHECK(map.held_bytes() == 45);
}

TEST_CASE("an empty blob is complete from the start") {
  const ChunkMap map(0, 10);
  CHECK(map.complete());
  CHECK(map.is_prefix());
  CHECK(map.missing().empty());
}

TEST_CASE("bits bring the whole chunks back, and stray bits do no harm") {
  ChunkMap map(205, 10);
  for (uint64_t index : {0, 3, 8, 20}) map.Hold(index);
  ChunkMap again(205, 10);
  again.HoldBits(map.bits());
  CHECK(again.missing() == map.missing());
  CHECK(again.bits() == map.bits());
  ChunkMap small(15, 10);
  small.HoldBits(std::string(100, '\xff'));
  CHECK(small.complete());
  ChunkMap none(205, 10);
  none.HoldBits("");
  CHECK(none.held_bytes() == 0);
}

TEST_CASE("sums of chunks do not depend on how the bytes come") {
  const std::string bytes = "the quick brown fox jumps over the lazy dog";
  std::vector<Digest> expected;
  for (size_t at = 0; at < bytes.size(); at += 10) expected.push_back(Digest::Of(bytes.substr(at, 10)));
  for (size_t step : {1, 3, 10, 17, 100}) {
    CAPTURE(step);
    ChunkSums sums(10);
    for (size_t at = 0; at < bytes.size(); at += step) {
      const std::string piece = bytes.substr(at, step);
      sums.Update(std::as_bytes(std::span(piece)));
    }
    CHECK(sums.Finish() == expected);
  }
  CHECK(ChunkSums(10).Finish().empty());
  CHECK(SplitDigests(JoinDigests(expected)) == expected);
  CHECK(SplitDigests("odd").empty());
}

}  // namespace
}  // namespace modeld::storage
