#include "engine/runtime/executor.h"

#include <sys/mman.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace modeld {
namespace {

absl::Status CheckBuffer(const TensorDescriptor& descriptor, std::span<const std::byte> bytes,
                         absl::string_view what, size_t index) {
  MODELD_ASSIGN_OR_RETURN(const uint64_t expected, descriptor.ByteSize());
  if (bytes.size() != expected) {
    return absl::InvalidArgumentError(absl::StrCat(what, " ", index, ": has ", bytes.size(), " bytes, ",
                                                   descriptor.ToString(), " takes ", expected));
  }
  if (reinterpret_cast<uintptr_t>(bytes.data()) % ElementBytes(Unpacked(descriptor.data_type)) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " ", index, ": its memory is not aligned for ", descriptor.ToString()));
  }
  return absl::OkStatus();
}

bool Overlap(std::span<const std::byte> a, std::span<const std::byte> b) {
  const auto start_a = reinterpret_cast<uintptr_t>(a.data());
  const auto start_b = reinterpret_cast<uintptr_t>(b.data());
  return start_a < start_b + b.size() && start_b < start_a + a.size();
}

absl::Status CheckBuffers(const Program& program, std::span<const std::span<const std::byte>> inputs,
                          std::span<const std::span<std::byte>> outputs) {
  if (inputs.size() != program.inputs.size() || outputs.size() != program.outputs.size()) {
    return absl::InvalidArgumentError(absl::StrCat("execution: ", inputs.size(), " inputs and ",
                                                   outputs.size(), " outputs given, the graph has ",
                                                   program.inputs.size(), " and ", program.outputs.size()));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    MODELD_RETURN_IF_ERROR(CheckBuffer(program.inputs[i], inputs[i], "input", i));
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    MODELD_RETURN_IF_ERROR(CheckBuffer(program.outputs[i], outputs[i], "output", i));
    for (size_t j = 0; j < inputs.size(); ++j) {
      if (Overlap(outputs[i], inputs[j])) {
        return absl::InvalidArgumentError(absl::StrCat("output ", i, ": shares memory with input ", j));
      }
    }
    for (size_t j = 0; j < i; ++j) {
      if (Overlap(outputs[i], outputs[j])) {
        return absl::InvalidArgumentError(absl::StrCat("output ", i, ": shares memory with output ", j));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Arena> Arena::Create(const Program& program) {
  if (program.arena_bytes == 0) return Arena(nullptr, 0);
  void* data = mmap(nullptr, program.arena_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) {
    return absl::ResourceExhaustedError(
        absl::StrCat("execution: ", program.arena_bytes, " bytes for intermediate tensors cannot be had"));
  }
  return Arena(static_cast<std::byte*>(data), program.arena_bytes);
}

Arena::Arena(Arena&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Arena& Arena::operator=(Arena&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Arena::~Arena() {
  if (data_ != nullptr) munmap(data_, size_);
}

absl::Status Execute(const Program& program, std::span<const std::span<const std::byte>> inputs,
                     std::span<const std::span<std::byte>> outputs, Arena& arena, const CancelToken* cancel) {
  MODELD_RETURN_IF_ERROR(CheckBuffers(program, inputs, outputs));
  if (arena.size() < program.arena_bytes) {
    return absl::InvalidArgumentError(absl::StrCat("execution: the arena has ", arena.size(),
                                                   " bytes, the program needs ", program.arena_bytes));
  }
  const auto address = [&](const BufferRef& ref) -> const std::byte* {
    switch (ref.kind) {
      case BufferRef::Kind::kInput:
        return inputs[ref.index].data();
      case BufferRef::Kind::kOutput:
        return outputs[ref.index].data();
      case BufferRef::Kind::kConstant:
        return program.constants[ref.index].bytes().data();
      case BufferRef::Kind::kArena:
        return arena.data() + ref.index;
    }
    return nullptr;
  };
  std::vector<const std::byte*> in(program.max_step_buffers);
  std::vector<std::byte*> out(program.max_step_buffers);
  for (const ProgramStep& step : program.steps) {
    if (cancel != nullptr && cancel->cancelled()) return absl::CancelledError("execution: cancelled");
    for (size_t i = 0; i < step.inputs.size(); ++i) in[i] = address(step.inputs[i]);
    // Written are only outputs and arena bytes, both handed over as mutable.
    for (size_t i = 0; i < step.outputs.size(); ++i)
      out[i] = const_cast<std::byte*>(address(step.outputs[i]));
    const KernelArgs args = {
        .inputs = std::span(in).first(step.inputs.size()),
        .outputs = std::span(out).first(step.outputs.size()),
        .scratch = step.kernel->scratch_bytes() == 0 ? nullptr : arena.data() + step.scratch_offset,
    };
    if (absl::Status status = step.kernel->Run(args); !status.ok()) return Annotate(status, step.label);
  }
  return absl::OkStatus();
}

}  // namespace modeld
