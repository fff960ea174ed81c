// The reference backend's kernels, one maker per core operation.
#ifndef MODELD_ENGINE_BACKEND_REFERENCE_KERNELS_H_
#define MODELD_ENGINE_BACKEND_REFERENCE_KERNELS_H_

#include <memory>
#include <utility>
#include <vector>

#include "engine/core/core_graph.h"
#include "engine/runtime/kernel.h"

namespace modeld::reference {

using KernelPtr = std::unique_ptr<const Kernel>;

// What a node's operands look like.
struct Operands {
  std::vector<TensorDescriptor> inputs;
  TensorDescriptor output;
};

// A kernel that calls a function object. Whatever that holds is made before the first run, as Run allocates
// nothing.
template <typename F>
class FunctionKernel : public Kernel {
 public:
  explicit FunctionKernel(F function) : function_(std::move(function)) {}
  absl::Status Run(const KernelArgs& args) const override {
    function_(args);
    return absl::OkStatus();
  }

 private:
  const F function_;
};

template <typename F>
KernelPtr KernelOf(F function) {
  return std::make_unique<FunctionKernel<F>>(std::move(function));
}

// The i-th input's elements.
template <typename T>
const T* In(const KernelArgs& args, size_t i = 0) {
  return reinterpret_cast<const T*>(args.inputs[i]);
}
// The output's elements.
template <typename T>
T* Out(const KernelArgs& args) {
  return reinterpret_cast<T*>(args.outputs[0]);
}

// Requires, throughout: the operation and its operands passed core::VerifyOp.
KernelPtr MakeKernel(const core::Unary& op, const Operands& operands);
KernelPtr MakeKernel(const core::Binary& op, const Operands& operands);
KernelPtr MakeKernel(const core::Compare& op, const Operands& operands);
KernelPtr MakeKernel(const core::Select& op, const Operands& operands);
KernelPtr MakeKernel(const core::Cast& op, const Operands& operands);
KernelPtr MakeKernel(const core::Reduce& op, const Operands& operands);
KernelPtr MakeKernel(const core::Contraction& op, const Operands& operands);
KernelPtr MakeKernel(const core::Convolution& op, const Operands& operands);
KernelPtr MakeKernel(const core::Pool& op, const Operands& operands);
KernelPtr MakeKernel(const core::Scan& op, const Operands& operands);
KernelPtr MakeKernel(const core::Gather& op, const Operands& operands);
KernelPtr MakeKernel(const core::Scatter& op, const Operands& operands);
KernelPtr MakeKernel(const core::Pad& op, const Operands& operands);
KernelPtr MakeKernel(const core::Slice& op, const Operands& operands);
KernelPtr MakeKernel(const core::Concat& op, const Operands& operands);
KernelPtr MakeKernel(const core::Transpose& op, const Operands& operands);
KernelPtr MakeKernel(const core::Reshape& op, const Operands& operands);
KernelPtr MakeKernel(const core::Broadcast& op, const Operands& operands);

}  // namespace modeld::reference

#endif  // MODELD_ENGINE_BACKEND_REFERENCE_KERNELS_H_
