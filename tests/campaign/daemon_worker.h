// A client of the daemon campaign.
#ifndef MODELD_TESTS_CAMPAIGN_DAEMON_WORKER_H_
#define MODELD_TESTS_CAMPAIGN_DAEMON_WORKER_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "base/digest.h"
#include "client/cpp/cache_admin.h"
#include "client/cpp/modeld.h"
#include "tests/campaign/expectation.h"

namespace modeld::campaign {

inline constexpr size_t kModels = 5;
inline const char* const kKeys[] = {"first", "second"};

// A partition of the campaign, and what the calls so far make of it. Times are in seconds, as the protocol's.
struct Tenant {
  std::string partition;
  // As which it is cleared; empty: as itself.
  std::string site;
  // Its quota is so small that stores evict: any model may go at any time.
  bool evicts = false;
  Expectation expected;
};

// Ids of models by number; learnt at the first build, the same ever after.
class Ids {
 public:
  // Fails the Catch2 test that it is called in when the daemon does not build, store or delete. Leaves
  // nothing in the client's partition.
  void Learn(const client::Client& client);
  const Digest& of(size_t number) const { return ids_[number]; }
  // kModels: there is no such model.
  size_t number(const Digest& id) const;

 private:
  std::vector<Digest> ids_;
};

// One client, in a thread of its own, that alone changes its partition. Wrong answers are noted, not
// reported: Catch2 is for one thread. Not thread-safe.
class Worker {
 public:
  // `ids` and `tenant` must outlive this.
  Worker(std::string host, const Ids& ids, Tenant& tenant, uint64_t seed)
      : host_(std::move(host)), ids_(ids), tenant_(tenant), random_(seed) {}

  // Works until the daemon is gone.
  void Work();

  uint64_t calls() const { return calls_; }
  uint64_t clears() const { return clears_; }
  const std::vector<std::string>& wrong() const { return wrong_; }

 private:
  void Call(const client::Client& client, const client::Context& context);
  void Store(const client::Client& client, const client::Context& context, size_t model,
             const std::string& key);
  void Fetch(const client::Client& client, const client::Context& context, size_t model);
  void Load(const client::Client& client, const client::Context& context, const std::string& key);
  void Clear(const client::Client& client);
  bool MustHave(size_t model) const { return !tenant_.evicts && tenant_.expected.MustHave(model); }
  // Failed runs are a dying daemon's; wrong results are nobody's.
  void NoteIfWrong(const absl::Status& status);
  // Counts a call; where it failed on a disk that fails, lets the disk recover.
  Outcome Called(const absl::Status& status);

  const std::string host_;
  const Ids& ids_;
  Tenant& tenant_;
  std::mt19937_64 random_;
  uint64_t calls_ = 0;
  uint64_t clears_ = 0;
  std::vector<std::string> wrong_;
};

// One user's thread: checks and prunes the cache over and over until the daemon is gone. Returns how often.
uint64_t KeepHouse(const std::string& host, uint64_t seed);

}  // namespace modeld::campaign

#endif  // MODELD_TESTS_CAMPAIGN_DAEMON_WORKER_H_
