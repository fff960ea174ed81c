#include <algorithm>
#include <cmath>

#include "engine/backend/reference/element.h"
#include "engine/backend/reference/kernels.h"

namespace modeld::reference {
namespace {

using core::PoolFunction;

// One spatial dimension.
struct Axis {
  int64_t input;
  int64_t output;
  int64_t window;
  int64_t stride;
  int64_t dilation;
  int64_t before;

  // The taps [first, last) of output position `x` that lie inside the input. Worked out, not tried one by
  // one: a window may be far larger than the input.
  int64_t First(int64_t x) const {
    const int64_t outside = before - x * stride;
    return outside <= 0 ? 0 : (outside + dilation - 1) / dilation;
  }
  int64_t Last(int64_t x) const {
    const int64_t room = input - 1 + before - x * stride;
    return room < 0 ? 0 : std::min(window, room / dilation + 1);
  }
  int64_t Position(int64_t x, int64_t tap) const { return x * stride + tap * dilation - before; }
};

// A window's sum: of integers exact, as 2^31 of them fit.
template <typename T>
using Sum = std::conditional_t<kIsFloat<T>, double, __int128>;

// Combines the elements of one window.
template <typename T>
class Accumulator {
 public:
  explicit Accumulator(PoolFunction function) : function_(function) {}

  void Add(Wide<T> x) {
    ++count_;
    if (function_ == PoolFunction::kMax) {
      bool is_nan = false;
      if constexpr (kIsFloat<T>) is_nan = std::isnan(x);
      if (count_ == 1 || x > max_ || is_nan) max_ = x;
    } else if (function_ == PoolFunction::kL2) {
      squares_ += static_cast<double>(x) * static_cast<double>(x);
    } else {
      sum_ += x;
    }
  }

  T Result() const {
    if (count_ == 0) return 0;
    switch (function_) {
      case PoolFunction::kMax:
        return Convert<T>(max_);
      case PoolFunction::kAverage:
        return static_cast<T>(sum_ / static_cast<Sum<T>>(count_));
      case PoolFunction::kL2:
        return Convert<T>(std::sqrt(squares_));
    }
    return 0;
  }

 private:
  const PoolFunction function_;
  uint64_t count_ = 0;
  Sum<T> sum_ = 0;
  double squares_ = 0;
  Wide<T> max_ = 0;
};

}  // namespace

KernelPtr MakeKernel(const core::Pool& op, const Operands& operands) {
  const Shape& in = operands.inputs[0].shape;
  const Shape& out = operands.output.shape;
  const auto axis_of = [&](int d) {
    return Axis{.input = in[2 + d],
                .output = out[2 + d],
                .window = op.window[d],
                .stride = op.strides[d],
                .dilation = op.dilations[d],
                .before = op.padding[2 * d]};
  };
  const Axis rows = axis_of(0);
  const Axis columns = axis_of(1);
  const uint64_t images = uint64_t{out[0]} * out[1];
  return WithType(operands.output.data_type, [&]<typename T>() {
    return KernelOf([=, function = op.function](const KernelArgs& args) {
      T* output = Out<T>(args);
      for (uint64_t i = 0; i < images; ++i) {
        const T* image = In<T>(args) + i * static_cast<uint64_t>(rows.input * columns.input);
        for (int64_t y = 0; y < rows.output; ++y) {
          for (int64_t x = 0; x < columns.output; ++x) {
            Accumulator<T> window(function);
            for (int64_t ky = rows.First(y); ky < rows.Last(y); ++ky) {
              for (int64_t kx = columns.First(x); kx < columns.Last(x); ++kx) {
                window.Add(image[rows.Position(y, ky) * columns.input + columns.Position(x, kx)]);
              }
            }
            *output++ = window.Result();
          }
        }
      }
    });
  });
}

}  // namespace modeld::reference
