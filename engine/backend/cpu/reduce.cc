// Reductions, in the input's own layout: reduced and kept dimensions are walked in memory order.
#include <algorithm>
#include <array>
#include <limits>
#include <type_traits>
#include <utility>

#include "base/status.h"
#include "engine/backend/cpu/element.h"
#include "engine/backend/cpu/emit.h"
#include "engine/backend/cpu/loop_kernel.h"
#include "engine/backend/cpu/nest.h"

namespace modeld::cpu {
namespace {

using core::ReduceFunction;

// Sums and products of floats are kept in double: long sums lose nothing that float32 could show.
template <typename T, ReduceFunction kFunction>
struct Reducer {
  static constexpr bool kArithmetic =
      kFunction == ReduceFunction::kSum || kFunction == ReduceFunction::kProduct;
  using Value = Compute<T>;
  using Accumulator =
      std::conditional_t<kArithmetic, std::conditional_t<std::is_floating_point_v<Value>, double, uint64_t>,
                         Value>;

  static constexpr Accumulator Start() {
    if constexpr (kArithmetic) {
      return kFunction == ReduceFunction::kSum ? 0 : 1;
    } else if constexpr (std::is_floating_point_v<Value>) {
      constexpr Value kInfinity = std::numeric_limits<Value>::infinity();
      return kFunction == ReduceFunction::kMax ? -kInfinity : kInfinity;
    } else {
      return kFunction == ReduceFunction::kMax ? std::numeric_limits<Value>::min()
                                               : std::numeric_limits<Value>::max();
    }
  }

  static Accumulator Combine(Accumulator a, Accumulator x) {
    if constexpr (kFunction == ReduceFunction::kSum) {
      return a + x;
    } else if constexpr (kFunction == ReduceFunction::kProduct) {
      return a * x;
    } else if constexpr (kFunction == ReduceFunction::kMax) {
      return (x > a) | (x != x) ? x : a;
    } else {
      return (x < a) | (x != x) ? x : a;
    }
  }

  static Accumulator Of(T x) { return static_cast<Accumulator>(Load(x)); }
  static T Result(Accumulator a) { return Store<T>(static_cast<Value>(a)); }
};

// The walk of one reduction. `kept`: operands output, input. `reduced`: operand input.
struct ReducePlan {
  Nest<2> kept;
  Nest<1> reduced;
  // The innermost dimension in memory is reduced: each output combines rows. Otherwise rows of outputs are
  // combined element by element.
  bool along_rows;
  int64_t elements;
};

// One output: combines rows of `plan.reduced` that start at `in`, in lanes where they are contiguous.
template <typename R, typename T>
T ReduceRows(const ReducePlan& plan, const T* in) {
  constexpr int64_t kLanes = 16;
  std::array<typename R::Accumulator, kLanes> lanes;
  lanes.fill(R::Start());
  typename R::Accumulator rest = R::Start();
  const int64_t stride = plan.reduced.row_stride(0);
  const int64_t length = plan.reduced.row_length();
  RowCursor<1> cursor(plan.reduced, 0);
  for (int64_t row = 0; row < plan.reduced.rows; ++row, cursor.Next()) {
    const T* x = in + cursor.offsets()[0];
    int64_t i = 0;
    if (std::is_same_v<T, float> && stride == 1) {
      for (; i + kLanes <= length; i += kLanes) {
        for (int64_t lane = 0; lane < kLanes; ++lane)
          lanes[lane] = R::Combine(lanes[lane], R::Of(x[i + lane]));
      }
    }
    for (; i < length; ++i) rest = R::Combine(rest, R::Of(x[i * stride]));
  }
  for (const auto& lane : lanes) rest = R::Combine(rest, lane);
  return R::Result(rest);
}

// `count` neighbouring outputs at once; their inputs are neighbours too, `stride` apart.
template <typename R, typename T>
void ReduceColumns(const ReducePlan& plan, const T* in, int64_t stride, T* out, int64_t count) {
  constexpr int64_t kColumns = 256;
  std::array<typename R::Accumulator, kColumns> sums;
  for (int64_t begin = 0; begin < count; begin += kColumns) {
    const int64_t size = std::min(kColumns, count - begin);
    std::fill_n(sums.begin(), size, R::Start());
    RowCursor<1> cursor(plan.reduced, 0);
    for (int64_t row = 0; row < plan.reduced.rows; ++row, cursor.Next()) {
      for (int64_t k = 0; k < plan.reduced.row_length(); ++k) {
        const T* x = in + begin * stride + cursor.offsets()[0] + k * plan.reduced.row_stride(0);
        if (std::is_same_v<T, float> && stride == 1) {
          for (int64_t i = 0; i < size; ++i) sums[i] = R::Combine(sums[i], R::Of(x[i]));
        } else {
          for (int64_t i = 0; i < size; ++i) sums[i] = R::Combine(sums[i], R::Of(x[i * stride]));
        }
      }
    }
    for (int64_t i = 0; i < size; ++i) out[begin + i] = R::Result(sums[i]);
  }
}

// The two loops for one function and type; the walk around them is compiled once for all.
struct ReduceLoops {
  void (*rows)(const ReducePlan& plan, const std::byte* in, std::byte* out);
  void (*columns)(const ReducePlan& plan, const std::byte* in, int64_t stride, std::byte* out, int64_t count);
};

template <typename T, ReduceFunction kFunction>
ReduceLoops LoopsFor() {
  using R = Reducer<T, kFunction>;
  return {[](const ReducePlan& plan, const std::byte* in, std::byte* out) {
            *reinterpret_cast<T*>(out) = ReduceRows<R>(plan, reinterpret_cast<const T*>(in));
          },
          [](const ReducePlan& plan, const std::byte* in, int64_t stride, std::byte* out, int64_t count) {
            ReduceColumns<R>(plan, reinterpret_cast<const T*>(in), stride, reinterpret_cast<T*>(out), count);
          }};
}

template <typename T>
ReduceLoops LoopsOf(ReduceFunction function) {
  switch (function) {
    case ReduceFunction::kSum:
      return LoopsFor<T, ReduceFunction::kSum>();
    case ReduceFunction::kProduct:
      return LoopsFor<T, ReduceFunction::kProduct>();
    case ReduceFunction::kMax:
      return LoopsFor<T, ReduceFunction::kMax>();
    case ReduceFunction::kMin:
      break;
  }
  return LoopsFor<T, ReduceFunction::kMin>();
}

// `bytes`: of one element.
void RunRows(const ReducePlan& plan, const ReduceLoops& loops, const KernelArgs& args, int64_t bytes,
             int threads) {
  const int64_t row_length = plan.kept.row_length();
  ParallelFor(threads, plan.kept.rows * row_length, plan.elements, [&](int64_t begin, int64_t end) {
    RowCursor<2> cursor(plan.kept, begin / row_length);
    for (int64_t o = begin, column = begin % row_length; o < end; ++o) {
      const int64_t from = cursor.offsets()[1] + column * plan.kept.row_stride(1);
      loops.rows(plan, args.inputs[0] + from * bytes,
                 args.outputs[0] + (cursor.offsets()[0] + column) * bytes);
      if (++column < row_length) continue;
      column = 0;
      cursor.Next();
    }
  });
}

void RunColumns(const ReducePlan& plan, const ReduceLoops& loops, const KernelArgs& args, int64_t bytes,
                int threads) {
  constexpr int64_t kPiece = 64;
  const int64_t row_length = plan.kept.row_length();
  const int64_t pieces = (row_length + kPiece - 1) / kPiece;
  const int64_t stride = plan.kept.row_stride(1);
  ParallelFor(threads, plan.kept.rows * pieces, plan.elements, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const RowCursor<2> cursor(plan.kept, unit / pieces);
      const int64_t first = unit % pieces * kPiece;
      loops.columns(plan, args.inputs[0] + (cursor.offsets()[1] + first * stride) * bytes, stride,
                    args.outputs[0] + (cursor.offsets()[0] + first) * bytes,
                    std::min(kPiece, row_length - first));
    }
  });
}

