// Threads of one execution, by OpenMP: the runtime that oneDNN uses too, so both share one team per calling
// thread.
#ifndef MODELD_ENGINE_BACKEND_CPU_THREADS_H_
#define MODELD_ENGINE_BACKEND_CPU_THREADS_H_

#include <omp.h>

#include <cstdint>

namespace modeld::cpu {

// While it lives, parallel regions that the calling thread opens without saying a number (oneDNN's) get
// `threads`. oneDNN sizes scratchpads by this number when a primitive is created, so creation and execution
// must agree.
class ThreadScope {
 public:
  explicit ThreadScope(int threads) : before_(omp_get_max_threads()) {
    if (before_ != threads) omp_set_num_threads(threads);
  }
  ~ThreadScope() {
    if (omp_get_max_threads() != before_) omp_set_num_threads(before_);
  }
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  const int before_;
};

// Calls body(begin, end) on disjoint ranges that cover [0, units), at most one per thread. `elements` is the
// size of the whole work: what is small runs in the calling thread, as waking a team costs microseconds. The
// team is either one thread or all, as libgomp ends and starts threads when its size changes. `body` must not
// throw.
template <typename Body>
void ParallelFor(int threads, int64_t units, int64_t elements, const Body& body) {
  constexpr int64_t kElementsWorthATeam = 16 * 1024;
  if (threads <= 1 || units <= 1 || elements < kElementsWorthATeam) {
    if (units > 0) body(int64_t{0}, units);
    return;
  }
#pragma omp parallel num_threads(threads)
  {
    const int64_t count = omp_get_num_threads();
    const int64_t self = omp_get_thread_num();
    const int64_t begin = units * self / count;
    const int64_t end = units * (self + 1) / count;
    if (begin < end) body(begin, end);
  }
}

}  // namespace modeld::cpu

#endif  // MODELD_ENGINE_BACKEND_CPU_THREADS_H_
