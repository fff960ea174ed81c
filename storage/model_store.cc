#include "storage/model_store.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/integrity.h"
#include "storage/ledger.h"
#include "storage/plan_store.h"
#include "storage/recovery.h"
#include "storage/rocksdb_catalogue.h"
#include "storage/space.h"
#include "storage/store_core.h"
#include "storage/text_rules.h"

namespace modeld::storage {
namespace {

constexpr absl::string_view kLockName = "lock";

// Locks a folder against a second process; makes it when absent.
absl::Status LockFolder(std::shared_ptr<FileSystem> folder, std::vector<StoreCore::FolderLock>& locks) {
  MODELD_RETURN_IF_ERROR(folder->MakeDir(""));
  absl::StatusOr<std::unique_ptr<FileLock>> lock = folder->Lock(kLockName);
  if (absl::IsAborted(lock.status())) {
    return absl::FailedPreconditionError(absl::StrCat(folder->name(), ": another modeld uses it"));
  }
  MODELD_RETURN_IF_ERROR(lock.status());
  locks.push_back({std::move(folder), *std::move(lock)});
  return absl::OkStatus();
}

absl::StatusOr<std::vector<StoreCore::FolderLock>> LockFolders(const std::shared_ptr<FileSystem>& cache,
                                                               const std::shared_ptr<FileSystem>& state) {
  std::vector<StoreCore::FolderLock> locks;
  MODELD_RETURN_IF_ERROR(LockFolder(state, locks));
  MODELD_RETURN_IF_ERROR(LockFolder(cache, locks));
  return locks;
}

absl::StatusOr<std::unique_ptr<StoreCore>> MakeCore(const StoreOptions& options,
                                                    std::shared_ptr<FileSystem> cache,
                                                    std::shared_ptr<Catalogue> catalogue, const Clock& clock,
                                                    std::vector<StoreCore::FolderLock> locks) {
  FileSystem& state = *locks.front().folder;
  auto core =
      std::make_unique<StoreCore>(options, std::move(locks), std::move(cache), std::move(catalogue), clock);
  // Plans are best effort: without a secret the store works without them.
  if (absl::StatusOr<PlanSecret> secret = LoadPlanSecret(state); secret.ok()) {
    core->plan_secret = std::move(secret->bytes);
    core->plan_secret_is_fresh = secret->fresh;
  }
  MODELD_RETURN_IF_ERROR(Recover(*core));
  return core;
}

std::string ModelName(const Digest& id) {
  return absl::StrCat("model ", id.ToHex());
}

// The distinct constants in digest order. INVALID_ARGUMENT: one is given with two sizes.
absl::StatusOr<std::vector<BlobRef>> Distinct(std::vector<BlobRef> refs) {
  std::sort(refs.begin(), refs.end());
  refs.erase(std::unique(refs.begin(), refs.end()), refs.end());
  for (size_t i = 1; i < refs.size(); ++i) {
    if (refs[i].digest == refs[i - 1].digest) {
      return absl::InvalidArgumentError(absl::StrCat(BlobName(refs[i].digest), ": given with two sizes"));
    }
  }
  return refs;
}

record::ModelRecord MakeModelRecord(uint64_t manifest_bytes, const std::vector<BlobRef>& constants,
                                    int64_t now_us) {
  record::ModelRecord model;
  model.set_manifest_size_bytes(manifest_bytes);
  model.set_created_us(now_us);
  for (const BlobRef& constant : constants) {
    record::BlobRecord& blob = *model.add_constants();
    blob.set_digest(std::string(constant.digest.bytes()));
    blob.set_size_bytes(constant.size_bytes);
  }
  return model;
}

// Points a key at a model that the partition holds, or will with `changes`; takes it from the model it named.
void PointKey(StoreCore& core, const PartitionId& partition, const std::string& key, const Digest& model,
              Transaction& changes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  auto old = core.index.records().keys.find({partition, key});
  bool same = old != core.index.records().keys.end() && old->second.model_id() == std::string(model.bytes());
  if (same) return;
  if (old != core.index.records().keys.end()) core.index.DropKey(partition, key, changes);
  record::KeyRecord record;
  record.set_model_id(std::string(model.bytes()));
  record.set_created_us(core.NowMicros());
  changes.keys[{partition, key}] = record;
}

// RESOURCE_EXHAUSTED: the partition would have more models, or more keys, than one may have. Unset `model`:
// only a key comes.
absl::Status CheckCounts(const StoreCore& core, const PartitionId& partition,
                         const std::optional<Digest>& model, const std::optional<std::string>& key)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  const Index::Sums sums = core.index.SumsOf(partition);
  const auto& records = core.index.records();
  const auto full = [](absl::string_view things, uint64_t limit) {
    return absl::ResourceExhaustedError(
        absl::StrCat(things, ": the partition has ", limit, " already, the limit"));
  };
  if (model && !records.holds.contains({partition, *model}) &&
      sums.models >= core.options.max_models_per_partition) {
    return full("models", core.options.max_models_per_partition);
  }
  if (key && !records.keys.contains({partition, *key}) && sums.keys >= core.options.max_keys_per_partition) {
    return full("keys", core.options.max_keys_per_partition);
  }
  return absl::OkStatus();
}

// The hold as it is to be after a store. One that comes again goes on from the uses that its eviction kept.
record::HoldRecord MakeHold(StoreCore& core, const Owned& id, const Partition& partition,
                            const StoreRequest& request, Transaction& changes)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  record::HoldRecord hold;
  auto old = core.index.records().holds.find(id);
  if (old != core.index.records().holds.end()) {
    hold = old->second;
  } else {
    hold.set_created_us(core.NowMicros());
    hold.set_last_used_us(core.NowMicros());
    if (const auto uses = core.TakeUses(id.second, partition, changes)) {
      hold.set_frequency(uses->frequency());
      hold.set_credit(uses->credit());
      hold.set_compile_us(uses->compile_us());
      hold.set_last_used_us(uses->last_used_us());
    }
  }
  if (!request.key) hold.set_stored_by_id(true);
  if (!request.display_name.empty()) hold.set_display_name(request.display_name);
  if (!request.source.empty()) hold.set_source(request.source);
  return hold;
}

}  // namespace

