// Message authentication: what this daemon wrote, told from what anybody else did.
#ifndef MODELD_BASE_MAC_H_
#define MODELD_BASE_MAC_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/digest.h"

namespace modeld {

// HMAC-SHA256 (RFC 2104) of `message` under `key`, which may have any length; 32 random bytes are right.
// Thread-safe.
Digest HmacSha256(absl::string_view key, absl::string_view message);

// Whether two values are equal, in a time that does not depend on where they differ. Thread-safe.
bool EqualInConstantTime(const Digest& a, const Digest& b);

// `count` bytes that nobody can guess, from the system. UNAVAILABLE: it has none to give. Thread-safe.
absl::StatusOr<std::string> RandomBytes(size_t count);

}  // namespace modeld

#endif  // MODELD_BASE_MAC_H_
