// Names and labels travel in protobuf strings and JSON, which want UTF-8.
#ifndef MODELD_ENGINE_GRAPH_UTF8_H_
#define MODELD_ENGINE_GRAPH_UTF8_H_

#include "absl/strings/string_view.h"

namespace modeld {

// Whether `text` is well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(absl::string_view text);

}  // namespace modeld

#endif  // MODELD_ENGINE_GRAPH_UTF8_H_
