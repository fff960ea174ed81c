#include <algorithm>
#include <cmath>

#include "engine/backend/reference/element.h"
#include "engine/backend/reference/kernels.h"
#include "engine/backend/reference/strides.h"

namespace modeld::reference {
namespace {

using core::ReduceFunction;

template <typename T>
T Combine(ReduceFunction function, T a, T b) {
  switch (function) {
    case ReduceFunction::kSum:
      if constexpr (kIsFloat<T>) return a + b;
      return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
    case ReduceFunction::kProduct:
      if constexpr (kIsFloat<T>) return a * b;
      return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
    case ReduceFunction::kMax:
      if constexpr (kIsFloat<T>) {
        if (std::isnan(a) || std::isnan(b)) return a + b;
      }
      return std::max(a, b);
    case ReduceFunction::kMin:
      if constexpr (kIsFloat<T>) {
        if (std::isnan(a) || std::isnan(b)) return a + b;
      }
      return std::min(a, b);
  }
  return a;
}

}  // namespace

KernelPtr MakeKernel(const core::Reduce& op, const Operands& operands) {
  const Shape& shape = operands.inputs[0].shape;
  const std::vector<uint64_t> strides = RowMajorStrides(shape);
  StridedBox kept;
  StridedBox reduced;
  for (uint32_t d = 0; d < shape.size(); ++d) {
    StridedBox& box = std::binary_search(op.axes.begin(), op.axes.end(), d) ? reduced : kept;
    box.shape.push_back(shape[d]);
    box.strides.push_back(strides[d]);
  }
  return WithType(operands.output.data_type, [&]<typename T>() {
    return KernelOf([kept, reduced, function = op.function](const KernelArgs& args) {
      for (uint64_t i = 0; i < kept.ElementCount(); ++i) {
        const T* first = In<T>(args) + kept.OffsetOf(i);
        Wide<T> result = *first;
        for (uint64_t j = 1; j < reduced.ElementCount(); ++j) {
          result = Combine<Wide<T>>(function, result, first[reduced.OffsetOf(j)]);
        }
        Out<T>(args)[i] = Convert<T>(result);
      }
    });
  });
}

}  // namespace modeld::reference
