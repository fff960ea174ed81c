#include "daemon/heap.h"

#include <barrier>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace modeld {
namespace {

constexpr int kThreads = 8;
constexpr size_t kPerThread = size_t{16} << 20;
constexpr size_t kTotal = kThreads * kPerThread;

// Bytes that no file backs, resident or swapped out.
size_t Resident() {
  std::ifstream status("/proc/self/status");
  std::string word;
  size_t sum = 0, kib = 0;
  while (status >> word) {
    if ((word == "RssAnon:" || word == "VmSwap:") && status >> kib) sum += kib << 10;
  }
  return sum;
}

// Fills and frees blocks of this size on threads of their own, a small one behind them kept in use, as calls
// leave some: the arenas cannot shrink from their ends. Returns what is resident while the threads live on.
template <typename Then>
void Flood(size_t block, Then then) {
  std::barrier freed(kThreads + 1), looked(kThreads + 1);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      std::vector<void*> blocks;
      for (size_t i = 0; i < kPerThread / block; ++i) {
        blocks.push_back(std::malloc(block));
        std::memset(blocks.back(), 1, block);
      }
      void* last = std::malloc(100);
      for (void* each : blocks) std::free(each);
      freed.arrive_and_wait();
      looked.arrive_and_wait();
      std::free(last);
    });
  }
  freed.arrive_and_wait();
  then();
  looked.arrive_and_wait();
  for (std::thread& thread : threads) thread.join();
}

TEST_CASE("large blocks go back when they are freed, small ones when asked for") {
  SetUpHeap();
  const size_t before = Resident();
  REQUIRE(before > 0);
  // Often enough for glibc to move its threshold, had it been left to.
  for (int round = 0; round < 3; ++round) {
    Flood(size_t{4} << 20, [&] { CHECK(Resident() < before + kTotal / 4); });
  }
  Flood(size_t{64} << 10, [&] {
    CHECK(Resident() > before + kTotal / 2);
    ReturnFreeMemory();
    CHECK(Resident() < before + kTotal / 4);
  });
}

}  // namespace
}  // namespace modeld
