// What a partition gives up of its own when it needs room: GreedyDual-Size-Frequency with fading frequencies.
#ifndef MODELD_POLICY_EVICTION_H_
#define MODELD_POLICY_EVICTION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/digest.h"

namespace modeld::policy {

// The user's word on what goes first. The numbers are the catalogue's.
enum class Priority { kLow = -1, kNormal = 0, kHigh = 1 };

// After this long without a use, what earlier uses count for is halved.
inline constexpr absl::Duration kHalfLife = absl::Hours(24 * 14);

// What uses leave behind on a model that a partition holds. A plain value.
struct UseTrace {
  // Uses (store, fetch, load), each counting less the longer ago it was, as of `last_used`. At least 0.
  double frequency = 0;
  // GreedyDual's credit as of `last_used`.
  double credit = 0;
  absl::Time last_used = absl::InfinitePast();
};

// `frequency` after `since` without a use: frequency * 2^(-since / half_life). A `since` below zero (the
// clock was set back) fades nothing; NaN, infinite and negative frequencies count as 0; a half-life of zero
// or less is taken as infinite. Pure.
double Faded(double frequency, absl::Duration since, absl::Duration half_life = kHalfLife);

// What it costs to get a model back, in seconds: fetching `bytes` over the network at kRegainBytesPerSecond,
// kRegainSeconds whatever its size, and `compile_time` (negative counts as zero). Finite and above 0. Pure.
inline constexpr double kRegainBytesPerSecond = 12.5e6;
inline constexpr double kRegainSeconds = 1;
double RegainCost(uint64_t bytes, absl::Duration compile_time);

// GreedyDual-Size-Frequency (Cherkasova, HPL-98-69R1): inflation + frequency * cost / size_bytes. Finite
// whatever comes in: a size of 0 counts as 1, wrong numbers (NaN, infinite, negative) as 0, and the sum stops
// at the largest double. Pure.
double Credit(double inflation, double frequency, double cost, uint64_t size_bytes);

// The trace after one more use at `now`. `before`: the trace so far, or the one that an eviction left behind
// when the model comes again; nothing: never seen. Pure.
UseTrace Used(const std::optional<UseTrace>& before, double inflation, uint64_t size_bytes,
              absl::Duration compile_time, absl::Time now);

// A model that the partition holds.
struct HeldModel {
  Digest id;
  // Its distinct blobs (manifest and constants) as positions in PartitionSnapshot::blob_bytes. Positions
  // beyond it are passed over.
  std::vector<uint32_t> blobs;
  UseTrace uses;
  absl::Duration compile_time;
  Priority priority = Priority::kNormal;
  // By the user: it never goes.
  bool pinned = false;
  // Leased, loaded by a session, or named by an open upload of this partition: not now.
  bool in_use = false;
};

// A plan whose only cause is this partition.
struct OwnPlan {
  Digest key;
  uint64_t size_bytes = 0;
  double uses = 0;
  absl::Time last_used = absl::InfinitePast();
  absl::Duration compile_time;
  // Mapped by a program: not now.
  bool in_use = false;
};

// All that a partition's decision rests on. Nothing of other partitions is in it.
struct PartitionSnapshot {
  absl::Time now;
  // PartitionRecord.inflation.
  double inflation = 0;
  // The sizes of the distinct blobs of its models: what the partition's sum falls by when the last of its
  // models that names the blob goes. 0 for a blob that stays nevertheless (a finished upload that waits for
  // its model).
  std::vector<uint64_t> blob_bytes;
  std::vector<HeldModel> models;
  std::vector<OwnPlan> plans;
  // The user's bounds. keep_at_most counts models, and pinned ones with them; max_age is the time since the
  // last use (zero or less: no bound).
  std::optional<uint32_t> keep_at_most;
  std::optional<absl::Duration> max_age;
};

// One step.
struct EvictionAction {
  enum class What { kPlan, kModel };
  enum class Reason {
    // Not used for longer than max_age.
    kMaxAge,
    // More models than keep_at_most.
    kKeepAtMost,
    // Room for something of the partition's own.
    kRoom,
  };
  What what = What::kModel;
  Reason reason = Reason::kRoom;
  // The model's id or the plan's key.
  Digest id;
  // What the partition's sum falls by now. May be 0: a twin keeps all its blobs.
  uint64_t freed_bytes = 0;
  // The partition's inflation from now on; never below what it was.
  double inflation = 0;
  // "evicted" or "expired", for DecisionRecord.what.
  absl::string_view verdict;
  // One sentence with the figures, for the record.
  std::string why;
};

// The next thing to give up so that `bytes_to_free` come free, or nothing: when nothing has to go, or when
// all that may go would not be enough (then no model is sacrificed in vain). Call it with the state after
// each step and what is still to be freed; with 0 it looks only for what keep_at_most and max_age take.
// Order: what is too old, what is too many, plans, then models; low priority before normal before high;
// within these the least credit, then the longest unused, then the smaller digest. Pure.
std::optional<EvictionAction> NextEviction(const PartitionSnapshot& partition, uint64_t bytes_to_free);

// What would become of a model of the partition if room had to be made now, in one sentence; empty when the
// partition does not hold it. Pure.
std::string Outlook(const PartitionSnapshot& partition, const Digest& model);

}  // namespace modeld::policy

#endif  // MODELD_POLICY_EVICTION_H_
