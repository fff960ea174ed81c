#include "engine/runtime/program.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/runtime/memory_plan.h"

namespace modeld {
namespace {

constexpr uint32_t kNobody = std::numeric_limits<uint32_t>::max();

// Fills a graph output whose bytes could not be computed in place.
class CopyKernel : public Kernel {
 public:
  explicit CopyKernel(uint64_t bytes) : bytes_(bytes) {}
  absl::Status Run(const KernelArgs& args) const override {
    std::memcpy(args.outputs[0], args.inputs[0], bytes_);
    return absl::OkStatus();
  }

 private:
  const uint64_t bytes_;
};

// What a value is; an alias shares the Storage of its source.
struct Storage {
  BufferRef::Kind kind = BufferRef::Kind::kArena;
  // As BufferRef::index; for kArena filled by the memory plan.
  uint64_t index = 0;
  uint64_t bytes = 0;
  uint32_t writer = kNobody;
  uint32_t last_step = 0;
};

struct Step {
  std::unique_ptr<const Kernel> kernel;
  std::vector<ProgramBuilder::Value> inputs;
  std::vector<ProgramBuilder::Value> outputs;
  std::string label;
};

uint64_t BytesOf(const TensorDescriptor& descriptor) {
  const auto bytes = descriptor.ByteSize();
  return bytes.ok() ? *bytes : 0;
}

}  // namespace

std::vector<uint64_t> MemoryLayoutOf(const Program& program) {
  std::vector<uint64_t> layout;
  for (const ProgramStep& step : program.steps) {
    for (const BufferRef& output : step.outputs) {
      if (output.kind == BufferRef::Kind::kArena) layout.push_back(output.index);
    }
    if (step.kernel->scratch_bytes() > 0) layout.push_back(step.scratch_offset);
  }
  return layout;
}

struct ProgramBuilder::State {
  std::vector<Storage> storages;
  // Value -> storage; kNobody for an alias of no value, which Build reports.
  std::vector<uint32_t> values;
  std::vector<Step> steps;
  std::vector<std::pair<Value, TensorDescriptor>> outputs;
  std::unique_ptr<Program> program = std::make_unique<Program>();

  Value Add(Storage storage) {
    storages.push_back(storage);
    values.push_back(static_cast<uint32_t>(storages.size() - 1));
    return static_cast<Value>(values.size() - 1);
  }

  absl::StatusOr<uint32_t> StorageOf(Value value, absl::string_view who) const {
    if (value >= values.size() || values[value] == kNobody) {
      return absl::InternalError(absl::StrCat(who, ": value ", value, " is not of this program"));
    }
    return values[value];
  }

