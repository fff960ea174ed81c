// cache prune, cache clear: making room.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/units.h"
#include "tools/modelctl/cache_entries.h"
#include "tools/modelctl/exit_code.h"
#include "tools/modelctl/output.h"
#include "tools/modelctl/verb.h"

namespace modeld::tools {
namespace {

using Entry = v1::ListCacheResponse::Entry;

struct PruneArguments {
  std::string older_than;
  bool partial = false;
  bool dry_run = false;
  bool yes = false;
};

absl::StatusOr<v1::PruneRequest> ReadPrune(const Environment& environment, const PruneArguments& arguments) {
  v1::PruneRequest request;
  request.set_partial(arguments.partial);
  request.set_partition(environment.options().partition);
  if (arguments.older_than.empty()) {
    if (arguments.partial) return request;
    return UsageError("cache prune: expected --older-than AGE or --partial; cache clear removes everything");
  }
  const auto age = ParseDuration(arguments.older_than);
  if (!age.ok()) return UsageError(absl::StrCat("--older-than ", age.status().message()));
  if (*age == absl::InfiniteDuration()) return UsageError("--older-than: nothing is older than never");
  request.set_older_than_seconds(absl::ToInt64Seconds(*age));
  return request;
}

Json PrunedJson(const v1::PruneResponse& pruned, bool dry_run) {
  Json removed = Json::array();
  for (const Entry& entry : pruned.removed()) removed.push_back(EntryJson(entry));
  return {{"dry_run", dry_run}, {"removed", removed}, {"freed_bytes", pruned.freed_bytes()}};
}

std::string Together(const v1::PruneResponse& pruned) {
  return absl::StrCat(Counted(pruned.removed_size(), "thing"), ", ", HumanBytes(pruned.freed_bytes()));
}

absl::Status Prune(Environment& environment, const PruneArguments& arguments) {
  MODELD_ASSIGN_OR_RETURN(v1::PruneRequest request, ReadPrune(environment, arguments));
  MODELD_ASSIGN_OR_RETURN(const client::CacheAdmin admin, environment.ConnectCacheAdmin());
  request.set_dry_run(true);
  MODELD_ASSIGN_OR_RETURN(v1::PruneResponse pruned, admin.Prune(request));
  const std::vector<Entry> entries(pruned.removed().begin(), pruned.removed().end());
  const bool nothing = entries.empty();
  if (!arguments.dry_run && !nothing) {
    environment.Say(absl::StrCat("remove ", Together(pruned), ":\n", EntryTable(entries).Text()));
    MODELD_RETURN_IF_ERROR(environment.Confirm("Remove?", arguments.yes));
    request.set_dry_run(false);
    MODELD_ASSIGN_OR_RETURN(pruned, admin.Prune(request));
  }
  if (environment.options().json) {
    PrintJson(environment, PrunedJson(pruned, arguments.dry_run));
  } else if (environment.options().quiet) {
    for (const Entry& entry : pruned.removed()) environment.out() << FullId(entry.id()) << "\n";
  } else if (nothing) {
    environment.Say("nothing to remove");
  } else if (arguments.dry_run) {
    EntryTable(entries).Print(environment);
    environment.Say(absl::StrCat("would remove ", Together(pruned)));
  } else {
    environment.Say(absl::StrCat("removed ", Together(pruned)));
  }
  return absl::OkStatus();
}

Action DefinePrune(CLI::App& command) {
  auto arguments = std::make_shared<PruneArguments>();
  command.add_option("--older-than", arguments->older_than,
                     "What was last used (uploads: last written) longer ago: 30d, 12h, 0 for any age");
  command.add_flag("--partial", arguments->partial, "Only unfinished uploads");
  command.add_flag("--dry-run", arguments->dry_run, "Tell what would go, and remove nothing");
  command.add_flag("-y,--yes", arguments->yes, "Do not ask");
  return [arguments](Environment& environment) { return Prune(environment, *arguments); };
}

struct ClearArguments {
  bool all = false;
  bool yes = false;
};

// Whether the name can be a call's own partition; others are the daemon's ("user:shared").
bool IsClients(absl::string_view partition) {
  return absl::StartsWith(partition, "app:") || absl::StartsWith(partition, "web:");
}

// What `cache clear` takes away.
struct Clearing {
  std::vector<std::string> partitions;
  std::vector<v1::ListSharesResponse::Share> shares;
  uint64_t models = 0;
};

absl::StatusOr<Clearing> PlanClearing(Environment& environment, const v1::GetUsageResponse& usage) {
  const std::string& wanted = environment.options().partition;
  Clearing clearing;
  for (const auto& partition : usage.partitions()) {
    if (!IsClients(partition.name()) || (!wanted.empty() && wanted != partition.name())) continue;
    clearing.partitions.push_back(partition.name());
    clearing.models += partition.models();
  }
  if (!wanted.empty()) {
    if (clearing.partitions.empty()) {
      return absl::NotFoundError(absl::StrCat(Printable(wanted), ": no such partition"));
    }
    return clearing;
  }
  MODELD_ASSIGN_OR_RETURN(const client::CacheAdmin admin, environment.ConnectCacheAdmin());
  MODELD_ASSIGN_OR_RETURN(const v1::ListSharesResponse shares, admin.ListShares());
  clearing.shares.assign(shares.shares().begin(), shares.shares().end());
  return clearing;
}

absl::Status CarryOut(const client::CacheAdmin& admin, const Clearing& clearing, bool all) {
  for (const auto& share : clearing.shares) {
    MODELD_ASSIGN_OR_RETURN(const Digest id, Digest::FromBytes(share.model_id()));
    const absl::Status unshared = admin.Unshare(id, "");
    if (!unshared.ok() && !absl::IsNotFound(unshared)) return unshared;
  }
  for (const std::string& partition : clearing.partitions) {
    MODELD_RETURN_IF_ERROR(admin.ClearPartition(partition));
  }
  // Plans and uploads that belonged to nobody.
  if (all) MODELD_RETURN_IF_ERROR(admin.Prune({}).status());
  return absl::OkStatus();
}

absl::Status Clear(Environment& environment, const ClearArguments& arguments) {
  if (arguments.all != environment.options().partition.empty()) {
    return UsageError("cache clear: expected --all or --partition, one of the two");
  }
  MODELD_ASSIGN_OR_RETURN(const client::CacheAdmin admin, environment.ConnectCacheAdmin());
  MODELD_ASSIGN_OR_RETURN(const v1::GetUsageResponse before, admin.GetUsage());
  MODELD_ASSIGN_OR_RETURN(const Clearing clearing, PlanClearing(environment, before));
  std::string list = absl::StrCat("remove ", Counted(clearing.models, "model"),
                                  ", pinned ones too, and all unfinished uploads of:");
  for (const std::string& name : clearing.partitions) absl::StrAppend(&list, "\n  ", Printable(name));
  if (!clearing.shares.empty()) {
    absl::StrAppend(&list, "\nand end ", Counted(clearing.shares.size(), "share"));
  }
  environment.Say(list);
  MODELD_RETURN_IF_ERROR(environment.Confirm("Remove?", arguments.yes));
  MODELD_RETURN_IF_ERROR(CarryOut(admin, clearing, arguments.all));
  MODELD_ASSIGN_OR_RETURN(const v1::GetUsageResponse after, admin.GetUsage());
  const uint64_t freed = before.physical_bytes() - std::min(before.physical_bytes(), after.physical_bytes());
  if (environment.options().json) {
    PrintJson(environment, {{"partitions", clearing.partitions},
                            {"models", clearing.models},
                            {"unshared", clearing.shares.size()},
                            {"freed_bytes", freed},
                            {"left_bytes", after.physical_bytes()}});
    return absl::OkStatus();
  }
  environment.Say(
      absl::StrCat("freed ", HumanBytes(freed), ", ", HumanBytes(after.physical_bytes()), " are left",
                   after.physical_bytes() > 0 && arguments.all ? " (in use, or set aside as damaged)" : ""));
  return absl::OkStatus();
}

Action DefineClear(CLI::App& command) {
  auto arguments = std::make_shared<ClearArguments>();
  command.add_flag("--all", arguments->all,
                   "Every partition, and what the user shares; else --partition says whose");
  command.add_flag("-y,--yes", arguments->yes, "Do not ask");
  return [arguments](Environment& environment) { return Clear(environment, *arguments); };
}

constexpr Verb kVerbs[] = {
    {"cache prune", "Remove what was not used for long, or unfinished uploads", DefinePrune},
    {"cache clear", "Remove everything that one partition, or all, hold", DefineClear},
};

}  // namespace

std::span<const Verb> CleaningVerbs() {
  return kVerbs;
}

}  // namespace modeld::tools
