// Operations that combine many elements: products of tensors, pooling, reductions, scans.
#include <cmath>
#include <optional>

#include "tests/fuzz/bound_functions.h"
#include "tests/fuzz/bound_ops.h"

namespace modeld::fuzz {
namespace {

// The place of a window's element in the input, or nothing in the padding and beyond.
std::optional<uint32_t> Place(uint32_t output, uint32_t stride, uint32_t element, uint32_t dilation,
                              uint32_t before, uint32_t size) {
  const int64_t place = int64_t{output} * stride + int64_t{element} * dilation - before;
  if (place < 0 || place >= size) return std::nullopt;
  return static_cast<uint32_t>(place);
}

// Backends may multiply the filter with the zeros of the padding: where it is not finite, that gives NaN.
Bound WithPadding(Bound sum, bool touches_padding) {
  if (touches_padding && sum.nan == MayBeNan::kNo) sum.nan = MayBeNan::kPerhaps;
  return sum;
}

bool IsFinite(const BoundTensor& tensor) {
  for (const Bound& x : tensor.elements) {
    if (x.nan != MayBeNan::kNo || std::isinf(x.lo) || std::isinf(x.hi)) return false;
  }
  return true;
}

void Forward(const core::Convolution& op, Inputs in, BoundTensor& output) {
  const Shape& x = in[0]->descriptor.shape;
  const Shape& filter = in[1]->descriptor.shape;
  const uint32_t per_group = filter[0] / op.groups;
  const bool is_finite = IsFinite(*in[1]);
  size_t i = 0;
  for (Position p(output.descriptor.shape); !p.done(); p.Next()) {
    Accumulator sum(output.descriptor.data_type);
    bool touches_padding = false;
    const uint32_t first_channel = p[1] / per_group * filter[1];
    for (Position f({filter[1], filter[2], filter[3]}); !f.done(); f.Next()) {
      const auto row = Place(p[2], op.strides[0], f[1], op.dilations[0], op.padding[0], x[2]);
      const auto column = Place(p[3], op.strides[1], f[2], op.dilations[1], op.padding[2], x[3]);
      if (!row || !column) {
        touches_padding = true;
        continue;
      }
      sum.AddTerm(ExactProduct(in[0]->elements[Offset(x, {p[0], first_channel + f[0], *row, *column})],
                               in[1]->elements[Offset(filter, {p[1], f[0], f[1], f[2]})]));
    }
    output.elements[i++] = WithPadding(sum.Sum(), touches_padding && !is_finite);
  }
}

// Each input element is spread over the outputs that a forward convolution would have taken it from.
void Transposed(const core::Convolution& op, Inputs in, BoundTensor& output) {
  const Shape& x = in[0]->descriptor.shape;
  const Shape& filter = in[1]->descriptor.shape;
  const Shape& y = output.descriptor.shape;
  const uint32_t per_group = x[1] / op.groups;
  std::vector<Accumulator> sums(output.elements.size(), Accumulator(output.descriptor.data_type));
  for (Position p(x); !p.done(); p.Next()) {
    const uint32_t first_channel = p[1] / per_group * filter[1];
    for (Position f({filter[1], filter[2], filter[3]}); !f.done(); f.Next()) {
      const auto row = Place(p[2], op.strides[0], f[1], op.dilations[0], op.padding[0], y[2]);
      const auto column = Place(p[3], op.strides[1], f[2], op.dilations[1], op.padding[2], y[3]);
      if (!row || !column) continue;
      sums[Offset(y, {p[0], first_channel + f[0], *row, *column})].AddTerm(ExactProduct(
          in[0]->elements[Offset(x, p.at())], in[1]->elements[Offset(filter, {p[1], f[0], f[1], f[2]})]));
    }
  }
  // Backends may spread the input out with zeros between its elements.
  const bool is_finite = IsFinite(*in[1]);
  for (size_t i = 0; i < sums.size(); ++i) output.elements[i] = WithPadding(sums[i].Sum(), !is_finite);
}

// Integers: the quotient of the exact sum, and the root in double precision, both truncated.
Bound PooledIntegers(core::PoolFunction function, DataType type, const std::vector<Bound>& covered) {
  const Bound range = RangeOf(type);
  __int128 sum = 0;
  Real squares = 0;
  for (const Bound& x : covered) {
    if (!x.is_point()) return range;
    sum += static_cast<__int128>(x.lo);
    squares += x.lo * x.lo;
  }
  if (function == core::PoolFunction::kAverage) {
    return Point(static_cast<Real>(sum / static_cast<__int128>(covered.size())));
  }
  // Beyond double's exact integers the order of the sum shows.
  const Real error = squares < 0x1p53L ? 0 : 0x1p-50L;
  const Real root = std::sqrt(squares);
  return {std::min(std::trunc(root * (1 - error)), range.hi),
          std::min(std::trunc(root * (1 + error)), range.hi)};
}

Bound Pooled(core::PoolFunction function, DataType type, const std::vector<Bound>& covered) {
  if (covered.empty()) return Point(0);
  if (function == core::PoolFunction::kMax) {
    Bound most = covered[0];
    for (const Bound& x : covered) most = Apply(core::BinaryFunction::kMax, type, most, x);
    return most;
  }
  if (!IsFloat(type)) return PooledIntegers(function, type, covered);
  // In float32 at least, whatever the type, and rounded once at the end.
  Accumulator sum(DataType::kFloat32);
  for (const Bound& x : covered) sum.AddTerm(function == core::PoolFunction::kL2 ? ExactProduct(x, x) : x);
  if (function == core::PoolFunction::kAverage) {
    return Rounded(type, sum.Sum(1 / static_cast<Real>(covered.size())), 0, 0, true);
  }
  return Apply(core::UnaryFunction::kSqrt, type, sum.Sum());
}

}  // namespace

void Evaluate(const core::Contraction&, Inputs in, BoundTensor& output) {
  const Shape& a = in[0]->descriptor.shape;
  const Shape& b = in[1]->descriptor.shape;
  const size_t rank = a.size();
  size_t i = 0;
  for (Position p(output.descriptor.shape); !p.done(); p.Next()) {
    Accumulator sum(output.descriptor.data_type);
    std::vector<uint32_t> left = p.at();
    std::vector<uint32_t> right = p.at();
    for (uint32_t k = 0; k < a[rank - 1]; ++k) {
      left[rank - 1] = k;
      right[rank - 2] = k;
      sum.AddTerm(ExactProduct(in[0]->elements[Offset(a, left)], in[1]->elements[Offset(b, right)]));
    }
    output.elements[i++] = sum.Sum();
  }
}

void Evaluate(const core::Convolution& op, Inputs in, BoundTensor& output) {
  op.transposed ? Transposed(op, in, output) : Forward(op, in, output);
}

void Evaluate(const core::Pool& op, Inputs in, BoundTensor& output) {
  const Shape& x = in[0]->descriptor.shape;
  size_t i = 0;
  for (Position p(output.descriptor.shape); !p.done(); p.Next()) {
    std::vector<Bound> covered;
    for (Position w({op.window[0], op.window[1]}); !w.done(); w.Next()) {
      const auto row = Place(p[2], op.strides[0], w[0], op.dilations[0], op.padding[0], x[2]);
      const auto column = Place(p[3], op.strides[1], w[1], op.dilations[1], op.padding[2], x[3]);
      if (row && column) covered.push_back(in[0]->elements[Offset(x, {p[0], p[1], *row, *column})]);
    }
    output.elements[i++] = Pooled(op.function, output.descriptor.data_type, covered);
  }
}

void Evaluate(const core::Reduce& op, Inputs in, BoundTensor& output) {
  const DataType type = output.descriptor.data_type;
  std::vector<std::vector<Bound>> groups(output.elements.size());
  size_t i = 0;
  for (Position p(in[0]->descriptor.shape); !p.done(); p.Next()) {
    std::vector<uint32_t> at = p.at();
    for (uint32_t axis : op.axes) at[axis] = 0;
    groups[Offset(output.descriptor.shape, at)].push_back(in[0]->elements[i++]);
  }
  for (size_t g = 0; g < groups.size(); ++g) {
    Bound& result = output.elements[g];
    switch (op.function) {
      case core::ReduceFunction::kSum: {
        Accumulator sum(type);
        for (const Bound& x : groups[g]) sum.AddTerm(x);
        result = sum.Sum();
        break;
      }
      case core::ReduceFunction::kProduct:
        result = ProductOf(type, groups[g]);
        break;
      default:
        const bool max = op.function == core::ReduceFunction::kMax;
        result = groups[g][0];
        for (const Bound& x : groups[g]) {
          result = Apply(max ? core::BinaryFunction::kMax : core::BinaryFunction::kMin, type, result, x);
        }
    }
  }
}

void Evaluate(const core::Scan& op, Inputs in, BoundTensor& output) {
  const Shape& shape = output.descriptor.shape;
  for (Position p(shape); !p.done(); p.Next()) {
    if (p[op.axis] != 0) continue;
    Accumulator sum(output.descriptor.data_type);
    std::vector<uint32_t> at = p.at();
    for (uint32_t k = 0; k < shape[op.axis]; ++k) {
      at[op.axis] = op.reversed ? shape[op.axis] - 1 - k : k;
      const uint64_t place = Offset(shape, at);
      if (op.exclusive) output.elements[place] = sum.Sum();
      sum.AddTerm(in[0]->elements[place]);
      if (!op.exclusive) output.elements[place] = sum.Sum();
    }
  }
}

}  // namespace modeld::fuzz
