#include "tools/modelctl/model_reference.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "tools/modelctl/exit_code.h"
#include "tools/modelctl/output.h"

namespace modeld::tools {
namespace {

constexpr size_t kLeastPrefixDigits = 8;
constexpr size_t kIdDigits = 2 * Digest::kSize;

bool IsPrefix(absl::string_view text) {
  return text.size() >= kLeastPrefixDigits && text.size() <= kIdDigits &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f'); });
}

absl::StatusOr<ModelReference> FindKey(Environment& environment, absl::string_view key) {
  MODELD_ASSIGN_OR_RETURN(const client::Client client, environment.Connect());
  MODELD_ASSIGN_OR_RETURN(const std::vector<client::StoredModel> models,
                          client.Cache().List(environment.call()));
  for (const client::StoredModel& model : models) {
    if (std::find(model.keys.begin(), model.keys.end(), key) != model.keys.end()) {
      return ModelReference{model.model_id, std::string(key)};
    }
  }
  return absl::NotFoundError(absl::StrCat(Printable(key), ": no model has this key or id"));
}

absl::StatusOr<ModelReference> FindId(Environment& environment, absl::string_view prefix) {
  if (prefix.size() == kIdDigits) {
    MODELD_ASSIGN_OR_RETURN(const Digest id, Digest::FromHex(prefix));
    return ModelReference{id, ""};
  }
  MODELD_ASSIGN_OR_RETURN(const client::Admin admin, environment.ConnectAdmin());
  MODELD_ASSIGN_OR_RETURN(const v1::ListModelsResponse listed,
                          admin.ListModels(environment.options().partition));
  std::vector<Digest> ids;
  for (const v1::ModelSummary& model : listed.models()) {
    MODELD_ASSIGN_OR_RETURN(const Digest id, Digest::FromBytes(model.model_id()));
    ids.push_back(id);
  }
  MODELD_ASSIGN_OR_RETURN(const Digest id, MatchPrefix(prefix, ids));
  return ModelReference{id, ""};
}

}  // namespace

bool IsModelFile(absl::string_view text) {
  return absl::EndsWithIgnoreCase(text, ".onnx") || absl::EndsWithIgnoreCase(text, ".modeld");
}

absl::StatusOr<Digest> MatchPrefix(absl::string_view prefix, const std::vector<Digest>& ids) {
  if (!IsPrefix(prefix)) {
    return UsageError(absl::StrCat(Printable(prefix), ": expected 8 to 64 lower-case hexadecimal digits"));
  }
  std::vector<Digest> found;
  for (const Digest& id : ids) {
    if (absl::StartsWith(id.ToHex(), prefix)) found.push_back(id);
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  if (found.empty()) return absl::NotFoundError(absl::StrCat(prefix, ": no model has this key or id"));
  if (found.size() == 1) return found[0];
  std::string message = absl::StrCat(prefix, ": several begin so:");
  for (const Digest& id : found) absl::StrAppend(&message, "\n  ", id.ToHex());
  return UsageError(message);
}

absl::StatusOr<ModelReference> FindModel(Environment& environment, const std::string& text) {
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, "key:")) return FindKey(environment, rest);
  if (absl::ConsumePrefix(&rest, "id:")) {
    if (!IsPrefix(rest)) return MatchPrefix(rest, {}).status();
    return FindId(environment, rest);
  }
  absl::StatusOr<ModelReference> by_key = FindKey(environment, text);
  if (!IsPrefix(text) || (!by_key.ok() && !absl::IsNotFound(by_key.status()))) return by_key;
  absl::StatusOr<ModelReference> by_id = FindId(environment, text);
  if (!by_key.ok()) return by_id;
  const bool another = by_id.ok() && by_id->model_id != by_key->model_id && text.size() != kIdDigits;
  if (another) return UsageError(absl::StrCat(text, ": is a key and an id: say key:", text, " or id:", text));
  return by_key;
}

absl::StatusOr<Digest> FindUpload(Environment& environment, const std::string& text) {
  const absl::Status absent = absl::NotFoundError(
      absl::StrCat(Printable(text), ": no model has this key or id, nor has an unfinished upload"));
  if (!IsPrefix(text)) return absent;
  MODELD_ASSIGN_OR_RETURN(const client::CacheAdmin admin, environment.ConnectCacheAdmin());
  MODELD_ASSIGN_OR_RETURN(const v1::ListCacheResponse listed,
                          admin.ListCache(environment.options().partition));
  std::vector<Digest> uploads;
  for (const auto& entry : listed.entries()) {
    if (entry.kind() != v1::ListCacheResponse::Entry::PARTIAL) continue;
    MODELD_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(entry.id()));
    uploads.push_back(digest);
  }
  absl::StatusOr<Digest> found = MatchPrefix(text, uploads);
  return absl::IsNotFound(found.status()) ? absl::StatusOr<Digest>(absent) : found;
}

}  // namespace modeld::tools
