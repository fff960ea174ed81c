// Ed25519 signatures (RFC 8032): whether a text comes from the holder of a key.
#ifndef MODELD_BASE_SIGNATURE_H_
#define MODELD_BASE_SIGNATURE_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace modeld {

// A public key. A plain value.
struct PublicKey {
  std::array<uint8_t, 32> bytes{};

  friend bool operator==(const PublicKey&, const PublicKey&) = default;
};

// A public key from 64 hexadecimal digits. INVALID_ARGUMENT for anything else. Pure; thread-safe.
absl::StatusOr<PublicKey> ParsePublicKey(absl::string_view hex);

// Whether `signature` (64 bytes; any other size is wrong) is the key's over exactly `message`. Pure;
// thread-safe.
bool VerifySignature(const PublicKey& key, absl::string_view message, absl::string_view signature);

// The signature of `message` under a private key's 32-byte seed, 64 bytes; with the public key that belongs
// to it. For tests and tools: the daemon signs nothing. INVALID_ARGUMENT: the seed has another size. Pure;
// thread-safe.
struct Signed {
  PublicKey key;
  std::string signature;
};
absl::StatusOr<Signed> Sign(absl::string_view seed, absl::string_view message);

}  // namespace modeld

#endif  // MODELD_BASE_SIGNATURE_H_
