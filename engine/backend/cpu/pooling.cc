// Pooling of all types, channels-last or row-major. oneDNN's pooling is no faster here and its maximum skips
// NaN.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "base/status.h"
#include "engine/backend/cpu/element.h"
#include "engine/backend/cpu/emit.h"
#include "engine/backend/cpu/loop_kernel.h"
#include "engine/backend/cpu/threads.h"

namespace modeld::cpu {
namespace {

using core::PoolFunction;

// Strides are in elements, per dimension n, c, h, w.
struct PoolPlan {
  core::Pool op;
  std::array<int64_t, 4> in_size;
  std::array<int64_t, 4> out_size;
  std::array<int64_t, 4> in_stride;
  std::array<int64_t, 4> out_stride;
};

// The elements that a window really covers along one dimension: input index `first` + k * dilation, k <
// `count`.
struct Covered {
  int64_t first;
  int64_t count;
};

Covered CoveredBy(const PoolPlan& plan, int64_t output, size_t axis) {
  const int64_t dilation = plan.op.dilations[axis];
  const int64_t start = output * plan.op.strides[axis] - plan.op.padding[2 * axis];
  const int64_t skipped = start < 0 ? (-start + dilation - 1) / dilation : 0;
  const int64_t first = start + skipped * dilation;
  const int64_t room = plan.in_size[2 + axis] - first;
  const int64_t fitting = room <= 0 ? 0 : (room + dilation - 1) / dilation;
  return {first, std::clamp<int64_t>(plan.op.window[axis] - skipped, 0, fitting)};
}

template <typename T, PoolFunction kFunction>
struct Pooler {
  using Value = Compute<T>;
  static constexpr bool kIsFloat = std::is_floating_point_v<Value>;
  // The sum of a window of integers is exact: 2^31 of them fit.
  using Exact = std::conditional_t<sizeof(Value) == 8, __int128,
                                   std::conditional_t<std::is_signed_v<Value>, int64_t, uint64_t>>;
  using OfInteger = std::conditional_t<kFunction == PoolFunction::kAverage, Exact,
                                       std::conditional_t<kFunction == PoolFunction::kL2, double, Value>>;
  using Accumulator = std::conditional_t<kIsFloat, Value, OfInteger>;

