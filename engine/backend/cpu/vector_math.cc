#include "engine/backend/cpu/vector_math.h"

#include <bit>
#include <cmath>
#include <limits>

// One body, compiled for the baseline, AVX2 and AVX-512; the loader picks. The helpers must be inlined into
// each copy to be compiled for its instruction set.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define MODELD_VECTOR __attribute__((target_clones("default", "arch=haswell", "arch=skylake-avx512")))
#else
#define MODELD_VECTOR
#endif
#define MODELD_INLINE inline __attribute__((always_inline))

namespace modeld::cpu {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

MODELD_INLINE float PowerOfTwo(int32_t exponent) {
  return std::bit_cast<float>(static_cast<uint32_t>(exponent + 127) << 23);
}

// exp(x) = 2^n * (1 + p) with x = n * ln 2 + r, |r| <= ln(2) / 2 and p the polynomial of Cephes' expf in r.
struct ExpParts {
  float p;
  int32_t n;
};

MODELD_INLINE ExpParts SplitExp(float x) {
  // Comparisons with NaN are false, so NaN passes the clamp.
  float c = x < -104.0f ? -104.0f : x;
  c = c > 89.0f ? 89.0f : c;
  // Adding 1.5 * 2^23 rounds to an integer, which then stands in the low bits of the sum.
  constexpr float kRounder = 12582912.0f;
  const float shifted = c * 1.44269504088896341f + kRounder;
  const float n = shifted - kRounder;
  const int32_t exponent =
      static_cast<int32_t>(std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(kRounder));
  float r = c - n * 0.693359375f;
  r -= n * -2.12194440e-4f;
  float p = 1.9875691500E-4f;
  p = p * r + 1.3981999507E-3f;
  p = p * r + 8.3334519073E-3f;
  p = p * r + 4.1665795894E-2f;
  p = p * r + 1.6666665459E-1f;
  p = p * r + 5.0000001201E-1f;
  return {p * r * r + r, exponent};
}

MODELD_INLINE float Exp(float x) {
  const ExpParts parts = SplitExp(x);
  // Two factors reach the subnormals and the overflow, which one exponent field cannot.
  const int32_t half = parts.n >> 1;
  return (parts.p + 1.0f) * PowerOfTwo(half) * PowerOfTwo(parts.n - half);
}

// exp(x) - 1 for x <= 0, without cancellation near 0.
MODELD_INLINE float ExpMinusOne(float x) {
  // Below, the result is -1 and 2^n would need subnormals.
  const ExpParts parts = SplitExp(x < -80.0f ? -80.0f : x);
  const float scale = PowerOfTwo(parts.n);
  return parts.p * scale + (scale - 1.0f);
}

// Cephes' logf; subnormals are scaled up first.
MODELD_INLINE float Log(float x) {
  const bool tiny = x < 1.17549435e-38f;
  const float scaled = tiny ? x * 8388608.0f : x;
  const uint32_t bits = std::bit_cast<uint32_t>(scaled);
  int32_t exponent = static_cast<int32_t>(bits >> 23) - 126 - (tiny ? 23 : 0);
  float m = std::bit_cast<float>((bits & 0x007fffffu) | 0x3f000000u);
  const bool low = m < 0.707106781186547524f;
  exponent -= low ? 1 : 0;
  m = (low ? m + m : m) - 1.0f;
  const float e = static_cast<float>(exponent);
  const float z = m * m;
  float p = 7.0376836292E-2f;
  p = p * m - 1.1514610310E-1f;
  p = p * m + 1.1676998740E-1f;
  p = p * m - 1.2420140846E-1f;
  p = p * m + 1.4249322787E-1f;
  p = p * m - 1.6668057665E-1f;
  p = p * m + 2.0000714765E-1f;
  p = p * m - 2.4999993993E-1f;
  p = p * m + 3.3333331174E-1f;
  float y = p * m * z;
  y += e * -2.12194440e-4f;
  y -= 0.5f * z;
  float result = m + y + e * 0.693359375f;
  result = x == kInfinity ? kInfinity : result;
  result = x == 0.0f ? -kInfinity : result;
  result = x < 0.0f ? kNaN : result;
  return x != x ? x : result;
}

// ln(1 + u) for u in [0, 1]: the rounding error of 1 + u cancels (W. Kahan).
MODELD_INLINE float LogOnePlus(float u) {
  const float w = 1.0f + u;
  return w == 1.0f ? u : Log(w) * (u / (w - 1.0f));
}

// Cephes' tanhf: a polynomial near zero, 1 - 2 / (exp(2 |x|) + 1) elsewhere.
MODELD_INLINE float Tanh(float x) {
  const float magnitude = std::fabs(x);
  const float z = x * x;
  float p = -5.70498872745E-3f;
  p = p * z + 2.06390887954E-2f;
  p = p * z - 5.37397155531E-2f;
  p = p * z + 1.33314422036E-1f;
  p = p * z - 3.33332819422E-1f;
  // copysign: the sum would lose the sign of -0.
  const float near = std::copysign(p * z * x + x, x);
  const float far = std::copysign(1.0f - 2.0f / (Exp(2.0f * magnitude) + 1.0f), x);
  return magnitude < 0.625f ? near : far;
}

// The rational approximation of Eigen and XLA on [-4, 4]; beyond, erf is 1 in float32.
MODELD_INLINE float Erf(float x) {
  float c = x < -4.0f ? -4.0f : x;
  c = c > 4.0f ? 4.0f : c;
  const float z = c * c;
  float p = -2.72614225801306e-10f;
  p = p * z + 2.77068142495902e-08f;
  p = p * z - 2.10102402082508e-06f;
  p = p * z - 5.69250639462346e-05f;
  p = p * z - 7.34990630326855e-04f;
  p = p * z - 2.95459980854025e-03f;
  p = p * z - 1.60960333262415e-02f;
  float q = -1.45660718464996e-05f;
  q = q * z - 2.13374055278905e-04f;
  q = q * z - 1.68282697438203e-03f;
  q = q * z - 7.37332916720468e-03f;
  q = q * z - 1.42647390514189e-02f;
  return c * p / q;
}

// max and min of the core set: NaN if either is NaN.
MODELD_INLINE float Max(float x, float bound) {
  return x < bound ? bound : x;
}
MODELD_INLINE float Min(float x, float bound) {
  return x > bound ? bound : x;
}

}  // namespace