ModelStore::ModelStore(std::unique_ptr<StoreCore> core)
    : core_(std::move(core)),
      ledger_(std::make_unique<Ledger>(*core_)),
      space_(std::make_unique<Space>(*core_)),
      plans_(std::make_unique<PlanStore>(*core_)),
      integrity_(std::make_unique<Integrity>(*core_)) {}
ModelStore::~ModelStore() = default;
Ledger& ModelStore::ledger() {
  return *ledger_;
}
Space& ModelStore::space() {
  return *space_;
}
Integrity& ModelStore::integrity() {
  return *integrity_;
}
PlanStore& ModelStore::plans() {
  return *plans_;
}
const RecoveryReport& ModelStore::recovery() const {
  return core_->recovery;
}

absl::StatusOr<std::unique_ptr<ModelStore>> ModelStore::Open(const StoreOptions& options,
                                                             const Clock& clock) {
  std::shared_ptr<FileSystem> cache = NewRealFileSystem(options.cache_dir, "the cache folder");
  std::shared_ptr<FileSystem> state = NewRealFileSystem(options.state_dir, "the state folder");
  MODELD_ASSIGN_OR_RETURN(std::vector<StoreCore::FolderLock> locks, LockFolders(cache, state));
  MODELD_RETURN_IF_ERROR(state->MakeDir("catalogue"));
  MODELD_ASSIGN_OR_RETURN(std::shared_ptr<Catalogue> catalogue,
                          OpenRocksDbCatalogue(options.state_dir + "/catalogue"));
  MODELD_ASSIGN_OR_RETURN(std::unique_ptr<StoreCore> core,
                          MakeCore(options, cache, std::move(catalogue), clock, std::move(locks)));
  return std::unique_ptr<ModelStore>(new ModelStore(std::move(core)));
}

absl::StatusOr<std::unique_ptr<ModelStore>> ModelStore::OpenOn(const StoreOptions& options,
                                                               std::shared_ptr<FileSystem> cache,
                                                               std::shared_ptr<FileSystem> state,
                                                               std::shared_ptr<Catalogue> catalogue,
                                                               const Clock& clock) {
  MODELD_ASSIGN_OR_RETURN(std::vector<StoreCore::FolderLock> locks, LockFolders(cache, state));
  MODELD_ASSIGN_OR_RETURN(std::unique_ptr<StoreCore> core,
                          MakeCore(options, std::move(cache), std::move(catalogue), clock, std::move(locks)));
  return std::unique_ptr<ModelStore>(new ModelStore(std::move(core)));
}

