#include "engine/backend/cpu/vector_math.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace modeld::cpu {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

float Apply(FloatFunction function, float x, float alpha = 0, float beta = 0) {
  float result;
  function(&x, &result, 1, alpha, beta);
  return result;
}

struct Accuracy {
  const char* name;
  FloatFunction function;
  double (*exact)(double);
  float low;
  float high;
  double relative;
};

const Accuracy kAccuracies[] = {
    {"exp", VectorExp, [](double x) { return std::exp(x); }, -87, 88, 2e-7},
    {"log", VectorLog, [](double x) { return std::log(x); }, 1e-40f, 1e6, 3e-7},
    {"tanh", VectorTanh, [](double x) { return std::tanh(x); }, -12, 12, 3e-7},
    {"erf", VectorErf, [](double x) { return std::erf(x); }, -6, 6, 6e-7},
    {"sigmoid", VectorSigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }, -80, 80, 3e-7},
    {"elu", [](const float* in, float* out, int64_t n, float, float) { VectorElu(in, out, n, 1, 0); },
     [](double x) { return x > 0 ? x : std::expm1(x); }, -20, 20, 3e-7},
    {"softplus", VectorSoftplus,
     [](double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }, -80, 80, 1e-6},
};

TEST_CASE("functions are accurate to a few units in the last place") {
  for (const Accuracy& accuracy : kAccuracies) {
    std::mt19937 random(1);
    std::uniform_real_distribution<float> values(accuracy.low, accuracy.high);
    std::vector<float> in(4099);
    for (float& x : in) x = values(random);
    std::vector<float> out(in.size());
    accuracy.function(in.data(), out.data(), static_cast<int64_t>(in.size()), 0, 0);
    INFO(accuracy.name);
    double worst = 0;
    for (size_t i = 0; i < in.size(); ++i) {
      const double exact = accuracy.exact(in[i]);
      worst = std::max(worst, std::fabs(out[i] - exact) / std::max(std::fabs(exact), 1e-30));
    }
    CHECK(worst < accuracy.relative);
  }
}

TEST_CASE("NaN stays NaN in every function") {
  for (const FloatFunction function :
       {VectorExp,         VectorLog,       VectorTanh,   VectorErf,       VectorSigmoid, VectorSqrt,
        VectorReciprocal,  VectorCeil,      VectorFloor,  VectorRoundEven, VectorSin,     VectorCos,
        VectorTan,         VectorRelu,      VectorClamp,  VectorLeakyRelu, VectorElu,     VectorGelu,
        VectorHardSigmoid, VectorHardSwish, VectorLinear, VectorSoftplus,  VectorSoftsign}) {
    CHECK(std::isnan(Apply(function, kNaN, 1, 2)));
  }
}

TEST_CASE("infinities, zeros and the ends of the range give what mathematics says") {
  CHECK(Apply(VectorExp, kInfinity) == kInfinity);
  CHECK(Apply(VectorExp, -kInfinity) == 0);
  CHECK(Apply(VectorExp, 89) == kInfinity);
  CHECK(Apply(VectorExp, -100) > 0);
  CHECK(Apply(VectorExp, 0) == 1);
  CHECK(Apply(VectorLog, 0) == -kInfinity);
  CHECK(Apply(VectorLog, kInfinity) == kInfinity);
  CHECK(std::isnan(Apply(VectorLog, -1)));
  CHECK(Apply(VectorTanh, kInfinity) == 1);
  CHECK(Apply(VectorTanh, -kInfinity) == -1);
  CHECK(std::signbit(Apply(VectorTanh, -0.0f)));
  CHECK(Apply(VectorSigmoid, -kInfinity) == 0);
  CHECK(Apply(VectorRelu, -kInfinity) == 0);
  CHECK(Apply(VectorClamp, kInfinity, -1, 6) == 6);
  CHECK(Apply(VectorRoundEven, 2.5f) == 2);
  CHECK(Apply(VectorRoundEven, -3.5f) == -4);
}

TEST_CASE("the sums and maxima of rows of every length are right") {
  for (int64_t n = 1; n < 70; ++n) {
    std::vector<float> in(n);
    for (int64_t i = 0; i < n; ++i) in[i] = static_cast<float>((i * 37) % 11) - 5.0f;
    double sum = 0;
    float maximum = in[0];
    double squares = 0;
    for (float x : in) {
      sum += x;
      maximum = std::max(maximum, x);
      squares += (x - 1.0) * (x - 1.0);
    }
    CHECK(VectorSum(in.data(), n) == sum);
    CHECK(VectorMax(in.data(), n) == maximum);
    CHECK(VectorSquaredDeviations(in.data(), n, 1) == squares);
    in[n / 2] = kNaN;
    CHECK(std::isnan(VectorMax(in.data(), n)));
  }
  const float all_low[] = {-kInfinity, -kInfinity};
  CHECK(VectorMax(all_low, 2) == -kInfinity);
}

}  // namespace
}  // namespace modeld::cpu
