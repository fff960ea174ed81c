// cache ls, du, verify, and verify.
#include <CLI/CLI.hpp>
#include <cmath>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/units.h"
#include "tools/modelctl/cache_entries.h"
#include "tools/modelctl/filters.h"
#include "tools/modelctl/output.h"
#include "tools/modelctl/verb.h"

namespace modeld::tools {
namespace {

using Entry = v1::ListCacheResponse::Entry;

struct LsArguments {
  bool partial = false;
  std::vector<std::string> filters;
};

absl::Status ListCache(Environment& environment, const LsArguments& arguments) {
  MODELD_ASSIGN_OR_RETURN(const Filters filters, Filters::Parse(arguments.filters, EntryFilters()));
  MODELD_ASSIGN_OR_RETURN(const client::CacheAdmin admin, environment.ConnectCacheAdmin());
  MODELD_ASSIGN_OR_RETURN(const v1::ListCacheResponse listed,
                          admin.ListCache(environment.options().partition));
  std::vector<Entry> entries;
  Json rows = Json::array();
  for (const Entry& entry : listed.entries()) {
    if (arguments.partial && entry.kind() != Entry::PARTIAL) continue;
    Json row = EntryJson(entry);
    if (!filters.Match(row)) continue;
    rows.push_back(std::move(row));
    entries.push_back(entry);
  }
  if (environment.options().json) {
    PrintJson(environment, {{"entries", rows}});
  } else if (environment.options().quiet) {
    for (const Entry& entry : entries) environment.out() << FullId(entry.id()) << "\n";
  } else {
    EntryTable(entries).Print(environment);
  }
  return absl::OkStatus();
}

Action DefineLs(CLI::App& command) {
  auto arguments = std::make_shared<LsArguments>();
  command.add_flag("--partial", arguments->partial, "Only unfinished uploads");
  AddFilterOption(command, arguments->filters);
  return [arguments](Environment& environment) { return ListCache(environment, *arguments); };
}

Json UsageJson(const v1::GetUsageResponse& usage) {
  Json partitions = Json::array();
  for (const auto& partition : usage.partitions()) {
    partitions.push_back({{"name", partition.name()},
                          {"models", partition.models()},
                          {"logical_bytes", partition.logical_bytes()},
                          {"exclusive_bytes", partition.exclusive_bytes()},
                          {"physical_bytes", partition.physical_bytes()},
                          {"staged_bytes", partition.staged_bytes()},
                          {"quota_bytes", partition.quota_bytes()}});
  }
  return {{"partitions", partitions},
          {"blob_bytes", usage.blob_bytes()},
          {"unreferenced_bytes", usage.unreferenced_bytes()},
          {"plan_bytes", usage.plan_bytes()},
          {"staging_bytes", usage.staging_bytes()},
          {"quarantine_bytes", usage.quarantine_bytes()},
          {"physical_bytes", usage.physical_bytes()},
          {"disk_bytes", usage.disk_bytes()},
          {"logical_bytes", usage.logical_bytes()},
          {"reserved_bytes", usage.reserved_bytes()},
          {"free_bytes", usage.free_bytes()},
          {"limit_bytes", usage.limit_bytes()},
          {"min_free_bytes", usage.min_free_bytes()}};
}

absl::Status ShowUsage(Environment& environment) {
  MODELD_ASSIGN_OR_RETURN(const client::CacheAdmin admin, environment.ConnectCacheAdmin());
  MODELD_ASSIGN_OR_RETURN(const v1::GetUsageResponse usage, admin.GetUsage());
  if (environment.options().json) {
    PrintJson(environment, UsageJson(usage));
    return absl::OkStatus();
  }
  Table partitions({"MODELS", "SIZE", "ITS OWN", "ON DISK", "UNFINISHED", "QUOTA", "PARTITION"});
  for (const auto& partition : usage.partitions()) {
    partitions.Add({absl::StrCat(partition.models()), HumanBytes(partition.logical_bytes()),
                    HumanBytes(partition.exclusive_bytes()), HumanBytes(partition.physical_bytes()),
                    HumanBytes(partition.staged_bytes()), HumanBound(partition.quota_bytes()),
                    partition.name()});
  }
  partitions.Print(environment);
  environment.out() << "\n";
  const std::pair<const char*, std::string> lines[] = {
      {"models", absl::StrCat(HumanBytes(usage.blob_bytes()), ", each file once; without sharing ",
                              HumanBytes(usage.logical_bytes()))},
      {"waiting", absl::StrCat(HumanBytes(usage.unreferenced_bytes()), " of uploads that no model names")},
      {"plans", HumanBytes(usage.plan_bytes())},
      {"unfinished", HumanBytes(usage.staging_bytes())},
      {"quarantined", HumanBytes(usage.quarantine_bytes())},
      {"together",
       absl::StrCat(HumanBytes(usage.physical_bytes()), " in files, ", HumanBytes(usage.disk_bytes()),
                    " on the disk as du counts; limit ", HumanBound(usage.limit_bytes()))},
      {"reserved", HumanBytes(usage.reserved_bytes())},
      {"free", absl::StrCat(HumanBytes(usage.free_bytes()), ", of which ", HumanBytes(usage.min_free_bytes()),
                            " stay free")},
  };
  for (const auto& [name, text] : lines) PrintLine(environment, name, text);
  return absl::OkStatus();
}

Action DefineDu(CLI::App&) {
  return ShowUsage;
}

struct VerifyArguments {
  bool rehash = false;
  bool repair = false;
};

void PrintProblems(Environment& environment, const Json& problems) {
  for (const Json& problem : problems) {
    environment.out() << Printable(problem["problem"].get<std::string>())
                      << (problem["repaired"].get<bool>() ? " (mended)" : "") << "\n";
    for (const Json& model : problem["models"]) environment.out() << "  " << model.get<std::string>() << "\n";
  }
}

absl::Status Verify(Environment& environment, const VerifyArguments& arguments) {
  MODELD_ASSIGN_OR_RETURN(const client::Admin admin, environment.ConnectAdmin());
  v1::VerifyRequest request;
  request.set_rehash(arguments.rehash);
  request.set_repair(arguments.repair);
  Json problems = Json::array();
  size_t left = 0;
  bool done = false;
  {
    ProgressBar bar(environment, "verifying");
    MODELD_RETURN_IF_ERROR(admin.Verify(request, [&](const v1::VerifyResponse& report) {
      bar.Update(report.progress(), absl::StrCat(std::lround(100 * report.progress()), " %"));
      done = done || report.done();
      if (report.problem().empty()) return absl::OkStatus();
      Json models = Json::array();
      for (const std::string& id : report.affected_models()) models.push_back(FullId(id));
      problems.push_back(
          {{"problem", report.problem()}, {"models", models}, {"repaired", report.repaired()}});
      if (!report.repaired()) ++left;
      return absl::OkStatus();
    }));
  }
  if (environment.options().json) {
    PrintJson(environment,
              {{"rehash", arguments.rehash}, {"repair", arguments.repair}, {"problems", problems}});
  } else {
    PrintProblems(environment, problems);
  }
  if (left > 0) {
    return absl::DataLossError(absl::StrCat(
        "verify: ", Counted(left, "problem"), arguments.repair ? " that nothing here can mend" : "",
        "; a damaged model is mended by storing it again, or removed by modelctl rm",
        arguments.repair ? "" : "; --repair mends the rest"));
  }
  if (!done) return absl::InternalError("verify: the daemon ended early");
  environment.Say(problems.empty() ? "no problem found"
                                   : absl::StrCat(Counted(problems.size(), "problem"), ", all mended"));
  return absl::OkStatus();
}

Action DefineVerify(CLI::App& command) {
  auto arguments = std::make_shared<VerifyArguments>();
  command.add_flag("--rehash", arguments->rehash, "Read and hash every stored byte, too");
  command.add_flag("--repair", arguments->repair,
                   "Mend what can be mended: stray files and records, damaged plans, wrong sums");
  return [arguments](Environment& environment) { return Verify(environment, *arguments); };
}

constexpr Verb kVerbs[] = {
    {"cache ls", "List everything that takes disk space", DefineLs},
    {"cache du", "Show disk space by partition and kind", DefineDu},
    {"cache verify", "Check what is stored", DefineVerify},
    {"verify", "The same as cache verify", DefineVerify},
};

}  // namespace

std::span<const Verb> CacheVerbs() {
  return kVerbs;
}

}  // namespace modeld::tools
