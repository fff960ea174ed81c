// The check of everything, with repairs.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/audit.h"
#include "storage/integrity.h"
#include "storage/plan_store.h"
#include "storage/store_core.h"

namespace modeld::storage {
namespace {

// Blobs that models name or that were uploaded whole, and plans, with their sizes.
struct Inventory {
  std::vector<BlobRef> blobs;
  std::vector<BlobRef> plans;
  uint64_t bytes = 0;
};

Inventory TakeInventory(StoreCore& core) ABSL_LOCKS_EXCLUDED(core.mu) {
  Inventory inventory;
  absl::MutexLock lock(&core.mu);
  for (const auto& [digest, reference] : core.index.references()) {
    inventory.blobs.push_back({digest, reference.size_bytes});
    inventory.bytes += reference.size_bytes;
  }
  std::set<BlobRef> uploaded;
  for (const auto& [id, upload] : core.index.records().uploads) {
    if (upload.finished() && core.index.References(id.second) == 0) {
      uploaded.insert({id.second, upload.size_bytes()});
    }
  }
  for (const BlobRef& blob : uploaded) {
    inventory.blobs.push_back(blob);
    inventory.bytes += blob.size_bytes;
  }
  for (const auto& [key, plan] : core.index.records().plans) {
    inventory.plans.push_back({key, plan.size_bytes()});
    inventory.bytes += plan.size_bytes();
  }
  return inventory;
}

// What is known to be wrong with a blob; no problem when nothing is.
VerifyNews HealthNews(StoreCore& core, const Digest& blob) ABSL_LOCKS_EXCLUDED(core.mu) {
  absl::MutexLock lock(&core.mu);
  VerifyNews news;
  const Health health = core.index.HealthOfBlob(blob);
  if (health == Health::kWhole) return news;
  news.problem =
      absl::StrCat(BlobName(blob), ": ", health == Health::kMissing ? "is missing" : "has wrong bytes");
  news.models = ModelsNaming(core.index, blob);
  return news;
}

// Puts a quarantined file back whose bytes prove right: the disk failed for a while.
bool PutBack(StoreCore& core, const BlobRef& blob) ABSL_LOCKS_EXCLUDED(core.mu) {
  {
    DigestLocks::Guard guard(core.digest_locks, blob.digest);
    if (!core.files.RestoreQuarantined(blob)) return false;
  }
  return core.Verify(blob).ok();
}

// Whether models or finished uploads need the blob.
bool IsNeeded(StoreCore& core, const Digest& blob) ABSL_LOCKS_EXCLUDED(core.mu) {
  absl::MutexLock lock(&core.mu);
  return core.index.References(blob) > 0 || core.index.HasFinishedUpload(blob);
}

// Ends the finished uploads of a damaged blob that no model names: its bytes are no use to anybody, and
// whoever sent them sends them again. The collector takes its mark and its file. False: there was nothing to
// end, or it could not be written.
bool DropUploads(StoreCore& core, const Digest& blob) ABSL_LOCKS_EXCLUDED(core.mu) {
  absl::MutexLock lock(&core.mu);
  const bool damaged = core.index.HealthOfBlob(blob) != Health::kWhole;
  if (!damaged || core.index.References(blob) > 0) return false;
  Transaction changes;
  for (const auto& [id, upload] : core.index.records().uploads) {
    if (id.second == blob && upload.finished()) changes.uploads[id] = std::nullopt;
  }
  return !changes.uploads.empty() && core.Commit(changes, Durability::kSynced).ok();
}

// A deleted blob is no finding; a disk that fails is one of this blob alone.
VerifyNews ReadBlob(StoreCore& core, const BlobRef& blob, const VerifyOptions& options)
    ABSL_LOCKS_EXCLUDED(core.mu) {
  StoreCore::Pin pin(core, blob.digest);
  const bool known_bad = !HealthNews(core, blob.digest).problem.empty();
  VerifyNews news;
  if (options.repair && known_bad && PutBack(core, blob)) {
    news.problem = absl::StrCat(BlobName(blob.digest), ": was set aside with bytes that are right");
    news.repaired = true;
    return news;
  }
  if (!IsNeeded(core, blob.digest)) return news;
  const absl::Status verified = core.Verify(blob);
  if (verified.ok()) return news;
  if (absl::IsDataLoss(verified)) return HealthNews(core, blob.digest);
  news.problem = std::string(verified.message());
  return news;
}

VerifyNews CheckBlob(StoreCore& core, const BlobRef& blob, const VerifyOptions& options)
    ABSL_LOCKS_EXCLUDED(core.mu) {
  VerifyNews news = options.rehash ? ReadBlob(core, blob, options) : HealthNews(core, blob.digest);
  if (news.problem.empty() || news.repaired || !options.repair) return news;
  news.repaired = DropUploads(core, blob.digest);
  if (news.repaired) absl::StrAppend(&news.problem, "; its upload was dropped");
  return news;
}

}  // namespace

absl::Status Integrity::VerifyAll(const VerifyOptions& options,
                                  const std::function<bool(const VerifyNews&)>& report) {
  const absl::Status cancelled = absl::CancelledError("the check was cancelled");
  MODELD_ASSIGN_OR_RETURN(const std::vector<std::string> before, FindProblems(core_));
  std::set<std::string> after(before.begin(), before.end());
  if (options.repair && !before.empty()) {
    // What it could not mend is found again.
    Repair(core_).IgnoreError();
    MODELD_ASSIGN_OR_RETURN(const std::vector<std::string> left, FindProblems(core_));
    after = {left.begin(), left.end()};
  }
  const Inventory inventory = TakeInventory(core_);
  VerifyNews progress;
  if (options.rehash) progress.total_bytes = inventory.bytes;
  const auto tell = [&](VerifyNews news) {
    news.done_bytes = progress.done_bytes;
    news.total_bytes = progress.total_bytes;
    return report(news);
  };
  for (const std::string& problem : before) {
    VerifyNews news;
    news.problem = problem;
    news.repaired = !after.contains(problem);
    if (!tell(std::move(news))) return cancelled;
  }
  for (const BlobRef& blob : inventory.blobs) {
    VerifyNews news = CheckBlob(core_, blob, options);
    if (options.rehash) progress.done_bytes += blob.size_bytes;
    if ((options.rehash || !news.problem.empty()) && !tell(std::move(news))) return cancelled;
  }
  if (!options.rehash) return absl::OkStatus();
  PlanStore plans(core_);
  for (const BlobRef& plan : inventory.plans) {
    VerifyNews news;
    // A damaged plan costs one compilation and is no use to anybody: it is dropped at once.
    if (absl::IsDataLoss(plans.Verify(plan.digest))) {
      news.problem = absl::StrCat("plan ", plan.digest.ToHex(), ": had wrong bytes and was dropped");
      news.repaired = true;
    }
    progress.done_bytes += plan.size_bytes;
    if (!tell(std::move(news))) return cancelled;
  }
  return absl::OkStatus();
}

}  // namespace modeld::storage