#define MODELD_DEFINE_VECTOR_FUNCTION(Name, expression)                                         \
  MODELD_VECTOR void Name(const float* in, float* out, int64_t n, [[maybe_unused]] float alpha, \
                          [[maybe_unused]] float beta) {                                        \
    for (int64_t i = 0; i < n; ++i) {                                                           \
      const float x = in[i];                                                                    \
      out[i] = (expression);                                                                    \
    }                                                                                           \
  }

MODELD_DEFINE_VECTOR_FUNCTION(VectorAbs, std::fabs(x))
MODELD_DEFINE_VECTOR_FUNCTION(VectorNeg, -x)
MODELD_DEFINE_VECTOR_FUNCTION(VectorExp, Exp(x))
MODELD_DEFINE_VECTOR_FUNCTION(VectorLog, Log(x))
MODELD_DEFINE_VECTOR_FUNCTION(VectorTanh, Tanh(x))
MODELD_DEFINE_VECTOR_FUNCTION(VectorErf, Erf(x))
MODELD_DEFINE_VECTOR_FUNCTION(VectorSigmoid, 1.0f / (1.0f + Exp(-x)))
MODELD_DEFINE_VECTOR_FUNCTION(VectorSqrt, std::sqrt(x))
MODELD_DEFINE_VECTOR_FUNCTION(VectorReciprocal, 1.0f / x)
MODELD_DEFINE_VECTOR_FUNCTION(VectorCeil, std::ceil(x))
MODELD_DEFINE_VECTOR_FUNCTION(VectorFloor, std::floor(x))
MODELD_DEFINE_VECTOR_FUNCTION(VectorRoundEven, std::nearbyint(x))
MODELD_DEFINE_VECTOR_FUNCTION(VectorSin, std::sin(x))
MODELD_DEFINE_VECTOR_FUNCTION(VectorCos, std::cos(x))
MODELD_DEFINE_VECTOR_FUNCTION(VectorTan, std::tan(x))
MODELD_DEFINE_VECTOR_FUNCTION(VectorRelu, Max(x, 0.0f))
MODELD_DEFINE_VECTOR_FUNCTION(VectorClamp, Min(Max(x, alpha), beta))
MODELD_DEFINE_VECTOR_FUNCTION(VectorLeakyRelu, Max(x, 0.0f) + alpha * Min(x, 0.0f))
MODELD_DEFINE_VECTOR_FUNCTION(VectorElu, Max(x, 0.0f) + alpha * ExpMinusOne(Min(x, 0.0f)))
MODELD_DEFINE_VECTOR_FUNCTION(VectorGelu, 0.5f * x * (1.0f + Erf(x * 0.70710678118654752f)))
MODELD_DEFINE_VECTOR_FUNCTION(VectorHardSigmoid, Max(Min(alpha* x + beta, 1.0f), 0.0f))
MODELD_DEFINE_VECTOR_FUNCTION(VectorHardSwish, x* Max(Min(x + 3.0f, 6.0f), 0.0f) / 6.0f)
MODELD_DEFINE_VECTOR_FUNCTION(VectorLinear, alpha* x + beta)
MODELD_DEFINE_VECTOR_FUNCTION(VectorSoftplus, Max(x, 0.0f) + LogOnePlus(Exp(-std::fabs(x))))
MODELD_DEFINE_VECTOR_FUNCTION(VectorSoftsign, x / (1.0f + std::fabs(x)))

