#include "base/digest.h"

#include <openssl/evp.h>

#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace modeld {

absl::StatusOr<Digest> Digest::FromBytes(absl::string_view bytes) {
  if (bytes.size() != kSize) {
    return absl::InvalidArgumentError(absl::StrCat("a SHA-256 digest has 32 bytes, got ", bytes.size()));
  }
  std::array<uint8_t, kSize> value;
  std::memcpy(value.data(), bytes.data(), kSize);
  return Digest(value);
}

absl::StatusOr<Digest> Digest::FromHex(absl::string_view hex) {
  if (hex.size() != 2 * kSize || hex.find_first_not_of("0123456789abcdef") != absl::string_view::npos) {
    return absl::InvalidArgumentError("a SHA-256 digest is written as 64 lower-case hexadecimal digits");
  }
  return FromBytes(absl::HexStringToBytes(hex));
}

Digest Digest::Of(std::span<const std::byte> bytes) {
  Sha256 hasher;
  hasher.Update(bytes);
  return hasher.Finish();
}

Digest Digest::Of(absl::string_view bytes) {
  return Of(std::as_bytes(std::span(bytes)));
}

std::string Digest::ToHex() const {
  return absl::BytesToHexString(bytes());
}

// Owns an OpenSSL context; its calls on SHA-256 with valid arguments do not fail.
struct Sha256::State {
  State() : context(EVP_MD_CTX_new()) {}
  ~State() { EVP_MD_CTX_free(context); }
  EVP_MD_CTX* context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr);
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Update(std::span<const std::byte> bytes) {
  EVP_DigestUpdate(state_->context, bytes.data(), bytes.size());
}

void Sha256::Update(absl::string_view bytes) {
  Update(std::as_bytes(std::span(bytes)));
}

Digest Sha256::Finish() const {
  State copy;
  EVP_MD_CTX_copy_ex(copy.context, state_->context);
  std::array<uint8_t, Digest::kSize> value;
  EVP_DigestFinal_ex(copy.context, value.data(), nullptr);
  return Digest::FromArray(value);
}

}  // namespace modeld
