#include "daemon/memory/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "catch2/catch.hpp"

namespace modeld {
namespace {

constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;

UniqueFd MakeMemfd(absl::string_view content, int seals) {
  UniqueFd fd(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(fd.valid());
  REQUIRE(write(fd.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  REQUIRE(fcntl(fd.get(), F_ADD_SEALS, seals) == 0);
  return fd;
}

TEST_CASE("A descriptor is closed by its last owner, once") {
  int number = -1;
  {
    UniqueFd first = MakeMemfd("x", 0);
    number = first.get();
    UniqueFd second = std::move(first);
    CHECK_FALSE(first.valid());
    CHECK(second.get() == number);
    CHECK(fcntl(number, F_GETFD) >= 0);
    second = UniqueFd();
    CHECK(fcntl(number, F_GETFD) < 0);
  }
  UniqueFd kept = MakeMemfd("x", 0);
  number = kept.release();
  CHECK_FALSE(kept.valid());
  CHECK(close(number) == 0);
}

TEST_CASE("A tensor's memory is zero, writable by both sides, and cannot be resized by anybody") {
  auto memory = SharedMemory::Create(10'000).value();
  REQUIRE(memory->bytes().size() == 10'000);
  CHECK(std::all_of(memory->bytes().begin(), memory->bytes().end(),
                    [](std::byte b) { return b == std::byte{0}; }));

  // What a client does with the descriptor that it received.
  UniqueFd client(fcntl(memory->fd(), F_DUPFD_CLOEXEC, 0));
  CHECK(ftruncate(client.get(), 0) < 0);
  CHECK(errno == EPERM);
  CHECK(ftruncate(client.get(), 1 << 20) < 0);
  CHECK(fcntl(client.get(), F_ADD_SEALS, F_SEAL_WRITE) < 0);
  REQUIRE(pwrite(client.get(), "abc", 3, 9'997) == 3);
  CHECK(std::memcmp(memory->bytes().data() + 9'997, "abc", 3) == 0);
  memory->bytes()[0] = std::byte{7};
  char byte = 0;
  REQUIRE(pread(client.get(), &byte, 1, 0) == 1);
  CHECK(byte == 7);
}

TEST_CASE("Memory of an impossible size is refused") {
  for (const uint64_t size : {uint64_t{0}, uint64_t{1} << 62, std::numeric_limits<uint64_t>::max()}) {
    CHECK(SharedMemory::Create(size).status().code() == absl::StatusCode::kResourceExhausted);
  }
}

TEST_CASE("A sealed memfd is mapped, and no longer changes for anybody") {
  UniqueFd theirs = MakeMemfd("0123456789", kSeals);
  UniqueFd ours(fcntl(theirs.get(), F_DUPFD_CLOEXEC, 0));
  const Region region = MapSealedMemory(std::move(ours), 10).value();
  CHECK(region.view() == "0123456789");
  CHECK(pwrite(theirs.get(), "x", 1, 0) < 0);
  CHECK(ftruncate(theirs.get(), 0) < 0);
  CHECK(errno == EPERM);
  CHECK(mmap(nullptr, 10, PROT_READ | PROT_WRITE, MAP_SHARED, theirs.get(), 0) == MAP_FAILED);
  theirs = UniqueFd();
  CHECK(region.view() == "0123456789");
}

TEST_CASE("A descriptor without all three seals is refused") {
  for (const int seals : {0, F_SEAL_WRITE, F_SEAL_SHRINK | F_SEAL_GROW, F_SEAL_WRITE | F_SEAL_GROW,
                          F_SEAL_WRITE | F_SEAL_SHRINK}) {
    INFO(seals);
    CHECK(MapSealedMemory(MakeMemfd("0123456789", seals), 10).status().code() ==
          absl::StatusCode::kFailedPrecondition);
  }
  CHECK(MapSealedMemory(UniqueFd(open("/dev/zero", O_RDONLY | O_CLOEXEC)), 10).status().code() ==
        absl::StatusCode::kFailedPrecondition);
  CHECK(MapSealedMemory(UniqueFd(open("/proc/self/exe", O_RDONLY | O_CLOEXEC)), 10).status().code() ==
        absl::StatusCode::kFailedPrecondition);
  CHECK(MapSealedMemory(UniqueFd(), 10).status().code() == absl::StatusCode::kFailedPrecondition);
}

TEST_CASE("Memory of another size than announced is refused") {
  for (const uint64_t announced :
       {uint64_t{0}, uint64_t{9}, uint64_t{11}, std::numeric_limits<uint64_t>::max()}) {
    INFO(announced);
    CHECK(MapSealedMemory(MakeMemfd("0123456789", kSeals), announced).status().code() ==
          absl::StatusCode::kInvalidArgument);
  }
  CHECK(MapSealedMemory(MakeMemfd("", kSeals), 0).value().empty());
}

}  // namespace
}  // namespace modeld
