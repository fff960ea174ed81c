#include "base/mac.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <array>
#include <climits>

#include "absl/status/status.h"

namespace modeld {

Digest HmacSha256(absl::string_view key, absl::string_view message) {
  // OpenSSL takes the key's length as an int; a longer key is replaced by its digest, as RFC 2104 does with
  // every key of more than a block.
  const Digest shortened = key.size() > INT_MAX ? Digest::Of(key) : Digest();
  if (key.size() > INT_MAX) key = shortened.bytes();
  std::array<uint8_t, Digest::kSize> mac{};
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(message.data()), message.size(), mac.data(), nullptr);
  return Digest::FromArray(mac);
}

bool EqualInConstantTime(const Digest& a, const Digest& b) {
  return CRYPTO_memcmp(a.bytes().data(), b.bytes().data(), Digest::kSize) == 0;
}

absl::StatusOr<std::string> RandomBytes(size_t count) {
  std::string bytes(count, '\0');
  if (count > INT_MAX ||
      RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
    return absl::UnavailableError("the system gives no random bytes");
  }
  return bytes;
}

}  // namespace modeld
