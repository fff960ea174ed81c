#include "tools/modelctl/backup_index.h"

#include <limits>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tools/modelctl/cache_entries.h"
#include "tools/modelctl/output.h"

namespace modeld::tools {
namespace {

constexpr char kFormat[] = "modeld-cache";
constexpr int kVersion = 1;
// Deeper than any index is.
constexpr int kMaxDepth = 8;

absl::Status Wrong(const std::string& where, absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat("index.json: ", where, ": expected ", expected));
}

// A member; null where it is absent.
Json Member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? Json() : *found;
}

absl::StatusOr<std::string> Text(const Json& value, const std::string& where) {
  if (!value.is_string()) return Wrong(where, "a text");
  return value.get<std::string>();
}

absl::StatusOr<std::vector<std::string>> Texts(const Json& value, const std::string& where) {
  if (!value.is_array()) return Wrong(where, "a list");
  std::vector<std::string> texts;
  for (const Json& one : value) {
    MODELD_ASSIGN_OR_RETURN(std::string text, Text(one, where));
    texts.push_back(std::move(text));
  }
  return texts;
}

// A whole number up to `most`; nothing for null.
absl::StatusOr<std::optional<uint64_t>> Number(const Json& value, uint64_t most, const std::string& where) {
  if (value.is_null()) return std::nullopt;
  if (!value.is_number_unsigned() || value.get<uint64_t>() > most)
    return Wrong(where, "a whole number, or null");
  return value.get<uint64_t>();
}

absl::StatusOr<v1::Priority> ReadPriority(const Json& value, const std::string& where) {
  for (const v1::Priority priority : {v1::PRIORITY_LOW, v1::PRIORITY_NORMAL, v1::PRIORITY_HIGH}) {
    if (value == PriorityName(priority)) return priority;
  }
  return Wrong(where, "low, normal or high");
}

absl::StatusOr<BackupShare> ReadShare(const Json& value, const std::string& where) {
  if (!value.is_object()) return Wrong(where, "an object, or null");
  BackupShare share;
  const Json everybody = Member(value, "everybody"), commonness = Member(value, "commonness");
  if (!everybody.is_boolean()) return Wrong(where + ".everybody", "true or false");
  share.everybody = everybody.get<bool>();
  MODELD_ASSIGN_OR_RETURN(share.with, Texts(Member(value, "with"), where + ".with"));
  if (commonness.is_null()) return share;
  if (!commonness.is_number() || !(commonness.get<double>() > 0 && commonness.get<double>() <= 1)) {
    return Wrong(where + ".commonness", "a number above 0 and up to 1, or null");
  }
  share.commonness = commonness.get<double>();
  return share;
}

absl::StatusOr<BackupModel> ReadModel(const Json& value, const std::string& where) {
  if (!value.is_object()) return Wrong(where, "an object");
  BackupModel model;
  MODELD_ASSIGN_OR_RETURN(const std::string id, Text(Member(value, "model_id"), where + ".model_id"));
  const auto digest = Digest::FromHex(id);
  if (!digest.ok()) return Wrong(where + ".model_id", "64 hexadecimal digits");
  model.id = *digest;
  MODELD_ASSIGN_OR_RETURN(
      const auto size,
      Number(Member(value, "size_bytes"), std::numeric_limits<int64_t>::max(), where + ".size_bytes"));
  model.size_bytes = size.value_or(0);
  const Json holders = Member(value, "partitions"), pinned = Member(value, "pinned"),
             share = Member(value, "share");
  if (!holders.is_array()) return Wrong(where + ".partitions", "a list");
  for (const Json& one : holders) {
    if (!one.is_object()) return Wrong(where + ".partitions", "objects");
    BackupHolder& holder = model.holders.emplace_back();
    MODELD_ASSIGN_OR_RETURN(holder.partition, Text(Member(one, "name"), where + ".partitions.name"));
    MODELD_ASSIGN_OR_RETURN(holder.keys, Texts(Member(one, "keys"), where + ".partitions.keys"));
  }
  if (!pinned.is_boolean()) return Wrong(where + ".pinned", "true or false");
  model.pinned = pinned.get<bool>();
  MODELD_ASSIGN_OR_RETURN(model.priority, ReadPriority(Member(value, "priority"), where + ".priority"));
  if (!share.is_null()) {
    MODELD_ASSIGN_OR_RETURN(model.share, ReadShare(share, where + ".share"));
  }
  return model;
}

