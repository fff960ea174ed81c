// Inverse and hyperbolic functions, which WebNN does not have, from those that it has. All in float32; the
// forms are chosen so that nothing cancels and nothing overflows before the result does.
#include <limits>
#include <numbers>

#include "tools/importer/compose.h"
#include "tools/importer/converters.h"

namespace modeld::importer {
namespace {

constexpr DataType kF32 = DataType::kFloat32;
constexpr double kPi = std::numbers::pi;

OperandId Abs(Emitter& e, OperandId x) {
  return e.Op("abs", {x});
}
OperandId Sqrt(Emitter& e, OperandId x) {
  return e.Op("sqrt", {x});
}
OperandId Number(Emitter& e, double value) {
  return e.Scalar(kF32, value);
}

// x * (c0 + c1 x^2 + c2 x^4 + ...).
OperandId OddPolynomial(Emitter& e, OperandId x, std::initializer_list<double> coefficients) {
  const OperandId square = e.Mul(x, x);
  OperandId sum = Number(e, std::data(coefficients)[coefficients.size() - 1]);
  for (size_t i = coefficients.size() - 1; i-- > 0;) {
    sum = e.Add(e.Mul(sum, square), Number(e, std::data(coefficients)[i]));
  }
  return e.Mul(x, sum);
}

// For x in [0, 1]: atan(x) = 2 atan(x / (1 + sqrt(1 + x^2))) twice, which leaves at most tan(pi / 16); there
// the series' first five terms are exact to float32.
OperandId AtanOfFraction(Emitter& e, OperandId x) {
  for (int i = 0; i < 2; ++i) {
    x = e.Div(x, e.Linear(Sqrt(e, e.Linear(e.Mul(x, x), 1, 1)), 1, 1));
  }
  return e.Linear(OddPolynomial(e, x, {1, -1.0 / 3, 1.0 / 5, -1.0 / 7, 1.0 / 9}), 4, 0);
}

// atan(x) = sign(x) (pi / 2 - atan(1 / |x|)) beyond 1.
OperandId Atan(Emitter& e, OperandId x) {
  const OperandId size = Abs(e, x);
  const OperandId large = e.Op("greater", {size, Number(e, 1)});
  const OperandId angle = AtanOfFraction(e, e.Where(large, e.Op("reciprocal", {size}), size));
  return e.Mul(e.Op("sign", {x}), e.Where(large, e.Linear(angle, -1, kPi / 2), angle));
}

// For x in [0, 1]: asin(x) = 2 atan(x / (1 + sqrt((1 - x)(1 + x)))).
OperandId AsinOfFraction(Emitter& e, OperandId x) {
  const OperandId other = Sqrt(e, e.Mul(e.Linear(x, -1, 1), e.Linear(x, 1, 1)));
  return e.Linear(AtanOfFraction(e, e.Div(x, e.Linear(other, 1, 1))), 2, 0);
}

OperandId Asin(Emitter& e, OperandId x) {
  return e.Mul(e.Op("sign", {x}), AsinOfFraction(e, Abs(e, x)));
}

// acos(|x|) = 2 asin(sqrt((1 - |x|) / 2)); below 0 what is left of pi.
OperandId Acos(Emitter& e, OperandId x) {
  const OperandId angle = e.Linear(AsinOfFraction(e, Sqrt(e, e.Linear(Abs(e, x), -0.5, 0.5))), 2, 0);
  return e.Where(e.Op("lesser", {x, Number(e, 0)}), e.Linear(angle, -1, kPi), angle);
}

// ln(1 + u) for u >= 0: ln(w) u / (w - 1) with w = 1 + u as rounded (Kahan).
OperandId LogOnePlus(Emitter& e, OperandId u) {
  const OperandId w = e.Linear(u, 1, 1);
  const OperandId used = e.Linear(w, 1, -1);
  const OperandId exact = e.Div(e.Mul(e.Op("log", {w}), u), used);
  const OperandId tiny = e.Op("equal", {used, Number(e, 0)});
  const OperandId plain = e.Op("greater", {u, Number(e, 1e8)});
  return e.Where(tiny, u, e.Where(plain, e.Op("log", {u}), exact));
}

// sign(x) ln(1 + |x| + x^2 / (1 + sqrt(1 + x^2))); where the square means too much, ln(2 |x|).
OperandId Asinh(Emitter& e, OperandId x) {
  const OperandId size = Abs(e, x);
  const OperandId square = e.Mul(x, x);
  const OperandId near =
      LogOnePlus(e, e.Add(size, e.Div(square, e.Linear(Sqrt(e, e.Linear(square, 1, 1)), 1, 1))));
  const OperandId far = e.Linear(e.Op("log", {size}), 1, std::numbers::ln2);
  const OperandId result = e.Where(e.Op("greater", {size, Number(e, 1e8)}), far, near);
  return e.Mul(e.Op("sign", {x}), result);
}

// With u = x - 1: ln(1 + u + sqrt(u) sqrt(u + 2)).
OperandId Acosh(Emitter& e, OperandId x) {
  const OperandId u = e.Linear(x, 1, -1);
  return LogOnePlus(e, e.Add(u, e.Mul(Sqrt(e, u), Sqrt(e, e.Linear(u, 1, 2)))));
}

// sign(x) ln(1 + 2 |x| / (1 - |x|)) / 2; |x| beyond 1 has none.
OperandId Atanh(Emitter& e, OperandId x) {
  const OperandId size = Abs(e, x);
  const OperandId half = e.Linear(LogOnePlus(e, e.Div(e.Linear(size, 2, 0), e.Linear(size, -1, 1))), 0.5, 0);
  const OperandId none = Number(e, std::numeric_limits<double>::quiet_NaN());
  const OperandId within = e.Op("lesserOrEqual", {size, Number(e, 1)});
  return e.Where(within, e.Mul(e.Op("sign", {x}), half), none);
}

// exp(|x|) / 2 and exp(-|x|) / 2, with ln 2 taken off before: exp(|x|) alone overflows early.
struct Halves {
  OperandId up;
  OperandId down;
};
Halves HalfExponentials(Emitter& e, OperandId x) {
  const OperandId size = Abs(e, x);
  return {e.Op("exp", {e.Linear(size, 1, -std::numbers::ln2)}),
          e.Op("exp", {e.Linear(size, -1, -std::numbers::ln2)})};
}

OperandId Cosh(Emitter& e, OperandId x) {
  const Halves halves = HalfExponentials(e, x);
  return e.Add(halves.up, halves.down);
}

// Below 1 the difference cancels: the series.
OperandId Sinh(Emitter& e, OperandId x) {
  const Halves halves = HalfExponentials(e, x);
  const OperandId large = e.Mul(e.Op("sign", {x}), e.Sub(halves.up, halves.down));
  const OperandId small = OddPolynomial(e, x, {1, 1.0 / 6, 1.0 / 120, 1.0 / 5040, 1.0 / 362880});
  return e.Where(e.Op("greater", {Abs(e, x), Number(e, 1)}), large, small);
}

template <OperandId (*F)(Emitter&, OperandId)>
absl::Status Convert(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  if (e.ok() && !IsFloat(e.type(x))) return node.Invalid("the input is not a float tensor");
  e.Output(0, InFloat32(e, x, [&](OperandId wide) { return F(e, wide); }));
  return e.Finish();
}

constexpr Converter kTable[] = {
    {"Acos", Convert<Acos>}, {"Acosh", Convert<Acosh>}, {"Asin", Convert<Asin>}, {"Asinh", Convert<Asinh>},
    {"Atan", Convert<Atan>}, {"Atanh", Convert<Atanh>}, {"Cosh", Convert<Cosh>}, {"Sinh", Convert<Sinh>},
};

}  // namespace

std::span<const Converter> TrigonometryConverters() {
  return kTable;
}

}  // namespace modeld::importer
