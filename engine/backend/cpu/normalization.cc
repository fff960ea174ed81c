#include "engine/backend/cpu/normalization.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "engine/backend/cpu/attributes.h"
#include "engine/backend/cpu/loop_kernel.h"
#include "engine/backend/cpu/threads.h"
#include "engine/backend/cpu/vector_math.h"

namespace modeld::cpu {
namespace {

// Memory as [outer, length, inner]; the statistics run over `length`.
struct Extents {
  int64_t outer = 1;
  int64_t length = 1;
  int64_t inner = 1;
  int64_t elements() const { return outer * length * inner; }
};

// Neighbouring columns that are worked on together where inner > 1: a few cache lines of each row.
constexpr int64_t kColumns = 64;

// Calls body(offset of the first element, its column, columns) for blocks of columns.
template <typename Body>
void ForEachColumnBlock(const Extents& extents, int threads, const Body& body) {
  const int64_t blocks = (extents.inner + kColumns - 1) / kColumns;
  ParallelFor(threads, extents.outer * blocks, extents.elements(), [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t column = unit % blocks * kColumns;
      body(unit / blocks * extents.length * extents.inner + column, column,
           std::min(kColumns, extents.inner - column));
    }
  });
}

void SoftmaxRow(const float* in, float* out, int64_t n) {
  const float sum = VectorExpShifted(in, out, n, VectorMax(in, n));
  const float scale = 1.0f / sum;
  for (int64_t i = 0; i < n; ++i) out[i] *= scale;
}

void SoftmaxColumns(const float* in, float* out, const Extents& extents, int64_t columns) {
  std::array<float, kColumns> maxima;
  std::array<float, kColumns> sums{};
  std::copy_n(in, columns, maxima.begin());
  for (int64_t row = 1; row < extents.length; ++row) {
    const float* x = in + row * extents.inner;
    for (int64_t i = 0; i < columns; ++i) maxima[i] = (x[i] > maxima[i]) | (x[i] != x[i]) ? x[i] : maxima[i];
  }
  for (int64_t row = 0; row < extents.length; ++row) {
    const float* x = in + row * extents.inner;
    float* y = out + row * extents.inner;
    for (int64_t i = 0; i < columns; ++i) y[i] = x[i] - maxima[i];
    VectorExp(y, y, columns, 0, 0);
    for (int64_t i = 0; i < columns; ++i) sums[i] += y[i];
  }
  for (int64_t row = 0; row < extents.length; ++row) {
    float* y = out + row * extents.inner;
    for (int64_t i = 0; i < columns; ++i) y[i] /= sums[i];
  }
}

// Which element of scale and bias belongs to element (outer, i) of a row.
enum class Parameters : uint8_t { kPerElement, kPerOuter };

// The inputs beside x: their positions in KernelArgs, or 0 where they are not set.
struct NormalizePlan {
  Extents extents;
  float epsilon;
  Parameters parameters = Parameters::kPerElement;
  // kPerOuter: outer runs over batches and these.
  int64_t channels = 1;
  size_t bias = 0;
  size_t scale = 0;
};

// Scale and bias in one execution; null where they are not set.
struct NormalizeOperands {
  const float* scale;
  const float* bias;

  NormalizeOperands(const NormalizePlan& plan, const KernelArgs& args)
      : scale(plan.scale == 0 ? nullptr : InputAs<float>(args, plan.scale)),
        bias(plan.bias == 0 ? nullptr : InputAs<float>(args, plan.bias)) {}
};

void NormalizeRow(const NormalizePlan& plan, const NormalizeOperands& operands, const float* x, float* y,
                  int64_t outer) {
  const int64_t n = plan.extents.length;
  const float mean = static_cast<float>(VectorSum(x, n) / static_cast<double>(n));
  const double variance = VectorSquaredDeviations(x, n, mean) / static_cast<double>(n);
  const float deviation = std::sqrt(static_cast<float>(variance) + plan.epsilon);
  for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - mean) / deviation;
  if (plan.parameters == Parameters::kPerElement) {
    if (operands.scale != nullptr) {
      for (int64_t i = 0; i < n; ++i) y[i] *= operands.scale[i];
    }
    if (operands.bias != nullptr) {
      for (int64_t i = 0; i < n; ++i) y[i] += operands.bias[i];
    }
    return;
  }
  const int64_t channel = outer % plan.channels;
  const float scale = operands.scale == nullptr ? 1.0f : operands.scale[channel];
  const float bias = operands.bias == nullptr ? 0.0f : operands.bias[channel];
  for (int64_t i = 0; i < n; ++i) y[i] = y[i] * scale + bias;
}

