#include "base/signature.h"

#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/escaping.h"

namespace modeld {
namespace {

// RFC 8032, section 7.1.
struct Vector {
  const char* seed;
  const char* key;
  const char* message;
  const char* signature;
};
constexpr Vector kVectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
     "d25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
     "387b2eaeb4302aeeb00d291612bb0c00"},
};

TEST_CASE("RFC 8032's signatures are made and found right") {
  for (const Vector& v : kVectors) {
    const std::string message = absl::HexStringToBytes(v.message);
    const auto made = Sign(absl::HexStringToBytes(v.seed), message);
    REQUIRE(made.ok());
    CHECK(absl::BytesToHexString(made->signature) == v.signature);
    CHECK(made->key == ParsePublicKey(v.key).value());
    CHECK(VerifySignature(made->key, message, made->signature));
  }
}

TEST_CASE("A signature is wrong for another message, another key, and with any bit changed") {
  const auto made = Sign(std::string(32, 's'), "message");
  REQUIRE(made.ok());
  CHECK_FALSE(VerifySignature(made->key, "messagE", made->signature));
  CHECK_FALSE(VerifySignature(made->key, "", made->signature));
  CHECK_FALSE(VerifySignature(Sign(std::string(32, 't'), "message")->key, "message", made->signature));
  for (size_t bit = 0; bit < made->signature.size() * 8; ++bit) {
    std::string changed = made->signature;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    CHECK_FALSE(VerifySignature(made->key, "message", changed));
  }
  CHECK_FALSE(VerifySignature(made->key, "message", ""));
  CHECK_FALSE(VerifySignature(made->key, "message", made->signature + "x"));
  CHECK_FALSE(VerifySignature(PublicKey(), "message", made->signature));
}

TEST_CASE("A key is 64 hexadecimal digits and a seed 32 bytes") {
  CHECK(ParsePublicKey(std::string(64, 'A')).value() == ParsePublicKey(std::string(64, 'a')).value());
  for (const std::string& text : {std::string(), std::string(63, 'a'), std::string(65, 'a'),
                                  std::string(63, 'a') + "g", std::string(64, ' ')}) {
    CHECK(ParsePublicKey(text).status().code() == absl::StatusCode::kInvalidArgument);
  }
  CHECK(Sign("short", "m").status().code() == absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace modeld
