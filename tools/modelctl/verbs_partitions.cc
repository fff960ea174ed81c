// partition ls, rm, quota.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>
#include <memory>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "base/units.h"
#include "tools/modelctl/exit_code.h"
#include "tools/modelctl/output.h"
#include "tools/modelctl/verb.h"

namespace modeld::tools {
namespace {

using Partition = v1::ListPartitionsResponse::Partition;

// The bounds of a partition: the quota in force, and what the user set beside it.
Json BoundsJson(const Partition& partition) {
  const v1::PartitionLimits& limits = partition.limits();
  return {{"quota_bytes", partition.quota_bytes()},
          {"own_quota", limits.has_quota_bytes()},
          {"keep_at_most", limits.has_keep_at_most() ? Json(limits.keep_at_most()) : Json()},
          {"max_age_seconds", limits.has_max_age_seconds() ? Json(limits.max_age_seconds()) : Json()}};
}

// "20.0 GiB (own), at most 3 models, 90d".
std::string BoundsText(const Partition& partition) {
  const v1::PartitionLimits& limits = partition.limits();
  std::vector<std::string> parts = {HumanBound(partition.quota_bytes())};
  if (limits.has_quota_bytes()) absl::StrAppend(&parts[0], " (set)");
  if (limits.has_keep_at_most()) {
    parts.push_back(absl::StrCat("at most ", Counted(limits.keep_at_most(), "model")));
  }
  if (limits.has_max_age_seconds()) {
    parts.push_back(
        absl::StrCat("unused for at most ", PrintDuration(absl::Seconds(limits.max_age_seconds()))));
  }
  return absl::StrJoin(parts, ", ");
}

absl::Status ListPartitions(Environment& environment) {
  MODELD_ASSIGN_OR_RETURN(const client::Admin admin, environment.ConnectAdmin());
  MODELD_ASSIGN_OR_RETURN(const v1::ListPartitionsResponse listed, admin.ListPartitions());
  if (environment.options().json) {
    Json partitions = Json::array();
    for (const Partition& partition : listed.partitions()) {
      Json row = {{"name", partition.name()},
                  {"models", partition.models()},
                  {"keys", partition.keys()},
                  {"logical_bytes", partition.logical_bytes()},
                  {"staged_bytes", partition.staged_bytes()},
                  {"last_used_at", partition.last_used_at()}};
      row.update(BoundsJson(partition));
      partitions.push_back(std::move(row));
    }
    PrintJson(environment, {{"partitions", partitions}});
    return absl::OkStatus();
  }
  if (environment.options().quiet) {
    for (const Partition& partition : listed.partitions()) {
      environment.out() << Printable(partition.name()) << "\n";
    }
    return absl::OkStatus();
  }
  Table table({"PARTITION", "MODELS", "KEYS", "SIZE", "UNFINISHED", "LAST USED", "QUOTA"});
  for (const Partition& partition : listed.partitions()) {
    table.Add({partition.name(), absl::StrCat(partition.models()), absl::StrCat(partition.keys()),
               HumanBytes(partition.logical_bytes()), HumanBytes(partition.staged_bytes()),
               HumanTime(partition.last_used_at()), BoundsText(partition)});
  }
  table.Print(environment);
  return absl::OkStatus();
}

Action DefineLs(CLI::App&) {
  return ListPartitions;
}

struct RmArguments {
  std::string name;
  bool yes = false;
};

absl::StatusOr<std::optional<Partition>> FindPartition(const client::Admin& admin, const std::string& name) {
  MODELD_ASSIGN_OR_RETURN(const v1::ListPartitionsResponse listed, admin.ListPartitions());
  const auto found = std::find_if(listed.partitions().begin(), listed.partitions().end(),
                                  [&](const Partition& p) { return p.name() == name; });
  return found == listed.partitions().end() ? std::nullopt : std::optional(*found);
}

absl::Status RemovePartition(Environment& environment, const RmArguments& arguments) {
  MODELD_ASSIGN_OR_RETURN(const client::Admin admin, environment.ConnectAdmin());
  MODELD_ASSIGN_OR_RETURN(const std::optional<Partition> partition, FindPartition(admin, arguments.name));
  if (!partition) return absl::NotFoundError(absl::StrCat(Printable(arguments.name), ": no such partition"));
  environment.Say(absl::StrCat("remove ", Printable(partition->name()), ": ",
                               Counted(partition->models(), "model"), ", ",
                               HumanBytes(partition->logical_bytes()), ", and its unfinished uploads"));
  MODELD_RETURN_IF_ERROR(environment.Confirm("Remove?", arguments.yes));
  MODELD_ASSIGN_OR_RETURN(const v1::RemovePartitionResponse removed, admin.RemovePartition(arguments.name));
  if (environment.options().json) {
    PrintJson(environment, {{"partition", arguments.name}, {"freed_bytes", removed.freed_bytes()}});
  } else {
    environment.Say(absl::StrCat("freed ", HumanBytes(removed.freed_bytes())));
  }
  return absl::OkStatus();
}

Action DefineRm(CLI::App& command) {
  auto arguments = std::make_shared<RmArguments>();
  command.add_option("NAME", arguments->name, "As `partition ls` tells it")->required();
  command.add_flag("-y,--yes", arguments->yes, "Do not ask");
  return [arguments](Environment& environment) { return RemovePartition(environment, *arguments); };
}

struct QuotaArguments {
  std::string name;
  std::string bytes;
  bool reset = false;
  std::optional<uint32_t> keep_at_most;
  std::string max_age;

