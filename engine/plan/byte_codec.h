// Writing and reading a plan's metadata field by field: what is written by one line is read by the same line,
// with an Archive that is a ByteWriter or a ByteReader.
#ifndef MODELD_ENGINE_PLAN_BYTE_CODEC_H_
#define MODELD_ENGINE_PLAN_BYTE_CODEC_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/digest.h"

namespace modeld::plan {

// Appends to a string: numbers as little-endian base 128. Not thread-safe.
class ByteWriter {
 public:
  void Uint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) Byte(static_cast<uint8_t>(value | 0x80));
    Byte(static_cast<uint8_t>(value));
  }
  void Uint32(uint32_t value) { Uint(value); }
  void Bool(bool value) { Byte(value ? 1 : 0); }
  template <typename E>
  void Enum(E value, E /*last*/) {
    Byte(static_cast<uint8_t>(value));
  }
  void Double(double value);
  void Raw(absl::string_view bytes) { bytes_.append(bytes.data(), bytes.size()); }
  void String(const std::string& value) {
    Uint(value.size());
    Raw(value);
  }
  void Name(const Digest& digest) { Raw(digest.bytes()); }
  template <size_t N>
  void Array(const std::array<uint32_t, N>& values) {
    for (uint32_t value : values) Uint(value);
  }
  void List(const std::vector<uint32_t>& values) {
    Each(values, [this](uint32_t value) { Uint(value); });
  }
  // The number of elements, then each by `write`.
  template <typename T, typename F>
  void Each(const std::vector<T>& values, F write) {
    Uint(values.size());
    for (const T& value : values) write(value);
  }

  std::string Take() { return std::move(bytes_); }

 private:
  void Byte(uint8_t value) { bytes_.push_back(static_cast<char>(value)); }

  std::string bytes_;
};

// Reads what ByteWriter wrote, trusting nothing: after the first fault all values are zero and all lists
// empty, and `ok` says so. Memory is taken for bytes that are really there only. Borrows the bytes. Not
// thread-safe.
class ByteReader {
 public:
  explicit ByteReader(absl::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return position_ == bytes_.size(); }
  // Bytes read so far, for messages.
  size_t position() const { return position_; }
  // Makes the bytes faulty: for what a reader finds out itself.
  void Fail() { ok_ = false; }

  void Uint(uint64_t& value);
  void Uint32(uint32_t& value) {
    value = static_cast<uint32_t>(AtMost(std::numeric_limits<uint32_t>::max()));
  }
  void Bool(bool& value) { value = AtMost(1) != 0; }
  template <typename E>
  void Enum(E& value, E last) {
    value = static_cast<E>(AtMost(static_cast<uint64_t>(last)));
  }
  void Double(double& value);
  // `size` bytes; empty when there are fewer.
  absl::string_view Raw(size_t size);
  void String(std::string& value) { value = std::string(Raw(Count())); }
  void Name(Digest& digest);
  template <size_t N>
  void Array(std::array<uint32_t, N>& values) {
    for (uint32_t& value : values) Uint32(value);
  }
  void List(std::vector<uint32_t>& values) {
    Each(values, [this](uint32_t& value) { Uint32(value); });
  }
  // As many elements as are said to follow, each by `read`; ends at the first fault.
  template <typename T, typename F>
  void Each(std::vector<T>& values, F read) {
    values.clear();
    for (size_t count = Count(); count > 0 && ok_; --count) read(values.emplace_back());
  }

 private:
  // A number of things that take a byte each at least.
  size_t Count() { return static_cast<size_t>(AtMost(bytes_.size() - position_)); }
  uint64_t AtMost(uint64_t most);

  const absl::string_view bytes_;
  size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace modeld::plan

#endif  // MODELD_ENGINE_PLAN_BYTE_CODEC_H_