absl::StatusOr<BackupBounds> ReadBounds(const Json& value, const std::string& where) {
  if (!value.is_object()) return Wrong(where, "an object");
  BackupBounds bounds;
  MODELD_ASSIGN_OR_RETURN(bounds.partition, Text(Member(value, "name"), where + ".name"));
  MODELD_ASSIGN_OR_RETURN(
      bounds.quota_bytes,
      Number(Member(value, "quota_bytes"), std::numeric_limits<int64_t>::max(), where + ".quota_bytes"));
  MODELD_ASSIGN_OR_RETURN(
      bounds.keep_at_most,
      Number(Member(value, "keep_at_most"), std::numeric_limits<uint32_t>::max(), where + ".keep_at_most"));
  MODELD_ASSIGN_OR_RETURN(bounds.max_age_seconds,
                          Number(Member(value, "max_age_seconds"), std::numeric_limits<int64_t>::max(),
                                 where + ".max_age_seconds"));
  return bounds;
}

template <typename T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

Json ModelJson(const BackupModel& model) {
  Json holders = Json::array();
  for (const BackupHolder& holder : model.holders) {
    holders.push_back({{"name", holder.partition}, {"keys", holder.keys}});
  }
  Json share;
  if (model.share) {
    share = {{"everybody", model.share->everybody},
             {"with", model.share->with},
             {"commonness", OrNull(model.share->commonness)}};
  }
  return {{"model_id", model.id.ToHex()}, {"size_bytes", model.size_bytes},           {"partitions", holders},
          {"pinned", model.pinned},       {"priority", PriorityName(model.priority)}, {"share", share}};
}

}  // namespace

std::string PrintIndex(const BackupIndex& index) {
  Json models = Json::array(), partitions = Json::array();
  for (const BackupModel& model : index.models) models.push_back(ModelJson(model));
  for (const BackupBounds& bounds : index.partitions) {
    partitions.push_back({{"name", bounds.partition},
                          {"quota_bytes", OrNull(bounds.quota_bytes)},
                          {"keep_at_most", OrNull(bounds.keep_at_most)},
                          {"max_age_seconds", OrNull(bounds.max_age_seconds)}});
  }
  const Json json = {
      {"format", kFormat}, {"version", kVersion}, {"models", models}, {"partitions", partitions}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::StatusOr<BackupIndex> ParseIndex(absl::string_view text) {
  const auto shallow = [](int depth, Json::parse_event_t, Json&) { return depth <= kMaxDepth; };
  const Json json = Json::parse(text.begin(), text.end(), shallow, /*allow_exceptions=*/false);
  if (!json.is_object() || Member(json, "format") != kFormat) return Wrong("format", kFormat);
  if (Member(json, "version") != kVersion) return Wrong("version", absl::StrCat(kVersion));
  const Json models = Member(json, "models"), partitions = Member(json, "partitions");
  if (!models.is_array()) return Wrong("models", "a list");
  if (!partitions.is_array()) return Wrong("partitions", "a list");
  BackupIndex index;
  std::set<Digest> seen;
  for (const Json& one : models) {
    const std::string where = absl::StrCat("models[", index.models.size(), "]");
    MODELD_ASSIGN_OR_RETURN(BackupModel model, ReadModel(one, where));
    if (!seen.insert(model.id).second) return Wrong(where + ".model_id", "each model once");
    index.models.push_back(std::move(model));
  }
  for (const Json& one : partitions) {
    MODELD_ASSIGN_OR_RETURN(BackupBounds bounds,
                            ReadBounds(one, absl::StrCat("partitions[", index.partitions.size(), "]")));
    index.partitions.push_back(std::move(bounds));
  }
  return index;
}

}  // namespace modeld::tools
