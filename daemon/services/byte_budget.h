// Bytes that several holders take from one bounded sum.
#ifndef MODELD_DAEMON_SERVICES_BYTE_BUDGET_H_
#define MODELD_DAEMON_SERVICES_BYTE_BUDGET_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "daemon/services/errors.h"

namespace modeld {

// A bounded sum. Thread-safe. Shared by its charges, so that memory which outlives its handle stays counted.
class ByteBudget : public std::enable_shared_from_this<ByteBudget> {
 public:
  // What one holder took; given back on destruction. Not thread-safe; move only.
  class Charge {
   public:
    Charge() = default;
    Charge(Charge&& other) noexcept
        : budget_(std::move(other.budget_)), bytes_(std::exchange(other.bytes_, 0)) {}
    Charge& operator=(Charge&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Charge() {
      if (budget_) budget_->Return(bytes_);
    }
    uint64_t bytes() const { return bytes_; }

   private:
    friend class ByteBudget;
    Charge(std::shared_ptr<ByteBudget> budget, uint64_t bytes) : budget_(std::move(budget)), bytes_(bytes) {}
    std::shared_ptr<ByteBudget> budget_;
    uint64_t bytes_ = 0;
  };

  // `what` names the bytes in messages.
  static std::shared_ptr<ByteBudget> Create(absl::string_view what, uint64_t limit) {
    return std::shared_ptr<ByteBudget>(new ByteBudget(what, limit));
  }

  // RESOURCE_EXHAUSTED, with REASON_SESSION_LIMIT, when they do not fit.
  absl::StatusOr<Charge> Take(uint64_t bytes) {
    absl::MutexLock lock(&mu_);
    if (bytes > limit_ - used_) return ByteLimit(what_, bytes, used_, limit_);
    used_ += bytes;
    return Charge(shared_from_this(), bytes);
  }

  uint64_t used() const {
    absl::MutexLock lock(&mu_);
    return used_;
  }

 private:
  ByteBudget(absl::string_view what, uint64_t limit) : what_(what), limit_(limit) {}
  void Return(uint64_t bytes) {
    absl::MutexLock lock(&mu_);
    used_ -= bytes;
  }

  // Fixed at construction.
  const std::string what_;
  const uint64_t limit_;

  // Under mu_.
  mutable absl::Mutex mu_;
  uint64_t used_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_BYTE_BUDGET_H_
