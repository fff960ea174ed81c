// A oneDNN primitive as a kernel.
#ifndef MODELD_ENGINE_BACKEND_CPU_DNNL_KERNEL_H_
#define MODELD_ENGINE_BACKEND_CPU_DNNL_KERNEL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/region.h"
#include "engine/backend/cpu/layout.h"
#include "engine/runtime/kernel.h"

namespace modeld::cpu {

// One argument of a primitive: DNNL_ARG_..., its descriptor, and where its bytes come from.
struct PrimitiveArgument {
  enum class Source : uint8_t { kInput, kOutput, kFixed };
  int argument;
  dnnl::memory::desc descriptor;
  Source source;
  // kInput, kOutput: index into KernelArgs.
  size_t index = 0;
  // kFixed: bytes that never change (packed weights); they may have padding that oneDNN knows of.
  Region fixed = {};
};

// Runs one primitive. Immutable to its callers; thread-safe: an execution borrows a prepared set of argument
// objects from a free list, which grows to the number of executions at once and then allocates no more
// (oneDNN itself makes a small map per call).
class DnnlKernel : public Kernel {
 public:
  // `scratchpad` is the primitive's scratchpad descriptor (mode user). `threads` must be what the primitive
  // was created under (ThreadScope). Errors: RESOURCE_EXHAUSTED, INTERNAL.
  static absl::StatusOr<std::unique_ptr<const DnnlKernel>> Create(const dnnl::engine& engine,
                                                                  dnnl::primitive primitive,
                                                                  std::vector<PrimitiveArgument> arguments,
                                                                  const dnnl::memory::desc& scratchpad,
                                                                  int threads);
  ~DnnlKernel() override;

  absl::Status Run(const KernelArgs& args) const override;
  size_t scratch_bytes() const override { return scratch_bytes_; }

 private:
  struct ArgumentSet;

  DnnlKernel(dnnl::engine engine, dnnl::primitive primitive, std::vector<PrimitiveArgument> arguments,
             dnnl::memory::desc scratchpad, int threads);
  absl::StatusOr<std::unique_ptr<ArgumentSet>> Acquire() const;
  absl::StatusOr<std::unique_ptr<ArgumentSet>> MakeArgumentSet() const;
  absl::Status RunWith(ArgumentSet& set, const KernelArgs& args) const;

  // Fixed at construction.
  dnnl::engine engine_;
  dnnl::primitive primitive_;
  std::vector<PrimitiveArgument> arguments_;
  // One per argument; set where the argument is kFixed. Shared by all executions, which only read.
  std::vector<dnnl::memory> fixed_;
  dnnl::memory::desc scratchpad_;
  size_t scratch_bytes_;
  int threads_;

  mutable absl::Mutex mu_;
  mutable std::vector<std::unique_ptr<ArgumentSet>> free_ ABSL_GUARDED_BY(mu_);
};

// A float32 descriptor of a tensor in a layout; a scalar becomes one dimension of 1.
dnnl::memory::desc DescriptorOf(const Shape& shape, const Layout& layout);

// Memory for a packed constant: written once through `data`, then read through `region`, which owns it.
struct AlignedBytes {
  std::byte* data;
  Region region;
};
// `size` bytes, 64-byte aligned, undefined contents. RESOURCE_EXHAUSTED when they cannot be had.
absl::StatusOr<AlignedBytes> AllocateAligned(size_t size);

// `source`'s bytes, described by `from`, rearranged to `to` (weights packed for a primitive).
absl::StatusOr<Region> PackConstant(const dnnl::engine& engine, const Region& source,
                                    const dnnl::memory::desc& from, const dnnl::memory::desc& to);

// PackedKey::format of that: equal only for equal descriptors.
std::string PackedFormat(const dnnl::memory::desc& from, const dnnl::memory::desc& to);

}  // namespace modeld::cpu

#endif  // MODELD_ENGINE_BACKEND_CPU_DNNL_KERNEL_H_
