// ls, show.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "base/units.h"
#include "client/codec/graph_codec.h"
#include "tools/modelctl/cache_entries.h"
#include "tools/modelctl/filters.h"
#include "tools/modelctl/loaded_models.h"
#include "tools/modelctl/model_reference.h"
#include "tools/modelctl/output.h"
#include "tools/modelctl/verb.h"

namespace modeld::tools {
namespace {

// "damaged", "missing", "whole".
std::string Health(const v1::ModelSummary& model) {
  return model.damaged() ? "damaged" : model.missing() ? "missing" : "whole";
}

Json SummaryJson(const v1::ModelSummary& model) {
  return {{"model_id", FullId(model.model_id())},
          {"partition", model.partition()},
          {"keys", std::vector<std::string>(model.keys().begin(), model.keys().end())},
          {"size_bytes", model.size_bytes()},
          {"exclusive_bytes", model.exclusive_bytes()},
          {"created_at", model.created_at()},
          {"last_used_at", model.last_used_at()},
          {"frequency", model.frequency()},
          {"pinned", model.pinned()},
          {"shared", model.shared()},
          {"priority", PriorityName(model.priority())},
          {"health", Health(model)},
          {"damaged", model.damaged()}};
}

// The compiled plans that serve a model, whichever partition's build made them.
absl::StatusOr<Json> PlansJson(Environment& environment, const Digest& id) {
  MODELD_ASSIGN_OR_RETURN(const client::CacheAdmin admin, environment.ConnectCacheAdmin());
  MODELD_ASSIGN_OR_RETURN(const v1::ListCacheResponse listed, admin.ListCache(""));
  Json plans = Json::array();
  for (const v1::ListCacheResponse::Entry& entry : listed.entries()) {
    if (entry.kind() != v1::ListCacheResponse::Entry::PLAN) continue;
    if (std::count(entry.models().begin(), entry.models().end(), id.bytes()) == 0) continue;
    plans.push_back({{"id", FullId(entry.id())},
                     {"device", entry.device()},
                     {"size_bytes", entry.size_bytes()},
                     {"created_at", entry.created_at()},
                     {"last_used_at", entry.last_used_at()},
                     {"in_use", entry.in_use()}});
  }
  return plans;
}

absl::Status ListModels(Environment& environment, const std::vector<std::string>& filter_texts) {
  MODELD_ASSIGN_OR_RETURN(const Filters filters,
                          Filters::Parse(filter_texts, {"model_id", "partition", "keys", "pinned", "shared",
                                                        "priority", "health", "damaged"}));
  MODELD_ASSIGN_OR_RETURN(const client::Admin admin, environment.ConnectAdmin());
  MODELD_ASSIGN_OR_RETURN(const v1::ListModelsResponse listed,
                          admin.ListModels(environment.options().partition));
  Json models = Json::array();
  Table table({"ID", "KEYS", "SIZE", "LAST USED", "PINNED", "SHARED", "PRIORITY", "HEALTH", "PARTITION"});
  for (const v1::ModelSummary& model : listed.models()) {
    Json json = SummaryJson(model);
    if (!filters.Match(json)) continue;
    models.push_back(std::move(json));
    table.Add({ShortId(model.model_id()), absl::StrJoin(model.keys(), ", "), HumanBytes(model.size_bytes()),
               HumanTime(model.last_used_at()), model.pinned() ? "yes" : "-", model.shared() ? "yes" : "-",
               PriorityName(model.priority()), Health(model), model.partition()});
  }
  if (environment.options().json) {
    PrintJson(environment, {{"models", models}});
  } else if (environment.options().quiet) {
    for (const Json& model : models) environment.out() << model["model_id"].get<std::string>() << "\n";
  } else {
    table.Print(environment);
  }
  return absl::OkStatus();
}

Action DefineLs(CLI::App& command) {
  auto filters = std::make_shared<std::vector<std::string>>();
  AddFilterOption(command, *filters);
  return [filters](Environment& environment) { return ListModels(environment, *filters); };
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
  return {{"partition", loaded.partition()},
          {"device", loaded.device()},
          {"weight_bytes", loaded.weight_bytes()},
          {"packed_bytes", loaded.packed_bytes()},
          {"arena_bytes", loaded.arena_bytes()},
          {"sessions", loaded.sessions()},
          {"runs", loaded.runs()},
          {"last_run_at", loaded.last_run_at()},
          {"residency", ResidencyName(loaded.residency())},
          {"idle_until", IdleUntil(loaded.residency(), loaded.idle_seconds_left())}};
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
  for (const Json& plan : model["plans"]) {
    out << "plan        for " << Printable(plan["device"].get<std::string>()) << ", "
        << HumanBytes(plan["size_bytes"].get<uint64_t>()) << ", last used "
        << HumanTime(plan["last_used_at"].get<int64_t>()) << (plan["in_use"].get<bool>() ? ", in use" : "")
        << "\n";
  }
  for (const Json& entry : model["entries"]) {
    const auto keys = entry["keys"].get<std::vector<std::string>>();
    out << "stored      " << Printable(entry["partition"].get<std::string>())
        << (keys.empty() ? "" : absl::StrCat(" as ", Printable(absl::StrJoin(keys, ", ")))) << ", "
        << HumanTime(entry["created_at"].get<int64_t>()) << ", last used "
        << HumanTime(entry["last_used_at"].get<int64_t>()) << (entry["pinned"].get<bool>() ? ", pinned" : "")
        << (entry["shared"].get<bool>() ? ", shared" : "");
    for (const auto& [name, usual] : {std::pair("priority", "normal"), std::pair("health", "whole")}) {
      const auto value = entry[name].get<std::string>();
      if (value != usual) out << ", " << name << " " << value;
    }
    out << "\n";
  }
}

void PrintLoaded(Environment& environment, const v1::GetModelResponse& model) {
  for (const v1::LoadedGraph& loaded : model.loaded()) {
    environment.out() << "loaded      by " << Printable(loaded.partition()) << " on "
                      << Printable(loaded.device()) << ", " << HumanBytes(loaded.weight_bytes())
                      << " of weights, " << HumanBytes(loaded.arena_bytes()) << " arena, "
                      << Counted(loaded.sessions(), "session") << ", " << Counted(loaded.runs(), "run")
                      << ", leaves memory: " << ResidencyText(loaded.residency(), loaded.idle_seconds_left())
                      << "\n";
  }
}

absl::Status ShowModel(Environment& environment, const std::string& text) {
  MODELD_ASSIGN_OR_RETURN(const ModelReference model, FindModel(environment, text));
  MODELD_ASSIGN_OR_RETURN(const client::Admin admin, environment.ConnectAdmin());
  MODELD_ASSIGN_OR_RETURN(const v1::GetModelResponse found, admin.GetModel(model.model_id));
  Json json = ModelJson(model.model_id, found);
  MODELD_ASSIGN_OR_RETURN(json["plans"], PlansJson(environment, model.model_id));
  if (environment.options().json) {
    PrintJson(environment, json);
  } else {
    PrintModel(environment, json);
    PrintLoaded(environment, found);
  }
  return absl::OkStatus();
}

Action DefineShow(CLI::App& command) {
  auto model = std::make_shared<std::string>();
  command.add_option("MODEL", *model, "Id, unique prefix of an id, or key")->required();
  return [model](Environment& environment) { return ShowModel(environment, *model); };
}

constexpr Verb kVerbs[] = {
    {"ls", "List stored models", DefineLs},
    {"show", "Tell all about a model", DefineShow},
};

}  // namespace

std::span<const Verb> ModelVerbs() {
  return kVerbs;
}

}  // namespace modeld::tools
