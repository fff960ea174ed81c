// What must outlive clearing: budgets of sites, and what the user shares.
#ifndef MODELD_STORAGE_LEDGER_H_
#define MODELD_STORAGE_LEDGER_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/digest.h"
#include "storage/store_types.h"

namespace modeld::storage {

class Lease;
class StoreCore;

// A model as budgets remember it: the first 16 bytes of its id. Pure; thread-safe.
std::string ModelTag(const Digest& model_id);

// What a top-level site (or an app) asked for beyond its own, and learnt. A plain value.
struct SiteBudget {
  struct Probe {
    std::string model;  // ModelTag()
    absl::Time at;

    friend bool operator==(const Probe&, const Probe&) = default;
  };
  struct Spending {
    std::string model;  // ModelTag()
    double bits = 0;
    absl::Time at;

    friend bool operator==(const Spending&, const Spending&) = default;
  };
  // Distinct models, in the order in which they were asked for.
  std::vector<Probe> probes;
  // Shared models whose presence was confirmed, in the order of that.
  std::vector<Spending> spendings;
  // The record was damaged: nobody knows what was spent, so everything was, and nothing may be granted.
  bool unreadable = false;
  // Nothing may be granted before this; set when an unreadable record is replaced.
  absl::Time spent_until = absl::InfinitePast();
};

// A model that the user shares.
struct ShareInfo {
  Digest model_id;
  bool everybody = false;
  // Sites, origins or partitions as Share() was given them, sorted.
  std::vector<std::string> with;
  // The user's own estimate.
  std::optional<double> commonness;
  absl::Time created;
  // Distinct blobs, manifest included.
  uint64_t size_bytes = 0;
};

// Durable budgets and shares of a ModelStore, kept beside its models and untouched by their removal. Decides
// nothing: policy/ does. Thread-safe; lives as long as its store.
//
// Errors of every writing call: RESOURCE_EXHAUSTED (disk full), FAILED_PRECONDITION (a folder is read-only),
// UNAVAILABLE (the disk failed); what is in force then is unchanged.
class Ledger {
 public:
  explicit Ledger(StoreCore& core) : core_(core) {}
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // --- Budgets ---

  // What a site has spent; empty for one that never asked.
  SiteBudget Budget(absl::string_view site) const;
  // Replaces that; durable when it returns. Whoever reads, decides and writes must keep others from doing so
  // meanwhile. INVALID_ARGUMENT: the site is empty or longer than a partition's name may be.
  absl::Status SetBudget(absl::string_view site, const SiteBudget& budget);

  // --- Shares ---

  // Shares a model that somebody holds with everybody (`with` empty) or one more site, origin or partition;
  // an estimate replaces the earlier one. The model is held in kSharedPartition from now on. NOT_FOUND:
  // nobody has it, or its record is damaged. INVALID_ARGUMENT: `commonness` is outside (0, 1].
  absl::Status Share(const Digest& model_id, const std::string& with, std::optional<double> commonness);
  // Takes that back: for one, or (`with` empty) whole. With the last one the hold goes. NOT_FOUND: it is not
  // shared so.
  absl::Status Unshare(const Digest& model_id, const std::string& with);
  // By model id.
  std::vector<ShareInfo> Shares() const;
  // Nothing: it is not shared.
  std::optional<ShareInfo> FindShare(const Digest& model_id) const;
  // GetModel() of a shared model: `lease` shows its blobs to `reader` from now on. Whether the model is
  // shared with `reader`, and may be confirmed to it, is the caller's to decide before. NOT_FOUND, DATA_LOSS:
  // as GetModel().
  absl::StatusOr<StoredModel> OpenShared(const Partition& reader, const Digest& model_id, Lease& lease);

 private:
  StoreCore& core_;
};

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_LEDGER_H_
