// Compiled plans on disk: files that this daemon wrote, believed no further than their authenticated heads.
#ifndef MODELD_STORAGE_PLAN_STORE_H_
#define MODELD_STORAGE_PLAN_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/digest.h"
#include "base/region.h"
#include "storage/store_types.h"

namespace modeld::storage {

class Reservation;
class StoreCore;

// A plan to be kept. Everything in it is opaque here.
struct NewPlan {
  Digest key;
  // Equal for all plans of one model and of its twins.
  Digest structure;
  std::string device;
  std::string fingerprint;
  std::string metadata;
  // Each becomes a part of the file that begins at a page.
  std::vector<Region> segments;
  absl::Duration compile_time;
  // Who paid for the compilation, and with which model.
  Partition partition;
  Digest model_id;
};

// A plan as the catalogue knows it.
struct PlanInfo {
  Digest key;
  Digest structure;
  std::string device;
  std::string fingerprint;
  uint64_t size_bytes = 0;
  std::vector<Digest> models;
  // SHA-256 of the partitions' names.
  std::vector<Digest> causes;
  absl::Duration compile_time;
  absl::Time created;
  absl::Time last_used;
  uint64_t uses = 0;
  // Whether something uses its bytes at the moment.
  bool mapped = false;
};

// A plan whose head is authentic.
struct OpenedPlan {
  std::string metadata;
  // Mapped and not read; all of one mapping, which lives as long as one of them does.
  std::vector<Region> segments;
  absl::Duration compile_time;
};

// Why a plan cannot be used.
enum class PlanFault {
  kAbsent,      // no record, or no file
  kUnreadable,  // the file cannot be read or mapped just now
  kVersion,     // another format, or written under a key that is lost
  kDamaged,     // a wrong size, or a head that is not what was written
};

// The fault's name as a metric's label: "absent", "unreadable", "version", "damaged".
absl::string_view PlanFaultName(PlanFault fault);

// The plans' facet of a ModelStore. Thread-safe; lives as long as its store.
//
// Plans are best effort: losing one costs a compilation and nothing else, so nothing here is an error to a
// client. A plan is kept while it has causes. A cause is a partition that paid the time of its compilation;
// it counts while the partition holds one of the plan's models, and for a model that it did not store, for
// StoreOptions::presented_max_age after it paid, in this run of the process. So whether a partition is a
// cause depends on its own acts alone. A partition causes at most
// StoreOptions::max_plans_per_structure of one structure, and gives up the one that it has not used for
// longest; StoreOptions::max_plan_bytes bounds all together: the least valuable (uses and compile time per
// byte, halved with each week without a use) goes first, and never one whose bytes are in use.
class PlanStore {
 public:
  explicit PlanStore(StoreCore& core) : core_(core) {}
  PlanStore(const PlanStore&) = delete;
  PlanStore& operator=(const PlanStore&) = delete;

  // Keeps a plan, durably, replacing one of the same key; its causes and models are joined with that one's.
  // Removes others as the bounds ask. On error nothing has changed but that others may have gone.
  // RESOURCE_EXHAUSTED: it does not fit the bounds or the disk. INVALID_ARGUMENT: the partition's name is
  // empty or too long. FAILED_PRECONDITION, UNAVAILABLE: as for all writing calls of ModelStore.
  absl::Status Write(const NewPlan& plan);

  // The plans of a structure for a device, the last used first. From memory; reads no file.
  std::vector<PlanInfo> Candidates(const Digest& structure, absl::string_view device) const;

  // Authenticates the plan's head, compares all sizes and offsets with the file, and maps it. Reads the head
  // alone: the segments were hashed when they were written, and Verify() does so again. A plan that is found
  // to be damaged, or of another version, is removed.
  std::variant<OpenedPlan, PlanFault> Open(const Digest& key);

  // Notes a use by a partition for a model: the partition has paid (it compiled, or waited as long) and is a
  // cause from now on. Written lazily: how long a first use takes must not tell that another's plan was
  // there, and what a power cut takes back is paid again. OK, without effect, when the plan has gone. Errors
  // as Write().
  absl::Status AddUse(const Digest& key, const Partition& partition, const Digest& model_id);

  // Whether the partition paid for the plan already.
  bool IsCause(const Digest& key, const Partition& partition) const;

  // Reads and hashes a plan's file: for the scrub. DATA_LOSS: its bytes are not those that were written, or
  // it is missing; the plan is removed. NOT_FOUND: there is no such plan. Others: the file could not be read.
  absl::Status Verify(const Digest& key);

  // Forgets a plan and removes its file; who uses its bytes keeps them. OK when there is none. Errors as
  // Write().
  absl::Status Remove(const Digest& key);

  // All plans, in the order of their keys.
  std::vector<PlanInfo> List() const;

  // The sum of the files' sizes.
  uint64_t Bytes() const;

 private:
  // Removes others as the bounds ask, and promises room on the disk.
  absl::StatusOr<std::unique_ptr<Reservation>> MakeRoom(const NewPlan& plan, uint64_t bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  // Gives the staged file its name and the plan its record.
  absl::Status Publish(const NewPlan& plan, uint64_t file_bytes, const Digest& file_digest,
                       const std::string& staged);
  // Remove(), under the key's lock.
  absl::Status Forget(const Digest& key);

  StoreCore& core_;
  // Held by Write(); taken before any lock of the core.
  absl::Mutex write_mu_;
};

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_PLAN_STORE_H_
