// Immutable bytes with shared ownership: a mapped file, a sealed memfd, a heap buffer.
#ifndef MODELD_BASE_REGION_H_
#define MODELD_BASE_REGION_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace modeld {

// A view of bytes that never change, and a share in whatever keeps them alive. Copies are cheap and refer to
// the same memory. Thread-safe, as the bytes are immutable.
class Region {
 public:
  // No bytes.
  Region() = default;
  // `bytes` stay valid and unchanged while `owner` lives.
  Region(std::span<const std::byte> bytes, std::shared_ptr<const void> owner)
      : bytes_(bytes), owner_(std::move(owner)) {}

  // Gives back the memory behind bytes that can be had again (a file's pages); the bytes stay as they are.
  using ReleaseFunction = void (*)(std::span<const std::byte> bytes);
  // A region whose memory `release` gives back.
  Region(std::span<const std::byte> bytes, std::shared_ptr<const void> owner, ReleaseFunction release)
      : bytes_(bytes), owner_(std::move(owner)), release_(release) {}

  // Takes over heap memory. std::vector's buffer is aligned for any scalar type.
  static Region FromVector(std::vector<std::byte> bytes) {
    auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
    return Region(*owner, owner);
  }
  // Copies.
  static Region Copy(std::span<const std::byte> bytes) {
    return FromVector(std::vector<std::byte>(bytes.begin(), bytes.end()));
  }
  static Region Copy(absl::string_view bytes) { return Copy(std::as_bytes(std::span(bytes))); }

  std::span<const std::byte> bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  absl::string_view view() const { return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()}; }
  // Says that the bytes will hardly be read again soon: their memory is given back where it can be had again.
  // They stay valid and unchanged, for this and every other holder. Thread-safe.
  void Release() const {
    if (release_ != nullptr) release_(bytes_);
  }
  // What keeps the bytes alive; two Regions of one mapping return the same pointer.
  const std::shared_ptr<const void>& owner() const { return owner_; }

 private:
  std::span<const std::byte> bytes_;
  std::shared_ptr<const void> owner_;
  ReleaseFunction release_ = nullptr;
};

}  // namespace modeld

#endif  // MODELD_BASE_REGION_H_
