// Who was promised room on the disk, and how much of it is not written yet.
#ifndef MODELD_STORAGE_PROMISES_H_
#define MODELD_STORAGE_PROMISES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "absl/functional/function_ref.h"
#include "storage/index.h"

namespace modeld::storage {

// Promises of room: for a blob of a partition, kept for holders (leases, calls) until the last of them lets
// go or the blob is there; and for files that no partition pays for. Counts two things: what is not written
// yet (the disk must still have that), and what records do not count beside it. Not thread-safe.
class Promises {
 public:
  // What records count of a promised blob.
  struct Counted {
    uint64_t of_partition = 0;  // for its partition: models and uploads, whichever says more
    uint64_t of_all = 0;        // for all: bytes that are on their way under an upload's record
  };

  // Promises a blob of `size_bytes`, of which `written_bytes` are on the disk already. A promise that is
  // there gets one more holder, and the larger size.
  void Add(const void* holder, const Owned& blob, uint64_t size_bytes, uint64_t written_bytes,
           const Counted& counted);
  // The holder writes the promised blob from now on, `anew`: in a file without the bytes that are written
  // already. False: another one writes it, or has those bytes, and this one needs room of its own.
  bool BeginWriting(const void* holder, const Owned& blob, bool anew);
  // Room of a holder's own, for a file that no partition pays for, or that is written beside the promised
  // one. A holder that has such room writes one file.
  void AddFile(const void* holder, uint64_t bytes);
  // So many of them are on the disk now.
  void WroteFile(const void* holder, uint64_t bytes);
  // A holder lets go of one promise, or of all and of its own room. Where it was the writer, a holder that
  // writes the blob with room of its own goes on with the promised room instead.
  void Release(const void* holder, const Owned& blob);
  void Release(const void* holder);
  // The blob is there: its promises end, but for that of a holder who writes it just now.
  void Fulfil(const Owned& blob);
  // The size that was promised; nothing: no promise.
  std::optional<uint64_t> SizeOf(const Owned& blob) const;
  // What of a promised blob is on the disk by now. No effect without a promise.
  void SetWritten(const Owned& blob, uint64_t written_bytes);
  // What records count of it from now on. No effect without a promise.
  void SetCounted(const Owned& blob, const Counted& counted);
  // SetCounted() of all that was promised to a partition.
  void Recount(const PartitionId& partition, absl::FunctionRef<Counted(const Owned&)> counted);

  // Bytes that are promised and not on the disk.
  uint64_t unwritten() const { return unwritten_; }
  // Bytes that count for a partition, or for all, beside what records count.
  uint64_t UncountedOf(const PartitionId& partition) const;
  uint64_t uncounted() const { return uncounted_; }

 private:
  struct Promise {
    uint64_t size_bytes = 0;
    uint64_t written_bytes = 0;
    Counted counted;
    const void* writer = nullptr;
    std::set<const void*> holders;
  };
  // Adds (+1) or takes (-1) what a promise contributes to the sums.
  void Count(const Owned& blob, const Promise& promise, int by);
  // The writer has gone: another one that writes the blob beside it, if any, takes its place.
  void HandOver(const Owned& blob, Promise& promise);

  std::map<Owned, Promise> blobs_;
  std::map<const void*, std::set<Owned>> by_holder_;
  std::map<PartitionId, uint64_t> by_partition_;  // uncounted; no zeros
  std::map<const void*, uint64_t> files_;         // not written, by holder; no zeros
  uint64_t unwritten_ = 0;
  uint64_t uncounted_ = 0;
};

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_PROMISES_H_
