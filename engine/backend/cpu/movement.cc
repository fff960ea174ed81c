// Operations that move elements and compute nothing. In the layout of their (first) input, where that is
// known.
#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "base/status.h"
#include "engine/backend/cpu/copy.h"
#include "engine/backend/cpu/element.h"
#include "engine/backend/cpu/emit.h"
#include "engine/backend/cpu/loop_kernel.h"

namespace modeld::cpu {
namespace {

std::vector<int64_t> PlainStrides(const Shape& dims) {
  return StridesOf(dims, PlainLayout(dims.size()));
}

// `value`, converted to the type as a cast would.
uint64_t BitsOf(DataType type, double value) {
  return DispatchType(type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = Compute<T>;
    C converted = 0;
    if constexpr (std::is_integral_v<C>) {
      // Saturating, as an integer constant beyond its type has no other meaning.
      constexpr auto kMax = static_cast<double>(std::numeric_limits<C>::max());
      constexpr auto kMin = static_cast<double>(std::numeric_limits<C>::min());
      if (value >= kMax) {
        converted = std::numeric_limits<C>::max();
      } else if (value <= kMin) {
        converted = std::numeric_limits<C>::min();
      } else if (value == value) {
        converted = static_cast<C>(value);
      }
    } else {
      converted = static_cast<C>(value);
    }
    const T stored = Store<T>(converted);
    uint64_t bits = 0;
    std::memcpy(&bits, &stored, sizeof(stored));
    return bits;
  });
}

std::unique_ptr<const Kernel> MakeConstantPadKernel(DataType type, const StridedCopy& interior, int64_t count,
                                                    uint64_t value_bits, int threads) {
  return DispatchSize(type, [&](auto tag) -> std::unique_ptr<const Kernel> {
    using T = typename decltype(tag)::type;
    return MakeLoopKernel([=, value = static_cast<T>(value_bits)](const KernelArgs& args) {
      T* out = OutputAs<T>(args);
      ParallelFor(threads, count, count,
                  [&](int64_t begin, int64_t end) { std::fill(out + begin, out + end, value); });
      interior.Run(InputAs<T>(args, 0), out, threads);
    });
  });
}

// The input's index for each output index along one dimension.
std::vector<int64_t> PadTable(core::PadMode mode, int64_t size, int64_t before, int64_t output_size,
                              int64_t stride) {
  std::vector<int64_t> table(output_size);
  for (int64_t o = 0; o < output_size; ++o) {
    int64_t i = o - before;
    if (mode == core::PadMode::kReflection && size > 1) {
      // A walk to and fro over [0, size) without repeating its ends.
      const int64_t period = 2 * (size - 1);
      i = ((i % period) + period) % period;
      i = i < size ? i : period - i;
    } else if (mode == core::PadMode::kSymmetric) {
      // The same walk with its ends repeated.
      const int64_t period = 2 * size;
      i = ((i % period) + period) % period;
      i = i < size ? i : period - 1 - i;
    }
    table[o] = std::clamp<int64_t>(i, 0, size - 1) * stride;
  }
  return table;
}

// out[o0, o1, ...] = in[tables[0][o0] + tables[1][o1] + ...].
std::unique_ptr<const Kernel> MakeTablePadKernel(DataType type, std::vector<std::vector<int64_t>> tables,
                                                 int threads) {
  int64_t rows = 1;
  for (size_t d = 0; d + 1 < tables.size(); ++d) rows *= static_cast<int64_t>(tables[d].size());
  return DispatchSize(type, [&](auto tag) -> std::unique_ptr<const Kernel> {
    using T = typename decltype(tag)::type;
    return MakeLoopKernel([=, tables = std::move(tables)](const KernelArgs& args) {
      const T* in = InputAs<T>(args, 0);
      T* out = OutputAs<T>(args);
      const std::vector<int64_t>& last = tables.back();
      const auto length = static_cast<int64_t>(last.size());
      ParallelFor(threads, rows, rows * length, [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          int64_t offset = 0;
          int64_t position = row;
          for (size_t d = tables.size() - 1; d-- > 0;) {
            const auto size = static_cast<int64_t>(tables[d].size());
            offset += tables[d][position % size];
            position /= size;
          }
          for (int64_t i = 0; i < length; ++i) out[row * length + i] = in[offset + last[i]];
        }
      });
    });
  });
}

}  // namespace

absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Pad& op) {
  const core::ValueId input = node.inputs[0];
  const core::ValueId output = node.outputs[0];
  MODELD_ASSIGN_OR_RETURN(const Form form, emitter.Preferred(input));
  if (form.layout.empty()) {
    emitter.DefineAlias(output, form.value, form.layout);
    return absl::OkStatus();
  }
  const Shape in_dims = PhysicalShape(emitter.shape(input), form.layout);
  const Shape out_dims = PhysicalShape(emitter.shape(output), form.layout);
  const std::vector<uint32_t> before = ToPhysical<uint32_t>(op.before, form.layout);
  const std::vector<int64_t> in_strides = PlainStrides(in_dims);
  const std::vector<int64_t> out_strides = PlainStrides(out_dims);
  std::unique_ptr<const Kernel> kernel;
  if (op.mode == core::PadMode::kConstant) {
    StridedView interior{out_strides, 0};
    for (size_t d = 0; d < before.size(); ++d) interior.offset += int64_t{before[d]} * out_strides[d];
    kernel = MakeConstantPadKernel(emitter.type(input), StridedCopy(in_dims, interior, {in_strides, 0}),
                                   static_cast<int64_t>(emitter.descriptor(output).ElementCount()),
                                   BitsOf(emitter.type(input), op.value), emitter.threads());
  } else {
    std::vector<std::vector<int64_t>> tables;
    for (size_t d = 0; d < before.size(); ++d) {
      tables.push_back(PadTable(op.mode, in_dims[d], before[d], out_dims[d], in_strides[d]));
    }
    kernel = MakeTablePadKernel(emitter.type(input), std::move(tables), emitter.threads());
  }
  emitter.Step(std::move(kernel), {form.value}, emitter.Define(output, form.layout));
  return absl::OkStatus();
}

absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Slice& op) {
  const core::ValueId input = node.inputs[0];
  const core::ValueId output = node.outputs[0];
  MODELD_ASSIGN_OR_RETURN(const Form form, emitter.Preferred(input));
  const std::vector<int64_t> in_strides = StridesOf(emitter.shape(input), form.layout);
  StridedView view;
  for (size_t d = 0; d < op.starts.size(); ++d) view.offset += int64_t{op.starts[d]} * in_strides[d];
  for (uint8_t d : form.layout) view.strides.push_back(in_strides[d] * int64_t{op.strides[d]});
  const Shape dims = PhysicalShape(emitter.shape(output), form.layout);
  emitter.Step(MakeCopyKernel(emitter.type(input), dims, {PlainStrides(dims), 0}, view, emitter.threads()),
               {form.value}, emitter.Define(output, form.layout));
  return absl::OkStatus();
}

absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Concat& op) {
  const core::ValueId output = node.outputs[0];
  const Layout layout = emitter.PreferredLayout(node.inputs[0]);
  const size_t axis = PhysicalIndex(layout, op.axis);
  const std::vector<int64_t> out_strides = PlainStrides(PhysicalShape(emitter.shape(output), layout));
  std::vector<ProgramBuilder::Value> inputs;
  std::vector<StridedCopy> copies;
  int64_t position = 0;
  for (core::ValueId input : node.inputs) {
    MODELD_ASSIGN_OR_RETURN(const ProgramBuilder::Value value, emitter.In(input, layout));
    inputs.push_back(value);
    const Shape dims = PhysicalShape(emitter.shape(input), layout);
    copies.emplace_back(dims, StridedView{out_strides, position * out_strides[axis]},
                        StridedView{PlainStrides(dims), 0});
    position += dims[axis];
  }
  std::unique_ptr<const Kernel> kernel =
      DispatchSize(emitter.type(output), [&](auto tag) -> std::unique_ptr<const Kernel> {
        using T = typename decltype(tag)::type;
        return MakeLoopKernel([copies, threads = emitter.threads()](const KernelArgs& args) {
          for (size_t i = 0; i < copies.size(); ++i)
            copies[i].Run(InputAs<T>(args, i), OutputAs<T>(args), threads);
        });
      });
  emitter.Step(std::move(kernel), std::move(inputs), emitter.Define(output, layout));
  return absl::OkStatus();
}

absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Transpose& op) {
  MODELD_ASSIGN_OR_RETURN(const Form form, emitter.Preferred(node.inputs[0]));
  emitter.DefineAlias(node.outputs[0], form.value, TransposedLayout(form.layout, op.permutation));
  return absl::OkStatus();
}

absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Reshape&) {
  MODELD_ASSIGN_OR_RETURN(const ProgramBuilder::Value value, emitter.Plain(node.inputs[0]));
  const core::ValueId output = node.outputs[0];
  emitter.DefineAlias(output, value, PlainLayout(emitter.shape(output).size()));
  return absl::OkStatus();
}

absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Broadcast&) {
  emitter.DefineBroadcast(node.outputs[0], node.inputs[0]);
  return absl::OkStatus();
}

}  // namespace modeld::cpu
