// Unary functions and casts: one pass over flat memory, in whatever layout the input has.
#include "engine/backend/cpu/elementwise.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/backend/cpu/copy.h"
#include "engine/backend/cpu/element.h"
#include "engine/backend/cpu/emit.h"
#include "engine/backend/cpu/loop_kernel.h"
#include "engine/backend/cpu/threads.h"

namespace modeld::cpu {
namespace {

using core::UnaryFunction;

// Elements per call of a flat function: few enough for the first cache, enough to forget the call.
constexpr int64_t kBlock = 1024;

// Calls f(args, first, count) for blocks that cover [0, count).
template <typename F>
std::unique_ptr<const Kernel> MakeFlatKernel(int64_t count, int threads, F f) {
  return MakeLoopKernel([=](const KernelArgs& args) {
    const int64_t blocks = (count + kBlock - 1) / kBlock;
    ParallelFor(threads, blocks, count, [&](int64_t begin, int64_t end) {
      const int64_t first = begin * kBlock;
      f(args, first, std::min(count, end * kBlock) - first);
    });
  });
}

// out[i] = f(in[i]) for i in [0, n), for one function and types.
using ElementFunction = void (*)(const std::byte* in, std::byte* out, int64_t n);

// F is a stateless callable of a Compute<In>.
template <typename In, typename Out, typename F>
void Elements(const std::byte* in_bytes, std::byte* out_bytes, int64_t n) {
  const auto* in = reinterpret_cast<const In*>(in_bytes);
  auto* out = reinterpret_cast<Out*>(out_bytes);
  for (int64_t i = 0; i < n; ++i) out[i] = Store<Out>(static_cast<Compute<Out>>(F{}(Load(in[i]))));
}

template <typename In, typename Out, typename F>
ElementFunction ElementsOf(F) {
  return Elements<In, Out, F>;
}

// The kernel's output takes the input's layout.
template <typename MakeKernel>
absl::Status EmitFlat(Emitter& emitter, core::ValueId input, core::ValueId output, MakeKernel make_kernel) {
  MODELD_ASSIGN_OR_RETURN(const Form form, emitter.Preferred(input));
  const auto count = static_cast<int64_t>(emitter.descriptor(input).ElementCount());
  std::unique_ptr<const Kernel> kernel = make_kernel(count);
  emitter.Step(std::move(kernel), {form.value}, emitter.Define(output, form.layout));
  return absl::OkStatus();
}

// -1, 0 or 1; NaN for NaN.
template <typename T>
T Sign(T x) {
  if constexpr (std::is_unsigned_v<T>) {
    return x > T{0} ? T{1} : T{0};
  } else if constexpr (std::is_integral_v<T>) {
    return static_cast<T>((x > T{0}) - (x < T{0}));
  } else {
    return x > 0 ? T{1} : x < 0 ? T{-1} : x;
  }
}

template <typename T>
T Negate(T x) {
  if constexpr (std::is_floating_point_v<T>) {
    return -x;
  } else {
    return static_cast<T>(uint64_t{0} - static_cast<uint64_t>(x));
  }
}

template <typename T>
T Magnitude(T x) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::fabs(x);
  } else if constexpr (std::is_signed_v<T>) {
    return x < 0 ? Negate(x) : x;
  } else {
    return x;
  }
}

// The functions that are not FloatFunctions; null when T has no such function.
template <typename T>
ElementFunction ElementFunctionOf(UnaryFunction function) {
  using C = Compute<T>;
  switch (function) {
    case UnaryFunction::kAbs:
      return ElementsOf<T, T>([](C x) { return Magnitude(x); });
    case UnaryFunction::kNeg:
      return ElementsOf<T, T>([](C x) { return Negate(x); });
    case UnaryFunction::kSign:
      return ElementsOf<T, T>([](C x) { return Sign(x); });
    case UnaryFunction::kLogicalNot:
      return ElementsOf<T, uint8_t>([](C x) { return x == C{0}; });
    default:
      break;
  }
  if constexpr (std::is_floating_point_v<C>) {
    if (function == UnaryFunction::kIsNaN) {
      return ElementsOf<T, uint8_t>([](C x) { return x != x; });
    }
    if (function == UnaryFunction::kIsInfinite) {
      return ElementsOf<T, uint8_t>([](C x) { return std::fabs(x) == std::numeric_limits<C>::infinity(); });
    }
  }
  return nullptr;
}

