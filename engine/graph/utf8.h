// Names and labels travel in protobuf strings and JSON, which want UTF-8.
#ifndef MODELD_ENGINE_GRAPH_UTF8_H_
#define MODELD_ENGINE_GRAPH_UTF8_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace modeld {

// Whether `text` is well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(absl::string_view text);

// A name from outside as messages show it: control characters and quotes are escaped, and so is every byte
// above 0x7f where the text is not UTF-8. At most `max_bytes` of the text.
std::string EscapedForMessage(absl::string_view text, size_t max_bytes = 256);

}  // namespace modeld

#endif  // MODELD_ENGINE_GRAPH_UTF8_H_