// The dimensions of `shape` in memory order, split into kept and reduced. The output keeps the layout, with
// ones.
ReducePlan PlanReduce(const Shape& shape, const Layout& layout, const std::vector<uint32_t>& axes) {
  Shape output = shape;
  for (uint32_t axis : axes) output[axis] = 1;
  const std::vector<int64_t> in_strides = StridesOf(shape, layout);
  const std::vector<int64_t> out_strides = StridesOf(output, layout);
  Shape kept_dims;
  Shape reduced_dims;
  std::array<std::vector<int64_t>, 2> kept_strides;
  std::array<std::vector<int64_t>, 1> reduced_strides;
  bool along_rows = true;
  for (uint8_t d : layout) {
    if (shape[d] == 1) continue;
    along_rows = std::binary_search(axes.begin(), axes.end(), d);
    if (along_rows) {
      reduced_dims.push_back(shape[d]);
      reduced_strides[0].push_back(in_strides[d]);
    } else {
      kept_dims.push_back(shape[d]);
      kept_strides[0].push_back(out_strides[d]);
      kept_strides[1].push_back(in_strides[d]);
    }
  }
  int64_t elements = 1;
  for (uint32_t size : shape) elements *= size;
  return {MakeNest<2>(kept_dims, kept_strides), MakeNest<1>(reduced_dims, reduced_strides), along_rows,
          elements};
}

}  // namespace

absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Reduce& op) {
  const core::ValueId input = node.inputs[0];
  MODELD_ASSIGN_OR_RETURN(const Form form, emitter.Preferred(input));
  const ReducePlan plan = PlanReduce(emitter.shape(input), form.layout, op.axes);
  const ReduceLoops loops = DispatchType(
      emitter.type(input), [&](auto tag) { return LoopsOf<typename decltype(tag)::type>(op.function); });
  const int64_t bytes = ElementBytes(emitter.type(input));
  std::unique_ptr<const Kernel> kernel =
      MakeLoopKernel([=, threads = emitter.threads()](const KernelArgs& args) {
        (plan.along_rows ? RunRows : RunColumns)(plan, loops, args, bytes, threads);
      });
  emitter.Step(std::move(kernel), {form.value}, emitter.Define(node.outputs[0], form.layout));
  return absl::OkStatus();
}

}  // namespace modeld::cpu
