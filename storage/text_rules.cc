#include "storage/text_rules.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace modeld::storage {
namespace {

constexpr size_t kMaxKeyBytes = 1024;
constexpr size_t kMaxLabelBytes = 1024;
constexpr size_t kMaxPartitionBytes = 4096;

// The number of bytes of the character at the front of `text`, which is not empty; 0 when it is none.
size_t CharacterLength(absl::string_view text) {
  auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  bool overlong = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xF0 && byte(1) < 0x90);
  bool surrogate = lead == 0xED && byte(1) >= 0xA0;
  bool too_large = lead == 0xF4 && byte(1) >= 0x90;
  return overlong || surrogate || too_large ? 0 : length;
}

}  // namespace

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    size_t length = CharacterLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

absl::Status CheckKey(absl::string_view key) {
  if (key.empty() || key.size() > kMaxKeyBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the key: has ", key.size(), " bytes, 1 to ", kMaxKeyBytes, " are allowed"));
  }
  return IsUtf8(key) ? absl::OkStatus() : absl::InvalidArgumentError("the key: is not valid UTF-8");
}

absl::Status CheckPartition(absl::string_view partition) {
  if (!partition.empty() && partition.size() <= kMaxPartitionBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the partition: has ", partition.size(), " bytes, 1 to ",
                                                 kMaxPartitionBytes, " are allowed"));
}

absl::Status CheckLabel(absl::string_view what, absl::string_view text) {
  if (text.size() > kMaxLabelBytes) {
    return absl::InvalidArgumentError(absl::StrCat("the ", what, ": has ", text.size(), " bytes, at most ",
                                                   kMaxLabelBytes, " are allowed"));
  }
  return IsUtf8(text) ? absl::OkStatus()
                      : absl::InvalidArgumentError(absl::StrCat("the ", what, ": is not valid UTF-8"));
}

}  // namespace modeld::storage
