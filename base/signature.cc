#include "base/signature.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"

namespace modeld {
namespace {

constexpr size_t kSeedBytes = 32;
constexpr size_t kSignatureBytes = 64;

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeKey>;
using ContextPtr = std::unique_ptr<EVP_MD_CTX, FreeContext>;

const unsigned char* Raw(absl::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace

absl::StatusOr<PublicKey> ParsePublicKey(absl::string_view hex) {
  PublicKey key;
  const bool digits = std::all_of(hex.begin(), hex.end(), absl::ascii_isxdigit);
  if (hex.size() != 2 * key.bytes.size() || !digits) {
    return absl::InvalidArgumentError("an Ed25519 public key is written as 64 hexadecimal digits");
  }
  const std::string bytes = absl::HexStringToBytes(hex);
  std::copy(bytes.begin(), bytes.end(), key.bytes.begin());
  return key;
}

bool VerifySignature(const PublicKey& key, absl::string_view message, absl::string_view signature) {
  if (signature.size() != kSignatureBytes) return false;
  const KeyPtr openssl_key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.bytes.data(), key.bytes.size()));
  const ContextPtr context(EVP_MD_CTX_new());
  return openssl_key != nullptr && context != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, openssl_key.get()) == 1 &&
         EVP_DigestVerify(context.get(), Raw(signature), signature.size(), Raw(message), message.size()) == 1;
}

absl::StatusOr<Signed> Sign(absl::string_view seed, absl::string_view message) {
  if (seed.size() != kSeedBytes) return absl::InvalidArgumentError("an Ed25519 seed has 32 bytes");
  const KeyPtr key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, Raw(seed), seed.size()));
  const ContextPtr context(EVP_MD_CTX_new());
  Signed made;
  size_t key_bytes = made.key.bytes.size();
  unsigned char signature[kSignatureBytes];
  size_t signature_bytes = sizeof(signature);
  const bool done =
      key != nullptr && context != nullptr &&
      EVP_PKEY_get_raw_public_key(key.get(), made.key.bytes.data(), &key_bytes) == 1 &&
      EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
      EVP_DigestSign(context.get(), signature, &signature_bytes, Raw(message), message.size()) == 1;
  if (!done) return absl::InternalError("OpenSSL: cannot sign");
  made.signature.assign(reinterpret_cast<const char*>(signature), signature_bytes);
  return made;
}

}  // namespace modeld
