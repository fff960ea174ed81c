// Runs programs.
#ifndef MODELD_ENGINE_RUNTIME_EXECUTOR_H_
#define MODELD_ENGINE_RUNTIME_EXECUTOR_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "engine/runtime/program.h"

namespace modeld {

// A flag that stops an execution between two steps. Thread-safe.
class CancelToken {
 public:
  void Cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> cancelled_ = false;
};

// The memory of one execution at a time: intermediates and scratch. Fresh pages are zero. Not thread-safe;
// reuse it for the next execution of the same program.
class Arena {
 public:
  // RESOURCE_EXHAUSTED when the memory cannot be had.
  static absl::StatusOr<Arena> Create(const Program& program);
  Arena(Arena&&) noexcept;
  Arena& operator=(Arena&&) noexcept;
  ~Arena();

  std::byte* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  Arena(std::byte* data, size_t size) : data_(data), size_(size) {}
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// Walks the steps. `inputs` and `outputs` are in the program's order; outputs overlap neither each other nor
// inputs. Errors: INVALID_ARGUMENT when their number or sizes differ from the program's, one is not aligned
// for its element type, outputs overlap, or the arena is smaller than the program needs; CANCELLED when
// `cancel` (may be null) was set; else what a kernel returned, with the step's label. After an error the
// outputs' contents are undefined. Allocates nothing per step.
absl::Status Execute(const Program& program, std::span<const std::span<const std::byte>> inputs,
                     std::span<const std::span<std::byte>> outputs, Arena& arena, const CancelToken* cancel);

}  // namespace modeld

#endif  // MODELD_ENGINE_RUNTIME_EXECUTOR_H_
