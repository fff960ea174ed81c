#include "engine/backend/reference/element.h"
#include "engine/backend/reference/kernels.h"
#include "engine/backend/reference/strides.h"

namespace modeld::reference {
namespace {

template <typename T>
T Sum(T a, T b) {
  if constexpr (kIsFloat<T>) return a + b;
  // Through uint64_t everything wraps.
  return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

}  // namespace

// output[.., i, ..] = sum over j <= i (exclusive: j < i; reversed: counted from the end) of input[.., j, ..]
KernelPtr MakeKernel(const core::Scan& op, const Operands& operands) {
  const Shape& shape = operands.inputs[0].shape;
  const std::vector<uint64_t> strides = RowMajorStrides(shape);
  StridedBox rows = {shape, strides};
  rows.shape[op.axis] = 1;
  const uint64_t length = shape[op.axis];
  const uint64_t stride = strides[op.axis];
  return WithType(operands.output.data_type, [&]<typename T>() {
    return KernelOf([rows, length, stride, op](const KernelArgs& args) {
      for (uint64_t row = 0; row < rows.ElementCount(); ++row) {
        const T* in = In<T>(args) + rows.OffsetOf(row);
        T* out = Out<T>(args) + rows.OffsetOf(row);
        Wide<T> sum = 0;
        for (uint64_t step = 0; step < length; ++step) {
          const uint64_t at = (op.reversed ? length - 1 - step : step) * stride;
          const Wide<T> before = sum;
          sum = Sum<Wide<T>>(sum, in[at]);
          out[at] = Convert<T>(op.exclusive ? before : sum);
        }
      }
    });
  });
}

}  // namespace modeld::reference
