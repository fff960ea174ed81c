// status, stop, metrics, config show, version.
#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/units.h"
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
          {"loaded_programs", status.loaded_programs()},
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
      {"models", absl::StrCat(status.models(), " in ", Counted(status.partitions(), "partition"))},
      {"on disk",
       absl::StrCat(HumanBytes(status.physical_bytes()), " for ", HumanBytes(status.logical_bytes()),
                    " of models, ", HumanBytes(status.staged_bytes()), " of unfinished uploads")},
      {"free", HumanBytes(status.free_bytes())},
      {"loaded",
       absl::StrCat(Counted(status.loaded_programs(), "program"), ", ", HumanBytes(status.resident_bytes()),
                    " of memory, ", Counted(status.loaded_graphs(), "graph"), " of ",
                    Counted(status.sessions(), "session"))},
  };
  for (const auto& [name, text] : lines) PrintLine(environment, name, text);
  for (const v1::Device& device : status.devices()) {
    PrintLine(environment, "device", absl::StrCat(device.name(), ": ", device.description()));
  }
  return absl::OkStatus();
}

Action DefineStatus(CLI::App&) {
  return ShowStatus;
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
    // Nothing is loaded: just what was asked for.
    if (absl::IsNotFound(stopped.status())) stopped = v1::StopModelResponse();
  } else {
    MODELD_ASSIGN_OR_RETURN(const ModelReference model, FindModel(environment, arguments.model));
    stopped = admin.StopModel(model.model_id);
    if (absl::IsNotFound(stopped.status())) {
      return absl::NotFoundError(absl::StrCat(Printable(arguments.model), ": not loaded"));
    }
  }
  if (!stopped.ok()) return stopped.status();
  if (environment.options().json) {
    PrintJson(environment, {{"stopped_graphs", stopped->stopped_graphs()},
                            {"dropped_programs", stopped->dropped_programs()},
                            {"freed_bytes", stopped->freed_bytes()}});
  } else {
    environment.Say(absl::StrCat("stopped ", Counted(stopped->stopped_graphs(), "graph"), ", dropped ",
                                 Counted(stopped->dropped_programs(), "program"), ", ",
                                 HumanBytes(stopped->freed_bytes()), " of memory freed"));
  }
  return absl::OkStatus();
}

Action DefineStop(CLI::App& command) {
  auto arguments = std::make_shared<StopArguments>();
  command.add_option("MODEL", arguments->model, "Id, unique prefix of an id, or key");
  command.add_flag("--all", arguments->all, "Everything that is loaded");
  return [arguments](Environment& environment) { return Stop(environment, *arguments); };
}

absl::Status ShowMetrics(Environment& environment) {
  MODELD_ASSIGN_OR_RETURN(const client::Admin admin, environment.ConnectAdmin());
  MODELD_ASSIGN_OR_RETURN(const v1::GetMetricsResponse metrics, admin.GetMetrics());
  if (environment.options().json) {
    PrintJson(environment, {{"prometheus", metrics.text()}});
  } else {
    environment.out() << metrics.text();
  }
  return absl::OkStatus();
}

Action DefineMetrics(CLI::App&) {
  return ShowMetrics;
}

absl::Status ShowConfig(Environment& environment, bool origin) {
  MODELD_ASSIGN_OR_RETURN(const client::Admin admin, environment.ConnectAdmin());
  MODELD_ASSIGN_OR_RETURN(const v1::GetConfigResponse config, admin.GetConfig());
  if (environment.options().json) {
    Json settings = Json::array();
    for (const auto& setting : config.settings()) {
      settings.push_back(
          {{"name", setting.name()}, {"value", setting.value()}, {"origin", setting.origin()}});
    }
    PrintJson(environment, {{"settings", settings}});
    return absl::OkStatus();
  }
  Table table(origin ? std::vector<std::string>{"SETTING", "VALUE", "FROM"}
                     : std::vector<std::string>{"SETTING", "VALUE"});
  for (const auto& setting : config.settings()) {
    std::vector<std::string> row = {setting.name(), setting.value()};
    if (origin) row.push_back(setting.origin());
    table.Add(std::move(row));
  }
  table.Print(environment);
  return absl::OkStatus();
}

Action DefineConfigShow(CLI::App& command) {
  auto origin = std::make_shared<bool>(false);
  command.add_flag("--origin", *origin, "Also tell where each comes from: flag, environment, file, default");
  return [origin](Environment& environment) { return ShowConfig(environment, *origin); };
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
    {"stop", "Cancel a model's runs and take it out of memory", DefineStop},
    {"metrics", "Print all metrics, in Prometheus' text format", DefineMetrics},
    {"config show", "Show the settings in force", DefineConfigShow},
    {"version", "Print versions", DefineVersion},
};

}  // namespace

std::span<const Verb> DaemonVerbs() {
  return kVerbs;
}

}  // namespace modeld::tools
