// cache export, cache import.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/units.h"
#include "tools/modelctl/backup_archive.h"
#include "tools/modelctl/backup_index.h"
#include "tools/modelctl/container.h"
#include "tools/modelctl/model_file.h"
#include "tools/modelctl/output.h"
#include "tools/modelctl/verb.h"

namespace modeld::tools {
namespace {

// Partitions that a call may speak for; what only the daemon's own hold ("user:shared") is stored in
// modelctl's for a moment when it comes back.
bool IsClients(absl::string_view partition) {
  return absl::StartsWith(partition, "app:") || absl::StartsWith(partition, "web:");
}

// How far a backup is, in bytes, and what could not be done.
class Tally {
 public:
  Tally(Environment& environment, const char* label, const BackupIndex& index) : bar_(environment, label) {
    for (const BackupModel& model : index.models) total_bytes_ += model.size_bytes;
  }

  // Within the model under way; the bytes never go back. `stalled`: for how long no byte has come.
  void Within(uint64_t bytes, absl::Duration stalled = absl::ZeroDuration()) {
    Show(done_bytes_ + bytes, stalled);
  }
  void Done(const BackupModel& model) {
    done_bytes_ += model.size_bytes;
    Show(done_bytes_);
  }
  void Problem(const BackupModel& model, const absl::Status& status) {
    problems_.push_back({{"model_id", model.id.ToHex()}, {"problem", std::string(status.message())}});
  }
  uint64_t total_bytes() const { return total_bytes_; }
  const Json& problems() const { return problems_; }

 private:
  void Show(uint64_t bytes, absl::Duration stalled = absl::ZeroDuration()) {
    shown_bytes_ = std::max(shown_bytes_, std::min(bytes, total_bytes_));
    const double fraction =
        total_bytes_ == 0 ? 1 : static_cast<double>(shown_bytes_) / static_cast<double>(total_bytes_);
    bar_.Update(fraction, AmountText(shown_bytes_, total_bytes_, stalled));
  }

