#include "engine/backend/cpu/copy.h"

#include "engine/backend/cpu/element.h"
#include "engine/backend/cpu/loop_kernel.h"

namespace modeld::cpu {

StridedCopy::StridedCopy(const Shape& dims, const StridedView& out, const StridedView& in)
    : nest_(MakeNest<2>(dims, {out.strides, in.strides})), out_offset_(out.offset), in_offset_(in.offset) {
  // Tiles pay off when the output's rows jump through the input while another dimension walks it.
  if (nest_.row_stride(0) != 1 || nest_.row_stride(1) <= 1 || nest_.dims.size() < 2) return;
  for (size_t d = 0; d + 1 < nest_.dims.size(); ++d) {
    if (nest_.strides[1][d] != 1) continue;
    transposes_ = true;
    along_in_ = nest_.dims[d];
    along_in_out_stride_ = nest_.strides[0][d];
    along_out_ = nest_.row_length();
    along_out_in_stride_ = nest_.row_stride(1);
    std::vector<int64_t> rest_dims;
    std::array<std::vector<int64_t>, 2> rest_strides;
    for (size_t i = 0; i + 1 < nest_.dims.size(); ++i) {
      if (i == d) continue;
      rest_dims.push_back(nest_.dims[i]);
      for (size_t k = 0; k < 2; ++k) rest_strides[k].push_back(nest_.strides[k][i]);
    }
    nest_ = MakeNest<2>(rest_dims, rest_strides);
    return;
  }
}

std::unique_ptr<const Kernel> MakeCopyKernel(DataType type, const Shape& dims, const StridedView& out,
                                             const StridedView& in, int threads) {
  StridedCopy copy(dims, out, in);
  return DispatchSize(type, [&](auto tag) -> std::unique_ptr<const Kernel> {
    using T = typename decltype(tag)::type;
    return MakeLoopKernel([copy, threads](const KernelArgs& args) {
      copy.Run(InputAs<T>(args, 0), OutputAs<T>(args), threads);
    });
  });
}

std::vector<int64_t> BroadcastStrides(const Shape& operand, const Layout& operand_layout, const Shape& shape,
                                      const Layout& layout) {
  const std::vector<int64_t> own = StridesOf(operand, operand_layout);
  std::vector<int64_t> strides;
  for (uint8_t dimension : layout) {
    const size_t missing = shape.size() - operand.size();
    const bool repeats = dimension < missing || operand[dimension - missing] == 1;
    strides.push_back(repeats ? 0 : own[dimension - missing]);
  }
  return strides;
}

}  // namespace modeld::cpu
