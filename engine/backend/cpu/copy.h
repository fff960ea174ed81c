// Copies between strided views: what slice, concat, pad, transpose and broadcast come down to.
#ifndef MODELD_ENGINE_BACKEND_CPU_COPY_H_
#define MODELD_ENGINE_BACKEND_CPU_COPY_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/backend/cpu/layout.h"
#include "engine/backend/cpu/nest.h"
#include "engine/graph/data_type.h"
#include "engine/runtime/kernel.h"

namespace modeld::cpu {

// Elements of a buffer: where the first one is and the distance between neighbours along each dimension of
// the walk (0: the same element again), in elements.
struct StridedView {
  std::vector<int64_t> strides;
  int64_t offset = 0;
};

// A copy worked out once, run often. A plain value; Run is thread-safe.
class StridedCopy {
 public:
  // Copies the elements of `dims` from `in` to `out`, where no element of `out` is written twice.
  StridedCopy(const Shape& dims, const StridedView& out, const StridedView& in);

  template <typename T>
  void Run(const T* in, T* out, int threads) const {
    if (transposes_) {
      RunTransposing(in + in_offset_, out + out_offset_, threads);
    } else {
      RunRows(in + in_offset_, out + out_offset_, threads);
    }
  }

 private:
  template <typename T>
  void RunRows(const T* in, T* out, int threads) const;
  template <typename T>
  void RunTransposing(const T* in, T* out, int threads) const;

  // Operand 0 is the output, 1 the input.
  Nest<2> nest_;
  int64_t out_offset_;
  int64_t in_offset_;
  // The input is contiguous along another dimension than the output: nest_ covers the remaining dimensions,
  // as rows of one element, and tiles of the two are transposed.
  bool transposes_ = false;
  // Along the dimension in which the input is contiguous.
  int64_t along_in_ = 1;
  int64_t along_in_out_stride_ = 0;
  // Along the dimension in which the output is contiguous.
  int64_t along_out_ = 1;
  int64_t along_out_in_stride_ = 0;
};

// A kernel that copies from input 0 to output 0, by the element's size.
std::unique_ptr<const Kernel> MakeCopyKernel(DataType type, const Shape& dims, const StridedView& out,
                                             const StridedView& in, int threads);

// Strides of an operand that is broadcast to `shape` (numpy: aligned at the end), 0 where it repeats, per
// dimension of `shape` in the memory order `layout`.
std::vector<int64_t> BroadcastStrides(const Shape& operand, const Layout& operand_layout, const Shape& shape,
                                      const Layout& layout);

template <typename T>
void StridedCopy::RunRows(const T* in, T* out, int threads) const {
  const int64_t out_stride = nest_.row_stride(0);
  const int64_t in_stride = nest_.row_stride(1);
  ForEachRow(nest_, threads, [=](const std::array<int64_t, 2>& at, int64_t count) {
    T* to = out + at[0];
    const T* from = in + at[1];
    if (out_stride == 1 && in_stride == 1) {
      std::copy_n(from, count, to);
    } else if (out_stride == 1 && in_stride == 0) {
      std::fill_n(to, count, *from);
    } else {
      for (int64_t i = 0; i < count; ++i) to[i * out_stride] = from[i * in_stride];
    }
  });
}

template <typename T>
void StridedCopy::RunTransposing(const T* in, T* out, int threads) const {
  // Small enough that a tile's lines of both sides stay in the first cache.
  constexpr int64_t kTile = 16;
  const int64_t strips = (along_in_ + kTile - 1) / kTile;
  const int64_t outer = nest_.rows * nest_.row_length();
  ParallelFor(threads, outer * strips, outer * along_in_ * along_out_, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t position = unit / strips;
      RowCursor<2> cursor(nest_, position / nest_.row_length());
      const int64_t column = position % nest_.row_length();
      const T* from = in + cursor.offsets()[1] + column * nest_.row_stride(1);
      T* to = out + cursor.offsets()[0] + column * nest_.row_stride(0);
      const int64_t i_begin = unit % strips * kTile;
      const int64_t i_end = std::min(along_in_, i_begin + kTile);
      for (int64_t j_begin = 0; j_begin < along_out_; j_begin += kTile) {
        const int64_t j_end = std::min(along_out_, j_begin + kTile);
        for (int64_t i = i_begin; i < i_end; ++i) {
          for (int64_t j = j_begin; j < j_end; ++j) {
            to[i * along_in_out_stride_ + j] = from[j * along_out_in_stride_ + i];
          }
        }
      }
    }
  });
}

}  // namespace modeld::cpu

#endif  // MODELD_ENGINE_BACKEND_CPU_COPY_H_