absl::StatusOr<Digest> ModelStore::StoreModel(const Partition& partition, const StoreRequest& request,
                                              Lease& lease) {
  MODELD_RETURN_IF_ERROR(CheckPartition(partition));
  MODELD_RETURN_IF_ERROR(CheckLabel("display name", request.display_name));
  MODELD_RETURN_IF_ERROR(CheckLabel("source", request.source));
  if (request.key) MODELD_RETURN_IF_ERROR(CheckKey(*request.key));
  MODELD_ASSIGN_OR_RETURN(std::vector<BlobRef> constants, Distinct(request.constants));
  // From here the lease holds every constant, so that none goes before the model names it.
  MODELD_ASSIGN_OR_RETURN(std::vector<BlobRef> missing, FindMissing(partition, constants, lease));
  if (!missing.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        BlobName(missing[0].digest), " and ", missing.size() - 1, " more: their bytes must be sent first"));
  }
  Digest model_id = Digest::Of(request.manifest);
  Owned id(Digest::Of(absl::string_view(partition)), model_id);
  {
    absl::MutexLock lock(&core_->mu);
    MODELD_RETURN_IF_ERROR(CheckCounts(*core_, id.first, model_id, request.key));
  }
  Region manifest(std::as_bytes(std::span(request.manifest.data(), request.manifest.size())), nullptr);
  MODELD_RETURN_IF_ERROR(PutBlob(partition, {model_id, manifest.size()}, manifest, lease));

  absl::MutexLock lock(&core_->mu);
  MODELD_RETURN_IF_ERROR(CheckCounts(*core_, id.first, model_id, request.key));
  Transaction changes;
  record::ModelRecord model = MakeModelRecord(manifest.size(), constants, core_->NowMicros());
  auto old = core_->index.records().models.find(model_id);
  if (old == core_->index.records().models.end()) {
    changes.models[model_id] = model;
  } else if (BlobsOf(model_id, old->second) != BlobsOf(model_id, model)) {
    return absl::InvalidArgumentError(
        absl::StrCat(ModelName(model_id), ": its manifest names other constants"));
  }
  core_->AddPartition(partition, id.first, changes);
  if (request.key) PointKey(*core_, id.first, *request.key, model_id, changes);
  if (!core_->index.records().holds.contains(id)) {
    core_->AddDecision(model_id, partition, "stored",
                       absl::StrCat("stored with ", model.constants_size(),
                                    model.constants_size() == 1 ? " constant" : " constants",
                                    request.key ? " under a key" : ""),
                       changes);
  }
  changes.holds[id] = MakeHold(*core_, id, partition, request, changes);
  for (const BlobRef& blob : BlobsOf(model_id, model)) {
    auto upload = core_->index.records().uploads.find({id.first, blob.digest});
    bool finished = upload != core_->index.records().uploads.end() && upload->second.finished();
    if (finished) changes.uploads[upload->first] = std::nullopt;
  }
  MODELD_RETURN_IF_ERROR(Annotate(core_->Commit(changes, Durability::kSynced), ModelName(model_id)));
  return model_id;
}

absl::StatusOr<StoredModel> ModelStore::GetModel(const Partition& partition, const Digest& model_id,
                                                 Lease& lease) {
  MODELD_RETURN_IF_ERROR(CheckPartition(partition));
  PartitionId id = Digest::Of(absl::string_view(partition));
  return core_->OpenModel({id, model_id}, id, lease);
}

absl::StatusOr<Region> ModelStore::MapBlob(const Partition& partition, const Digest& digest, Lease& lease) {
  return MapSeen(partition, digest, lease, /*trust=*/false);
}

absl::StatusOr<Region> ModelStore::MapTrusted(const Partition& partition, const Digest& digest,
                                              Lease& lease) {
  return MapSeen(partition, digest, lease, /*trust=*/true);
}

