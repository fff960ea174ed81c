#include "engine/backend/reference/element.h"
#include "engine/backend/reference/kernels.h"

namespace modeld::reference {

// output[b, m, n] = sum over k of left[b, m, k] * right[b, k, n]
KernelPtr MakeKernel(const core::Contraction&, const Operands& operands) {
  const Shape& left_shape = operands.inputs[0].shape;
  const size_t rank = left_shape.size();
  const uint64_t rows = left_shape[rank - 2];
  const uint64_t inner = left_shape[rank - 1];
  const uint64_t columns = operands.output.shape[rank - 1];
  const uint64_t batches = operands.output.ElementCount() / (rows * columns);
  return WithFloatType(operands.output.data_type, [&]<typename T>() {
    return KernelOf([=](const KernelArgs& args) {
      for (uint64_t b = 0; b < batches; ++b) {
        const T* left = In<T>(args, 0) + b * rows * inner;
        const T* right = In<T>(args, 1) + b * inner * columns;
        T* output = Out<T>(args) + b * rows * columns;
        for (uint64_t m = 0; m < rows; ++m) {
          for (uint64_t n = 0; n < columns; ++n) {
            double sum = 0;
            for (uint64_t k = 0; k < inner; ++k) {
              sum += static_cast<double>(left[m * inner + k]) * static_cast<double>(right[k * columns + n]);
            }
            output[m * columns + n] = Convert<T>(sum);
          }
        }
      }
    });
  });
}

}  // namespace modeld::reference
