#include "base/mac.h"

#include <catch2/catch.hpp>

#include "absl/strings/escaping.h"

namespace modeld {
namespace {

// RFC 4231, test cases 1, 2 and 6.
TEST_CASE("HMAC-SHA256 gives the values of RFC 4231") {
  CHECK(HmacSha256(std::string(20, '\x0b'), "Hi There").ToHex() ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(HmacSha256("Jefe", "what do ya want for nothing?").ToHex() ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(HmacSha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")
            .ToHex() == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("every bit of a message and of a key counts") {
  const Digest mac = HmacSha256("key", "message");
  CHECK(EqualInConstantTime(mac, HmacSha256("key", "message")));
  for (int bit = 0; bit < 8; ++bit) {
    std::string message = "message", key = "key";
    message[3] = static_cast<char>(message[3] ^ (1 << bit));
    key[1] = static_cast<char>(key[1] ^ (1 << bit));
    CHECK_FALSE(EqualInConstantTime(mac, HmacSha256("key", message)));
    CHECK_FALSE(EqualInConstantTime(mac, HmacSha256(key, "message")));
  }
}

TEST_CASE("random bytes come in the number asked for and do not repeat") {
  const auto a = RandomBytes(32), b = RandomBytes(32);
  REQUIRE(a.ok());
  REQUIRE(b.ok());
  CHECK(a->size() == 32);
  CHECK(*a != *b);
  CHECK(RandomBytes(0)->empty());
}

}  // namespace
}  // namespace modeld
