#include <algorithm>
#include <array>
#include <cstring>

#include "engine/backend/reference/element.h"
#include "engine/backend/reference/kernels.h"
#include "engine/backend/reference/strides.h"

namespace modeld::reference {
namespace {

// Copies the elements of one strided box into another of the same shape.
struct BoxCopy {
  uint64_t element_bytes;
  // Both start so many elements after the buffer's begin.
  uint64_t from_start = 0;
  uint64_t to_start = 0;
  StridedBox from;
  StridedBox to;

  void Run(const std::byte* source, std::byte* destination) const {
    for (uint64_t i = 0; i < to.ElementCount(); ++i) {
      std::memcpy(destination + (to_start + to.OffsetOf(i)) * element_bytes,
                  source + (from_start + from.OffsetOf(i)) * element_bytes, element_bytes);
    }
  }
};

// Reads the input with these strides, writes the whole output in order.
KernelPtr Read(const Operands& operands, std::vector<uint64_t> strides, uint64_t start = 0) {
  const TensorDescriptor& output = operands.output;
  return KernelOf([copy = BoxCopy{.element_bytes = ElementBytes(output.data_type),
                                  .from_start = start,
                                  .from = {output.shape, std::move(strides)},
                                  .to = {output.shape, RowMajorStrides(output.shape)}}](
                      const KernelArgs& args) { copy.Run(args.inputs[0], args.outputs[0]); });
}

// The source of coordinate `x` of a padded dimension, or -1 for the padding's value.
int64_t PadSource(core::PadMode mode, int64_t x, int64_t before, int64_t size) {
  const int64_t source = x - before;
  if (source >= 0 && source < size) return source;
  switch (mode) {
    case core::PadMode::kConstant:
      return -1;
    case core::PadMode::kEdge:
      return std::clamp<int64_t>(source, 0, size - 1);
    case core::PadMode::kReflection:
      return source < 0 ? -source : 2 * (size - 1) - source;
    case core::PadMode::kSymmetric:
      return source < 0 ? -source - 1 : 2 * size - 1 - source;
  }
  return -1;
}

}  // namespace

KernelPtr MakeKernel(const core::Pad& op, const Operands& operands) {
  const Shape& in = operands.inputs[0].shape;
  return WithType(operands.output.data_type, [&]<typename T>() {
    return KernelOf([op, in, strides = RowMajorStrides(in), out = operands.output.shape,
                     count = operands.output.ElementCount()](const KernelArgs& args) {
      for (uint64_t i = 0; i < count; ++i) {
        uint64_t offset = 0;
        bool inside = true;
        uint64_t rest = i;
        for (size_t d = out.size(); d-- > 0; rest /= out[d]) {
          const int64_t source = PadSource(op.mode, static_cast<int64_t>(rest % out[d]), op.before[d], in[d]);
          if (source < 0) inside = false;
          offset += static_cast<uint64_t>(std::max<int64_t>(source, 0)) * strides[d];
        }
        Out<T>(args)[i] = inside ? In<T>(args)[offset] : Convert<T>(op.value);
      }
    });
  });
}

KernelPtr MakeKernel(const core::Slice& op, const Operands& operands) {
  std::vector<uint64_t> strides = RowMajorStrides(operands.inputs[0].shape);
  uint64_t start = 0;
  for (size_t d = 0; d < strides.size(); ++d) {
    start += op.starts[d] * strides[d];
    strides[d] *= op.strides[d];
  }
  return Read(operands, std::move(strides), start);
}

KernelPtr MakeKernel(const core::Concat& op, const Operands& operands) {
  const std::vector<uint64_t> strides = RowMajorStrides(operands.output.shape);
  std::vector<BoxCopy> copies;
  uint64_t position = 0;
  for (const TensorDescriptor& input : operands.inputs) {
    copies.push_back({.element_bytes = ElementBytes(input.data_type),
                      .to_start = position * strides[op.axis],
                      .from = {input.shape, RowMajorStrides(input.shape)},
                      .to = {input.shape, strides}});
    position += input.shape[op.axis];
  }
  return KernelOf([copies = std::move(copies)](const KernelArgs& args) {
    for (size_t i = 0; i < copies.size(); ++i) copies[i].Run(args.inputs[i], args.outputs[0]);
  });
}

KernelPtr MakeKernel(const core::Transpose& op, const Operands& operands) {
  const std::vector<uint64_t> input = RowMajorStrides(operands.inputs[0].shape);
  std::vector<uint64_t> strides;
  for (uint32_t dimension : op.permutation) strides.push_back(input[dimension]);
  return Read(operands, std::move(strides));
}

KernelPtr MakeKernel(const core::Reshape&, const Operands& operands) {
  const uint64_t bytes = operands.output.ByteSize().value_or(0);
  return KernelOf([bytes](const KernelArgs& args) { std::memcpy(args.outputs[0], args.inputs[0], bytes); });
}

KernelPtr MakeKernel(const core::Broadcast&, const Operands& operands) {
  const Shape& in = operands.inputs[0].shape;
  const size_t missing = operands.output.shape.size() - in.size();
  std::vector<uint64_t> strides(missing, 0);
  const std::vector<uint64_t> input = RowMajorStrides(in);
  // A dimension of size 1 is read again and again.
  for (size_t d = 0; d < in.size(); ++d) strides.push_back(in[d] == 1 ? 0 : input[d]);
  return Read(operands, std::move(strides));
}

}  // namespace modeld::reference
