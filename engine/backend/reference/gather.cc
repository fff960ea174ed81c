// Moving slices along one dimension by indices that are data.
#include <algorithm>
#include <cstring>

#include "engine/backend/reference/kernels.h"

namespace modeld::reference {
namespace {

// The element that an index means: negative ones count from the end, all are clamped.
template <typename Index>
uint64_t Clamp(Index index, uint64_t size) {
  if constexpr (std::is_signed_v<Index>) {
    if (index < 0) {
      const auto back = uint64_t{0} - static_cast<uint64_t>(static_cast<int64_t>(index));
      return back >= size ? 0 : size - back;
    }
  }
  return std::min(static_cast<uint64_t>(index), size - 1);
}

// Calls f.operator()<Index>() with the C++ type of an index tensor's elements.
template <typename F>
KernelPtr WithIndexType(DataType type, F&& f) {
  switch (type) {
    case DataType::kInt64:
      return f.template operator()<int64_t>();
    case DataType::kUint32:
      return f.template operator()<uint32_t>();
    default:
      return f.template operator()<int32_t>();
  }
}

}  // namespace

KernelPtr MakeKernel(const core::Gather& op, const Operands& operands) {
  const Shape& shape = operands.inputs[0].shape;
  uint64_t outer = 1;
  for (uint32_t d = 0; d < op.axis; ++d) outer *= shape[d];
  uint64_t slice_bytes = ElementBytes(operands.output.data_type);
  for (size_t d = op.axis + 1; d < shape.size(); ++d) slice_bytes *= shape[d];
  const uint64_t size = shape[op.axis];
  const uint64_t indices = operands.inputs[1].ElementCount();
  return WithIndexType(operands.inputs[1].data_type, [&]<typename Index>() {
    return KernelOf([=](const KernelArgs& args) {
      std::byte* output = args.outputs[0];
      for (uint64_t o = 0; o < outer; ++o) {
        for (uint64_t i = 0; i < indices; ++i, output += slice_bytes) {
          const uint64_t index = Clamp(In<Index>(args, 1)[i], size);
          std::memcpy(output, args.inputs[0] + (o * size + index) * slice_bytes, slice_bytes);
        }
      }
    });
  });
}

KernelPtr MakeKernel(const core::Scatter&, const Operands& operands) {
  const TensorDescriptor& data = operands.inputs[0];
  const uint64_t rows = data.shape[0];
  const uint64_t bytes = data.ElementCount() * ElementBytes(data.data_type);
  const uint64_t row_bytes = bytes / rows;
  const uint64_t indices = operands.inputs[1].ElementCount();
  return WithIndexType(operands.inputs[1].data_type, [&]<typename Index>() {
    return KernelOf([=](const KernelArgs& args) {
      std::memcpy(args.outputs[0], args.inputs[0], bytes);
      for (uint64_t i = 0; i < indices; ++i) {
        const uint64_t row = Clamp(In<Index>(args, 1)[i], rows);
        std::memcpy(args.outputs[0] + row * row_bytes, args.inputs[2] + i * row_bytes, row_bytes);
      }
    });
  });
}

}  // namespace modeld::reference
