// Functions of float32 arrays: exact at special values (NaN stays NaN, infinities and zeros give what IEEE
// 754 and C's math.h say), within a few units in the last place elsewhere. oneDNN's eltwise primitives are as
// fast but turn NaN into numbers, so they serve only where a function is fused into a product (post_ops.h).
#ifndef MODELD_ENGINE_BACKEND_CPU_VECTOR_MATH_H_
#define MODELD_ENGINE_BACKEND_CPU_VECTOR_MATH_H_

#include <cstdint>

namespace modeld::cpu {

// out[i] = f(in[i]) for i in [0, n); `in` may be `out`. `alpha` and `beta` are the function's parameters,
// where it has any. Thread-safe. Each is compiled for several instruction sets; the processor's best is
// called.
using FloatFunction = void (*)(const float* in, float* out, int64_t n, float alpha, float beta);

void VectorAbs(const float* in, float* out, int64_t n, float, float);
void VectorNeg(const float* in, float* out, int64_t n, float, float);
void VectorExp(const float* in, float* out, int64_t n, float, float);
void VectorLog(const float* in, float* out, int64_t n, float, float);
void VectorTanh(const float* in, float* out, int64_t n, float, float);
void VectorErf(const float* in, float* out, int64_t n, float, float);
void VectorSigmoid(const float* in, float* out, int64_t n, float, float);
void VectorSqrt(const float* in, float* out, int64_t n, float, float);
void VectorReciprocal(const float* in, float* out, int64_t n, float, float);
void VectorCeil(const float* in, float* out, int64_t n, float, float);
void VectorFloor(const float* in, float* out, int64_t n, float, float);
void VectorRoundEven(const float* in, float* out, int64_t n, float, float);
void VectorSin(const float* in, float* out, int64_t n, float, float);
void VectorCos(const float* in, float* out, int64_t n, float, float);
void VectorTan(const float* in, float* out, int64_t n, float, float);

// max(x, 0), NaN for NaN.
void VectorRelu(const float* in, float* out, int64_t n, float, float);
// min(max(x, alpha), beta), NaN for NaN.
void VectorClamp(const float* in, float* out, int64_t n, float alpha, float beta);
// max(0, x) + alpha * min(0, x).
void VectorLeakyRelu(const float* in, float* out, int64_t n, float alpha, float);
// max(0, x) + alpha * (exp(min(0, x)) - 1).
void VectorElu(const float* in, float* out, int64_t n, float alpha, float);
// 0.5 * x * (1 + erf(x / sqrt(2))).
void VectorGelu(const float* in, float* out, int64_t n, float, float);
// max(0, min(1, alpha * x + beta)).
void VectorHardSigmoid(const float* in, float* out, int64_t n, float alpha, float beta);
// x * max(0, min(6, x + 3)) / 6.
void VectorHardSwish(const float* in, float* out, int64_t n, float, float);
// alpha * x + beta.
void VectorLinear(const float* in, float* out, int64_t n, float alpha, float beta);
// ln(1 + exp(x)), as max(0, x) + ln(1 + exp(-|x|)), which does not overflow.
void VectorSoftplus(const float* in, float* out, int64_t n, float, float);
// x / (1 + |x|).
void VectorSoftsign(const float* in, float* out, int64_t n, float, float);

// out[i] = exp(in[i] - shift); returns the sum.
float VectorExpShifted(const float* in, float* out, int64_t n, float shift);
// The largest; NaN if any is NaN. Requires: n >= 1.
float VectorMax(const float* in, int64_t n);
// Accumulated in double.
double VectorSum(const float* in, int64_t n);
// The sum of (in[i] - mean)^2, accumulated in double.
double VectorSquaredDeviations(const float* in, int64_t n, float mean);

}  // namespace modeld::cpu

#endif  // MODELD_ENGINE_BACKEND_CPU_VECTOR_MATH_H_
