#include <algorithm>
#include <cmath>

#include "engine/backend/reference/element.h"
#include "engine/backend/reference/kernels.h"

namespace modeld::reference {
namespace {

using core::BinaryFunction;
using core::Comparison;
using core::UnaryFunction;

double FloatUnary(UnaryFunction function, double x) {
  switch (function) {
    case UnaryFunction::kIdentity:
      return x;
    case UnaryFunction::kAbs:
      return std::fabs(x);
    case UnaryFunction::kNeg:
      return -x;
    case UnaryFunction::kSign:
      return x > 0 ? 1 : x < 0 ? -1 : x;
    case UnaryFunction::kCeil:
      return std::ceil(x);
    case UnaryFunction::kFloor:
      return std::floor(x);
    case UnaryFunction::kRoundEven:
      return std::nearbyint(x);
    case UnaryFunction::kSqrt:
      return std::sqrt(x);
    case UnaryFunction::kReciprocal:
      return 1 / x;
    case UnaryFunction::kExp:
      return std::exp(x);
    case UnaryFunction::kLog:
      return std::log(x);
    case UnaryFunction::kSin:
      return std::sin(x);
    case UnaryFunction::kCos:
      return std::cos(x);
    case UnaryFunction::kTan:
      return std::tan(x);
    case UnaryFunction::kTanh:
      return std::tanh(x);
    case UnaryFunction::kErf:
      return std::erf(x);
    case UnaryFunction::kSigmoid:
      return 1 / (1 + std::exp(-x));
    case UnaryFunction::kLogicalNot:
      return x == 0 ? 1 : 0;
    case UnaryFunction::kIsNaN:
      return std::isnan(x) ? 1 : 0;
    case UnaryFunction::kIsInfinite:
      return std::isinf(x) ? 1 : 0;
  }
  return x;
}

template <typename T>
T IntegerUnary(UnaryFunction function, T x) {
  // Through uint64_t everything wraps.
  const T negative = static_cast<T>(0 - static_cast<uint64_t>(x));
  switch (function) {
    case UnaryFunction::kAbs:
      return x < 0 ? negative : x;
    case UnaryFunction::kNeg:
      return negative;
    case UnaryFunction::kSign:
      return static_cast<T>(x > 0 ? 1 : x < 0 ? -1 : 0);
    case UnaryFunction::kLogicalNot:
      return static_cast<T>(x == 0 ? 1 : 0);
    default:
      return x;
  }
}

double FloatBinary(BinaryFunction function, double a, double b) {
  switch (function) {
    case BinaryFunction::kAdd:
      return a + b;
    case BinaryFunction::kSub:
      return a - b;
    case BinaryFunction::kMul:
      return a * b;
    case BinaryFunction::kDiv:
      return a / b;
    case BinaryFunction::kMax:
      return std::isnan(a) || std::isnan(b) ? a + b : std::max(a, b);
    case BinaryFunction::kMin:
      return std::isnan(a) || std::isnan(b) ? a + b : std::min(a, b);
    case BinaryFunction::kPow:
      return std::pow(a, b);
    default:
      return 0;
  }
}

template <typename T>
T IntegerPower(T base, T exponent) {
  if (exponent < 0) {
    if (base == 1 || (base == static_cast<T>(-1) && exponent % 2 == 0)) return 1;
    return base == static_cast<T>(-1) ? base : T{0};
  }
  uint64_t power = 1;
  auto square = static_cast<uint64_t>(base);
  for (auto left = static_cast<uint64_t>(exponent); left != 0; left /= 2) {
    if (left % 2 == 1) power *= square;
    square *= square;
  }
  return static_cast<T>(power);
}

template <typename T>
T IntegerBinary(BinaryFunction function, T a, T b) {
  const auto wide_a = static_cast<uint64_t>(a);
  const auto wide_b = static_cast<uint64_t>(b);
  switch (function) {
    case BinaryFunction::kAdd:
      return static_cast<T>(wide_a + wide_b);
    case BinaryFunction::kSub:
      return static_cast<T>(wide_a - wide_b);
    case BinaryFunction::kMul:
      return static_cast<T>(wide_a * wide_b);
    case BinaryFunction::kDiv:
      if (b == 0) return 0;
      // The least integer by -1 overflows.
      if (std::is_signed_v<T> && b == static_cast<T>(-1)) return static_cast<T>(0 - wide_a);
      return static_cast<T>(a / b);
    case BinaryFunction::kMax:
      return std::max(a, b);
    case BinaryFunction::kMin:
      return std::min(a, b);
    case BinaryFunction::kPow:
      return IntegerPower(a, b);
    case BinaryFunction::kLogicalAnd:
      return a != 0 && b != 0;
    case BinaryFunction::kLogicalOr:
      return a != 0 || b != 0;
    case BinaryFunction::kLogicalXor:
      return (a != 0) != (b != 0);
  }
  return 0;
}

template <typename T>
bool Holds(Comparison comparison, T a, T b) {
  switch (comparison) {
    case Comparison::kEqual:
      return a == b;
    case Comparison::kNotEqual:
      return a != b;
    case Comparison::kGreater:
      return a > b;
    case Comparison::kGreaterOrEqual:
      return a >= b;
    case Comparison::kLesser:
      return a < b;
    case Comparison::kLesserOrEqual:
      return a <= b;
  }
  return false;
}

// Element `i` of a packed tensor, as the 8-bit type `To`: the low four bits of a byte come first.
template <typename To>
To Nibble(const uint8_t* packed, uint64_t i) {
  const int nibble = i % 2 == 0 ? packed[i / 2] & 0xF : packed[i / 2] >> 4;
  return static_cast<To>(std::is_signed_v<To> && nibble >= 8 ? nibble - 16 : nibble);
}

template <typename To>
KernelPtr Unpack(uint64_t count) {
  return KernelOf([count](const KernelArgs& args) {
    for (uint64_t i = 0; i < count; ++i) Out<To>(args)[i] = Nibble<To>(In<uint8_t>(args), i);
  });
}

// The last byte's high bits are 0 when the count is odd.
KernelPtr Pack(uint64_t count) {
  return KernelOf([count](const KernelArgs& args) {
    for (uint64_t i = 0; i < count; ++i) {
      const uint8_t low = In<uint8_t>(args)[i] & 0xF;
      uint8_t& byte = Out<uint8_t>(args)[i / 2];
      byte = i % 2 == 0 ? low : static_cast<uint8_t>(byte | low << 4);
    }
  });
}

}  // namespace

KernelPtr MakeKernel(const core::Unary& op, const Operands& operands) {
  const uint64_t count = operands.output.ElementCount();
  return WithType(operands.inputs[0].data_type, [&]<typename T>() {
    return KernelOf([count, function = op.function](const KernelArgs& args) {
      const bool is_test = function == UnaryFunction::kIsNaN || function == UnaryFunction::kIsInfinite;
      for (uint64_t i = 0; i < count; ++i) {
        const T x = In<T>(args)[i];
        if constexpr (!kIsFloat<T>) {
          Out<T>(args)[i] = IntegerUnary(function, x);
        } else if (is_test) {
          Out<uint8_t>(args)[i] = FloatUnary(function, x) != 0;
        } else {
          Out<T>(args)[i] = Convert<T>(FloatUnary(function, x));
        }
      }
    });
  });
}

KernelPtr MakeKernel(const core::Binary& op, const Operands& operands) {
  const uint64_t count = operands.output.ElementCount();
  return WithType(operands.output.data_type, [&]<typename T>() {
    return KernelOf([count, function = op.function](const KernelArgs& args) {
      for (uint64_t i = 0; i < count; ++i) {
        const T a = In<T>(args, 0)[i];
        const T b = In<T>(args, 1)[i];
        if constexpr (kIsFloat<T>) {
          Out<T>(args)[i] = Convert<T>(FloatBinary(function, a, b));
        } else {
          Out<T>(args)[i] = IntegerBinary(function, a, b);
        }
      }
    });
  });
}

KernelPtr MakeKernel(const core::Compare& op, const Operands& operands) {
  const uint64_t count = operands.output.ElementCount();
  return WithType(operands.inputs[0].data_type, [&]<typename T>() {
    return KernelOf([count, comparison = op.comparison](const KernelArgs& args) {
      for (uint64_t i = 0; i < count; ++i) {
        Out<uint8_t>(args)[i] = Holds<Wide<T>>(comparison, In<T>(args, 0)[i], In<T>(args, 1)[i]);
      }
    });
  });
}

KernelPtr MakeKernel(const core::Select&, const Operands& operands) {
  const uint64_t count = operands.output.ElementCount();
  return WithType(operands.output.data_type, [&]<typename T>() {
    return KernelOf([count](const KernelArgs& args) {
      for (uint64_t i = 0; i < count; ++i)
        Out<T>(args)[i] = In<T>(args, In<uint8_t>(args)[i] != 0 ? 1 : 2)[i];
    });
  });
}

KernelPtr MakeKernel(const core::Cast&, const Operands& operands) {
  const uint64_t count = operands.output.ElementCount();
  if (IsPacked(operands.output.data_type)) return Pack(count);
  if (operands.inputs[0].data_type == DataType::kInt4) return Unpack<int8_t>(count);
  if (operands.inputs[0].data_type == DataType::kUint4) return Unpack<uint8_t>(count);
  return WithType(operands.inputs[0].data_type, [&]<typename From>() {
    return WithType(operands.output.data_type, [&]<typename To>() {
      return KernelOf([count](const KernelArgs& args) {
        for (uint64_t i = 0; i < count; ++i) Out<To>(args)[i] = Convert<To>(In<From>(args)[i]);
      });
    });
  });
}

}  // namespace modeld::reference