#undef MODELD_DEFINE_VECTOR_FUNCTION

// Sums keep kLanes partial results: the compiler may not reorder one running sum, and partial sums are more
// exact.
namespace {
constexpr int64_t kLanes = 16;
}

MODELD_VECTOR float VectorExpShifted(const float* in, float* out, int64_t n, float shift) {
  float sums[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const float value = Exp(in[i + lane] - shift);
      out[i + lane] = value;
      sums[lane] += value;
    }
  }
  float sum = 0;
  for (; i < n; ++i) sum += out[i] = Exp(in[i] - shift);
  for (float lane : sums) sum += lane;
  return sum;
}

MODELD_VECTOR float VectorMax(const float* in, int64_t n) {
  float maxima[kLanes];
  for (float& lane : maxima) lane = -kInfinity;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const float x = in[i + lane];
      maxima[lane] = (x > maxima[lane]) | (x != x) ? x : maxima[lane];
    }
  }
  float maximum = -kInfinity;
  for (; i < n; ++i) maximum = in[i] > maximum || in[i] != in[i] ? in[i] : maximum;
  for (float lane : maxima) maximum = lane > maximum || lane != lane ? lane : maximum;
  return maximum;
}

MODELD_VECTOR double VectorSum(const float* in, int64_t n) {
  double sums[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) sums[lane] += in[i + lane];
  }
  double sum = 0;
  for (; i < n; ++i) sum += in[i];
  for (double lane : sums) sum += lane;
  return sum;
}

MODELD_VECTOR double VectorSquaredDeviations(const float* in, int64_t n, float mean) {
  double sums[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const float deviation = in[i + lane] - mean;
      sums[lane] += deviation * deviation;
    }
  }
  double sum = 0;
  for (; i < n; ++i) sum += (in[i] - mean) * (in[i] - mean);
  for (double lane : sums) sum += lane;
  return sum;
}

}  // namespace modeld::cpu
