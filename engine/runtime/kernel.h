// One executable step of a program.
#ifndef MODELD_ENGINE_RUNTIME_KERNEL_H_
#define MODELD_ENGINE_RUNTIME_KERNEL_H_

#include <cstddef>
#include <span>

#include "absl/status/status.h"

namespace modeld {

// Buffers of one execution. Pointers into the arena are 64-byte aligned; constants, graph inputs and outputs
// are the caller's and only aligned for their element type.
struct KernelArgs {
  std::span<const std::byte* const> inputs;
  std::span<std::byte* const> outputs;
  // Kernel::scratch_bytes() bytes, 64-byte aligned, undefined contents; null where none were asked for.
  std::byte* scratch;
};

// Immutable once made. Thread-safe: Run may be entered by several threads at once with different buffers, and
// allocates no memory.
class Kernel {
 public:
  virtual ~Kernel() = default;
  // Computes the outputs. Never reads or writes outside the sizes that the program planned. INTERNAL when the
  // library below failed.
  virtual absl::Status Run(const KernelArgs& args) const = 0;
  // Temporary memory that Run needs.
  virtual size_t scratch_bytes() const { return 0; }
};

}  // namespace modeld

#endif  // MODELD_ENGINE_RUNTIME_KERNEL_H_
