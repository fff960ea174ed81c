// The processor's flag of invalid operations: it tells that a NaN may have been lost.
#ifndef MODELD_ENGINE_BACKEND_CPU_INVALID_FLAG_H_
#define MODELD_ENGINE_BACKEND_CPU_INVALID_FLAG_H_

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace modeld::cpu {

// Each thread has a sticky flag, which is set when an instruction makes a NaN (infinity - infinity) and, by
// the definition of x86's MINPS, MAXPS and ordered comparisons, when one of these meets a NaN. Code that
// would lose a NaN does so by one of these, so the flag is set where one was lost. It may be set although
// none was.
#if defined(__x86_64__)
inline constexpr bool kHasInvalidFlag = true;

// Clears the calling thread's flag; returns what it was. Thread-safe.
inline bool ExchangeInvalidFlag() {
  const unsigned state = _mm_getcsr();
  if ((state & _MM_EXCEPT_INVALID) == 0) return false;
  _mm_setcsr(state & ~static_cast<unsigned>(_MM_EXCEPT_INVALID));
  return true;
}
#else
inline constexpr bool kHasInvalidFlag = false;
inline bool ExchangeInvalidFlag() {
  return true;
}
#endif

// As ExchangeInvalidFlag for the calling thread's whole OpenMP team: true if any flag was set.
inline bool ExchangeTeamsInvalidFlags(int threads) {
  if (threads <= 1) return ExchangeInvalidFlag();
  bool any = false;
#pragma omp parallel num_threads(threads) reduction(|| : any)
  any = ExchangeInvalidFlag() || any;
  return any;
}

}  // namespace modeld::cpu

#endif  // MODELD_ENGINE_BACKEND_CPU_INVALID_FLAG_H_
