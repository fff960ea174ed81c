// One random schedule of calls on a store, with faults, and the check of what is left.
#ifndef MODELD_TESTS_CAMPAIGN_SCHEDULE_H_
#define MODELD_TESTS_CAMPAIGN_SCHEDULE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "storage/test_store.h"
#include "tests/campaign/expectation.h"

namespace modeld::campaign {

using storage::Partition;

// What the schedules of a campaign did, for its closing line.
struct Totals {
  uint64_t calls = 0;
  uint64_t failed_calls = 0;
  uint64_t faults = 0;  // errors injected into files and catalogue
  uint64_t crashes = 0;
  uint64_t damaged_files = 0;
  uint64_t checks = 0;  // full checks
};

// Several clients, each with a task under way (storing a model call by call, reading one, deleting, clearing
// ...), take turns at random on one store over fakes that lose what was not synced. Faults: an errno (full
// disk, failing disk) at a random step, once or for good, where a write may be done in part; a kill (the
// kernel keeps everything) or a power cut (unsynced bytes and names are lost, all or some); a flipped bit in
// a stored file while the store is down. The same seed gives the same schedule. Not thread-safe.
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

  uint64_t Random(uint64_t bound) { return random_() % bound; }
  bool Chance(int one_in) { return Random(one_in) == 0; }

  void Step();
  void Begin(Client& client);
  void Continue(Client& client);
  void ContinueStore(Client& client);
  void Read(Client& client);
  void DoUpkeep();
  void ArmFault();
  void Crash();
  void DamageSomeFile();
  // Forgets the damage of blobs whose files are right again.
  void NoteRepairs();
  // Every state that the store shows is one that the calls allow; every model is whole; sums and files agree.
  void Check();
  void CheckPartition(const Partition& partition);
  void CheckSums();
  bool MayBeDamaged(size_t model) const;
  // Counts the call; true when it succeeded.
  bool Called(const absl::Status& status);

  std::mt19937_64 random_;
  Totals& totals_;
  storage::TestStore store_;
  std::map<Partition, Expectation> expected_;
  // Blobs whose files were changed behind the store's back: models that name them may be damaged, never
  // wrong.
  std::set<Digest> damaged_;
  std::vector<std::unique_ptr<Client>> clients_;
  // Mappings that some session holds, with what they must show as long as they live.
  std::vector<std::pair<Region, std::string>> held_;
  bool armed_ = false;
};

}  // namespace modeld::campaign

#endif  // MODELD_TESTS_CAMPAIGN_SCHEDULE_H_
