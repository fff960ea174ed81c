// verify, config show, partition ls, partition rm.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tools/modelctl/exit_code.h"
#include "tools/modelctl/output.h"
#include "tools/modelctl/verb.h"

namespace modeld::tools {
namespace {

absl::Status Verify(Environment& environment, bool rehash) {
  MODELD_ASSIGN_OR_RETURN(const client::Admin admin, environment.ConnectAdmin());
  Json problems = Json::array();
  bool done = false;
  v1::VerifyRequest request;
  request.set_rehash(rehash);
  {
    ProgressBar bar(environment, "verifying");
    MODELD_RETURN_IF_ERROR(admin.Verify(request, [&](const v1::VerifyResponse& report) {
      bar.Update(report.progress(), absl::StrCat(std::lround(100 * report.progress()), " %"));
      done = done || report.done();
      if (report.problem().empty()) return absl::OkStatus();
      Json models = Json::array();
      for (const std::string& id : report.affected_models()) models.push_back(FullId(id));
      problems.push_back({{"problem", report.problem()}, {"models", models}});
      return absl::OkStatus();
    }));
  }
  if (environment.options().json) {
    PrintJson(environment, {{"rehash", rehash}, {"problems", problems}});
  } else {
    for (const Json& problem : problems) {
      environment.out() << Printable(problem["problem"].get<std::string>()) << "\n";
      for (const Json& model : problem["models"])
        environment.out() << "  " << model.get<std::string>() << "\n";
    }
    if (problems.empty() && done) environment.Say("no problem found");
  }
  if (!problems.empty()) return absl::DataLossError(absl::StrCat("verify: ", problems.size(), " problems"));
  if (!done) return absl::InternalError("verify: the daemon ended early");
  return absl::OkStatus();
}

Action DefineVerify(CLI::App& command) {
  auto rehash = std::make_shared<bool>(false);
  command.add_flag("--rehash", *rehash, "Read and hash every stored byte, too");
  return [rehash](Environment& environment) { return Verify(environment, *rehash); };
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

absl::Status ListPartitions(Environment& environment) {
  MODELD_ASSIGN_OR_RETURN(const client::Admin admin, environment.ConnectAdmin());
  MODELD_ASSIGN_OR_RETURN(const v1::ListPartitionsResponse listed, admin.ListPartitions());
  if (environment.options().json) {
    Json partitions = Json::array();
    for (const auto& partition : listed.partitions()) {
      partitions.push_back({{"name", partition.name()},
                            {"models", partition.models()},
                            {"logical_bytes", partition.logical_bytes()},
                            {"staged_bytes", partition.staged_bytes()}});
    }
    PrintJson(environment, {{"partitions", partitions}});
    return absl::OkStatus();
  }
  if (environment.options().quiet) {
    for (const auto& partition : listed.partitions())
      environment.out() << Printable(partition.name()) << "\n";
    return absl::OkStatus();
  }
  Table table({"PARTITION", "MODELS", "SIZE", "UNFINISHED"});
  for (const auto& partition : listed.partitions()) {
    table.Add({partition.name(), absl::StrCat(partition.models()), HumanBytes(partition.logical_bytes()),
               HumanBytes(partition.staged_bytes())});
  }
  table.Print(environment);
  return absl::OkStatus();
}

Action DefinePartitionLs(CLI::App&) {
  return ListPartitions;
}

struct PartitionRmArguments {
  std::string name;
  bool yes = false;
};

absl::Status RemovePartition(Environment& environment, const PartitionRmArguments& arguments) {
  MODELD_ASSIGN_OR_RETURN(const client::Admin admin, environment.ConnectAdmin());
  MODELD_ASSIGN_OR_RETURN(const v1::ListPartitionsResponse listed, admin.ListPartitions());
  const auto partition = std::find_if(listed.partitions().begin(), listed.partitions().end(),
                                      [&](const auto& p) { return p.name() == arguments.name; });
  if (partition == listed.partitions().end()) {
    return absl::NotFoundError(absl::StrCat(Printable(arguments.name), ": no such partition"));
  }
  environment.Say(absl::StrCat("remove ", Printable(partition->name()), ": ", partition->models(),
                               " models, ", HumanBytes(partition->logical_bytes()),
                               ", and its unfinished uploads"));
  MODELD_RETURN_IF_ERROR(environment.Confirm("Remove?", arguments.yes));
  MODELD_ASSIGN_OR_RETURN(const v1::RemovePartitionResponse removed, admin.RemovePartition(arguments.name));
  if (environment.options().json) {
    PrintJson(environment, {{"partition", arguments.name}, {"freed_bytes", removed.freed_bytes()}});
  } else {
    environment.Say(absl::StrCat("freed ", HumanBytes(removed.freed_bytes())));
  }
  return absl::OkStatus();
}

Action DefinePartitionRm(CLI::App& command) {
  auto arguments = std::make_shared<PartitionRmArguments>();
  command.add_option("NAME", arguments->name, "As `partition ls` tells it")->required();
  command.add_flag("-y,--yes", arguments->yes, "Do not ask");
  return [arguments](Environment& environment) { return RemovePartition(environment, *arguments); };
}

constexpr Verb kVerbs[] = {
    {"verify", "Check what is stored", DefineVerify},
    {"config show", "Show the settings in force", DefineConfigShow},
    {"partition ls", "List partitions", DefinePartitionLs},
    {"partition rm", "Remove all that a partition holds", DefinePartitionRm},
};

}  // namespace

std::span<const Verb> HousekeepingVerbs() {
  return kVerbs;
}

}  // namespace modeld::tools
