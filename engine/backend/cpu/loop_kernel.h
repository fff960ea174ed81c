// A loop of our own as a kernel.
#ifndef MODELD_ENGINE_BACKEND_CPU_LOOP_KERNEL_H_
#define MODELD_ENGINE_BACKEND_CPU_LOOP_KERNEL_H_

#include <memory>
#include <utility>

#include "engine/runtime/kernel.h"

namespace modeld::cpu {

// Calls body(args). The body must be const-callable from several threads at once and allocate nothing.
template <typename Body>
class LoopKernel : public Kernel {
 public:
  LoopKernel(Body body, size_t scratch_bytes) : body_(std::move(body)), scratch_bytes_(scratch_bytes) {}

  absl::Status Run(const KernelArgs& args) const override {
    body_(args);
    return absl::OkStatus();
  }
  size_t scratch_bytes() const override { return scratch_bytes_; }

 private:
  const Body body_;
  const size_t scratch_bytes_;
};

template <typename Body>
std::unique_ptr<const Kernel> MakeLoopKernel(Body body, size_t scratch_bytes = 0) {
  return std::make_unique<LoopKernel<Body>>(std::move(body), scratch_bytes);
}

// args.inputs[index] as elements of T.
template <typename T>
const T* InputAs(const KernelArgs& args, size_t index) {
  return reinterpret_cast<const T*>(args.inputs[index]);
}
template <typename T>
T* OutputAs(const KernelArgs& args) {
  return reinterpret_cast<T*>(args.outputs[0]);
}

}  // namespace modeld::cpu

#endif  // MODELD_ENGINE_BACKEND_CPU_LOOP_KERNEL_H_