// Columns are channels.
void NormalizeColumns(const NormalizePlan& plan, const NormalizeOperands& operands, const float* in,
                      float* out, int64_t first, int64_t columns) {
  const int64_t stride = plan.extents.inner;
  const auto n = static_cast<double>(plan.extents.length);
  std::array<double, kColumns> sums{};
  std::array<float, kColumns> means;
  for (int64_t row = 0; row < plan.extents.length; ++row) {
    for (int64_t i = 0; i < columns; ++i) sums[i] += in[row * stride + i];
  }
  for (int64_t i = 0; i < columns; ++i) means[i] = static_cast<float>(sums[i] / n);
  sums.fill(0);
  for (int64_t row = 0; row < plan.extents.length; ++row) {
    for (int64_t i = 0; i < columns; ++i) {
      const float deviation = in[row * stride + i] - means[i];
      sums[i] += deviation * deviation;
    }
  }
  // Not scale / deviation as one factor: that overflows where the result does not.
  std::array<float, kColumns> deviations;
  std::array<float, kColumns> scales;
  std::array<float, kColumns> biases;
  for (int64_t i = 0; i < columns; ++i) {
    deviations[i] = std::sqrt(static_cast<float>(sums[i] / n) + plan.epsilon);
    scales[i] = operands.scale == nullptr ? 1.0f : operands.scale[first + i];
    biases[i] = operands.bias == nullptr ? 0.0f : operands.bias[first + i];
  }
  for (int64_t row = 0; row < plan.extents.length; ++row) {
    for (int64_t i = 0; i < columns; ++i) {
      out[row * stride + i] = (in[row * stride + i] - means[i]) / deviations[i] * scales[i] + biases[i];
    }
  }
}

std::unique_ptr<const Kernel> MakeNormalizeKernel(const NormalizePlan& plan, int threads) {
  return MakeLoopKernel([plan, threads](const KernelArgs& args) {
    const float* in = InputAs<float>(args, 0);
    float* out = OutputAs<float>(args);
    const NormalizeOperands operands(plan, args);
    if (plan.extents.inner > 1) {
      ForEachColumnBlock(plan.extents, threads, [&](int64_t offset, int64_t column, int64_t columns) {
        NormalizeColumns(plan, operands, in + offset, out + offset, column, columns);
      });
      return;
    }
    const int64_t n = plan.extents.length;
    ParallelFor(threads, plan.extents.outer, plan.extents.elements(), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        NormalizeRow(plan, operands, in + row * n, out + row * n, row);
    });
  });
}

// Adds the step; scale and bias follow x in the node's inputs, in the order of their names.
absl::Status EmitNormalize(Emitter& emitter, const core::Node& node, const Operation& operation,
                           ProgramBuilder::Value input, const Layout& layout, NormalizePlan plan) {
  plan.epsilon = FloatAttributeOf(operation, "epsilon");
  std::vector<ProgramBuilder::Value> inputs = {input};
  const auto add = [&](absl::string_view name, size_t& position) -> absl::Status {
    if (!HasOperand(operation, name)) return absl::OkStatus();
    position = inputs.size();
    MODELD_ASSIGN_OR_RETURN(const ProgramBuilder::Value value, emitter.Plain(node.inputs[position]));
    inputs.push_back(value);
    return absl::OkStatus();
  };
  MODELD_RETURN_IF_ERROR(add("bias", plan.bias));
  MODELD_RETURN_IF_ERROR(add("scale", plan.scale));
  emitter.Step(MakeNormalizeKernel(plan, emitter.threads()), std::move(inputs),
               emitter.Define(node.outputs[0], layout));
  return absl::OkStatus();
}

std::vector<int64_t> AxesOf(const Operation& operation) {
  return AttributeOr<std::vector<int64_t>>(operation, "axes", {});
}

}  // namespace