// Float to integer truncates, saturates, and makes NaN 0.
template <typename In, typename Out>
Compute<Out> Convert(Compute<In> x) {
  using From = Compute<In>;
  using To = Compute<Out>;
  if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // The bounds as floats: the lower is exact, the upper is one too many and so the first that saturates.
    constexpr From kLow = static_cast<From>(std::numeric_limits<To>::min());
    constexpr From kHigh = static_cast<From>(uint64_t{1} << (std::numeric_limits<To>::digits - 1)) * From{2};
    if (x != x) return 0;
    if (x <= kLow) return std::numeric_limits<To>::min();
    if (x >= kHigh) return std::numeric_limits<To>::max();
  }
  return static_cast<To>(x);
}

void OnHalves(const Half* in, Half* out, int64_t n, const FloatCall& call) {
  std::array<float, kBlock> block;
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t size = std::min(kBlock, n - begin);
    for (int64_t i = 0; i < size; ++i) block[i] = FromHalf(in[begin + i]);
    call.function(block.data(), block.data(), size, call.alpha, call.beta);
    for (int64_t i = 0; i < size; ++i) out[begin + i] = ToHalf(block[i]);
  }
}

absl::Status EmitElements(Emitter& emitter, core::ValueId input, core::ValueId output,
                          ElementFunction function) {
  const int64_t in_bytes = ElementBytes(emitter.type(input));
  const int64_t out_bytes = ElementBytes(emitter.type(output));
  return EmitFlat(emitter, input, output, [&](int64_t count) {
    return MakeFlatKernel(count, emitter.threads(), [=](const KernelArgs& args, int64_t first, int64_t n) {
      function(args.inputs[0] + first * in_bytes, args.outputs[0] + first * out_bytes, n);
    });
  });
}

// out[i] = element i of the packed `in`, for i in [0, n).
template <typename To>
void Unpack(const std::byte* in, std::byte* out_bytes, int64_t n) {
  auto* out = reinterpret_cast<To*>(out_bytes);
  const auto widened = [](int nibble) {
    // Flipping the sign bit and subtracting it extends it.
    return static_cast<To>(std::is_signed_v<To> ? (nibble ^ 8) - 8 : nibble);
  };
  for (int64_t i = 0; i < n / 2; ++i) {
    const int pair = std::to_integer<int>(in[i]);
    out[2 * i] = widened(pair & 0xF);
    out[2 * i + 1] = widened(pair >> 4);
  }
  if (n % 2 != 0) out[n - 1] = widened(std::to_integer<int>(in[n / 2]) & 0xF);
}

// The low four bits of bytes; the last byte's high bits are 0 when n is odd.
void Pack(const std::byte* in, std::byte* out, int64_t n) {
  constexpr std::byte kLow{0xF};
  for (int64_t i = 0; i < n / 2; ++i) out[i] = (in[2 * i] & kLow) | (in[2 * i + 1] << 4);
  if (n % 2 != 0) out[n / 2] = in[n - 1] & kLow;
}

