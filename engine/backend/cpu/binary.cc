// Functions of two and three elements, strided over broadcast operands.
#include <cmath>
#include <type_traits>
#include <utility>

#include "base/status.h"
#include "engine/backend/cpu/element.h"
#include "engine/backend/cpu/elementwise.h"
#include "engine/backend/cpu/emit.h"
#include "engine/backend/cpu/loop_kernel.h"
#include "engine/backend/cpu/nest.h"

namespace modeld::cpu {
namespace {

using core::BinaryFunction;
using core::Comparison;

// out[i] = f(a[i * a_stride], b[i * b_stride]), with loops of their own for what the compiler can vectorise.
// Only float32 has all of them: the loops of 8 types and 16 functions are most of this backend's code.
template <typename In, typename Out, typename F>
void BinaryRow(const In* a, int64_t a_stride, const In* b, int64_t b_stride, Out* out, int64_t n, F f) {
  const auto apply = [&](In x, In y) { return Store<Out>(static_cast<Compute<Out>>(f(Load(x), Load(y)))); };
  if constexpr (std::is_same_v<In, float>) {
    if (a_stride == 1 && b_stride == 1) {
      for (int64_t i = 0; i < n; ++i) out[i] = apply(a[i], b[i]);
      return;
    }
    if (a_stride == 1 && b_stride == 0) {
      const In y = *b;
      for (int64_t i = 0; i < n; ++i) out[i] = apply(a[i], y);
      return;
    }
    if (a_stride == 0 && b_stride == 1) {
      const In x = *a;
      for (int64_t i = 0; i < n; ++i) out[i] = apply(x, b[i]);
      return;
    }
  }
  for (int64_t i = 0; i < n; ++i) out[i] = apply(a[i * a_stride], b[i * b_stride]);
}

// `nest`: output, a, b.
template <typename In, typename Out, typename F>
std::unique_ptr<const Kernel> MakeBinaryKernel(const Nest<3>& nest, int threads, F f) {
  return MakeLoopKernel([=](const KernelArgs& args) {
    const In* a = InputAs<In>(args, 0);
    const In* b = InputAs<In>(args, 1);
    Out* out = OutputAs<Out>(args);
    ForEachRow(nest, threads, [&](const std::array<int64_t, 3>& at, int64_t count) {
      BinaryRow(a + at[1], nest.row_stride(1), b + at[2], nest.row_stride(2), out + at[0], count, f);
    });
  });
}

template <typename T>
T Divide(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return a / b;
  } else {
    if (b == T{0}) return T{0};
    // The one quotient that does not fit wraps.
    if constexpr (std::is_signed_v<T>) {
      if (b == T{-1}) return static_cast<T>(uint64_t{0} - static_cast<uint64_t>(a));
    }
    return static_cast<T>(a / b);
  }
}

template <typename T>
T Power(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::pow(a, b);
  } else {
    if constexpr (std::is_signed_v<T>) {
      // 1 / a^|b|, truncated; a of 0 divides by zero, which gives 0.
      if (b < T{0}) return a == T{1} ? T{1} : a == T{-1} ? (b % 2 == 0 ? T{1} : T{-1}) : T{0};
    }
    uint64_t base = static_cast<uint64_t>(a);
    uint64_t result = 1;
    for (uint64_t exponent = static_cast<uint64_t>(b); exponent != 0; exponent >>= 1) {
      if (exponent & 1) result *= base;
      base *= base;
    }
    return static_cast<T>(result);
  }
}

template <typename T>
std::unique_ptr<const Kernel> MakeBinaryKernelOf(BinaryFunction function, const Nest<3>& nest, int threads) {
  using C = Compute<T>;
  const auto make = [&](auto f) { return MakeBinaryKernel<T, T>(nest, threads, f); };
  switch (function) {
    case BinaryFunction::kAdd:
      return make([](C a, C b) { return Wrap(a, b, [](auto x, auto y) { return x + y; }); });
    case BinaryFunction::kSub:
      return make([](C a, C b) { return Wrap(a, b, [](auto x, auto y) { return x - y; }); });
    case BinaryFunction::kMul:
      return make([](C a, C b) { return Wrap(a, b, [](auto x, auto y) { return x * y; }); });
    case BinaryFunction::kDiv:
      return make([](C a, C b) { return Divide(a, b); });
    case BinaryFunction::kMax:
      // a when it is NaN, b when it is NaN: comparisons with NaN are false.
      return make([](C a, C b) { return (a > b) | (a != a) ? a : b; });
    case BinaryFunction::kMin:
      return make([](C a, C b) { return (a < b) | (a != a) ? a : b; });
    case BinaryFunction::kPow:
      return make([](C a, C b) { return Power(a, b); });
    case BinaryFunction::kLogicalAnd:
      return make([](C a, C b) { return static_cast<C>((a != C{0}) & (b != C{0})); });
    case BinaryFunction::kLogicalOr:
      return make([](C a, C b) { return static_cast<C>((a != C{0}) | (b != C{0})); });
    case BinaryFunction::kLogicalXor:
      break;
  }
  return make([](C a, C b) { return static_cast<C>((a != C{0}) != (b != C{0})); });
}

