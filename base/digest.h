// Content digests: the only names that blobs and models have.
#ifndef MODELD_BASE_DIGEST_H_
#define MODELD_BASE_DIGEST_H_

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace modeld {

// A SHA-256 value. File names are made of a Digest only (ToHex), never of a string from outside: the two
// factories below are the only way in. A plain value; comparisons are bytewise.
class Digest {
 public:
  static constexpr size_t kSize = 32;

  // All zero; the digest of nothing in practice.
  constexpr Digest() = default;

  // INVALID_ARGUMENT unless `bytes` holds exactly 32 bytes.
  static absl::StatusOr<Digest> FromBytes(absl::string_view bytes);
  // INVALID_ARGUMENT unless `hex` is exactly 64 lower-case hexadecimal digits.
  static absl::StatusOr<Digest> FromHex(absl::string_view hex);
  // The SHA-256 of `bytes`.
  static Digest Of(std::span<const std::byte> bytes);
  static Digest Of(absl::string_view bytes);

  // 64 lower-case hexadecimal digits.
  std::string ToHex() const;
  // The 32 bytes, as protobuf's `bytes` and RocksDB's keys carry them. Valid while this object lives.
  absl::string_view bytes() const { return {reinterpret_cast<const char*>(value_.data()), kSize}; }
  // Cuts a raw array, for hashers.
  static Digest FromArray(const std::array<uint8_t, kSize>& value) { return Digest(value); }

  friend auto operator<=>(const Digest&, const Digest&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Digest& d) {
    return H::combine(std::move(h), d.value_);
  }

 private:
  explicit constexpr Digest(const std::array<uint8_t, kSize>& value) : value_(value) {}

  std::array<uint8_t, kSize> value_{};
};

// SHA-256 of bytes that come in pieces. Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void Update(std::span<const std::byte> bytes);
  void Update(absl::string_view bytes);
  // The digest of all bytes so far. Further updates continue from here: the state is copied, not ended.
  Digest Finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace modeld

#endif  // MODELD_BASE_DIGEST_H_
