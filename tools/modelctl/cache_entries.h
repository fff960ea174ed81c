// What takes disk space, as modelctl shows it.
#ifndef MODELD_TOOLS_MODELCTL_CACHE_ENTRIES_H_
#define MODELD_TOOLS_MODELCTL_CACHE_ENTRIES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "modeld/v1/cache_admin.pb.h"
#include "tools/modelctl/output.h"

namespace modeld::tools {

// "model", "plan", "partial", "quarantined".
std::string KindName(v1::ListCacheResponse::Entry::Kind kind);
// "receiving", "stalled", "interrupted", "complete".
std::string UploadStateName(v1::UploadState state);
// "low", "normal", "high".
std::string PriorityName(v1::Priority priority);

// An entry of `cache ls` in JSON (README.md has the schema).
Json EntryJson(const v1::ListCacheResponse::Entry& entry);
// The members of EntryJson that --filter takes.
const std::vector<std::string>& EntryFilters();
// The same for a person, in columns.
Table EntryTable(const std::vector<v1::ListCacheResponse::Entry>& entries);

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_CACHE_ENTRIES_H_
