// Gather: indices are data, so they are clamped before anything is read through them.
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

template <typename T>
std::unique_ptr<const Kernel> MakeGatherKernelOf(DataType index_type, const GatherPlan& plan, int threads) {
  switch (index_type) {
    case DataType::kInt64:
      return MakeGatherKernel<T, int64_t>(plan, threads);
    case DataType::kUint32:
      return MakeGatherKernel<T, uint32_t>(plan, threads);
    default:
      return MakeGatherKernel<T, int32_t>(plan, threads);
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
    return MakeGatherKernelOf<typename decltype(tag)::type>(emitter.type(indices), plan, emitter.threads());
  });
  emitter.Step(std::move(kernel), {data_value, index_value}, emitter.DefinePlain(node.outputs[0]));
  return absl::OkStatus();
}

}  // namespace modeld::cpu
