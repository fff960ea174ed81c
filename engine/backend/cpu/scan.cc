// Cumulative sums, in the input's own layout: rows run along the axis, and neighbouring rows side by side
// where the axis is not the innermost dimension in memory.
#include <algorithm>
#include <array>
#include <type_traits>

#include "base/status.h"
#include "engine/backend/cpu/element.h"
#include "engine/backend/cpu/emit.h"
#include "engine/backend/cpu/loop_kernel.h"
#include "engine/backend/cpu/threads.h"

namespace modeld::cpu {
namespace {

// Memory as [outer, length, inner]; sums run over `length`.
struct ScanPlan {
  int64_t outer = 1;
  int64_t length = 1;
  int64_t inner = 1;
  bool exclusive;
  bool reversed;
};

// Floats are summed in double and rounded when stored, integers modulo 2^64.
template <typename T>
using Sum = std::conditional_t<std::is_floating_point_v<Compute<T>>, double, uint64_t>;

// `columns` neighbouring rows that start at `in`.
template <typename T, bool kExclusive>
void ScanColumns(const ScanPlan& plan, const T* in, T* out, int64_t columns) {
  // A few cache lines of each step.
  constexpr int64_t kBlock = 64;
  const int64_t step = plan.reversed ? -plan.inner : plan.inner;
  const int64_t start = plan.reversed ? (plan.length - 1) * plan.inner : 0;
  for (int64_t begin = 0; begin < columns; begin += kBlock) {
    const int64_t size = std::min(kBlock, columns - begin);
    std::array<Sum<T>, kBlock> sums{};
    const T* x = in + start + begin;
    T* y = out + start + begin;
    for (int64_t i = 0; i < plan.length; ++i, x += step, y += step) {
      for (int64_t c = 0; c < size; ++c) {
        const Sum<T> before = sums[c];
        sums[c] += static_cast<Sum<T>>(Load(x[c]));
        y[c] = Store<T>(static_cast<Compute<T>>(kExclusive ? before : sums[c]));
      }
    }
  }
}

template <typename T>
std::unique_ptr<const Kernel> MakeScanKernel(const ScanPlan& plan, int threads) {
  return MakeLoopKernel([plan, threads](const KernelArgs& args) {
    constexpr int64_t kPiece = 64;
    const int64_t pieces = (plan.inner + kPiece - 1) / kPiece;
    ParallelFor(
        threads, plan.outer * pieces, plan.outer * plan.length * plan.inner, [&](int64_t begin, int64_t end) {
          for (int64_t unit = begin; unit < end; ++unit) {
            const int64_t column = unit % pieces * kPiece;
            const int64_t at = unit / pieces * plan.length * plan.inner + column;
            (plan.exclusive ? ScanColumns<T, true>
                            : ScanColumns<T, false>)(plan, InputAs<T>(args, 0) + at, OutputAs<T>(args) + at,
                                                     std::min(kPiece, plan.inner - column));
          }
        });
  });
}

}  // namespace

absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Scan& op) {
  const core::ValueId input = node.inputs[0];
  MODELD_ASSIGN_OR_RETURN(const Form form, emitter.Preferred(input));
  const Shape dims = PhysicalShape(emitter.shape(input), form.layout);
  const size_t axis = PhysicalIndex(form.layout, op.axis);
  ScanPlan plan{.length = dims[axis], .exclusive = op.exclusive, .reversed = op.reversed};
  for (size_t d = 0; d < axis; ++d) plan.outer *= dims[d];
  for (size_t d = axis + 1; d < dims.size(); ++d) plan.inner *= dims[d];
  std::unique_ptr<const Kernel> kernel = DispatchType(emitter.type(input), [&](auto tag) {
    return MakeScanKernel<typename decltype(tag)::type>(plan, emitter.threads());
  });
  emitter.Step(std::move(kernel), {form.value}, emitter.Define(node.outputs[0], form.layout));
  return absl::OkStatus();
}

}  // namespace modeld::cpu