  absl::Status CheckSteps();
  absl::Status BindOutputs();
  absl::Status PlanArena(const std::vector<uint64_t>* layout);
  BufferRef RefOf(Value value) const {
    const Storage& storage = storages[values[value]];
    return {storage.kind, storage.index};
  }
};

ProgramBuilder::ProgramBuilder() : state_(std::make_unique<State>()) {}
ProgramBuilder::~ProgramBuilder() = default;

ProgramBuilder::Value ProgramBuilder::AddInput(const TensorDescriptor& descriptor) {
  state_->program->inputs.push_back(descriptor);
  return state_->Add({BufferRef::Kind::kInput, state_->program->inputs.size() - 1, BytesOf(descriptor)});
}

ProgramBuilder::Value ProgramBuilder::AddConstant(Region bytes, bool packed) {
  if (reinterpret_cast<uintptr_t>(bytes.bytes().data()) % alignof(uint64_t) != 0) {
    bytes = Region::Copy(bytes.bytes());
    packed = true;
  }
  if (packed) state_->program->packed_bytes += bytes.size();
  const uint64_t size = bytes.size();
  state_->program->constants.push_back(std::move(bytes));
  return state_->Add({BufferRef::Kind::kConstant, state_->program->constants.size() - 1, size});
}

ProgramBuilder::Value ProgramBuilder::AddIntermediate(uint64_t bytes) {
  return state_->Add({BufferRef::Kind::kArena, 0, bytes});
}

ProgramBuilder::Value ProgramBuilder::AddAlias(Value source) {
  state_->values.push_back(source < state_->values.size() ? state_->values[source] : kNobody);
  return static_cast<Value>(state_->values.size() - 1);
}

void ProgramBuilder::AddStep(std::unique_ptr<const Kernel> kernel, std::vector<Value> inputs,
                             std::vector<Value> outputs, std::string label) {
  state_->steps.push_back({std::move(kernel), std::move(inputs), std::move(outputs), std::move(label)});
}

void ProgramBuilder::AddOutput(Value source, const TensorDescriptor& descriptor) {
  state_->program->outputs.push_back(descriptor);
  state_->outputs.emplace_back(source, descriptor);
}

// Finds each storage's writer and last reader.
absl::Status ProgramBuilder::State::CheckSteps() {
  for (uint32_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    for (Value value : step.inputs) {
      MODELD_ASSIGN_OR_RETURN(const uint32_t index, StorageOf(value, step.label));
      Storage& storage = storages[index];
      if (storage.kind == BufferRef::Kind::kArena && storage.writer == kNobody) {
        return absl::InternalError(
            absl::StrCat(step.label, ": value ", value, " is read before it is written"));
      }
      storage.last_step = i;
    }
    for (Value value : step.outputs) {
      MODELD_ASSIGN_OR_RETURN(const uint32_t index, StorageOf(value, step.label));
      Storage& storage = storages[index];
      if (storage.kind != BufferRef::Kind::kArena || storage.writer != kNobody) {
        return absl::InternalError(absl::StrCat(step.label, ": value ", value, " is written a second time"));
      }
      storage.writer = i;
      storage.last_step = i;
    }
  }
  return absl::OkStatus();
}

// Gives each graph output to the value that becomes it, or to a copy at the end.
absl::Status ProgramBuilder::State::BindOutputs() {
  for (uint64_t i = 0; i < outputs.size(); ++i) {
    const auto& [source, descriptor] = outputs[i];
    const std::string who = absl::StrCat("output ", i);
    MODELD_ASSIGN_OR_RETURN(const uint32_t index, StorageOf(source, who));
    Storage& storage = storages[index];
    const uint64_t bytes = BytesOf(descriptor);
    if (bytes == 0 || bytes != storage.bytes) {
      return absl::InternalError(absl::StrCat(who, ": ", descriptor.ToString(), " takes ", bytes,
                                              " bytes, its value has ", storage.bytes));
    }
    if (storage.kind == BufferRef::Kind::kArena) {
      if (storage.writer == kNobody) return absl::InternalError(absl::StrCat(who, ": is never written"));
      storage.kind = BufferRef::Kind::kOutput;
      storage.index = i;
      continue;
    }
    const Value copy = Add({BufferRef::Kind::kOutput, i, bytes, static_cast<uint32_t>(steps.size())});
    steps.push_back({std::make_unique<CopyKernel>(bytes), {source}, {copy}, absl::StrCat("copy to ", who)});
  }
  return absl::OkStatus();
}

// Places what is left in the arena, and the kernels' scratch: in MemoryLayoutOf's order.
absl::Status ProgramBuilder::State::PlanArena(const std::vector<uint64_t>* layout) {
  std::vector<BufferLifetime> lifetimes;
  std::vector<uint64_t*> offsets;
  program->steps.resize(steps.size());
  for (uint32_t i = 0; i < steps.size(); ++i) {
    for (Value value : steps[i].outputs) {
      Storage& storage = storages[values[value]];
      if (storage.kind != BufferRef::Kind::kArena) continue;
      lifetimes.push_back({storage.bytes, storage.writer, storage.last_step});
      offsets.push_back(&storage.index);
    }
    const uint64_t scratch = steps[i].kernel->scratch_bytes();
    if (scratch == 0) continue;
    lifetimes.push_back({scratch, i, i});
    offsets.push_back(&program->steps[i].scratch_offset);
  }
  MODELD_ASSIGN_OR_RETURN(const MemoryPlan plan,
                          layout == nullptr ? PlanMemory(lifetimes) : CheckMemory(lifetimes, *layout));
  for (size_t i = 0; i < offsets.size(); ++i) *offsets[i] = plan.offsets[i];
  program->arena_bytes = plan.total_bytes;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Program>> ProgramBuilder::Build(const std::vector<uint64_t>* layout) && {
  const std::unique_ptr<State> state = std::move(state_);
  MODELD_RETURN_IF_ERROR(state->CheckSteps());
  MODELD_RETURN_IF_ERROR(state->BindOutputs());
  MODELD_RETURN_IF_ERROR(state->PlanArena(layout));
  Program& program = *state->program;
  for (size_t i = 0; i < state->steps.size(); ++i) {
    Step& from = state->steps[i];
    ProgramStep& to = program.steps[i];
    to.kernel = std::move(from.kernel);
    to.label = std::move(from.label);
    for (Value value : from.inputs) to.inputs.push_back(state->RefOf(value));
    for (Value value : from.outputs) to.outputs.push_back(state->RefOf(value));
    const size_t most = std::max(to.inputs.size(), to.outputs.size());
    program.max_step_buffers = std::max(program.max_step_buffers, static_cast<uint32_t>(most));
  }
  return std::move(state->program);
}

}  // namespace modeld
