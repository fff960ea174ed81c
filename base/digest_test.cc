#include "base/digest.h"

#include <catch2/catch.hpp>

namespace modeld {
namespace {

// FIPS 180-4 example: SHA-256("abc").
constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST_CASE("a digest is the SHA-256 of the bytes, however they are cut") {
  CHECK(Digest::Of("abc").ToHex() == kAbc);
  Sha256 hasher;
  hasher.Update("a");
  hasher.Update("");
  hasher.Update("bc");
  CHECK(hasher.Finish().ToHex() == kAbc);
  hasher.Update("d");
  CHECK(hasher.Finish() == Digest::Of("abcd"));
}

TEST_CASE("a digest comes only from exactly 64 lower-case hex digits or 32 bytes") {
  CHECK(Digest::FromHex(kAbc)->ToHex() == kAbc);
  CHECK(Digest::FromBytes(Digest::Of("abc").bytes()).value() == Digest::Of("abc"));
  const std::string upper = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
  const std::string traversal = "../../../../../../../../../../../../../../../../../../etc/passwd";
  for (const std::string& bad : {std::string(), std::string(63, 'a'), std::string(65, 'a'), upper, traversal,
                                 std::string(64, '\0'), "sha256:" + std::string(57, 'a')}) {
    CHECK(Digest::FromHex(bad).status().code() == absl::StatusCode::kInvalidArgument);
  }
  CHECK_FALSE(Digest::FromBytes(std::string(31, 'x')).ok());
  CHECK_FALSE(Digest::FromBytes(std::string(33, 'x')).ok());
}

}  // namespace
}  // namespace modeld
