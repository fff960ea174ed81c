// One random schedule of calls on a store, with faults, and the check of what is left.
#ifndef MODELD_TESTS_CAMPAIGN_SCHEDULE_H_
#define MODELD_TESTS_CAMPAIGN_SCHEDULE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "storage/plan_store.h"
#include "storage/test_store.h"
#include "tests/campaign/expectation.h"

namespace modeld::campaign {

using storage::Partition;

// What the schedules of a campaign did, for its closing line.
struct Totals {
  uint64_t calls = 0;
  uint64_t failed_calls = 0;
  uint64_t faults = 0;         // errors injected into files and catalogue
  uint64_t dropped_syncs = 0;  // answered OK
  uint64_t crashes = 0;
  uint64_t damaged_files = 0;  // behind the store's back
  uint64_t evictions = 0;
  uint64_t clears = 0;
  uint64_t plans = 0;   // written
  uint64_t checks = 0;  // full checks
};

// Several clients, each with a task under way (storing a model call by call, reading one, deleting, evicting,
// clearing, sharing ...), take turns at random on one store over fakes that lose what was not synced. Faults:
// an errno (full disk, failing disk) at a random step, once or for good, where a write may be done in part; a
// disk that answers OK to syncs and drops them; a kill, also within a call (the kernel keeps everything), or
// a power cut (unsynced bytes and names are lost, all or some); a file that is changed, cut, removed or made
// unreadable while the store is down. The same seed gives the same schedule. Not thread-safe.
class Schedule {
 public:
  // `totals` must outlive this.
  Schedule(uint64_t seed, Totals& totals);
  ~Schedule();

  // `calls` calls, then a restart and the check. Fails the Catch2 test it runs in when the store lost,
  // damaged, leaked or miscounted something.
  void Run(int calls);

 private:
  struct Client;
  struct WishState {
    bool pinned = false;
    int priority = 0;

    friend auto operator<=>(const WishState&, const WishState&) = default;
  };
  struct ShareState {
    bool everybody = false;
    std::set<std::string> with;

    bool shared() const { return everybody || !with.empty(); }
    friend auto operator<=>(const ShareState&, const ShareState&) = default;
  };
  // Plans may go at any time but for one that a partition caused and whose model it has had ever since.
  struct PlanState {
    std::set<Partition> must;  // are causes
    std::set<Partition> may;   // be causes
    bool damaged = false;      // its file was changed behind the store's back
    bool rewritten = false;    // somebody may have replaced that file since
  };
  using Quota = std::optional<uint64_t>;
  using Tags = std::vector<std::string>;

  uint64_t Random(uint64_t bound) { return random_() % bound; }
  bool Chance(int one_in) { return Random(one_in) == 0; }
  template <typename Things>
  const auto& OneOf(const Things& things) {
    return *std::next(std::begin(things), static_cast<std::ptrdiff_t>(Random(std::size(things))));
  }

  // --- schedule.cc: the course of things, and faults ---
  void Step();
  void ArmFault();
  void DropClients();
  void Crash();
  // Which blobs a crash may damage, given that syncs were dropped.
  void NoteSuspects();
  void DamageSomeFile();
  void DamageFile(const std::string& path, uint64_t size_bytes);
  void StoreEverything();
  // A sync was dropped since the last start.
  bool Lied() const { return store_.plan.dropped_syncs() > dropped_before_; }
  // Counts a call and tells how it ended. Without a fault, errors that only faults explain fail the test.
  Outcome Called(const absl::Status& status);
  int64_t NowMicros() const { return absl::ToUnixMicros(store_.clock.Now()); }

  // --- schedule_calls.cc: what clients and the user do ---
  void Begin(Client& client);
  void Continue(Client& client);
  void ContinueStore(Client& client);
  // The partition had no room: evicts, as the daemon does.
  void MakeRoom(Client& client, const absl::Status& status);
  void Read(Client& client);
  void Rename(Client& client);
  void Evict(const Partition& partition, size_t model);
  void Clear(const Partition& partition);
  void Wish();
  void Share();
  void Bound();
  void Spend();
  void DoUpkeep();
  bool IsInUse(const Partition& partition, std::optional<size_t> model) const;

  // --- schedule_plans.cc ---
  void WritePlan(const Partition& partition, size_t model);
  void UsePlan(const Partition& partition, size_t model);
  // After calls that may have taken models from a partition.
  void PrunePlanCauses(const Partition& partition);
  // The partition was cleared.
  void ForgetPlanCauses(const Partition& partition, Outcome outcome, bool all);
  void CheckPlans();
  void CheckPlan(const storage::PlanInfo& plan);

  // --- schedule_checks.cc ---
  // Every state that the store shows is one that the calls allow; every model is whole; sums and files agree.
  // `idle`: no client has a lease.
  void Check(bool idle);
  void CheckPartition(const Partition& partition);
  void CheckModels(const Partition& partition);
  void CheckLedger();
  void CheckSums(bool idle, bool verified);
  void CheckFiles(bool idle);
  // Nothing tells any more that the partition was there.
  void CheckForgotten(const Partition& partition);
  // The blobs that a partition's models name, each once.
  std::map<Digest, uint64_t> BlobsOfPartition(const Partition& partition) const;
  bool MayBeDamaged(size_t model) const;
  // Whether the blob's file has its bytes and can be read.
  bool IsRight(const Digest& blob) const;
  // Forgets the damage of blobs whose files are right again.
  void NoteRepairs();

  std::mt19937_64 random_;
  Totals& totals_;
  storage::TestStore store_;
  std::map<Partition, Expectation> expected_;
  std::map<size_t, Possible<WishState>> wishes_;
  std::map<size_t, Possible<ShareState>> shares_;
  std::map<Partition, Possible<Quota>> quotas_;
  std::map<std::string, Possible<Tags>> budgets_;
  std::map<Digest, PlanState> plans_;
  // Blobs whose files were changed behind the store's back: models that name them may be damaged, never
  // wrong.
  std::set<Digest> damaged_;
  // Blobs that were written after a sync was dropped; and uploads, each a partition's own, of which a part
  // was.
  std::set<Digest> suspects_;
  std::set<std::pair<Partition, Digest>> suspect_uploads_;
  std::vector<std::unique_ptr<Client>> clients_;
  // Mappings that some session holds, with what they must show as long as they live.
  std::vector<std::pair<Region, std::string>> held_;
  bool armed_ = false;
  bool ever_damaged_ = false;  // a blob's file
  uint64_t dropped_before_ = 0;
};

// A client with its session's lease and the model that it is storing, if any.
struct Schedule::Client {
  Partition partition;
  std::unique_ptr<storage::Lease> lease;
  // Models that the lease holds.
  std::set<size_t> loaded;
  // The store under way.
  bool storing = false;
  size_t model = 0;
  std::string key;
  std::unique_ptr<storage::Upload> upload;

  void Drop() {
    storing = false;
    loaded.clear();
    upload.reset();
    lease.reset();
  }
};

}  // namespace modeld::campaign

#endif  // MODELD_TESTS_CAMPAIGN_SCHEDULE_H_