// Elements of a packed type have an order only as a whole, so that both sides are row-major.
absl::Status EmitPackedCast(Emitter& emitter, core::ValueId input, core::ValueId output) {
  const bool packs = IsPacked(emitter.type(output));
  const ElementFunction function = packs                                     ? Pack
                                   : emitter.type(output) == DataType::kInt8 ? Unpack<int8_t>
                                                                             : Unpack<uint8_t>;
  MODELD_ASSIGN_OR_RETURN(const ProgramBuilder::Value value, emitter.Plain(input));
  // Blocks begin at even elements, so at whole bytes.
  static_assert(kBlock % 2 == 0);
  const int64_t in_divisor = packs ? 1 : 2;
  const int64_t out_divisor = packs ? 2 : 1;
  emitter.Step(MakeFlatKernel(
                   static_cast<int64_t>(emitter.descriptor(input).ElementCount()), emitter.threads(),
                   [=](const KernelArgs& args, int64_t first, int64_t n) {
                     function(args.inputs[0] + first / in_divisor, args.outputs[0] + first / out_divisor, n);
                   }),
               {value}, emitter.DefinePlain(output));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ElementwisePlan> PlanElementwise(Emitter& emitter, std::span<const core::ValueId> inputs,
                                                const Shape& shape) {
  ElementwisePlan plan;
  plan.layout = PlainLayout(shape.size());
  for (core::ValueId input : inputs) {
    const core::ValueId source = emitter.BroadcastSource(input);
    if (emitter.shape(source) != shape) continue;
    const Layout layout = emitter.PreferredLayout(source);
    if (SameBytes(shape, layout, plan.layout)) continue;
    plan.layout = layout;
    break;
  }
  plan.dims = PhysicalShape(shape, plan.layout);
  for (core::ValueId input : inputs) {
    const core::ValueId source = emitter.BroadcastSource(input);
    if (emitter.shape(source) == shape) {
      MODELD_ASSIGN_OR_RETURN(const ProgramBuilder::Value value, emitter.In(source, plan.layout));
      plan.inputs.push_back(value);
      plan.strides.push_back(BroadcastStrides(shape, plan.layout, shape, plan.layout));
    } else {
      MODELD_ASSIGN_OR_RETURN(const Form form, emitter.Preferred(source));
      plan.inputs.push_back(form.value);
      plan.strides.push_back(BroadcastStrides(emitter.shape(source), form.layout, shape, plan.layout));
    }
  }
  return plan;
}

std::unique_ptr<const Kernel> MakeFloatKernel(int64_t count, const FloatCall& call, int threads) {
  return MakeFlatKernel(count, threads, [=](const KernelArgs& args, int64_t first, int64_t n) {
    call.function(InputAs<float>(args, 0) + first, OutputAs<float>(args) + first, n, call.alpha, call.beta);
  });
}

absl::Status EmitFloatFunction(Emitter& emitter, core::ValueId input, core::ValueId output,
                               const FloatCall& call) {
  const bool is_half = emitter.type(input) == DataType::kFloat16;
  return EmitFlat(emitter, input, output, [&](int64_t count) -> std::unique_ptr<const Kernel> {
    if (!is_half) return MakeFloatKernel(count, call, emitter.threads());
    return MakeFlatKernel(count, emitter.threads(), [=](const KernelArgs& args, int64_t first, int64_t n) {
      OnHalves(InputAs<Half>(args, 0) + first, OutputAs<Half>(args) + first, n, call);
    });
  });
}

absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Unary& op) {
  const core::ValueId input = node.inputs[0];
  if (const auto call = FloatCallOf(op); call && IsFloat(emitter.type(input))) {
    return EmitFloatFunction(emitter, input, node.outputs[0], *call);
  }
  if (op.function == UnaryFunction::kIdentity) {
    MODELD_ASSIGN_OR_RETURN(const Form form, emitter.Preferred(input));
    emitter.DefineAlias(node.outputs[0], form.value, form.layout);
    return absl::OkStatus();
  }
  const ElementFunction function = DispatchType(emitter.type(input), [&](auto tag) {
    return ElementFunctionOf<typename decltype(tag)::type>(op.function);
  });
  if (function == nullptr) {
    return absl::UnimplementedError(absl::StrCat(emitter.label(), ": unary function ",
                                                 static_cast<int>(op.function), " of ",
                                                 DataTypeName(emitter.type(input))));
  }
  return EmitElements(emitter, input, node.outputs[0], function);
}

absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Cast&) {
  if (IsPacked(emitter.type(node.inputs[0])) || IsPacked(emitter.type(node.outputs[0]))) {
    return EmitPackedCast(emitter, node.inputs[0], node.outputs[0]);
  }
  const ElementFunction function = DispatchType(emitter.type(node.inputs[0]), [&](auto in_tag) {
    return DispatchType(emitter.type(node.outputs[0]), [&](auto out_tag) {
      using In = typename decltype(in_tag)::type;
      using Out = typename decltype(out_tag)::type;
      return ElementsOf<In, Out>([](Compute<In> x) { return Convert<In, Out>(x); });
    });
  });
  return EmitElements(emitter, node.inputs[0], node.outputs[0], function);
}

}  // namespace modeld::cpu
