#include "tools/modelctl/tar.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace modeld::tools {
namespace {

// A field of the header.
struct Field {
  size_t at;
  size_t size;
};
constexpr Field kName = {0, 100};
constexpr Field kMode = {100, 8};
constexpr Field kOwner = {108, 8};
constexpr Field kGroup = {116, 8};
constexpr Field kSize = {124, 12};
constexpr Field kTime = {136, 12};
constexpr Field kChecksum = {148, 8};
constexpr size_t kType = 156;
constexpr Field kMagic = {257, 6};
constexpr Field kPrefix = {345, 155};

// The largest size that eleven octal digits hold.
constexpr uint64_t kMaxOctal = (uint64_t{1} << 33) - 1;
constexpr uint64_t kMaxSize = uint64_t{1} << 63;

absl::string_view Get(absl::string_view header, Field field) {
  return header.substr(field.at, field.size);
}

void Put(std::string& header, Field field, absl::string_view bytes) {
  header.replace(field.at, bytes.size(), bytes.data(), bytes.size());
}

// The sum of all bytes, those of the sum itself counted as blanks.
uint64_t Checksum(absl::string_view header) {
  uint64_t sum = 0;
  for (size_t i = 0; i < header.size(); ++i) {
    const bool own = i >= kChecksum.at && i < kChecksum.at + kChecksum.size;
    sum += own ? ' ' : static_cast<unsigned char>(header[i]);
  }
  return sum;
}

// Octal digits up to a blank or zero.
std::optional<uint64_t> ReadOctal(absl::string_view field) {
  uint64_t value = 0;
  bool any = false;
  for (const char c : field) {
    if (c == '\0' || c == ' ') {
      if (any) break;
      continue;
    }
    if (c < '0' || c > '7' || value >> 60 != 0) return std::nullopt;
    value = value << 3 | static_cast<uint64_t>(c - '0');
    any = true;
  }
  return any ? std::optional(value) : std::nullopt;
}

// A size: octal, or in base 256 when the first bit is set.
std::optional<uint64_t> ReadSize(absl::string_view field) {
  if ((static_cast<unsigned char>(field[0]) & 0x80) == 0) return ReadOctal(field);
  uint64_t value = static_cast<unsigned char>(field[0]) & 0x7F;
  for (const char c : field.substr(1)) {
    if (value >> 55 != 0) return std::nullopt;
    value = value << 8 | static_cast<unsigned char>(c);
  }
  return value;
}

bool IsZero(absl::string_view block) {
  return std::all_of(block.begin(), block.end(), [](char c) { return c == '\0'; });
}

// Where the member whose header this is lies; `begin_bytes` is behind the header.
absl::StatusOr<TarMember> ReadHeader(absl::string_view header, uint64_t begin_bytes) {
  const auto sum = ReadOctal(Get(header, kChecksum));
  if (!sum || *sum != Checksum(header)) return absl::InvalidArgumentError("not a tar file");
  absl::string_view name = Get(header, kName);
  name = name.substr(0, name.find('\0'));
  const char type = header[kType];
  const auto size = ReadSize(Get(header, kSize));
  if ((type != '0' && type != '\0') || Get(header, kPrefix)[0] != '\0' || name.empty() || !size ||
      *size >= kMaxSize) {
    return absl::InvalidArgumentError("holds something else than plain files with short names");
  }
  return TarMember{std::string(name), begin_bytes, *size};
}

}  // namespace

uint64_t TarPadded(uint64_t size_bytes) {
  return (size_bytes + kTarBlockBytes - 1) / kTarBlockBytes * kTarBlockBytes;
}

std::string TarHeader(absl::string_view name, uint64_t size_bytes) {
  std::string header(kTarBlockBytes, '\0');
  Put(header, kName, name);
  Put(header, kMode, "0000600");
  Put(header, kOwner, "0000000");
  Put(header, kGroup, "0000000");
  Put(header, kTime, "00000000000");
  header[kType] = '0';
  Put(header, kMagic,
      absl::string_view("ustar\0"
                        "00",
                        8));
  if (size_bytes <= kMaxOctal) {
    Put(header, kSize, absl::StrFormat("%011o", size_bytes));
  } else {
    header[kSize.at] = static_cast<char>(0x80);
    for (size_t i = 0; i < 8; ++i) {
      header[kSize.at + kSize.size - 1 - i] = static_cast<char>(size_bytes >> (8 * i));
    }
  }
  Put(header, kChecksum, absl::StrFormat("%06o", Checksum(header)));
  header[kChecksum.at + 7] = ' ';
  return header;
}

absl::StatusOr<std::vector<TarMember>> ReadTar(absl::string_view file) {
  const absl::Status cut_off = absl::DataLossError("cut off: it does not end as a tar does");
  std::vector<TarMember> members;
  for (uint64_t at = 0;;) {
    if (file.size() - at < kTarBlockBytes) return cut_off;
    const absl::string_view header = file.substr(at, kTarBlockBytes);
    if (IsZero(header)) return members;
    auto member = ReadHeader(header, at + kTarBlockBytes);
    if (!member.ok()) return member.status();
    const uint64_t room = file.size() - member->begin_bytes;
    if (member->size_bytes > room || TarPadded(member->size_bytes) > room) return cut_off;
    at = member->begin_bytes + TarPadded(member->size_bytes);
    members.push_back(*std::move(member));
  }
}

}  // namespace modeld::tools