  bool Changes() const { return reset || !bytes.empty() || keep_at_most || !max_age.empty(); }
};

// `limits` with what the command line changes.
absl::StatusOr<v1::PartitionLimits> Changed(v1::PartitionLimits limits, const QuotaArguments& arguments) {
  if (arguments.reset) limits.Clear();
  if (!arguments.bytes.empty()) {
    const auto bytes = ParseBytes(arguments.bytes);
    if (!bytes.ok()) return UsageError(absl::StrCat("partition quota: ", bytes.status().message()));
    limits.set_quota_bytes(*bytes);
  }
  if (arguments.keep_at_most) limits.set_keep_at_most(*arguments.keep_at_most);
  if (!arguments.max_age.empty()) {
    const auto age = ParseDuration(arguments.max_age);
    if (!age.ok()) return UsageError(absl::StrCat("--max-age ", age.status().message()));
    if (*age == absl::InfiniteDuration()) {
      limits.clear_max_age_seconds();
    } else if (*age < absl::Seconds(1)) {
      return UsageError("--max-age: expected at least a second; partition rm removes everything");
    } else {
      limits.set_max_age_seconds(absl::ToInt64Seconds(*age));
    }
  }
  return limits;
}

absl::Status Quota(Environment& environment, const QuotaArguments& arguments) {
  MODELD_ASSIGN_OR_RETURN(const client::Admin admin, environment.ConnectAdmin());
  MODELD_ASSIGN_OR_RETURN(std::optional<Partition> partition, FindPartition(admin, arguments.name));
  if (!arguments.Changes() && !partition) {
    return absl::NotFoundError(absl::StrCat(Printable(arguments.name), ": no such partition"));
  }
  if (arguments.Changes()) {
    MODELD_ASSIGN_OR_RETURN(const v1::PartitionLimits limits,
                            Changed(partition ? partition->limits() : v1::PartitionLimits(), arguments));
    MODELD_ASSIGN_OR_RETURN(const client::CacheAdmin cache, environment.ConnectCacheAdmin());
    MODELD_RETURN_IF_ERROR(cache.SetPartitionLimits(arguments.name, limits));
    MODELD_ASSIGN_OR_RETURN(partition, FindPartition(admin, arguments.name));
    if (!partition) {
      // It holds nothing yet: the bounds wait for it.
      partition.emplace().set_quota_bytes(limits.quota_bytes());
      *partition->mutable_limits() = limits;
    }
  }
  if (environment.options().json) {
    Json json = {{"partition", arguments.name}};
    json.update(BoundsJson(*partition));
    PrintJson(environment, json);
  } else if (arguments.Changes()) {
    environment.Say(absl::StrCat(Printable(arguments.name), ": ", BoundsText(*partition)));
  } else {
    environment.out() << BoundsText(*partition) << "\n";
  }
  return absl::OkStatus();
}

Action DefineQuota(CLI::App& command) {
  auto arguments = std::make_shared<QuotaArguments>();
  command
      .add_option("NAME", arguments->name, "As `partition ls` tells it; without more, its bounds are shown")
      ->required();
  command.add_option("BYTES", arguments->bytes, "What its models and uploads may take: 20G");
  command.add_flag("--default", arguments->reset, "Back to the settings' defaults, in all three");
  command
      .add_option("--keep-at-most", arguments->keep_at_most,
                  "Models it may hold; the least valuable go first")
      ->check(CLI::Range(uint32_t{1}, std::numeric_limits<uint32_t>::max()))
      ->type_name("N");
  command
      .add_option("--max-age", arguments->max_age,
                  "Models that were not used for longer go: 90d; never: no bound")
      ->type_name("AGE");
  return [arguments](Environment& environment) { return Quota(environment, *arguments); };
}

constexpr Verb kVerbs[] = {
    {"partition ls", "List partitions", DefineLs},
    {"partition rm", "Remove all that a partition holds", DefineRm},
    {"partition quota", "Show or set what a partition may hold", DefineQuota},
};

}  // namespace

std::span<const Verb> PartitionVerbs() {
  return kVerbs;
}

}  // namespace modeld::tools