  static constexpr Accumulator Start() {
    if constexpr (kFunction != PoolFunction::kMax) return 0;
    if constexpr (kIsFloat) return -std::numeric_limits<Value>::infinity();
    return std::numeric_limits<Value>::lowest();
  }
  static Accumulator Combine(Accumulator a, T element) {
    const auto x = static_cast<Accumulator>(Load(element));
    if constexpr (kFunction == PoolFunction::kMax) {
      return (x > a) | (x != x) ? x : a;
    } else if constexpr (kFunction == PoolFunction::kL2) {
      return a + x * x;
    } else {
      return a + x;
    }
  }
  // A window that covers nothing gives 0.
  static T Result(Accumulator a, int64_t count) {
    if (count == 0) return Store<T>(Value{0});
    if constexpr (kFunction == PoolFunction::kAverage) {
      return Store<T>(static_cast<Value>(a / static_cast<Accumulator>(count)));
    } else if constexpr (kFunction == PoolFunction::kL2) {
      const Accumulator root = std::sqrt(a);
      if constexpr (kIsFloat) {
        return Store<T>(root);
      } else {
        // One past the greatest value, which is exact as a double.
        const double end = std::ldexp(1.0, std::numeric_limits<T>::digits);
        return root < end ? static_cast<T>(root) : std::numeric_limits<T>::max();
      }
    } else {
      return Store<T>(a);
    }
  }
};

// One output pixel of `channels` channels, `c_stride` apart in both tensors.
template <typename P, typename T>
void PoolPixel(const PoolPlan& plan, const T* in, T* out, int64_t channels, Covered rows, Covered columns) {
  constexpr int64_t kBlock = 128;
  std::array<typename P::Accumulator, kBlock> sums;
  const int64_t c_in = plan.in_stride[1];
  const int64_t c_out = plan.out_stride[1];
  for (int64_t begin = 0; begin < channels; begin += kBlock) {
    const int64_t size = std::min(kBlock, channels - begin);
    std::fill_n(sums.begin(), size, P::Start());
    for (int64_t i = 0; i < rows.count; ++i) {
      for (int64_t j = 0; j < columns.count; ++j) {
        const T* x = in + begin * c_in + (rows.first + i * plan.op.dilations[0]) * plan.in_stride[2] +
                     (columns.first + j * plan.op.dilations[1]) * plan.in_stride[3];
        if (c_in == 1) {
          for (int64_t c = 0; c < size; ++c) sums[c] = P::Combine(sums[c], x[c]);
        } else {
          for (int64_t c = 0; c < size; ++c) sums[c] = P::Combine(sums[c], x[c * c_in]);
        }
      }
    }
    for (int64_t c = 0; c < size; ++c) {
      out[(begin + c) * c_out] = P::Result(sums[c], rows.count * columns.count);
    }
  }
}

template <typename P, typename T>
std::unique_ptr<const Kernel> MakePoolKernel(const PoolPlan& plan, int threads) {
  // Channels-last: a unit of work is a row of pixels with all channels. Row-major: with one.
  const bool channels_last = plan.in_stride[1] == 1;
  const int64_t per_unit = channels_last ? plan.out_size[1] : 1;
  const int64_t planes = channels_last ? 1 : plan.out_size[1];
  const int64_t units = plan.out_size[0] * planes * plan.out_size[2];
  const auto covered = [&](size_t axis) {
    return std::min<int64_t>(plan.op.window[axis], plan.in_size[2 + axis]);
  };
  const int64_t work = units * per_unit * plan.out_size[3] * covered(0) * covered(1);
  return MakeLoopKernel([=](const KernelArgs& args) {
    const T* in = InputAs<T>(args, 0);
    T* out = OutputAs<T>(args);
    ParallelFor(threads, units, work, [&](int64_t begin, int64_t end) {
      for (int64_t unit = begin; unit < end; ++unit) {
        const int64_t h = unit % plan.out_size[2];
        const int64_t c = unit / plan.out_size[2] % planes;
        const int64_t n = unit / plan.out_size[2] / planes;
        const T* from = in + n * plan.in_stride[0] + c * plan.in_stride[1];
        T* to = out + n * plan.out_stride[0] + c * plan.out_stride[1] + h * plan.out_stride[2];
        const Covered rows = CoveredBy(plan, h, 0);
        for (int64_t w = 0; w < plan.out_size[3]; ++w) {
          PoolPixel<P>(plan, from, to + w * plan.out_stride[3], per_unit, rows, CoveredBy(plan, w, 1));
        }
      }
    });
  });
}

}  // namespace

absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Pool& op) {
  const core::ValueId input = node.inputs[0];
  const core::ValueId output = node.outputs[0];
  const bool channels_last = SameBytes(emitter.shape(input), emitter.PreferredLayout(input), ChannelsLast());
  const Layout layout = channels_last ? ChannelsLast() : PlainLayout(4);
  MODELD_ASSIGN_OR_RETURN(const ProgramBuilder::Value value, emitter.In(input, layout));
  PoolPlan plan{.op = op, .in_size = {}, .out_size = {}, .in_stride = {}, .out_stride = {}};
  const auto fill = [&](core::ValueId id, std::array<int64_t, 4>& size, std::array<int64_t, 4>& stride) {
    std::ranges::copy(emitter.shape(id), size.begin());
    std::ranges::copy(StridesOf(emitter.shape(id), layout), stride.begin());
  };
  fill(input, plan.in_size, plan.in_stride);
  fill(output, plan.out_size, plan.out_stride);
  std::unique_ptr<const Kernel> kernel =
      DispatchType(emitter.type(input), [&](auto tag) -> std::unique_ptr<const Kernel> {
        using T = typename decltype(tag)::type;
        switch (op.function) {
          case PoolFunction::kAverage:
            return MakePoolKernel<Pooler<T, PoolFunction::kAverage>, T>(plan, emitter.threads());
          case PoolFunction::kL2:
            return MakePoolKernel<Pooler<T, PoolFunction::kL2>, T>(plan, emitter.threads());
          case PoolFunction::kMax:
            break;
        }
        return MakePoolKernel<Pooler<T, PoolFunction::kMax>, T>(plan, emitter.threads());
      });
  emitter.Step(std::move(kernel), {value}, emitter.Define(output, layout));
  return absl::OkStatus();
}

}  // namespace modeld::cpu
