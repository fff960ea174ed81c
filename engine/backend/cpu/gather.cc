// Gather and scatter: indices are data, so they are clamped before anything is read or written through them.
#include <algorithm>
#include <utility>

#include "base/status.h"
#include "engine/backend/cpu/element.h"
#include "engine/backend/cpu/emit.h"
#include "engine/backend/cpu/loop_kernel.h"
#include "engine/backend/cpu/threads.h"

namespace modeld::cpu {
namespace {

// output[outer, i, inner] = data[outer, index(i), inner].
struct GatherPlan {
  int64_t outer;
  int64_t axis_size;
  int64_t indices;
  int64_t inner;
};

// A negative index counts from the end; then it is clamped.
template <typename Index>
int64_t ResolveIndex(Index index, int64_t size) {
  auto value = static_cast<int64_t>(index);
  if (value < 0) value += size;
  return std::clamp<int64_t>(value, 0, size - 1);
}

template <typename T, typename Index>
std::unique_ptr<const Kernel> MakeGatherKernel(const GatherPlan& plan, int threads) {
  return MakeLoopKernel([plan, threads](const KernelArgs& args) {
    const T* data = InputAs<T>(args, 0);
    const Index* indices = InputAs<Index>(args, 1);
    T* out = OutputAs<T>(args);
    const int64_t blocks = plan.outer * plan.indices;
    ParallelFor(threads, blocks, blocks * plan.inner, [&](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) {
        const int64_t at = ResolveIndex(indices[block % plan.indices], plan.axis_size);
        const int64_t from = block / plan.indices * plan.axis_size + at;
        if (plan.inner == 1) {
          out[block] = data[from];
        } else {
          std::copy_n(data + from * plan.inner, plan.inner, out + block * plan.inner);
        }
      }
    });
  });
}

// output = data [rows, inner], then output[index(i)] = updates[i] for each of `indices`.
struct ScatterPlan {
  int64_t rows;
  int64_t inner;
  int64_t indices;
};

// Each thread owns a range of rows and looks through all indices for those that hit it: whatever the number
// of threads, the last of several updates of a row wins.
template <typename T, typename Index>
std::unique_ptr<const Kernel> MakeScatterKernel(const ScatterPlan& plan, int threads) {
  return MakeLoopKernel([plan, threads](const KernelArgs& args) {
    const T* data = InputAs<T>(args, 0);
    const Index* indices = InputAs<Index>(args, 1);
    const T* updates = InputAs<T>(args, 2);
    T* out = OutputAs<T>(args);
    ParallelFor(threads, plan.rows, (plan.rows + plan.indices) * plan.inner, [&](int64_t begin, int64_t end) {
      std::copy(data + begin * plan.inner, data + end * plan.inner, out + begin * plan.inner);
      for (int64_t i = 0; i < plan.indices; ++i) {
        const int64_t row = ResolveIndex(indices[i], plan.rows);
        if (row < begin || row >= end) continue;
        std::copy_n(updates + i * plan.inner, plan.inner, out + row * plan.inner);
      }
    });
  });
}

// Returns f(TypeTag<Index>{}) for the C++ type of an index tensor's elements.
template <typename F>
auto DispatchIndex(DataType type, F&& f) {
  switch (type) {
    case DataType::kInt64:
      return f(TypeTag<int64_t>{});
    case DataType::kUint32:
      return f(TypeTag<uint32_t>{});
    default:
      return f(TypeTag<int32_t>{});
  }
}

}  // namespace

absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Gather& op) {
  const core::ValueId data = node.inputs[0];
  const core::ValueId indices = node.inputs[1];
  MODELD_ASSIGN_OR_RETURN(const ProgramBuilder::Value data_value, emitter.Plain(data));
  MODELD_ASSIGN_OR_RETURN(const ProgramBuilder::Value index_value, emitter.Plain(indices));
  const Shape& shape = emitter.shape(data);
  GatherPlan plan{1, shape[op.axis], static_cast<int64_t>(emitter.descriptor(indices).ElementCount()), 1};
  for (size_t d = 0; d < op.axis; ++d) plan.outer *= shape[d];
  for (size_t d = op.axis + 1; d < shape.size(); ++d) plan.inner *= shape[d];
  std::unique_ptr<const Kernel> kernel = DispatchSize(emitter.type(data), [&](auto tag) {
    return DispatchIndex(emitter.type(indices), [&](auto index) {
      return MakeGatherKernel<typename decltype(tag)::type, typename decltype(index)::type>(
          plan, emitter.threads());
    });
  });
  emitter.Step(std::move(kernel), {data_value, index_value}, emitter.DefinePlain(node.outputs[0]));
  return absl::OkStatus();
}

absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Scatter&) {
  const core::ValueId data = node.inputs[0];
  const core::ValueId indices = node.inputs[1];
  std::vector<ProgramBuilder::Value> inputs;
  for (core::ValueId input : node.inputs) {
    MODELD_ASSIGN_OR_RETURN(inputs.emplace_back(), emitter.Plain(input));
  }
  const auto count = [&](core::ValueId id) {
    return static_cast<int64_t>(emitter.descriptor(id).ElementCount());
  };
  const int64_t rows = emitter.shape(data)[0];
  const ScatterPlan plan{rows, count(data) / rows, count(indices)};
  std::unique_ptr<const Kernel> kernel = DispatchSize(emitter.type(data), [&](auto tag) {
    return DispatchIndex(emitter.type(indices), [&](auto index) {
      return MakeScatterKernel<typename decltype(tag)::type, typename decltype(index)::type>(
          plan, emitter.threads());
    });
  });
  emitter.Step(std::move(kernel), std::move(inputs), emitter.DefinePlain(node.outputs[0]));
  return absl::OkStatus();
}

}  // namespace modeld::cpu
