// status, ps, stop, version.
#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/version.h"
#include "tools/modelctl/exit_code.h"
#include "tools/modelctl/model_reference.h"
#include "tools/modelctl/output.h"
#include "tools/modelctl/verb.h"

namespace modeld::tools {
namespace {

Json StatusJson(const v1::GetStatusResponse& status) {
  Json devices = Json::array();
  for (const v1::Device& device : status.devices()) {
    devices.push_back({{"name", device.name()}, {"description", device.description()}});
  }
  return {{"version", status.version()},
          {"pid", status.pid()},
          {"started_at", status.started_at()},
          {"socket", status.socket()},
          {"memory_socket", status.memory_socket()},
          {"cache_dir", status.cache_dir()},
          {"state_dir", status.state_dir()},
          {"models", status.models()},
          {"partitions", status.partitions()},
          {"physical_bytes", status.physical_bytes()},
          {"logical_bytes", status.logical_bytes()},
          {"staged_bytes", status.staged_bytes()},
          {"free_bytes", status.free_bytes()},
          {"sessions", status.sessions()},
          {"loaded_graphs", status.loaded_graphs()},
          {"resident_bytes", status.resident_bytes()},
          {"devices", devices}};
}

absl::Status ShowStatus(Environment& environment) {
  MODELD_ASSIGN_OR_RETURN(const client::Admin admin, environment.ConnectAdmin());
  MODELD_ASSIGN_OR_RETURN(const v1::GetStatusResponse status, admin.GetStatus());
  if (environment.options().json) {
    PrintJson(environment, StatusJson(status));
    return absl::OkStatus();
  }
  const std::pair<const char*, std::string> lines[] = {
      {"modeld", absl::StrCat(status.version(), ", process ", status.pid(), ", since ",
                              HumanTime(status.started_at()))},
      {"socket", status.socket()},
      {"memory socket", status.memory_socket()},
      {"cache", status.cache_dir()},
      {"state", status.state_dir()},
      {"models", absl::StrCat(status.models(), " in ", status.partitions(), " partitions")},
      {"on disk",
       absl::StrCat(HumanBytes(status.physical_bytes()), " for ", HumanBytes(status.logical_bytes()),
                    " of models, ", HumanBytes(status.staged_bytes()), " of unfinished uploads")},
      {"free", HumanBytes(status.free_bytes())},
      {"loaded", absl::StrCat(status.loaded_graphs(), " graphs, ", HumanBytes(status.resident_bytes()),
                              " of memory, ", status.sessions(), " sessions")},
  };
  for (const auto& [name, text] : lines) {
    environment.out() << name << std::string(15 - std::string(name).size(), ' ') << Printable(text) << "\n";
  }
  for (const v1::Device& device : status.devices()) {
    environment.out() << "device         " << Printable(device.name()) << ": "
                      << Printable(device.description()) << "\n";
  }
  return absl::OkStatus();
}

Action DefineStatus(CLI::App&) {
  return ShowStatus;
}

Json GraphJson(const v1::LoadedGraph& graph) {
  return {{"model_id", graph.model_id().empty() ? Json() : Json(FullId(graph.model_id()))},
          {"partition", graph.partition()},
          {"device", graph.device()},
          {"packed_bytes", graph.packed_bytes()},
          {"arena_bytes", graph.arena_bytes()},
          {"sessions", graph.sessions()},
          {"runs", graph.runs()},
          {"last_run_at", graph.last_run_at()}};
}

Json SessionJson(const v1::ListSessionsResponse::Session& session) {
  return {{"session_id", session.session_id()},    {"role", session.role()},
          {"partition", session.partition()},      {"pid", session.pid()},
          {"contexts", session.contexts()},        {"graphs", session.graphs()},
          {"tensors", session.tensors()},          {"tensor_bytes", session.tensor_bytes()},
          {"connected_at", session.connected_at()}};
}

void PrintSessions(Environment& environment, const v1::ListSessionsResponse& listed) {
  Table table({"SESSION", "ROLE", "PID", "CONTEXTS", "GRAPHS", "TENSORS", "SINCE", "PARTITION"});
  for (const auto& session : listed.sessions()) {
    table.Add({absl::StrCat(session.session_id()), session.role(), absl::StrCat(session.pid()),
               absl::StrCat(session.contexts()), absl::StrCat(session.graphs()),
               absl::StrCat(session.tensors(), " (", HumanBytes(session.tensor_bytes()), ")"),
               HumanTime(session.connected_at()), session.partition()});
  }
  table.Print(environment);
}

absl::Status ListLoaded(Environment& environment, bool sessions) {
  MODELD_ASSIGN_OR_RETURN(const client::Admin admin, environment.ConnectAdmin());
  MODELD_ASSIGN_OR_RETURN(const v1::ListSessionsResponse listed, admin.ListSessions());
  if (environment.options().json) {
    Json graphs = Json::array(), list = Json::array();
    for (const v1::LoadedGraph& graph : listed.graphs()) graphs.push_back(GraphJson(graph));
    for (const auto& session : listed.sessions()) list.push_back(SessionJson(session));
    PrintJson(environment, {{"graphs", graphs}, {"sessions", list}});
    return absl::OkStatus();
  }
  if (environment.options().quiet) {
    for (const v1::LoadedGraph& graph : listed.graphs()) {
      if (!graph.model_id().empty()) environment.out() << FullId(graph.model_id()) << "\n";
    }
    return absl::OkStatus();
  }
  if (sessions) {
    PrintSessions(environment, listed);
    return absl::OkStatus();
  }
  Table table({"ID", "MEMORY", "DEVICE", "SESSIONS", "RUNS", "LAST RUN", "PARTITION"});
  for (const v1::LoadedGraph& graph : listed.graphs()) {
    table.Add({graph.model_id().empty() ? "(not stored)" : ShortId(graph.model_id()),
               HumanBytes(graph.packed_bytes() + graph.arena_bytes()), graph.device(),
               absl::StrCat(graph.sessions()), absl::StrCat(graph.runs()), HumanTime(graph.last_run_at()),
               graph.partition()});
  }
  table.Print(environment);
  return absl::OkStatus();
}

Action DefinePs(CLI::App& command) {
  auto sessions = std::make_shared<bool>(false);
  command.add_flag("--sessions", *sessions, "List the connected clients instead of the loaded graphs");
  return [sessions](Environment& environment) { return ListLoaded(environment, *sessions); };
}

struct StopArguments {
  std::string model;
  bool all = false;
};

absl::Status Stop(Environment& environment, const StopArguments& arguments) {
  if (arguments.all != arguments.model.empty())
    return UsageError("stop: expected MODEL or --all, one of the two");
  absl::StatusOr<v1::StopModelResponse> stopped;
  MODELD_ASSIGN_OR_RETURN(const client::Admin admin, environment.ConnectAdmin());
  if (arguments.all) {
    stopped = admin.StopAll();
  } else {
    MODELD_ASSIGN_OR_RETURN(const ModelReference model, FindModel(environment, arguments.model));
    stopped = admin.StopModel(model.model_id);
  }
  if (!stopped.ok()) return stopped.status();
  if (environment.options().json) {
    PrintJson(environment, {{"stopped_graphs", stopped->stopped_graphs()}});
  } else {
    environment.Say(absl::StrCat("stopped ", stopped->stopped_graphs(), " graphs"));
  }
  return absl::OkStatus();
}

Action DefineStop(CLI::App& command) {
  auto arguments = std::make_shared<StopArguments>();
  command.add_option("MODEL", arguments->model, "Id, unique prefix of an id, or key");
  command.add_flag("--all", arguments->all, "Everything that is loaded");
  return [arguments](Environment& environment) { return Stop(environment, *arguments); };
}

// Says what it knows: a daemon that is not there is no failure here.
absl::Status ShowVersion(Environment& environment) {
  std::string daemon;
  if (const auto client = environment.Connect(); client.ok()) {
    if (const auto capabilities = client->GetCapabilities(); capabilities.ok())
      daemon = capabilities->version();
  }
  if (environment.options().json) {
    PrintJson(environment, {{"modelctl", kVersion}, {"modeld", daemon.empty() ? Json() : Json(daemon)}});
    return absl::OkStatus();
  }
  environment.out() << "modelctl " << kVersion << "\n";
  environment.out() << "modeld   " << (daemon.empty() ? "does not answer" : Printable(daemon)) << "\n";
  return absl::OkStatus();
}

Action DefineVersion(CLI::App&) {
  return ShowVersion;
}

constexpr Verb kVerbs[] = {
    {"status", "Show the daemon, its folders and what it holds", DefineStatus},
    {"ps", "List loaded graphs, or sessions", DefinePs},
    {"stop", "Cancel a model's runs and unload it", DefineStop},
    {"version", "Print versions", DefineVersion},
};

}  // namespace

std::span<const Verb> DaemonVerbs() {
  return kVerbs;
}

}  // namespace modeld::tools
