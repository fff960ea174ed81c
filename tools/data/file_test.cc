#include "tools/data/file.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>
#include <thread>

namespace modeld::tools {
namespace {

std::string Scratch(const std::string& name) {
  return std::string(std::getenv("TEST_TMPDIR")) + "/" + name;
}

TEST_CASE("what was written is read, also over a longer file and with zero bytes in it") {
  const std::string path = Scratch("file");
  for (const std::string& bytes : {std::string(3 << 20, 'x'), std::string("a\0b", 3), std::string()}) {
    REQUIRE(WriteWholeFile(path, bytes).ok());
    REQUIRE(*ReadWholeFile(path, 4 << 20) == bytes);
  }
}

TEST_CASE("a file over the limit is refused, one at the limit is not") {
  const std::string path = Scratch("limit");
  REQUIRE(WriteWholeFile(path, "12345").ok());
  CHECK(*ReadWholeFile(path, 5) == "12345");
  const auto refused = ReadWholeFile(path, 4);
  CHECK(refused.status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(std::string(refused.status().message()).find(path) == 0);
}

TEST_CASE("an endless device stops at the limit") {
  CHECK(ReadWholeFile("/dev/zero", 3 << 20).status().code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("what is missing, a folder, or a full disk each has its own code") {
  CHECK(ReadWholeFile(Scratch("none"), 10).status().code() == absl::StatusCode::kNotFound);
  CHECK(ReadWholeFile(Scratch(""), 10).status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(WriteWholeFile(Scratch("none/file"), "x").code() == absl::StatusCode::kNotFound);
  CHECK(WriteWholeFile(Scratch(""), "x").code() == absl::StatusCode::kInvalidArgument);
  CHECK(WriteWholeFile("/dev/full", "x").code() == absl::StatusCode::kResourceExhausted);
}

TEST_CASE("a pipe is read to its end") {
  const std::string path = Scratch("pipe");
  REQUIRE(mkfifo(path.c_str(), 0600) == 0);
  absl::Status written;
  std::thread writer([&] { written = WriteWholeFile(path, "through"); });
  const auto bytes = ReadWholeFile(path, 100);
  writer.join();
  CHECK(written.ok());
  CHECK(*bytes == "through");
}

}  // namespace
}  // namespace modeld::tools
