// ls, show, rm.
#include <CLI/CLI.hpp>
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "client/codec/graph_codec.h"
#include "tools/modelctl/exit_code.h"
#include "tools/modelctl/model_reference.h"
#include "tools/modelctl/output.h"
#include "tools/modelctl/verb.h"

namespace modeld::tools {
namespace {

Json SummaryJson(const v1::ModelSummary& model) {
  return {{"model_id", FullId(model.model_id())},
          {"partition", model.partition()},
          {"keys", std::vector<std::string>(model.keys().begin(), model.keys().end())},
          {"size_bytes", model.size_bytes()},
          {"created_at", model.created_at()},
          {"last_used_at", model.last_used_at()},
          {"damaged", model.damaged()}};
}

absl::Status ListModels(Environment& environment) {
  MODELD_ASSIGN_OR_RETURN(const client::Admin admin, environment.ConnectAdmin());
  MODELD_ASSIGN_OR_RETURN(const v1::ListModelsResponse listed,
                          admin.ListModels(environment.options().partition));
  if (environment.options().json) {
    Json models = Json::array();
    for (const v1::ModelSummary& model : listed.models()) models.push_back(SummaryJson(model));
    PrintJson(environment, {{"models", models}});
    return absl::OkStatus();
  }
  if (environment.options().quiet) {
    for (const v1::ModelSummary& model : listed.models())
      environment.out() << FullId(model.model_id()) << "\n";
    return absl::OkStatus();
  }
  Table table({"ID", "KEYS", "SIZE", "LAST USED", "PARTITION"});
  for (const v1::ModelSummary& model : listed.models()) {
    table.Add({ShortId(model.model_id()),
               absl::StrCat(absl::StrJoin(model.keys(), ", "), model.damaged() ? " (damaged)" : ""),
               HumanBytes(model.size_bytes()), HumanTime(model.last_used_at()), model.partition()});
  }
  table.Print(environment);
  return absl::OkStatus();
}

Action DefineLs(CLI::App&) {
  return ListModels;
}

Json BindingsJson(const google::protobuf::RepeatedPtrField<v1::TensorBinding>& bindings) {
  Json result = Json::array();
  for (const v1::TensorBinding& binding : bindings) {
    const auto type = DecodeDataType(binding.tensor_descriptor().data_type(), binding.name());
    const auto& shape = binding.tensor_descriptor().shape();
    result.push_back({{"name", binding.name()},
                      {"data_type", type.ok() ? std::string(DataTypeName(*type)) : ""},
                      {"shape", std::vector<uint32_t>(shape.begin(), shape.end())}});
  }
  return result;
}

Json LoadedJson(const v1::LoadedGraph& loaded) {
  return {{"device", loaded.device()},
          {"packed_bytes", loaded.packed_bytes()},
          {"arena_bytes", loaded.arena_bytes()},
          {"sessions", loaded.sessions()},
          {"runs", loaded.runs()},
          {"last_run_at", loaded.last_run_at()}};
}

Json ModelJson(const Digest& id, const v1::GetModelResponse& model) {
  Json entries = Json::array(), operations = Json::array(), loaded = Json::array();
  for (const v1::ModelSummary& entry : model.entries()) entries.push_back(SummaryJson(entry));
  for (const auto& operation : model.operations()) {
    operations.push_back({{"type", operation.type()}, {"count", operation.count()}});
  }
  for (const v1::LoadedGraph& graph : model.loaded()) loaded.push_back(LoadedJson(graph));
  return {{"model_id", id.ToHex()},
          {"inputs", BindingsJson(model.inputs())},
          {"outputs", BindingsJson(model.outputs())},
          {"operations", operations},
          {"constants", model.constants()},
          {"parameters", model.parameters()},
          {"constant_bytes", model.constant_bytes()},
          {"graph_bytes", model.graph_bytes()},
          {"entries", entries},
          {"loaded", loaded}};
}

// The same for a person, from the one description.
void PrintModel(Environment& environment, const Json& model) {
  std::ostream& out = environment.out();
  out << "id          " << model["model_id"].get<std::string>() << "\n";
  for (const char* kind : {"inputs", "outputs"}) {
    const char* title = kind[0] == 'i' ? "input       " : "output      ";
    for (const Json& binding : model[kind]) {
      out << title << Printable(binding["name"].get<std::string>()) << ": "
          << binding["data_type"].get<std::string>() << "["
          << absl::StrJoin(binding["shape"].get<std::vector<uint32_t>>(), ",") << "]\n";
    }
  }
  std::vector<std::string> operations;
  for (const Json& operation : model["operations"]) {
    operations.push_back(absl::StrCat(Printable(operation["type"].get<std::string>()), " ",
                                      operation["count"].get<uint32_t>()));
  }
  out << "operations  " << absl::StrJoin(operations, ", ") << "\n";
  out << "parameters  " << model["parameters"] << "\n";
  out << "constants   " << model["constants"] << ", " << HumanBytes(model["constant_bytes"].get<uint64_t>())
      << "\n";
  out << "graph       " << HumanBytes(model["graph_bytes"].get<uint64_t>()) << "\n";
  for (const Json& entry : model["entries"]) {
    const auto keys = entry["keys"].get<std::vector<std::string>>();
    out << "stored      " << Printable(entry["partition"].get<std::string>())
        << (keys.empty() ? "" : absl::StrCat(" as ", Printable(absl::StrJoin(keys, ", ")))) << ", "
        << HumanTime(entry["created_at"].get<int64_t>()) << ", last used "
        << HumanTime(entry["last_used_at"].get<int64_t>())
        << (entry["damaged"].get<bool>() ? ", damaged" : "") << "\n";
  }
  for (const Json& loaded : model["loaded"]) {
    out << "loaded      on " << Printable(loaded["device"].get<std::string>()) << ", "
        << HumanBytes(loaded["packed_bytes"].get<uint64_t>()) << " packed, "
        << HumanBytes(loaded["arena_bytes"].get<uint64_t>()) << " arena, " << loaded["sessions"]
        << " sessions, " << loaded["runs"] << " runs\n";
  }
}

absl::Status ShowModel(Environment& environment, const std::string& text) {
  MODELD_ASSIGN_OR_RETURN(const ModelReference model, FindModel(environment, text));
  MODELD_ASSIGN_OR_RETURN(const client::Admin admin, environment.ConnectAdmin());
  MODELD_ASSIGN_OR_RETURN(const v1::GetModelResponse found, admin.GetModel(model.model_id));
  const Json json = ModelJson(model.model_id, found);
  if (environment.options().json) {
    PrintJson(environment, json);
  } else {
    PrintModel(environment, json);
  }
  return absl::OkStatus();
}

Action DefineShow(CLI::App& command) {
  auto model = std::make_shared<std::string>();
  command.add_option("MODEL", *model, "Id, unique prefix of an id, or key")->required();
  return [model](Environment& environment) { return ShowModel(environment, *model); };
}

struct RmArguments {
  std::vector<std::string> models;
  bool yes = false;
};

// What one argument of rm takes away.
struct Removal {
  ModelReference model;
  // Only the key, as the model has others.
  bool key_only = false;
};

absl::StatusOr<Removal> PlanRemoval(Environment& environment, const std::string& text) {
  MODELD_ASSIGN_OR_RETURN(ModelReference model, FindModel(environment, text));
  Removal removal{std::move(model)};
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
  const std::string id = removal.model.model_id.ToHex().substr(0, 12);
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
    removed.push_back({{"model_id", removal.model.model_id.ToHex()},
                       {"key", removal.model.key.empty() ? Json() : Json(removal.model.key)},
                       {"key_only", removal.key_only}});
  }
  if (environment.options().json) PrintJson(environment, {{"removed", removed}, {"freed_bytes", freed}});
  return absl::OkStatus();
}

Action DefineRm(CLI::App& command) {
  auto arguments = std::make_shared<RmArguments>();
  command.add_option("MODEL", arguments->models, "Ids, unique prefixes of ids, or keys")->required();
  command.add_flag("-y,--yes", arguments->yes, "Do not ask");
  return [arguments](Environment& environment) { return RemoveModels(environment, *arguments); };
}

constexpr Verb kVerbs[] = {
    {"ls", "List stored models", DefineLs},
    {"show", "Tell all about a model", DefineShow},
    {"rm", "Remove models: by id from every partition, by key from this one", DefineRm},
};

}  // namespace

std::span<const Verb> ModelVerbs() {
  return kVerbs;
}

}  // namespace modeld::tools
