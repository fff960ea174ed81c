#include "engine/backend/cpu/direct.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/status.h"
#include "engine/backend/cpu/loop_kernel.h"
#include "engine/backend/cpu/threads.h"

namespace modeld::cpu {
namespace {

std::unique_ptr<const Kernel> MakeContraction(int64_t batches, int64_t m, int64_t k, int64_t n, int threads) {
  return MakeLoopKernel([=](const KernelArgs& args) {
    const float* a = InputAs<float>(args, 0);
    const float* b = InputAs<float>(args, 1);
    float* out = OutputAs<float>(args);
    ParallelFor(threads, batches * m, batches * m * n, [&](int64_t begin, int64_t end) {
      // Columns are summed side by side, so that the inner loop runs along rows of b.
      constexpr int64_t kColumns = 64;
      std::array<float, kColumns> sums;
      for (int64_t row = begin; row < end; ++row) {
        const float* matrix = b + row / m * k * n;
        for (int64_t first = 0; first < n; first += kColumns) {
          const int64_t size = std::min(kColumns, n - first);
          std::fill_n(sums.begin(), size, 0.0f);
          for (int64_t i = 0; i < k; ++i) {
            const float x = a[row * k + i];
            for (int64_t j = 0; j < size; ++j) sums[j] += x * matrix[i * n + first + j];
          }
          for (int64_t j = 0; j < size; ++j) out[row * n + first + j] = sums[j];
        }
      }
    });
  });
}

struct ConvolutionPlan {
  core::Convolution op;
  std::array<int64_t, 4> in;
  std::array<int64_t, 4> filter;
  std::array<int64_t, 4> out;

  // The input position that output position `o` meets through tap `tap`, or -1.
  int64_t InputAt(int64_t o, int64_t tap, size_t axis) const {
    const int64_t reach = tap * op.dilations[axis] - int64_t{op.padding[2 * axis]};
    int64_t position = o * op.strides[axis] + reach;
    if (op.transposed) {
      // Here the input is what a convolution would give: the tap is hit from positions a stride apart.
      const int64_t scaled = o - reach;
      if (scaled < 0 || scaled % op.strides[axis] != 0) return -1;
      position = scaled / op.strides[axis];
    }
    return position >= 0 && position < in[2 + axis] ? position : -1;
  }
};

// One output element.
float ConvolveAt(const ConvolutionPlan& plan, const float* in, const float* filter, int64_t n, int64_t o,
                 int64_t h, int64_t w) {
  const int64_t groups = plan.op.groups;
  const int64_t group = o / (plan.out[1] / groups);
  const int64_t channels = plan.in[1] / groups;
  const int64_t taps = plan.filter[2] * plan.filter[3];
  float sum = 0;
  for (int64_t kh = 0; kh < plan.filter[2]; ++kh) {
    const int64_t y = plan.InputAt(h, kh, 0);
    if (y < 0) continue;
    for (int64_t kw = 0; kw < plan.filter[3]; ++kw) {
      const int64_t x = plan.InputAt(w, kw, 1);
      if (x < 0) continue;
      for (int64_t c = 0; c < channels; ++c) {
        const int64_t channel = group * channels + c;
        // Filter [O, C/groups, ..] or, transposed, [C, O/groups, ..].
        const int64_t plane =
            plan.op.transposed ? channel * plan.filter[1] + o % plan.filter[1] : o * plan.filter[1] + c;
        sum += in[((n * plan.in[1] + channel) * plan.in[2] + y) * plan.in[3] + x] *
               filter[plane * taps + kh * plan.filter[3] + kw];
      }
    }
  }
  return sum;
}

std::unique_ptr<const Kernel> MakeConvolution(const ConvolutionPlan& plan, int threads) {
  return MakeLoopKernel([plan, threads](const KernelArgs& args) {
    const float* in = InputAs<float>(args, 0);
    const float* filter = InputAs<float>(args, 1);
    float* out = OutputAs<float>(args);
    const int64_t rows = plan.out[0] * plan.out[1] * plan.out[2];
    const int64_t work = rows * plan.out[3] * plan.filter[1];
    ParallelFor(threads, rows, work, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t h = row % plan.out[2];
        const int64_t o = row / plan.out[2] % plan.out[1];
        const int64_t n = row / plan.out[2] / plan.out[1];
        for (int64_t w = 0; w < plan.out[3]; ++w) {
          out[row * plan.out[3] + w] = ConvolveAt(plan, in, filter, n, o, h, w);
        }
      }
    });
  });
}

}  // namespace

absl::Status EmitDirect(Emitter& emitter, const core::Node& node, const core::Contraction&) {
  MODELD_ASSIGN_OR_RETURN(const ProgramBuilder::Value a, emitter.Plain(node.inputs[0]));
  MODELD_ASSIGN_OR_RETURN(const ProgramBuilder::Value b, emitter.Plain(node.inputs[1]));
  const Shape& shape = emitter.shape(node.outputs[0]);
  const int64_t m = shape[shape.size() - 2];
  const int64_t n = shape.back();
  const int64_t k = emitter.shape(node.inputs[0]).back();
  const int64_t batches = static_cast<int64_t>(emitter.descriptor(node.outputs[0]).ElementCount()) / (m * n);
  emitter.Step(MakeContraction(batches, m, k, n, emitter.threads()), {a, b},
               emitter.DefinePlain(node.outputs[0]));
  return absl::OkStatus();
}

absl::Status EmitDirect(Emitter& emitter, const core::Node& node, const core::Convolution& op) {
  MODELD_ASSIGN_OR_RETURN(const ProgramBuilder::Value input, emitter.Plain(node.inputs[0]));
  MODELD_ASSIGN_OR_RETURN(const ProgramBuilder::Value filter, emitter.Plain(node.inputs[1]));
  ConvolutionPlan plan{.op = op, .in = {}, .filter = {}, .out = {}};
  std::ranges::copy(emitter.shape(node.inputs[0]), plan.in.begin());
  std::ranges::copy(emitter.shape(node.inputs[1]), plan.filter.begin());
  std::ranges::copy(emitter.shape(node.outputs[0]), plan.out.begin());
  emitter.Step(MakeConvolution(plan, emitter.threads()), {input, filter},
               emitter.DefinePlain(node.outputs[0]));
  return absl::OkStatus();
}

}  // namespace modeld::cpu