absl::StatusOr<Region> ModelStore::MapSeen(const Partition& partition, const Digest& digest, Lease& lease,
                                           bool trust) {
  MODELD_RETURN_IF_ERROR(CheckPartition(partition));
  PartitionId id = Digest::Of(absl::string_view(partition));
  BlobRef blob{digest, 0};
  {
    absl::MutexLock lock(&core_->mu);
    std::optional<uint64_t> size = core_->SeenSize(id, digest, lease);
    Health health = core_->index.HealthOfBlob(digest);
    if (!size || health == Health::kMissing) return NoSuchModel();
    if (health == Health::kDamaged) {
      return absl::DataLossError(absl::StrCat(BlobName(digest), ": is damaged; send its bytes again"));
    }
    blob.size_bytes = *size;
    core_->Hold(lease, id, blob);
  }
  return core_->Map(id, blob, trust);
}

bool ModelStore::Holds(const Partition& partition, const Digest& model_id) const {
  absl::MutexLock lock(&core_->mu);
  return core_->index.records().holds.contains({Digest::Of(absl::string_view(partition)), model_id});
}

absl::StatusOr<bool> ModelStore::DeleteModel(const Partition& partition, const Digest& model_id) {
  MODELD_RETURN_IF_ERROR(CheckPartition(partition));
  Owned id(Digest::Of(absl::string_view(partition)), model_id);
  absl::MutexLock lock(&core_->mu);
  const bool held = core_->index.records().holds.contains(id);
  Transaction changes;
  if (held) {
    core_->index.DropHold(id, changes);
    core_->AddDecision(model_id, partition, "deleted", "deleted by its id", changes);
  }
  MODELD_RETURN_IF_ERROR(Annotate(core_->Commit(changes, Durability::kSynced), ModelName(model_id)));
  return held;
}

absl::Status ModelStore::SaveKey(const Partition& partition, absl::string_view key, const Digest& model_id) {
  MODELD_RETURN_IF_ERROR(CheckPartition(partition));
  MODELD_RETURN_IF_ERROR(CheckKey(key));
  PartitionId id = Digest::Of(absl::string_view(partition));
  absl::MutexLock lock(&core_->mu);
  bool usable = core_->index.records().holds.contains({id, model_id}) &&
                core_->index.HealthOf(model_id) != Health::kMissing;
  if (!usable) return NoSuchModel();
  MODELD_RETURN_IF_ERROR(CheckCounts(*core_, id, std::nullopt, std::string(key)));
  Transaction changes;
  PointKey(*core_, id, std::string(key), model_id, changes);
  return core_->Commit(changes, Durability::kSynced);
}

absl::StatusOr<Digest> ModelStore::LoadKey(const Partition& partition, absl::string_view key) {
  MODELD_RETURN_IF_ERROR(CheckPartition(partition));
  MODELD_RETURN_IF_ERROR(CheckKey(key));
  PartitionId id = Digest::Of(absl::string_view(partition));
  absl::MutexLock lock(&core_->mu);
  auto found = core_->index.records().keys.find({id, std::string(key)});
  if (found == core_->index.records().keys.end()) return NoSuchModel();
  return Digest::FromBytes(found->second.model_id());
}

std::vector<KeyInfo> ModelStore::ListKeys(const Partition& partition) const {
  PartitionId id = Digest::Of(absl::string_view(partition));
  std::vector<KeyInfo> keys;
  absl::MutexLock lock(&core_->mu);
  const auto& table = core_->index.records().keys;
  for (auto it = table.lower_bound({id, ""}); it != table.end() && it->first.first == id; ++it) {
    absl::StatusOr<Digest> model = Digest::FromBytes(it->second.model_id());
    if (!model.ok()) continue;
    keys.push_back({it->first.second, *model, absl::FromUnixMicros(it->second.created_us())});
  }
  return keys;
}

absl::StatusOr<bool> ModelStore::DeleteKey(const Partition& partition, absl::string_view key) {
  MODELD_RETURN_IF_ERROR(CheckPartition(partition));
  MODELD_RETURN_IF_ERROR(CheckKey(key));
  PartitionId id = Digest::Of(absl::string_view(partition));
  absl::MutexLock lock(&core_->mu);
  const bool named = core_->index.records().keys.contains({id, std::string(key)});
  Transaction changes;
  if (named) core_->index.DropKey(id, std::string(key), changes);
  for (const auto& [hold, gone] : changes.holds) {
    core_->AddDecision(hold.second, partition, "deleted", "its last key was deleted", changes);
  }
  MODELD_RETURN_IF_ERROR(core_->Commit(changes, Durability::kSynced));
  return named;
}

}  // namespace modeld::storage
