// What a partition gives up of its own when it needs room: GreedyDual-Size-Frequency, with ageing by time
// instead of by inflation, and choosing a set.
//
// What was learnt by replaying traces (tools/bench/eviction_simulator), each against the plain form:
// - Ageing. GreedyDual's inflation forgets as fast as the cache turns over, so that a scan or a row of
// one-hit wonders ages the
//   steady models. Fading with a long half-life and the chance of being abandoned (Expected()) keep these,
//   and still follow a shift of what is used.
// - Memory. Used() goes on from the trace that an eviction left behind, if the caller kept it: without it
// everything that comes
//   back starts as a stranger. Of all changes this one gained most, and the simulator's figures are with it.
// - Set. Victims by rising credit alone end with one that frees far more than was asked, after small ones
// went in vain. The
//   cheapest set that frees enough is taken (a 2-approximation of the minimum knapsack), its least credit
//   first.
// - Cost. Hit rate and bytes are at odds: the best for one is bad for the other. RegainCost() is the middle.
// - Constants. Half-lives of 80 to 125 days and an exponent of 0.4 did best together over several seeds; no
// choice won on every
//   seed and cache size (tools/bench/README.md tells where it loses).
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

// After this long, what a use counts for is halved.
inline constexpr absl::Duration kHalfLife = absl::Hours(24 * 100);

// What uses leave behind on a model that a partition holds. A plain value.
struct UseTrace {
  // Uses (store, fetch, load), each counting less the longer ago it was, as of `last_used`. At least 0.
  double frequency = 0;
  // Its credit as of `last_used`, for people: decisions compute it anew.
  double credit = 0;
  absl::Time last_used = absl::InfinitePast();
};

// `frequency` after `since` without a use: frequency * 2^(-since / half_life). A `since` below zero (the
// clock was set back) fades nothing; NaN, infinite and negative frequencies count as 0; a half-life of zero
// or less is taken as infinite. Pure.
double Faded(double frequency, absl::Duration since, absl::Duration half_life = kHalfLife);

// The frequency that is still to be expected after `since` without a use: Faded(), times the chance that the
// model is in use at all. One that was used ten times a day and not for a week has most likely been
// abandoned; one of twice a year has not. By Bayes, with uses at random times of rate r = frequency * ln 2 /
// half_life and the chance kAbandoned that a use was the last: (1 + kAbandoned * (e^(r * silence) - 1))^-1,
// where nights and weekends (kPause) are no silence. Edges as for Faded(). Pure.
inline constexpr absl::Duration kPause = absl::Hours(24 * 3);
inline constexpr double kAbandoned = 0.03;
double Expected(double frequency, absl::Duration since, absl::Duration half_life = kHalfLife);

// What it costs to get a model back. Between counting fetches (1, which favours the small ones) and counting
// bytes (their number, which favours the large ones): (b / MiB)^0.4 of b = bytes + what the network brings
// (12.5 MB/s) in `compile_time`; negative times count as zero, endless ones as a year. Finite. Pure.
double RegainCost(uint64_t bytes, absl::Duration compile_time);
inline constexpr double kNetworkBytesPerSecond = 12.5e6;

// GreedyDual-Size-Frequency (Cherkasova, HPL-98-69R1), per MiB: inflation + frequency * cost / (size_bytes /
// MiB). Finite whatever comes in: a size of 0 counts as 1, wrong numbers (NaN, infinite, negative) as 0, and
// the sum stops at the largest double. Pure.
double Credit(double inflation, double frequency, double cost, uint64_t size_bytes);

// The trace after one more use at `now`. `before`: the trace so far, or the one that an eviction left behind
// when the model comes again; nothing: never seen. Pure.
UseTrace Used(const std::optional<UseTrace>& before, uint64_t size_bytes, absl::Duration compile_time,
              absl::Time now);

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
  // GreedyDual's L (PartitionRecord.inflation): the credit of the last model that made room, for Outlook().
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

// A model that would have gone instead of another.
struct KeptModel {
  Digest id;
  // One sentence, for the record.
  std::string why;
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
  // The partition's inflation from now on.
  double inflation = 0;
  // "evicted" or "expired", for DecisionRecord.what.
  absl::string_view verdict;
  // One sentence with the figures, for the record.
  std::string why;
  // Models that are pinned or in use and that would have gone before this one: the least worth, at most
  // kMaxKept.
  std::vector<KeptModel> kept;
};
inline constexpr size_t kMaxKept = 8;

// The next thing to give up so that `bytes_to_free` come free, or nothing: when nothing has to go, or when
// all that may go would not be enough (then no model is sacrificed in vain). Call it with the state after
// each step and what is still to be freed; with 0 it looks only for what keep_at_most and max_age take.
// Order: what is too old (longest unused first), what is too many (by priority, then expected frequency times
// cost), plans (least credit first), then models: of the lowest priority, the cheapest set that frees enough,
// of it the least credit. Equals: the longest unused, then the smaller digest. Pure.
std::optional<EvictionAction> NextEviction(const PartitionSnapshot& partition, uint64_t bytes_to_free);

// What would become of a model of the partition if room had to be made now, in one sentence; empty when the
// partition does not hold it. Pure.
std::string Outlook(const PartitionSnapshot& partition, const Digest& model);

}  // namespace modeld::policy

#endif  // MODELD_POLICY_EVICTION_H_
