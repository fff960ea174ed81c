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

// A row of elements, `stride` elements apart (0: the same one again).
struct RowOperand {
  const std::byte* data;
  int64_t stride;
};

// out[i] = f(a[i], b[i]) for i in [0, n), for one function and type: the walk around it is compiled once for
// all.
using RowFunction = void (*)(RowOperand a, RowOperand b, std::byte* out, int64_t n);

// F is a stateless callable of two Compute<In>. Only float32 has loops of their own for what the compiler can
// vectorise: the loops of 8 types and 16 functions are most of this backend's code.
template <typename In, typename Out, typename F>
void Row(RowOperand a_row, RowOperand b_row, std::byte* out_row, int64_t n) {
  const auto* a = reinterpret_cast<const In*>(a_row.data);
  const auto* b = reinterpret_cast<const In*>(b_row.data);
  auto* out = reinterpret_cast<Out*>(out_row);
  const auto apply = [](In x, In y) { return Store<Out>(static_cast<Compute<Out>>(F{}(Load(x), Load(y)))); };
  if constexpr (std::is_same_v<In, float>) {
    if (a_row.stride == 1 && b_row.stride == 1) {
      for (int64_t i = 0; i < n; ++i) out[i] = apply(a[i], b[i]);
      return;
    }
    if (a_row.stride == 1 && b_row.stride == 0) {
      const In y = *b;
      for (int64_t i = 0; i < n; ++i) out[i] = apply(a[i], y);
      return;
    }
    if (a_row.stride == 0 && b_row.stride == 1) {
      const In x = *a;
      for (int64_t i = 0; i < n; ++i) out[i] = apply(x, b[i]);
      return;
    }
  }
  for (int64_t i = 0; i < n; ++i) out[i] = apply(a[i * a_row.stride], b[i * b_row.stride]);
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
RowFunction RowFunctionOf(BinaryFunction function) {
  using C = Compute<T>;
  const auto make = [](auto f) -> RowFunction { return Row<T, T, decltype(f)>; };
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
RowFunction RowFunctionOf(Comparison comparison) {
  using C = Compute<T>;
  const auto make = [](auto f) -> RowFunction { return Row<T, uint8_t, decltype(f)>; };
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

// `nest`: output, a, b.
std::unique_ptr<const Kernel> MakeBinaryKernel(const Nest<3>& nest, RowFunction row, int64_t in_bytes,
                                               int64_t out_bytes, int threads) {
  return MakeLoopKernel([=](const KernelArgs& args) {
    ForEachRow(nest, threads, [&](const std::array<int64_t, 3>& at, int64_t count) {
      row({args.inputs[0] + at[1] * in_bytes, nest.row_stride(1)},
          {args.inputs[1] + at[2] * in_bytes, nest.row_stride(2)}, args.outputs[0] + at[0] * out_bytes,
          count);
    });
  });
}

// `function`: a BinaryFunction or a Comparison.
template <typename Function>
absl::Status EmitBinary(Emitter& emitter, const core::Node& node, Function function) {
  const core::ValueId output = node.outputs[0];
  MODELD_ASSIGN_OR_RETURN(ElementwisePlan plan, PlanElementwise(emitter, node.inputs, emitter.shape(output)));
  // The output is contiguous in the plan's layout.
  const auto nest = MakeNest<3>(
      plan.dims, {StridesOf(plan.dims, PlainLayout(plan.dims.size())), plan.strides[0], plan.strides[1]});
  const DataType type = emitter.type(node.inputs[0]);
  const RowFunction row =
      DispatchType(type, [&](auto tag) { return RowFunctionOf<typename decltype(tag)::type>(function); });
  emitter.Step(
      MakeBinaryKernel(nest, row, ElementBytes(type), ElementBytes(emitter.type(output)), emitter.threads()),
      std::move(plan.inputs), emitter.Define(output, plan.layout));
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<const Kernel> MakeFloatBinaryKernel(core::BinaryFunction function, const Shape& dims,
                                                    const std::array<std::vector<int64_t>, 3>& strides,
                                                    int threads) {
  return MakeBinaryKernel(MakeNest<3>(dims, strides), RowFunctionOf<float>(function), sizeof(float),
                          sizeof(float), threads);
}

absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Binary& op) {
  return EmitBinary(emitter, node, op.function);
}

absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Compare& op) {
  return EmitBinary(emitter, node, op.comparison);
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
