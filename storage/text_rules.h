// What storage accepts as names from outside.
#ifndef MODELD_STORAGE_TEXT_RULES_H_
#define MODELD_STORAGE_TEXT_RULES_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace modeld::storage {

// Whether `text` is UTF-8 as Unicode defines it: no overlong forms, surrogates or values beyond U+10FFFF.
bool IsUtf8(absl::string_view text);

// INVALID_ARGUMENT unless the text is what is said.
absl::Status CheckKey(absl::string_view key);                             // 1 to 1024 bytes of UTF-8
absl::Status CheckPartition(absl::string_view partition);                 // 1 to 4096 bytes
absl::Status CheckLabel(absl::string_view what, absl::string_view text);  // at most 1024 bytes of UTF-8

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_TEXT_RULES_H_