  ProgressBar bar_;
  uint64_t total_bytes_ = 0;
  uint64_t done_bytes_ = 0;
  uint64_t shown_bytes_ = 0;
  Json problems_ = Json::array();
};

// A model that this, and only this, is wrong with does not stop the others.
bool IsOfOneModel(const absl::Status& status) {
  return absl::IsDataLoss(status) || absl::IsNotFound(status) || absl::IsInvalidArgument(status);
}

absl::Status Ended(Environment& environment, const char* verb, const Json& problems) {
  if (problems.empty()) return absl::OkStatus();
  for (const Json& problem : problems) {
    environment.Say(absl::StrCat(problem["model_id"].get<std::string>().substr(0, 12), ": ",
                                 Printable(problem["problem"].get<std::string>())));
  }
  return absl::DataLossError(absl::StrCat(verb, ": ", Counted(problems.size(), "model"), " left out"));
}

absl::StatusOr<BackupIndex> Collect(Environment& environment) {
  MODELD_ASSIGN_OR_RETURN(const client::Admin admin, environment.ConnectAdmin());
  MODELD_ASSIGN_OR_RETURN(const client::CacheAdmin cache, environment.ConnectCacheAdmin());
  const std::string& wanted = environment.options().partition;
  MODELD_ASSIGN_OR_RETURN(const v1::ListModelsResponse listed, admin.ListModels(wanted));
  MODELD_ASSIGN_OR_RETURN(const v1::ListSharesResponse shares, cache.ListShares());
  MODELD_ASSIGN_OR_RETURN(const v1::ListPartitionsResponse partitions, admin.ListPartitions());
  std::map<std::string, BackupModel> models;
  for (const v1::ModelSummary& summary : listed.models()) {
    BackupModel& model = models[summary.model_id()];
    MODELD_ASSIGN_OR_RETURN(model.id, Digest::FromBytes(summary.model_id()));
    model.size_bytes = summary.size_bytes();
    model.pinned = summary.pinned();
    model.priority = summary.priority();
    if (!IsClients(summary.partition())) continue;
    model.holders.push_back({summary.partition(), {summary.keys().begin(), summary.keys().end()}});
  }
  for (const auto& share : shares.shares()) {
    const auto model = models.find(share.model_id());
    if (model == models.end()) continue;
    model->second.share = {share.everybody(), {share.with().begin(), share.with().end()}};
    if (share.commonness_from() == "user") model->second.share->commonness = share.commonness();
  }
  BackupIndex index;
  for (auto& [id, model] : models) index.models.push_back(std::move(model));
  for (const auto& partition : partitions.partitions()) {
    const v1::PartitionLimits& limits = partition.limits();
    if (!wanted.empty() && wanted != partition.name()) continue;
    if (!limits.has_quota_bytes() && !limits.has_keep_at_most() && !limits.has_max_age_seconds()) continue;
    BackupBounds& bounds = index.partitions.emplace_back();
    bounds.partition = partition.name();
    if (limits.has_quota_bytes()) bounds.quota_bytes = limits.quota_bytes();
    if (limits.has_keep_at_most()) bounds.keep_at_most = limits.keep_at_most();
    if (limits.has_max_age_seconds()) bounds.max_age_seconds = limits.max_age_seconds();
  }
  return index;
}

struct ExportArguments {
  std::string path;
  bool force = false;
};

absl::Status Export(Environment& environment, const ExportArguments& arguments) {
  MODELD_ASSIGN_OR_RETURN(const client::Admin admin, environment.ConnectAdmin());
  MODELD_ASSIGN_OR_RETURN(BackupIndex index, Collect(environment));
  MODELD_ASSIGN_OR_RETURN(const auto writer, BackupWriter::Create(arguments.path, arguments.force));
  Json problems;
  uint64_t bytes = 0, kept = 0;
  std::vector<BackupModel> written;
  {
    Tally tally(environment, "exporting", index);
    for (const BackupModel& model : index.models) {
      absl::Status status;
      if (writer->Has(model.id)) {
        ++kept;
      } else {
        uint64_t sent = 0;
        status = writer->Add(model.id, [&](ContainerBody& container) {
          return admin.ExportModel(model.id, [&](const v1::ExportModelResponse& part) {
            sent += part.canonical_graph().size() + part.data().size();
            tally.Within(sent);
            return AddPart(part, container);
          });
        });
      }
      if (!status.ok() && !IsOfOneModel(status)) return status;
      if (status.ok()) {
        bytes += model.size_bytes;
        written.push_back(model);
      } else {
        tally.Problem(model, status);
      }
      tally.Done(model);
    }
    problems = tally.problems();
  }
  index.models = written;
  MODELD_RETURN_IF_ERROR(writer->Finish(PrintIndex(index)));
  if (environment.options().json) {
    PrintJson(environment, {{"path", arguments.path},
                            {"models", written.size()},
                            {"already_there", kept},
                            {"size_bytes", bytes},
                            {"problems", problems}});
  } else {
    environment.Say(absl::StrCat("exported ", Counted(written.size(), "model"), ", ", HumanBytes(bytes),
                                 ", to ", arguments.path));
  }
  return Ended(environment, "cache export", problems);
}

Action DefineExport(CLI::App& command) {
  auto arguments = std::make_shared<ExportArguments>();
  command
      .add_option("PATH", arguments->path,
                  "A file FILE.tar, or a folder, in which an earlier backup that did not end is gone on with")
      ->required();
  command.add_flag("-f,--force", arguments->force, "Replace the file if it is there");
  return [arguments](Environment& environment) { return Export(environment, *arguments); };
}

struct ImportArguments {
  std::string path;
  bool dry_run = false;
};

// What the daemon has, whole: (model, partition) to keys.
using Held = std::map<std::pair<std::string, std::string>, std::set<std::string>>;

absl::StatusOr<Held> WhatIsThere(const client::Admin& admin) {
  MODELD_ASSIGN_OR_RETURN(const v1::ListModelsResponse listed, admin.ListModels(""));
  Held held;
  for (const v1::ModelSummary& model : listed.models()) {
    if (model.damaged() || model.missing()) continue;
    held[{model.model_id(), model.partition()}] = {model.keys().begin(), model.keys().end()};
  }
  return held;
}

// The holders that lack the model or one of its keys; with nobody's but the daemon's own, modelctl's.
std::vector<BackupHolder> Missing(const BackupModel& model, const Held& held) {
  std::vector<BackupHolder> missing;
  for (const BackupHolder& holder : model.holders) {
    const auto there = held.find({std::string(model.id.bytes()), holder.partition});
    const bool whole = there != held.end() &&
                       std::all_of(holder.keys.begin(), holder.keys.end(),
                                   [&](const std::string& key) { return there->second.count(key) > 0; });
    if (!whole) missing.push_back(holder);
  }
  if (model.holders.empty()) {
    const bool any = std::any_of(held.begin(), held.end(),
                                 [&](const auto& one) { return one.first.first == model.id.bytes(); });
    if (!any) missing.push_back({});
  }
  return missing;
}

// Stores a model for one partition. An empty one is modelctl's own.
absl::Status StoreFor(Environment& environment, const BackupHolder& holder, const BackupModel& model,
                      const Region& file, Tally& tally) {
  MODELD_ASSIGN_OR_RETURN(client::Client client, environment.Connect());
  if (!holder.partition.empty()) client = client.ForPartition(holder.partition);
  MODELD_ASSIGN_OR_RETURN(const client::Context context, client.CreateContext({}, environment.call()));
  MODELD_ASSIGN_OR_RETURN(const Graph graph, ParseContainer(file, model.id.ToHex(), context.limits()));
  MODELD_ASSIGN_OR_RETURN(
      const client::Graph built,
      context.BuildGraph(
          graph, {.call = environment.call(), .progress = [&](const client::UploadProgress& progress) {
                    tally.Within(progress.committed_bytes, progress.stalled);
                  }}));
  absl::StatusOr<Digest> stored = built.Store(environment.call());
  for (const std::string& key : holder.keys) {
    if (stored.ok()) stored = client.Cache().Save(built, key, environment.call());
  }
  if (!stored.ok()) return stored.status();
  if (*stored == model.id) return absl::OkStatus();
  return absl::DataLossError("the backup holds another model under this id");
}

// Pins, priorities and shares; after the model is there.
absl::Status Wish(Environment& environment, const BackupModel& model) {
  MODELD_ASSIGN_OR_RETURN(const client::CacheAdmin admin, environment.ConnectCacheAdmin());
  client::ModelWish wish;
  if (model.pinned) wish.pinned = true;
  if (model.priority != v1::PRIORITY_NORMAL) wish.priority = model.priority;
  if (wish.pinned || wish.priority) MODELD_RETURN_IF_ERROR(admin.SetModelWish(model.id, wish));
  if (!model.share) return absl::OkStatus();
  if (model.share->everybody) MODELD_RETURN_IF_ERROR(admin.Share(model.id, "", model.share->commonness));
  for (const std::string& with : model.share->with) {
    MODELD_RETURN_IF_ERROR(admin.Share(model.id, with, model.share->commonness));
  }
  return absl::OkStatus();
}

absl::Status ImportModel(Environment& environment, const BackupReader& backup, const BackupModel& model,
                         const std::vector<BackupHolder>& missing, Tally& tally) {
  if (!missing.empty()) {
    MODELD_ASSIGN_OR_RETURN(const Region file, backup.Model(model.id));
    for (const BackupHolder& holder : missing) {
      MODELD_RETURN_IF_ERROR(StoreFor(environment, holder, model, file, tally));
    }
  }
  MODELD_RETURN_IF_ERROR(Wish(environment, model));
  // Nobody held it but for the share, which keeps it now.
  if (missing.empty() || !model.holders.empty() || !model.share) return absl::OkStatus();
  MODELD_ASSIGN_OR_RETURN(const client::Client client, environment.Connect());
  return client.Cache().Delete(model.id, environment.call());
}

absl::Status Bound(Environment& environment, const BackupIndex& index) {
  MODELD_ASSIGN_OR_RETURN(const client::CacheAdmin admin, environment.ConnectCacheAdmin());
  for (const BackupBounds& bounds : index.partitions) {
    v1::PartitionLimits limits;
    if (bounds.quota_bytes) limits.set_quota_bytes(*bounds.quota_bytes);
    if (bounds.keep_at_most) limits.set_keep_at_most(*bounds.keep_at_most);
    if (bounds.max_age_seconds) limits.set_max_age_seconds(*bounds.max_age_seconds);
    MODELD_RETURN_IF_ERROR(admin.SetPartitionLimits(bounds.partition, limits));
  }
  return absl::OkStatus();
}

absl::Status Import(Environment& environment, const ImportArguments& arguments) {
  MODELD_ASSIGN_OR_RETURN(const auto backup, BackupReader::Open(arguments.path));
  auto index = ParseIndex(backup->index());
  if (!index.ok()) return Annotate(index.status(), arguments.path);
  MODELD_ASSIGN_OR_RETURN(const client::Admin admin, environment.ConnectAdmin());
  MODELD_ASSIGN_OR_RETURN(const Held held, WhatIsThere(admin));
  Json stored = Json::array(), problems;
  uint64_t skipped = 0, bytes = 0;
  {
    Tally tally(environment, "importing", *index);
    for (const BackupModel& model : index->models) {
      const std::vector<BackupHolder> missing = Missing(model, held);
      const absl::Status status = arguments.dry_run
                                      ? missing.empty() ? absl::OkStatus() : backup->Model(model.id).status()
                                      : ImportModel(environment, *backup, model, missing, tally);
      if (!status.ok() && !IsOfOneModel(status)) return status;
      if (!status.ok()) {
        tally.Problem(model, status);
      } else if (missing.empty()) {
        ++skipped;
      } else {
        stored.push_back(model.id.ToHex());
        bytes += model.size_bytes;
      }
      tally.Done(model);
    }
    problems = tally.problems();
  }
  // Last, so that no bound evicts what is still to be completed.
  if (!arguments.dry_run) {
    if (const absl::Status bound = Bound(environment, *index); !bound.ok())
      return Annotate(bound, arguments.path);
  }
  if (environment.options().json) {
    PrintJson(environment, {{"path", arguments.path},
                            {"dry_run", arguments.dry_run},
                            {"stored", stored},
                            {"already_there", skipped},
                            {"size_bytes", bytes},
                            {"problems", problems}});
  } else {
    environment.Say(absl::StrCat(arguments.dry_run ? "would import " : "imported ",
                                 Counted(stored.size(), "model"), ", ", HumanBytes(bytes), "; ", skipped,
                                 " were there already"));
  }
  return Ended(environment, "cache import", problems);
}

Action DefineImport(CLI::App& command) {
  auto arguments = std::make_shared<ImportArguments>();
  command.add_option("PATH", arguments->path, "What cache export wrote: a .tar file or a folder")->required();
  command.add_flag("--dry-run", arguments->dry_run, "Tell what would be stored, and store nothing");
  return [arguments](Environment& environment) { return Import(environment, *arguments); };
}

constexpr Verb kVerbs[] = {
    {"cache export", "Write all models, keys, pins and shares into a file or folder", DefineExport},
    {"cache import", "Bring back what cache export wrote; what is there is skipped", DefineImport},
};

}  // namespace

std::span<const Verb> BackupVerbs() {
  return kVerbs;
}

}  // namespace modeld::tools