absl::Status EmitSoftmax(Emitter& emitter, const core::Node& node, const Operation& operation) {
  const core::ValueId input = node.inputs[0];
  MODELD_ASSIGN_OR_RETURN(const Form form, emitter.Preferred(input));
  const Shape dims = PhysicalShape(emitter.shape(input), form.layout);
  const size_t axis =
      PhysicalIndex(form.layout, static_cast<size_t>(AttributeOr<int64_t>(operation, "axis", 0)));
  Extents extents{.outer = 1, .length = dims[axis], .inner = 1};
  for (size_t d = 0; d < axis; ++d) extents.outer *= dims[d];
  for (size_t d = axis + 1; d < dims.size(); ++d) extents.inner *= dims[d];
  std::unique_ptr<const Kernel> kernel =
      MakeLoopKernel([extents, threads = emitter.threads()](const KernelArgs& args) {
        const float* in = InputAs<float>(args, 0);
        float* out = OutputAs<float>(args);
        if (extents.inner > 1) {
          ForEachColumnBlock(extents, threads, [&](int64_t offset, int64_t, int64_t columns) {
            SoftmaxColumns(in + offset, out + offset, extents, columns);
          });
          return;
        }
        const int64_t n = extents.length;
        ParallelFor(threads, extents.outer, extents.elements(), [&](int64_t begin, int64_t end) {
          for (int64_t row = begin; row < end; ++row) SoftmaxRow(in + row * n, out + row * n, n);
        });
      });
  emitter.Step(std::move(kernel), {form.value}, emitter.Define(node.outputs[0], form.layout));
  return absl::OkStatus();
}

bool ClaimsLayerNormalization(const modeld::Graph& graph, const Operation& operation) {
  const TensorDescriptor& input = graph.descriptor(operation.inputs[0]);
  const std::vector<int64_t> axes = AxesOf(operation);
  if (input.data_type != DataType::kFloat32 || axes.empty()) return false;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] != static_cast<int64_t>(input.shape.size() - axes.size() + i)) return false;
  }
  return true;
}

absl::Status EmitLayerNormalization(Emitter& emitter, const core::Node& node, const Operation& operation) {
  const core::ValueId input = node.inputs[0];
  MODELD_ASSIGN_OR_RETURN(const ProgramBuilder::Value value, emitter.Plain(input));
  const Shape& shape = emitter.shape(input);
  NormalizePlan plan{.extents = {}, .epsilon = 0};
  const size_t first = shape.size() - AxesOf(operation).size();
  for (size_t d = 0; d < shape.size(); ++d)
    (d < first ? plan.extents.outer : plan.extents.length) *= shape[d];
  return EmitNormalize(emitter, node, operation, value, PlainLayout(shape.size()), plan);
}

absl::Status EmitInstanceNormalization(Emitter& emitter, const core::Node& node, const Operation& operation) {
  const core::ValueId input = node.inputs[0];
  const Shape& shape = emitter.shape(input);
  const bool nchw = AttributeOr<std::string>(operation, "layout", "nchw") == "nchw";
  const Layout channels_last = nchw ? ChannelsLast() : PlainLayout(4);
  const Layout channels_first = nchw ? PlainLayout(4) : Layout{0, 3, 1, 2};
  const bool first = SameBytes(shape, emitter.PreferredLayout(input), channels_first);
  const Layout& layout = first ? channels_first : channels_last;
  MODELD_ASSIGN_OR_RETURN(const ProgramBuilder::Value value, emitter.In(input, layout));
  const int64_t batches = shape[0];
  const int64_t channels = shape[nchw ? 1 : 3];
  const int64_t pixels = int64_t{shape[nchw ? 2 : 1]} * shape[nchw ? 3 : 2];
  NormalizePlan plan{
      .extents = {batches, pixels, channels}, .epsilon = 0, .parameters = Parameters::kPerOuter};
  plan.channels = channels;
  // One channel is a row in either layout.
  if (first || channels == 1) plan.extents = {batches * channels, pixels, 1};
  return EmitNormalize(emitter, node, operation, value, layout, plan);
}

}  // namespace modeld::cpu
