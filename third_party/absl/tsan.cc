// Tells the thread sanitizer what Debian's Abseil, which is not instrumented, synchronises: without it every
// use of an absl::Mutex would look like a race. The linker's --wrap (see build:tsan in .bazelrc) leads calls
// here. Empty in every other build.
#if defined(__SANITIZE_THREAD__)

#include <sanitizer/tsan_interface.h>

#include <cstdint>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
}

namespace {

using absl::Condition;
using absl::CondVar;
using absl::Duration;
using absl::Mutex;
using absl::Notification;
using absl::Time;

// Within these calls Abseil may evaluate other waiters' conditions, under the lock but after we have said
// that it is released: such reads are no races.
class InsideAbseil {
 public:
  InsideAbseil() { AnnotateIgnoreReadsBegin(__FILE__, __LINE__); }
  ~InsideAbseil() { AnnotateIgnoreReadsEnd(__FILE__, __LINE__); }
};

template <typename Call>
auto Around(void* before, void* after, Call call) {
  if (before != nullptr) __tsan_release(before);
  struct Acquire {
    void* what;
    ~Acquire() {
      if (what != nullptr) __tsan_acquire(what);
    }
  } acquire{after};
  InsideAbseil inside;
  return call();
}

}  // namespace

// NAME: how this file calls it; SYMBOL: mangled; then result, parameters, arguments, what is released before
// and what is acquired after.
#define WRAP(NAME, SYMBOL, RESULT, PARAMETERS, ARGUMENTS, BEFORE, AFTER)            \
  RESULT Real##NAME PARAMETERS asm("__real_" SYMBOL);                               \
  RESULT Wrap##NAME PARAMETERS asm("__wrap_" SYMBOL);                               \
  RESULT Wrap##NAME PARAMETERS {                                                    \
    return Around(BEFORE, AFTER, [&]() -> RESULT { return Real##NAME ARGUMENTS; }); \
  }

WRAP(Lock, "_ZN4absl7debian35Mutex4LockEv", void, (Mutex * m), (m), nullptr, m)
WRAP(Unlock, "_ZN4absl7debian35Mutex6UnlockEv", void, (Mutex * m), (m), m, nullptr)
WRAP(TryLock, "_ZN4absl7debian35Mutex7TryLockEv", bool, (Mutex * m), (m), nullptr, m)
WRAP(ReaderLock, "_ZN4absl7debian35Mutex10ReaderLockEv", void, (Mutex * m), (m), nullptr, m)
WRAP(ReaderUnlock, "_ZN4absl7debian35Mutex12ReaderUnlockEv", void, (Mutex * m), (m), m, nullptr)
WRAP(LockWhen, "_ZN4absl7debian35Mutex8LockWhenERKNS0_9ConditionE", void, (Mutex * m, const Condition& c),
     (m, c), nullptr, m)
WRAP(ReaderLockWhen, "_ZN4absl7debian35Mutex14ReaderLockWhenERKNS0_9ConditionE", void,
     (Mutex * m, const Condition& c), (m, c), nullptr, m)
WRAP(Await, "_ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE", void, (Mutex * m, const Condition& c), (m, c),
     m, m)
WRAP(AwaitWithTimeout, "_ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE", bool,
     (Mutex * m, const Condition& c, Duration t), (m, c, t), m, m)
WRAP(AwaitWithDeadline, "_ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE", bool,
     (Mutex * m, const Condition& c, Time t), (m, c, t), m, m)
WRAP(Wait, "_ZN4absl7debian37CondVar4WaitEPNS0_5MutexE", void, (CondVar * v, Mutex* m), (v, m), m, m)
WRAP(WaitWithTimeout, "_ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE", bool,
     (CondVar * v, Mutex* m, Duration t), (v, m, t), m, m)
WRAP(WaitWithDeadline, "_ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE", bool,
     (CondVar * v, Mutex* m, Time t), (v, m, t), m, m)
WRAP(Notify, "_ZN4absl7debian312Notification6NotifyEv", void, (Notification * n), (n), n, nullptr)
WRAP(WaitFor, "_ZNK4absl7debian312Notification19WaitForNotificationEv", void, (Notification * n), (n),
     nullptr, n)
WRAP(WaitForTimeout, "_ZNK4absl7debian312Notification30WaitForNotificationWithTimeoutENS0_8DurationE", bool,
     (Notification * n, Duration t), (n, t), nullptr, n)
WRAP(WaitForDeadline, "_ZNK4absl7debian312Notification31WaitForNotificationWithDeadlineENS0_4TimeE", bool,
     (Notification * n, Time t), (n, t), nullptr, n)

// The errors of a Status are shared and counted. Who counts down has done with them; who counts down to none
// deletes them within this call, after all others.
void RealUnref(uintptr_t rep) asm("__real__ZN4absl7debian36Status15UnrefNonInlinedEm");
void WrapUnref(uintptr_t rep) asm("__wrap__ZN4absl7debian36Status15UnrefNonInlinedEm");
void WrapUnref(uintptr_t rep) {
  __tsan_release(reinterpret_cast<void*>(rep));
  __tsan_acquire(reinterpret_cast<void*>(rep));
  RealUnref(rep);
}

#endif  // __SANITIZE_THREAD__
