#include "engine/graph/utf8.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/escaping.h"

namespace modeld {

bool IsUtf8(absl::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<uint8_t>(text[i]);
    // Number of continuation bytes, and the least code point that may need so many.
    const size_t extra = lead < 0x80 ? 0 : lead >> 5 == 6 ? 1 : lead >> 4 == 14 ? 2 : lead >> 3 == 30 ? 3 : 4;
    if (extra == 4 || text.size() - i <= extra) return false;
    constexpr uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
    uint32_t point = extra == 0 ? lead : lead & (0x3f >> extra);
    for (size_t j = 1; j <= extra; ++j) {
      const auto next = static_cast<uint8_t>(text[i + j]);
      if (next >> 6 != 2) return false;
      point = point << 6 | (next & 0x3f);
    }
    if (point < kLeast[extra] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return false;
    i += extra + 1;
  }
  return true;
}

std::string EscapedForMessage(absl::string_view text, size_t max_bytes) {
  // A cut in the middle of a character makes what is left no UTF-8: leave the whole character out.
  size_t size = text.size();
  if (size > max_bytes) {
    for (size = max_bytes; size > 0 && (static_cast<uint8_t>(text[size]) >> 6) == 2; --size) {
    }
  }
  text = text.substr(0, size);
  return IsUtf8(text) ? absl::Utf8SafeCEscape(text) : absl::CEscape(text);
}

}  // namespace modeld
