// One lock per digest, made when needed.
#ifndef MODELD_STORAGE_DIGEST_LOCKS_H_
#define MODELD_STORAGE_DIGEST_LOCKS_H_

#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "base/digest.h"

namespace modeld::storage {

// Keeps apart what changes or checks the file of one blob, without stopping work on others. Thread-safe.
class DigestLocks {
 public:
  // Holds one digest's lock while it lives; waits for it at first. A thread holds at most one at a time.
  class Guard {
   public:
    Guard(DigestLocks& locks, const Digest& digest) : locks_(locks), digest_(digest) {
      auto free = [this] { return !locks_.busy_.contains(digest_); };
      absl::MutexLock lock(&locks_.mu_, absl::Condition(&free));
      locks_.busy_.insert(digest_);
    }
    ~Guard() {
      absl::MutexLock lock(&locks_.mu_);
      locks_.busy_.erase(digest_);
    }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    DigestLocks& locks_;
    const Digest digest_;
  };

 private:
  absl::Mutex mu_;
  absl::flat_hash_set<Digest> busy_;  // under mu_
};

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_DIGEST_LOCKS_H_
