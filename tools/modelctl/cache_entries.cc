#include "tools/modelctl/cache_entries.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "base/units.h"

namespace modeld::tools {
namespace {

using Entry = v1::ListCacheResponse::Entry;

// What is said of an entry beside its figures: "65 %, in use".
std::string Notes(const Entry& entry) {
  std::vector<std::string> notes(entry.keys().begin(), entry.keys().end());
  if (entry.kind() == Entry::PARTIAL) {
    const double whole = static_cast<double>(entry.size_bytes());
    const double part = whole == 0 ? 1 : static_cast<double>(entry.committed_bytes()) / whole;
    notes.push_back(absl::StrCat(static_cast<int>(100 * part), " %"));
    if (entry.state() == v1::UPLOAD_STATE_STALLED) {
      notes.push_back(absl::StrCat("stalled ", HumanSpan(absl::Seconds(entry.quiet_seconds()))));
    } else if (entry.state() != v1::UPLOAD_STATE_UNSPECIFIED) {
      notes.push_back(UploadStateName(entry.state()));
    }
  }
  if (!entry.device().empty()) notes.push_back(absl::StrCat("for ", entry.device()));
  if (entry.kind() == Entry::PLAN) notes.push_back(Counted(entry.models_size(), "model"));
  if (entry.in_use()) notes.push_back("in use");
  if (entry.pinned()) notes.push_back("pinned");
  if (entry.priority() != v1::PRIORITY_NORMAL) {
    notes.push_back(absl::StrCat("priority ", PriorityName(entry.priority())));
  }
  if (!entry.health().empty() && entry.health() != "whole") notes.push_back(entry.health());
  return absl::StrJoin(notes, ", ");
}

}  // namespace

std::string KindName(Entry::Kind kind) {
  switch (kind) {
    case Entry::MODEL:
      return "model";
    case Entry::PLAN:
      return "plan";
    case Entry::PARTIAL:
      return "partial";
    case Entry::QUARANTINED:
      return "quarantined";
    default:
      return "unknown";
  }
}

std::string UploadStateName(v1::UploadState state) {
  switch (state) {
    case v1::UPLOAD_STATE_RECEIVING:
      return "receiving";
    case v1::UPLOAD_STATE_STALLED:
      return "stalled";
    case v1::UPLOAD_STATE_INTERRUPTED:
      return "interrupted";
    case v1::UPLOAD_STATE_COMPLETE:
      return "complete";
    default:
      return "unknown";
  }
}

std::string PriorityName(v1::Priority priority) {
  switch (priority) {
    case v1::PRIORITY_LOW:
      return "low";
    case v1::PRIORITY_HIGH:
      return "high";
    default:
      return "normal";
  }
}

Json EntryJson(const Entry& entry) {
  Json models = Json::array();
  for (const std::string& id : entry.models()) models.push_back(FullId(id));
  return {{"kind", KindName(entry.kind())},
          {"id", FullId(entry.id())},
          {"partition", entry.partition().empty() ? Json() : Json(entry.partition())},
          {"size_bytes", entry.size_bytes()},
          {"committed_bytes", entry.kind() == Entry::PARTIAL ? Json(entry.committed_bytes()) : Json()},
          {"created_at", entry.created_at()},
          {"last_used_at", entry.last_used_at()},
          {"keys", std::vector<std::string>(entry.keys().begin(), entry.keys().end())},
          {"pinned", entry.pinned()},
          {"priority", PriorityName(entry.priority())},
          {"health", entry.health().empty() ? Json() : Json(entry.health())},
          {"models", models},
          {"device", entry.device().empty() ? Json() : Json(entry.device())},
          {"in_use", entry.in_use()},
          {"state", entry.kind() == Entry::PARTIAL ? Json(UploadStateName(entry.state())) : Json()},
          {"quiet_seconds", entry.kind() == Entry::PARTIAL ? Json(entry.quiet_seconds()) : Json()}};
}

const std::vector<std::string>& EntryFilters() {
  static const std::vector<std::string> names = {"kind",   "id",     "partition", "keys",
                                                 "pinned", "health", "priority",  "models",
                                                 "device", "in_use", "state"};
  return names;
}

Table EntryTable(const std::vector<Entry>& entries) {
  Table table({"KIND", "ID", "SIZE", "LAST USED", "NOTES", "PARTITION"});
  for (const Entry& entry : entries) {
    table.Add({KindName(entry.kind()), ShortId(entry.id()), HumanBytes(entry.size_bytes()),
               HumanTime(entry.last_used_at()), Notes(entry),
               entry.partition().empty() ? "-" : entry.partition()});
  }
  return table;
}

}  // namespace modeld::tools
