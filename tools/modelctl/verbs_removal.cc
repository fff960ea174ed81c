// rm.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/units.h"
#include "tools/modelctl/model_reference.h"
#include "tools/modelctl/output.h"
#include "tools/modelctl/verb.h"

namespace modeld::tools {
namespace {

struct RmArguments {
  std::vector<std::string> models;
  bool yes = false;
};

// What one argument of rm takes away: a model, one of its keys, or an unfinished upload.
struct Removal {
  ModelReference model;
  // Only the key, as the model has others.
  bool key_only = false;
  // Of an upload; then there is no model.
  std::optional<Digest> upload;
};

// Whether any partition holds the model; damaged ones count.
absl::StatusOr<bool> IsStored(Environment& environment, const Digest& model_id) {
  MODELD_ASSIGN_OR_RETURN(const client::Admin admin, environment.ConnectAdmin());
  MODELD_ASSIGN_OR_RETURN(const v1::ListModelsResponse listed, admin.ListModels(""));
  return std::any_of(listed.models().begin(), listed.models().end(),
                     [&](const auto& model) { return model.model_id() == model_id.bytes(); });
}

absl::StatusOr<Removal> PlanRemoval(Environment& environment, const std::string& text) {
  absl::StatusOr<ModelReference> model = FindModel(environment, text);
  if (model.ok() && model->key.empty()) {
    MODELD_ASSIGN_OR_RETURN(const bool stored, IsStored(environment, model->model_id));
    if (!stored) model = absl::NotFoundError("no such model");
  }
  if (absl::IsNotFound(model.status())) {
    MODELD_ASSIGN_OR_RETURN(const Digest upload, FindUpload(environment, text));
    return Removal{.upload = upload};
  }
  if (!model.ok()) return model.status();
  Removal removal{.model = *std::move(model)};
  if (removal.model.key.empty()) return removal;
  MODELD_ASSIGN_OR_RETURN(const client::Client client, environment.Connect());
  MODELD_ASSIGN_OR_RETURN(const auto stored, client.Cache().List(environment.call()));
  for (const client::StoredModel& entry : stored) {
    if (entry.model_id == removal.model.model_id) removal.key_only = entry.keys.size() > 1;
  }
  return removal;
}

// Bytes given back, as far as the daemon tells them.
absl::StatusOr<uint64_t> Remove(Environment& environment, const Removal& removal) {
  if (removal.upload) {
    MODELD_ASSIGN_OR_RETURN(const client::CacheAdmin admin, environment.ConnectCacheAdmin());
    MODELD_ASSIGN_OR_RETURN(const v1::DeleteUploadResponse deleted, admin.DeleteUpload(*removal.upload));
    return deleted.freed_bytes();
  }
  MODELD_ASSIGN_OR_RETURN(const client::Client client, environment.Connect());
  if (removal.key_only) {
    MODELD_RETURN_IF_ERROR(client.Cache().DeleteKey(removal.model.key, environment.call()));
    return uint64_t{0};
  }
  if (!removal.model.key.empty()) {
    MODELD_RETURN_IF_ERROR(client.Cache().Delete(removal.model.model_id, environment.call()));
    return uint64_t{0};
  }
  MODELD_ASSIGN_OR_RETURN(const client::Admin admin, environment.ConnectAdmin());
  MODELD_ASSIGN_OR_RETURN(const v1::DeleteModelResponse deleted,
                          admin.DeleteModel(removal.model.model_id, environment.options().partition));
  return deleted.freed_bytes();
}

std::string Describe(const Environment& environment, const Removal& removal) {
  if (removal.upload) {
    return absl::StrCat("the unfinished upload ", ShortId(removal.upload->bytes()), " from every partition");
  }
  const std::string id = ShortId(removal.model.model_id.bytes());
  const std::string key = Printable(removal.model.key);
  const std::string& partition = environment.options().partition;
  if (removal.key_only) return absl::StrCat("the key ", key, " of ", id, ", which has other keys");
  if (!key.empty()) return absl::StrCat("the model ", id, ", key ", key);
  return absl::StrCat("the model ", id, " from ",
                      partition.empty() ? "every partition" : Printable(partition));
}

absl::Status RemoveModels(Environment& environment, const RmArguments& arguments) {
  // All are looked up before anything goes: a slip in the last name costs nothing.
  std::vector<Removal> removals;
  for (const std::string& text : arguments.models) {
    MODELD_ASSIGN_OR_RETURN(Removal removal, PlanRemoval(environment, text));
    removals.push_back(std::move(removal));
  }
  for (const Removal& removal : removals) {
    environment.Say(absl::StrCat("remove ", Describe(environment, removal)));
  }
  MODELD_RETURN_IF_ERROR(environment.Confirm("Remove?", arguments.yes));
  uint64_t freed = 0;
  Json removed = Json::array();
  for (const Removal& removal : removals) {
    MODELD_ASSIGN_OR_RETURN(const uint64_t bytes, Remove(environment, removal));
    freed += bytes;
    removed.push_back({{"model_id", removal.upload ? Json() : Json(removal.model.model_id.ToHex())},
                       {"upload", removal.upload ? Json(removal.upload->ToHex()) : Json()},
                       {"key", removal.model.key.empty() ? Json() : Json(removal.model.key)},
                       {"key_only", removal.key_only}});
  }
  if (environment.options().json) {
    PrintJson(environment, {{"removed", removed}, {"freed_bytes", freed}});
  } else if (freed > 0) {
    environment.Say(absl::StrCat("freed ", HumanBytes(freed)));
  }
  return absl::OkStatus();
}

Action DefineRm(CLI::App& command) {
  auto arguments = std::make_shared<RmArguments>();
  command
      .add_option("MODEL", arguments->models,
                  "Ids, unique prefixes of ids, keys, or digests of unfinished uploads")
      ->required();
  command.add_flag("-y,--yes", arguments->yes, "Do not ask");
  return [arguments](Environment& environment) { return RemoveModels(environment, *arguments); };
}

constexpr Verb kVerbs[] = {
    {"rm", "Remove models, by id from every partition, by key from this one; or unfinished uploads",
     DefineRm},
};

}  // namespace

std::span<const Verb> RemovalVerbs() {
  return kVerbs;
}

}  // namespace modeld::tools
