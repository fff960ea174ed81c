#include "storage/plan_format.h"

#include <optional>

#include "absl/status/status.h"
#include "base/checked_math.h"
#include "base/mac.h"
#include "base/status.h"

namespace modeld::storage {
namespace {

constexpr absl::string_view kMagic = "MDLDPLAN";
constexpr uint32_t kVersion = 1;
// Where the fields of the prefix stand.
constexpr size_t kVersionAt = 8;
constexpr size_t kSegmentsAt = 12;
constexpr size_t kKeyAt = 16;
constexpr size_t kFileBytesAt = 48;
constexpr size_t kMetadataBytesAt = 56;
constexpr size_t kMacAt = 64;
constexpr uint64_t kExtentBytes = 16;

void Put32(std::string& bytes, size_t at, uint32_t value) {
  for (size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<char>(value >> (8 * i));
}
void Put64(std::string& bytes, size_t at, uint64_t value) {
  for (size_t i = 0; i < 8; ++i) bytes[at + i] = static_cast<char>(value >> (8 * i));
}
uint64_t Get(absl::string_view bytes, size_t at, size_t count) {
  uint64_t value = 0;
  for (size_t i = count; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

std::optional<uint64_t> RoundUp(uint64_t bytes) {
  const auto sum = CheckedAdd(bytes, kPlanPageBytes - 1);
  if (!sum) return std::nullopt;
  return *sum / kPlanPageBytes * kPlanPageBytes;
}

// Bytes of a head of so many segments and so much metadata, or nothing when that is too long.
std::optional<uint64_t> HeadBytes(uint64_t segments, uint64_t metadata_bytes) {
  const auto table = CheckedMul(segments, kExtentBytes);
  if (!table || *table > kMaxPlanHeadBytes || metadata_bytes > kMaxPlanHeadBytes) return std::nullopt;
  const auto bytes = RoundUp(kPlanPrefixBytes + *table + metadata_bytes);
  if (!bytes || *bytes > kMaxPlanHeadBytes) return std::nullopt;
  return bytes;
}

Digest MacOf(absl::string_view head, absl::string_view secret) {
  std::string unsealed(head);
  unsealed.replace(kMacAt, Digest::kSize, Digest::kSize, '\0');
  return HmacSha256(secret, unsealed);
}

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("a plan: ", what));
}

}  // namespace

absl::StatusOr<PlanLayout> LayOutPlan(uint64_t metadata_bytes, std::span<const uint64_t> segment_bytes) {
  const absl::Status too_big = absl::ResourceExhaustedError("a plan: is too big for a file");
  PlanLayout layout;
  const auto head = HeadBytes(segment_bytes.size(), metadata_bytes);
  if (!head) return too_big;
  layout.head_bytes = layout.file_bytes = *head;
  for (uint64_t size : segment_bytes) {
    layout.segments.push_back({layout.file_bytes, size});
    const auto end = CheckedAdd(layout.file_bytes, size);
    const auto next = end ? RoundUp(*end) : std::nullopt;
    if (!next) return too_big;
    layout.file_bytes = *next;
  }
  return layout;
}

std::string EncodePlanHead(const Digest& key, absl::string_view metadata, const PlanLayout& layout,
                           absl::string_view secret) {
  std::string head(layout.head_bytes, '\0');
  head.replace(0, kMagic.size(), std::string(kMagic));
  Put32(head, kVersionAt, kVersion);
  Put32(head, kSegmentsAt, static_cast<uint32_t>(layout.segments.size()));
  head.replace(kKeyAt, Digest::kSize, std::string(key.bytes()));
  Put64(head, kFileBytesAt, layout.file_bytes);
  Put64(head, kMetadataBytesAt, metadata.size());
  size_t at = kPlanPrefixBytes;
  for (const PlanExtent& segment : layout.segments) {
    Put64(head, at, segment.offset);
    Put64(head, at + 8, segment.size_bytes);
    at += kExtentBytes;
  }
  head.replace(at, metadata.size(), std::string(metadata));
  head.replace(kMacAt, Digest::kSize, std::string(MacOf(head, secret).bytes()));
  return head;
}

absl::StatusOr<uint64_t> PlanHeadBytes(absl::string_view prefix, uint64_t file_bytes) {
  if (prefix.size() < kPlanPrefixBytes || prefix.substr(0, kMagic.size()) != kMagic) {
    return Damaged("its file does not begin as one");
  }
  if (Get(prefix, kVersionAt, 4) != kVersion) {
    return absl::UnimplementedError("a plan: is of another version of the format");
  }
  const auto head = HeadBytes(Get(prefix, kSegmentsAt, 4), Get(prefix, kMetadataBytesAt, 8));
  if (!head || *head > file_bytes) return Damaged("its head does not fit its file");
  return *head;
}

absl::StatusOr<PlanHead> DecodePlanHead(absl::string_view head, const Digest& key, uint64_t file_bytes,
                                        absl::string_view secret) {
  MODELD_ASSIGN_OR_RETURN(const uint64_t head_bytes, PlanHeadBytes(head, file_bytes));
  if (head.size() != head_bytes) return Damaged("its head was cut");
  MODELD_ASSIGN_OR_RETURN(const Digest mac, Digest::FromBytes(head.substr(kMacAt, Digest::kSize)));
  if (!EqualInConstantTime(mac, MacOf(head, secret))) return Damaged("its head is not authentic");
  if (head.substr(kKeyAt, Digest::kSize) != key.bytes()) return Damaged("it is another one");
  if (Get(head, kFileBytesAt, 8) != file_bytes) return Damaged("its file was cut or has grown");

  PlanHead decoded;
  uint64_t end = head_bytes;
  const uint64_t segments = Get(head, kSegmentsAt, 4);
  for (uint64_t i = 0; i < segments; ++i) {
    const size_t at = kPlanPrefixBytes + i * kExtentBytes;
    const PlanExtent segment{Get(head, at, 8), Get(head, at + 8, 8)};
    const bool fits = segment.offset % kPlanPageBytes == 0 && segment.offset >= end &&
                      segment.offset <= file_bytes && segment.size_bytes <= file_bytes - segment.offset;
    if (!fits) return Damaged("a segment does not lie within its file");
    end = segment.offset + segment.size_bytes;
    decoded.segments.push_back(segment);
  }
  decoded.metadata =
      std::string(head.substr(kPlanPrefixBytes + segments * kExtentBytes, Get(head, kMetadataBytesAt, 8)));
  return decoded;
}

}  // namespace modeld::storage
