// A compiled graph: steps, constants and the memory plan.
#ifndef MODELD_ENGINE_RUNTIME_PROGRAM_H_
#define MODELD_ENGINE_RUNTIME_PROGRAM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/region.h"
#include "engine/graph/tensor_descriptor.h"
#include "engine/runtime/kernel.h"

namespace modeld {

// Where a step finds a buffer.
struct BufferRef {
  enum class Kind : uint8_t { kInput, kOutput, kConstant, kArena };
  Kind kind = Kind::kArena;
  // kInput, kOutput, kConstant: index; kArena: byte offset, a multiple of 64.
  uint64_t index = 0;
};

// One step: a kernel and its buffers.
struct ProgramStep {
  std::unique_ptr<const Kernel> kernel;
  std::vector<BufferRef> inputs;
  std::vector<BufferRef> outputs;
  // Arena offset of the kernel's scratch, where it asks for any.
  uint64_t scratch_offset = 0;
  std::string label;
};

// Immutable and shareable: any number of threads may execute one Program at once, each over an arena of its
// own (engine/runtime/executor.h). Made by ProgramBuilder.
struct Program {
  std::vector<ProgramStep> steps;
  std::vector<Region> constants;
  // Descriptors of graph inputs and outputs, in the graph's order.
  std::vector<TensorDescriptor> inputs;
  std::vector<TensorDescriptor> outputs;
  // Bytes of intermediate buffers and scratch for one execution.
  uint64_t arena_bytes = 0;
  // The most inputs, and the most outputs, that one step has.
  uint32_t max_step_buffers = 0;
  // Bytes of constants that this program holds beyond the graph's own mapped ones (packed weights).
  uint64_t packed_bytes = 0;
};

// The program's memory layout: for each step, the arena offsets of its outputs that lie there, then of its
// scratch.
std::vector<uint64_t> MemoryLayoutOf(const Program& program);

// Collects steps over single-assignment values, then plans memory: values whose lifetimes do not overlap
// share arena bytes; a graph output is written in place where nothing else forbids it. Not thread-safe.
class ProgramBuilder {
 public:
  using Value = uint32_t;

  ProgramBuilder();
  ~ProgramBuilder();

  // The graph's next input.
  Value AddInput(const TensorDescriptor& descriptor);
  // Bytes that live with the program. `packed`: they are the backend's own copy (counted in packed_bytes).
  // Copied only when they are not aligned for 8-byte elements.
  Value AddConstant(Region bytes, bool packed);
  // A buffer of `bytes` that some step writes.
  Value AddIntermediate(uint64_t bytes);
  // The same bytes as `source` under another name (a reshape).
  Value AddAlias(Value source);
  // `label` names the step in messages. Each output is written by one step only.
  void AddStep(std::unique_ptr<const Kernel> kernel, std::vector<Value> inputs, std::vector<Value> outputs,
               std::string label);
  // The graph's next output. `source` may be anything, an input, constant or an output twice included: a copy
  // is added where it cannot be written in place.
  void AddOutput(Value source, const TensorDescriptor& descriptor);

  // Plans memory, or takes an earlier program's `layout` (MemoryLayoutOf) after checking it, and ends the
  // builder. INVALID_ARGUMENT when the layout does not fit; INTERNAL when a value is read before it is
  // written, written twice or no value of this builder, or when sizes disagree; RESOURCE_EXHAUSTED when the
  // arena does not fit the address space.
  absl::StatusOr<std::unique_ptr<Program>> Build(const std::vector<uint64_t>* layout = nullptr) &&;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace modeld

#endif  // MODELD_ENGINE_RUNTIME_PROGRAM_H_
