// Loop nests over strided operands: the one way in which this backend's own loops walk tensors.
#ifndef MODELD_ENGINE_BACKEND_CPU_NEST_H_
#define MODELD_ENGINE_BACKEND_CPU_NEST_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/backend/cpu/threads.h"

namespace modeld::cpu {

// Dimensions, outermost first, and for each of K operands the elements between neighbours along each. The
// last dimension is the inner loop ("row"). Made by MakeNest. A plain value.
template <size_t K>
struct Nest {
  // At least one.
  std::vector<int64_t> dims;
  std::array<std::vector<int64_t>, K> strides;
  // The product of all dims but the last.
  int64_t rows = 1;

  int64_t row_length() const { return dims.back(); }
  int64_t row_stride(size_t operand) const { return strides[operand].back(); }
};

// Drops dimensions of size 1 and merges neighbours that every operand walks as one. Dims: any range of
// integers.
template <size_t K, typename Dims>
Nest<K> MakeNest(const Dims& dims, const std::array<std::vector<int64_t>, K>& strides) {
  Nest<K> nest;
  for (size_t d = 0; d < dims.size(); ++d) {
    if (dims[d] == 1) continue;
    bool merges = !nest.dims.empty();
    const auto size = static_cast<int64_t>(dims[d]);
    for (size_t k = 0; k < K && merges; ++k) merges = nest.strides[k].back() == strides[k][d] * size;
    if (merges) {
      nest.dims.back() *= size;
      for (size_t k = 0; k < K; ++k) nest.strides[k].back() = strides[k][d];
    } else {
      nest.dims.push_back(size);
      for (size_t k = 0; k < K; ++k) nest.strides[k].push_back(strides[k][d]);
    }
  }
  if (nest.dims.empty()) {
    nest.dims.push_back(1);
    for (size_t k = 0; k < K; ++k) nest.strides[k].push_back(1);
  }
  for (size_t d = 0; d + 1 < nest.dims.size(); ++d) nest.rows *= nest.dims[d];
  return nest;
}

// Walks the outer dimensions [0, depth) of a nest: where each operand stands at a row.
template <size_t K>
class RowCursor {
 public:
  // Stands at row `row`, counting the outer dimensions in row-major order. `nest` must outlive the cursor.
  RowCursor(const Nest<K>& nest, int64_t row) : nest_(nest) {
    offsets_.fill(0);
    index_.fill(0);
    for (size_t d = nest.dims.size() - 1; d-- > 0;) {
      index_[d] = row % nest.dims[d];
      row /= nest.dims[d];
      for (size_t k = 0; k < K; ++k) offsets_[k] += index_[d] * nest.strides[k][d];
    }
  }

  // In elements.
  const std::array<int64_t, K>& offsets() const { return offsets_; }

  void Next() {
    for (size_t d = nest_.dims.size() - 1; d-- > 0;) {
      for (size_t k = 0; k < K; ++k) offsets_[k] += nest_.strides[k][d];
      if (++index_[d] < nest_.dims[d]) return;
      for (size_t k = 0; k < K; ++k) offsets_[k] -= nest_.strides[k][d] * nest_.dims[d];
      index_[d] = 0;
    }
  }

 private:
  const Nest<K>& nest_;
  std::array<int64_t, K> offsets_;
  // Tensors have at most kMaxRank dimensions (engine/graph/limits.h allows 8).
  static constexpr size_t kMaxRank = 16;
  std::array<int64_t, kMaxRank> index_;
};

// Calls body(offsets, count) for pieces of rows that together cover the nest, from up to `threads` threads.
template <size_t K, typename Body>
void ForEachRow(const Nest<K>& nest, int threads, const Body& body) {
  constexpr int64_t kPiece = 4096;
  const int64_t length = nest.row_length();
  // Long rows are cut, so that few long rows occupy all threads too.
  const int64_t pieces = nest.rows >= 4 * threads ? 1 : std::max<int64_t>(1, length / kPiece);
  ParallelFor(threads, nest.rows * pieces, nest.rows * length, [&](int64_t begin, int64_t end) {
    RowCursor<K> cursor(nest, begin / pieces);
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t piece = unit % pieces;
      const int64_t first = length * piece / pieces;
      const int64_t last = length * (piece + 1) / pieces;
      std::array<int64_t, K> offsets = cursor.offsets();
      for (size_t k = 0; k < K; ++k) offsets[k] += first * nest.row_stride(k);
      body(offsets, last - first);
      if (piece + 1 == pieces) cursor.Next();
    }
  });
}

}  // namespace modeld::cpu

#endif  // MODELD_ENGINE_BACKEND_CPU_NEST_H_
