// Choices from a fuzzer's bytes.
#ifndef MODELD_TESTS_FUZZ_BYTE_READER_H_
#define MODELD_TESTS_FUZZ_BYTE_READER_H_

#include <cstddef>
#include <cstdint>

namespace modeld::fuzz {

// Reads choices from bytes, zeros when they are used up. Borrows the bytes. Not thread-safe.
class ByteReader {
 public:
  ByteReader(const uint8_t* data, size_t size) : data_(data), end_(data + size) {}

  bool empty() const { return data_ == end_; }
  uint8_t Byte() { return empty() ? 0 : *data_++; }
  // Below `n`, which is at least 1; from one byte where that is enough.
  uint32_t Below(uint32_t n) { return (n <= 256 ? Byte() : static_cast<uint32_t>(Word())) % n; }
  // Eight bytes, little-endian.
  uint64_t Word() {
    uint64_t word = 0;
    for (int i = 0; i < 8; ++i) word |= uint64_t{Byte()} << 8 * i;
    return word;
  }

 private:
  const uint8_t* data_;
  const uint8_t* end_;
};

}  // namespace modeld::fuzz

#endif  // MODELD_TESTS_FUZZ_BYTE_READER_H_
