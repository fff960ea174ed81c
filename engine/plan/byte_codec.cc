#include "engine/plan/byte_codec.h"

#include <bit>

namespace modeld::plan {

void ByteWriter::Double(double value) {
  const auto bits = std::bit_cast<uint64_t>(value);
  for (int i = 0; i < 8; ++i) Byte(static_cast<uint8_t>(bits >> (8 * i)));
}

void ByteReader::Uint(uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const absl::string_view byte = Raw(1);
    if (byte.empty()) break;
    const auto bits = static_cast<uint8_t>(byte[0]);
    // Of the tenth byte only the lowest bit fits.
    if (shift == 63 && bits > 1) break;
    value |= uint64_t{bits & 0x7fu} << shift;
    if (bits < 0x80) return;
  }
  value = 0;
  Fail();
}

uint64_t ByteReader::AtMost(uint64_t most) {
  uint64_t value = 0;
  Uint(value);
  if (value <= most) return value;
  Fail();
  return 0;
}

void ByteReader::Double(double& value) {
  uint64_t bits = 0;
  const absl::string_view bytes = Raw(8);
  for (size_t i = 0; i < bytes.size(); ++i) bits |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  value = std::bit_cast<double>(bits);
}

absl::string_view ByteReader::Raw(size_t size) {
  if (!ok_ || size > bytes_.size() - position_) {
    Fail();
    return {};
  }
  const absl::string_view bytes = bytes_.substr(position_, size);
  position_ += size;
  return bytes;
}

void ByteReader::Name(Digest& digest) {
  const absl::StatusOr<Digest> read = Digest::FromBytes(Raw(Digest::kSize));
  if (read.ok()) {
    digest = *read;
  } else {
    Fail();
  }
}

}  // namespace modeld::plan
