#include "storage/audit.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/model_store.h"
#include "storage/plan_upkeep.h"
#include "storage/record_codec.h"
#include "storage/store_core.h"

namespace modeld::storage {

std::map<std::string, std::string> Comparable(const Index& index) {
  Transaction holds;
  for (const auto& [id, hold] : index.records().holds) {
    record::HoldRecord& blank = holds.holds[id].emplace(hold);
    blank.clear_last_used_us();
    blank.clear_frequency();
    blank.clear_credit();
    blank.clear_compile_us();
  }
  std::map<std::string, std::string> comparable = EncodedRecords(index);
  for (CatalogueChange& change : Encode(holds)) comparable[change.key] = *std::move(change.value);
  return comparable;
}

std::vector<Digest> ModelsNaming(const Index& index, const Digest& blob) {
  std::vector<Digest> models;
  for (const auto& [id, model] : index.records().models) {
    const std::vector<BlobRef> named = BlobsOf(id, model);
    const bool names =
        std::any_of(named.begin(), named.end(), [&](const BlobRef& ref) { return ref.digest == blob; });
    if (names) models.push_back(id);
  }
  return models;
}

namespace {

using Problems = std::vector<std::string>;

// Memory must say what a fresh load of the catalogue says.
absl::Status CompareWithCatalogue(StoreCore& core, Problems& problems)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  MODELD_ASSIGN_OR_RETURN(LoadedCatalogue loaded, LoadCatalogue(*core.catalogue));
  if (Comparable(loaded.index) != Comparable(core.index)) {
    problems.push_back("the catalogue: memory and database hold different records");
  }
  bool same_counts = std::equal(loaded.index.references().begin(), loaded.index.references().end(),
                                core.index.references().begin(), core.index.references().end(),
                                [](const auto& a, const auto& b) {
                                  return a.first == b.first && a.second.models == b.second.models &&
                                         a.second.size_bytes == b.second.size_bytes;
                                });
  if (!same_counts) problems.push_back("the catalogue: memory counts references that the records do not");
  for (size_t i = 0; i < loaded.unreadable.size(); ++i) {
    problems.push_back("the catalogue: a record cannot be read");
  }
  return absl::OkStatus();
}

// Every hold has a model, every key a hold, every model a holder.
void CheckRecords(const Index& index, Problems& problems) {
  const auto& records = index.records();
  for (const auto& [id, hold] : records.holds) {
    if (!records.models.contains(id.second)) {
      problems.push_back(absl::StrCat("model ", id.second.ToHex(), ": is held but has no record"));
    }
    if (!hold.stored_by_id() && index.KeysOf(id.first, id.second).empty()) {
      problems.push_back(absl::StrCat("model ", id.second.ToHex(), ": is held without reason"));
    }
    if (!records.partitions.contains(id.first))
      problems.push_back("a partition: holds models but has no record");
  }
  for (const auto& [id, key] : records.keys) {
    absl::StatusOr<Digest> model = Digest::FromBytes(key.model_id());
    if (!model.ok() || !records.holds.contains({id.first, *model})) {
      problems.push_back("a key: names a model that its partition does not hold");
    }
  }
  for (const auto& [id, model] : records.models) {
    if (index.Holders(id) == 0) problems.push_back(absl::StrCat("model ", id.ToHex(), ": nobody holds it"));
  }
}

// Every reference has its file or a mark.
void CheckReferences(StoreCore& core, Problems& problems) ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  for (const auto& [digest, reference] : core.index.references()) {
    bool marked = core.index.HealthOfBlob(digest) != Health::kWhole;
    // A file with wrong bytes that could not be moved away stays under its mark.
    if (core.index.HealthOfBlob(digest) == Health::kDamaged) continue;
    absl::Status file = core.files.CheckSize({digest, reference.size_bytes});
    if (file.ok() == marked) {
      problems.push_back(marked ? absl::StrCat(BlobName(digest), ": is marked as bad but its file is there")
                                : std::string(file.message()));
    }
  }
}

// Every file is referenced, finished, held, or known to the collector.
absl::Status CheckBlobFiles(StoreCore& core, Problems& problems) ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  MODELD_ASSIGN_OR_RETURN(std::vector<BlobFiles::Entry> blobs, core.files.ListBlobs());
  for (const BlobFiles::Entry& entry : blobs) {
    if (BlobFiles::IsSpent(entry.path)) continue;
    if (!entry.digest) {
      problems.push_back("the cache folder: a file among the blobs is none");
    } else if (core.IsGarbage(*entry.digest) && !core.candidates.contains(*entry.digest)) {
      problems.push_back(absl::StrCat(BlobName(*entry.digest), ": nothing needs its file"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckStaging(StoreCore& core, Problems& problems) ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  MODELD_ASSIGN_OR_RETURN(std::vector<std::string> found, core.files.ListStaging());
  std::set<std::string> files(found.begin(), found.end());
  for (const std::string& name : core.live_temps) files.erase(name);
  for (const auto& [id, upload] : core.index.records().uploads) {
    if (upload.finished()) {
      bool here = core.files.CheckSize({id.second, upload.size_bytes()}).ok();
      if (!here && core.index.HealthOfBlob(id.second) == Health::kWhole) {
        problems.push_back(absl::StrCat(BlobName(id.second), ": was uploaded but its file is not there"));
      }
    } else if (files.erase(BlobFiles::StagingName(id)) == 0) {
      problems.push_back(absl::StrCat(BlobName(id.second), ": its upload has a record but no file"));
    }
  }
  // One whose record was cleared goes with its session.
  for (const Owned& id : core.open_uploads) files.erase(BlobFiles::StagingName(id));
  for (const std::string& name : files) {
    problems.push_back(absl::StrCat("the cache folder: staging holds ", name, ", which no upload names"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> FindProblems(StoreCore& core) {
  absl::MutexLock lock(&core.mu);
  Problems problems;
  MODELD_RETURN_IF_ERROR(CompareWithCatalogue(core, problems));
  CheckRecords(core.index, problems);
  for (std::string& problem : core.index.Recount()) problems.push_back(std::move(problem));
  CheckReferences(core, problems);
  MODELD_RETURN_IF_ERROR(CheckBlobFiles(core, problems));
  MODELD_RETURN_IF_ERROR(CheckStaging(core, problems));
  MODELD_RETURN_IF_ERROR(AuditPlans(core, problems));
  return problems;
}

absl::StatusOr<std::vector<std::string>> ModelStore::Audit() {
  return FindProblems(*core_);
}

}  // namespace modeld::storage