template <typename T>
std::unique_ptr<const Kernel> MakeCompareKernel(Comparison comparison, const Nest<3>& nest, int threads) {
  using C = Compute<T>;
  const auto make = [&](auto f) { return MakeBinaryKernel<T, uint8_t>(nest, threads, f); };
  switch (comparison) {
    case Comparison::kEqual:
      return make([](C a, C b) { return a == b; });
    case Comparison::kNotEqual:
      return make([](C a, C b) { return a != b; });
    case Comparison::kGreater:
      return make([](C a, C b) { return a > b; });
    case Comparison::kGreaterOrEqual:
      return make([](C a, C b) { return a >= b; });
    case Comparison::kLesser:
      return make([](C a, C b) { return a < b; });
    case Comparison::kLesserOrEqual:
      break;
  }
  return make([](C a, C b) { return a <= b; });
}

// The output is contiguous in the plan's layout.
Nest<3> NestOf(const ElementwisePlan& plan) {
  return MakeNest<3>(plan.dims,
                     {StridesOf(plan.dims, PlainLayout(plan.dims.size())), plan.strides[0], plan.strides[1]});
}

}  // namespace

absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Binary& op) {
  const core::ValueId output = node.outputs[0];
  MODELD_ASSIGN_OR_RETURN(ElementwisePlan plan, PlanElementwise(emitter, node.inputs, emitter.shape(output)));
  std::unique_ptr<const Kernel> kernel = DispatchType(emitter.type(output), [&](auto tag) {
    return MakeBinaryKernelOf<typename decltype(tag)::type>(op.function, NestOf(plan), emitter.threads());
  });
  emitter.Step(std::move(kernel), std::move(plan.inputs), emitter.Define(output, plan.layout));
  return absl::OkStatus();
}

absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Compare& op) {
  const core::ValueId output = node.outputs[0];
  MODELD_ASSIGN_OR_RETURN(ElementwisePlan plan, PlanElementwise(emitter, node.inputs, emitter.shape(output)));
  std::unique_ptr<const Kernel> kernel = DispatchType(emitter.type(node.inputs[0]), [&](auto tag) {
    return MakeCompareKernel<typename decltype(tag)::type>(op.comparison, NestOf(plan), emitter.threads());
  });
  emitter.Step(std::move(kernel), std::move(plan.inputs), emitter.Define(output, plan.layout));
  return absl::OkStatus();
}

absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Select&) {
  const core::ValueId output = node.outputs[0];
  MODELD_ASSIGN_OR_RETURN(ElementwisePlan plan, PlanElementwise(emitter, node.inputs, emitter.shape(output)));
  const auto nest = MakeNest<4>(plan.dims, {StridesOf(plan.dims, PlainLayout(plan.dims.size())),
                                            plan.strides[0], plan.strides[1], plan.strides[2]});
  std::unique_ptr<const Kernel> kernel =
      DispatchSize(emitter.type(output), [&](auto tag) -> std::unique_ptr<const Kernel> {
        using T = typename decltype(tag)::type;
        return MakeLoopKernel([nest, threads = emitter.threads()](const KernelArgs& args) {
          const uint8_t* condition = InputAs<uint8_t>(args, 0);
          const T* a = InputAs<T>(args, 1);
          const T* b = InputAs<T>(args, 2);
          T* out = OutputAs<T>(args);
          ForEachRow(nest, threads, [&](const std::array<int64_t, 4>& at, int64_t count) {
            for (int64_t i = 0; i < count; ++i) {
              const bool chosen = condition[at[1] + i * nest.row_stride(1)] != 0;
              out[at[0] + i] = chosen ? a[at[2] + i * nest.row_stride(2)] : b[at[3] + i * nest.row_stride(3)];
            }
          });
        });
      });
  emitter.Step(std::move(kernel), std::move(plan.inputs), emitter.Define(output, plan.layout));
  return absl::OkStatus();
}

}  // namespace modeld::cpu
