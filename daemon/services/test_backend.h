// A backend that tests can hold up, and whose steps fail when told to.
#ifndef MODELD_DAEMON_SERVICES_TEST_BACKEND_H_
#define MODELD_DAEMON_SERVICES_TEST_BACKEND_H_

#include <atomic>
#include <memory>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "engine/backend/reference/reference_backend.h"

namespace modeld {

// A door that kernels and compilations pass. Open at first. Thread-safe.
class Gate {
 public:
  void Close() {
    absl::MutexLock lock(&mu_);
    open_ = false;
    let_ = 0;
  }
  void Open() {
    absl::MutexLock lock(&mu_);
    open_ = true;
  }
  // One may pass though the gate is closed: who waits, or the next to come.
  void LetOne() {
    absl::MutexLock lock(&mu_);
    ++let_;
  }
  // Counts, then waits until the gate is open, or one is let through.
  void Pass() {
    const auto may_pass = [this] { return open_ || let_ > 0; };
    absl::MutexLock lock(&mu_);
    ++arrived_;
    mu_.Await(absl::Condition(&may_pass));
    if (!open_) --let_;
  }
  // Waits until `count` have come to the gate.
  void AwaitArrivals(int count) {
    const auto enough = [&] { return arrived_ >= count; };
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&enough));
  }
  int arrived() {
    absl::MutexLock lock(&mu_);
    return arrived_;
  }

 private:
  absl::Mutex mu_;
  bool open_ = true;
  int let_ = 0;
  int arrived_ = 0;
};

// The reference backend under the name "gated"; each step passes `steps`, each compilation `compiles`. While
// `steps_fail`, steps are INTERNAL.
// Thread-safe.
class GatedBackend : public ReferenceBackend {
 public:
  DeviceDescription Describe() const override { return {"gated", "for tests", "gated"}; }

  absl::StatusOr<std::unique_ptr<Program>> Compile(const core::Graph& graph, const CompileOptions& options,
                                                   const CompileReuse& reuse) const override {
    compiles.Pass();
    auto program = ReferenceBackend::Compile(graph, options, reuse);
    if (!program.ok()) return program;
    for (ProgramStep& step : (*program)->steps) {
      step.kernel = std::make_unique<GatedKernel>(*this, std::move(step.kernel));
    }
    return program;
  }

  mutable Gate steps, compiles;
  std::atomic<bool> steps_fail = false;

 private:
  class GatedKernel : public Kernel {
   public:
    GatedKernel(const GatedBackend& backend, std::unique_ptr<const Kernel> inner)
        : backend_(backend), inner_(std::move(inner)) {}
    absl::Status Run(const KernelArgs& args) const override {
      backend_.steps.Pass();
      if (backend_.steps_fail) return absl::InternalError("step: told to fail");
      return inner_->Run(args);
    }
    size_t scratch_bytes() const override { return inner_->scratch_bytes(); }

   private:
    const GatedBackend& backend_;
    const std::unique_ptr<const Kernel> inner_;
  };
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_TEST_BACKEND_H_
