// A catalogue in memory that forgets what was not synced, for tests.
#ifndef MODELD_STORAGE_FAKE_CATALOGUE_H_
#define MODELD_STORAGE_FAKE_CATALOGUE_H_

#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "base/fake_file_system.h"
#include "base/fault_plan.h"
#include "storage/catalogue.h"

namespace modeld::storage {

// Every Commit() is one step of the fault plan, atomic as RocksDB's is. Thread-safe.
class FakeCatalogue : public Catalogue {
 public:
  // `plan` must outlive this.
  explicit FakeCatalogue(FaultPlan& plan) : plan_(plan) {}

  absl::Status Scan(absl::FunctionRef<void(absl::string_view, absl::string_view)> visit) const override {
    absl::MutexLock lock(&mu_);
    if (plan_.crashed()) return ErrnoStatus(EIO, "the catalogue");
    for (const auto& [key, value] : seen_) visit(key, value);
    return absl::OkStatus();
  }

  absl::Status Commit(std::span<const CatalogueChange> batch, Durability durability) override {
    absl::MutexLock lock(&mu_);
    if (plan_.crashed()) return ErrnoStatus(EIO, "the catalogue");
    const bool fails = plan_.Step() != FaultPlan::Outcome::kDo;
    // A write that fails may have reached the disk all the same; whether it did, only a crash tells.
    lazy_.emplace_back(batch.begin(), batch.end());
    if (fails) return ErrnoStatus(plan_.error(), "the catalogue");
    Apply(seen_, batch);
    if (durability == Durability::kSynced && !plan_.DropsSync()) Harden(lazy_.size());
    return absl::OkStatus();
  }

  // What a machine finds that starts again; see FakeFileSystem.
  void Crash(FakeFileSystem::Survival survival, uint64_t seed = 0) {
    absl::MutexLock lock(&mu_);
    std::mt19937_64 random(seed);
    size_t kept = survival == FakeFileSystem::Survival::kAll      ? lazy_.size()
                  : survival == FakeFileSystem::Survival::kRandom ? random() % (lazy_.size() + 1)
                                                                  : 0;
    Harden(kept);
    lazy_.clear();
    seen_ = durable_;
  }

  // Behind the store's back.
  void Overwrite(const std::string& key, const std::string& value) {
    absl::MutexLock lock(&mu_);
    seen_[key] = durable_[key] = value;
  }
  std::map<std::string, std::string> Records() const {
    absl::MutexLock lock(&mu_);
    return seen_;
  }

 private:
  using Map = std::map<std::string, std::string>;

  static void Apply(Map& records, std::span<const CatalogueChange> batch) {
    for (const CatalogueChange& change : batch) {
      if (change.value) {
        records[change.key] = *change.value;
      } else {
        records.erase(change.key);
      }
    }
  }
  void Harden(size_t batches) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    for (size_t i = 0; i < batches; ++i) Apply(durable_, lazy_[i]);
    lazy_.erase(lazy_.begin(), lazy_.begin() + batches);
  }

  FaultPlan& plan_;
  mutable absl::Mutex mu_;
  Map seen_ ABSL_GUARDED_BY(mu_);
  Map durable_ ABSL_GUARDED_BY(mu_);
  std::vector<std::vector<CatalogueChange>> lazy_ ABSL_GUARDED_BY(mu_);
};

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_FAKE_CATALOGUE_H_
