// Operations that move elements.
#include <cmath>

#include "tests/fuzz/bound_functions.h"
#include "tests/fuzz/bound_ops.h"

namespace modeld::fuzz {
namespace {

// The rows of a dimension that an index may mean.
struct Rows {
  uint32_t first, last;
};
Rows RowsOf(const Bound& index, uint32_t size) {
  const auto row = [&](Real value) {
    if (value < 0) value += size;
    return static_cast<uint32_t>(std::min(std::max<Real>(value, 0), static_cast<Real>(size - 1)));
  };
  // Indices of both signs may mean any row.
  if (index.lo < 0 && index.hi >= 0) return {0, size - 1};
  return {row(index.lo), row(index.hi)};
}

}  // namespace

uint64_t Offset(const Shape& shape, const std::vector<uint32_t>& at) {
  uint64_t offset = 0;
  for (size_t d = 0; d < shape.size(); ++d) offset = offset * shape[d] + at[d];
  return offset;
}

void Evaluate(const core::Gather& op, Inputs in, BoundTensor& output) {
  const Shape& data = in[0]->descriptor.shape;
  const Shape& indices = in[1]->descriptor.shape;
  size_t i = 0;
  for (Position p(output.descriptor.shape); !p.done(); p.Next()) {
    const auto begin = p.at().begin();
    const auto split = begin + static_cast<ptrdiff_t>(op.axis);
    const auto behind = split + static_cast<ptrdiff_t>(indices.size());
    const Rows rows =
        RowsOf(in[1]->elements[Offset(indices, std::vector<uint32_t>(split, behind))], data[op.axis]);
    std::vector<uint32_t> at(begin, split);
    at.push_back(rows.first);
    at.insert(at.end(), behind, p.at().end());
    Bound value = in[0]->elements[Offset(data, at)];
    for (uint32_t row = rows.first + 1; row <= rows.last; ++row) {
      at[op.axis] = row;
      value = Hull(value, in[0]->elements[Offset(data, at)]);
    }
    output.elements[i++] = value;
  }
}

void Evaluate(const core::Scatter&, Inputs in, BoundTensor& output) {
  output.elements = in[0]->elements;
  const uint32_t rows = output.descriptor.shape[0];
  const size_t width = output.elements.size() / rows;
  for (size_t i = 0; i < in[1]->elements.size(); ++i) {
    const Rows hit = RowsOf(in[1]->elements[i], rows);
    for (uint32_t row = hit.first; row <= hit.last; ++row) {
      for (size_t k = 0; k < width; ++k) {
        Bound& element = output.elements[row * width + k];
        const Bound& update = in[2]->elements[i * width + k];
        element = hit.first == hit.last ? update : Hull(element, update);
      }
    }
  }
}

void Evaluate(const core::Pad& op, Inputs in, BoundTensor& output) {
  const Shape& shape = in[0]->descriptor.shape;
  const DataType type = output.descriptor.data_type;
  const bool is_nan = std::isnan(op.value);
  const Bound filling = Cast(is_nan ? Nan() : Point(op.value), DataType::kFloat32, type);
  size_t i = 0;
  for (Position p(output.descriptor.shape); !p.done(); p.Next()) {
    std::vector<uint32_t> at(shape.size());
    bool inside = true;
    for (size_t d = 0; d < shape.size(); ++d) {
      const int64_t size = shape[d];
      int64_t place = int64_t{p[d]} - op.before[d];
      if (place < 0 || place >= size) {
        inside = false;
        switch (op.mode) {
          case core::PadMode::kEdge:
            place = place < 0 ? 0 : size - 1;
            break;
          case core::PadMode::kReflection:
            place = place < 0 ? -place : 2 * size - 2 - place;
            break;
          case core::PadMode::kSymmetric:
            place = place < 0 ? -place - 1 : 2 * size - 1 - place;
            break;
          case core::PadMode::kConstant:
            place = 0;
            break;
        }
      }
      at[d] = static_cast<uint32_t>(place);
    }
    output.elements[i++] =
        inside || op.mode != core::PadMode::kConstant ? in[0]->elements[Offset(shape, at)] : filling;
  }
}

void Evaluate(const core::Slice& op, Inputs in, BoundTensor& output) {
  size_t i = 0;
  for (Position p(output.descriptor.shape); !p.done(); p.Next()) {
    std::vector<uint32_t> at = p.at();
    for (size_t d = 0; d < at.size(); ++d) at[d] = op.starts[d] + at[d] * op.strides[d];
    output.elements[i++] = in[0]->elements[Offset(in[0]->descriptor.shape, at)];
  }
}

void Evaluate(const core::Concat& op, Inputs in, BoundTensor& output) {
  size_t i = 0;
  for (Position p(output.descriptor.shape); !p.done(); p.Next()) {
    std::vector<uint32_t> at = p.at();
    size_t part = 0;
    while (at[op.axis] >= in[part]->descriptor.shape[op.axis]) {
      at[op.axis] -= in[part]->descriptor.shape[op.axis];
      ++part;
    }
    output.elements[i++] = in[part]->elements[Offset(in[part]->descriptor.shape, at)];
  }
}

void Evaluate(const core::Transpose& op, Inputs in, BoundTensor& output) {
  size_t i = 0;
  for (Position p(output.descriptor.shape); !p.done(); p.Next()) {
    std::vector<uint32_t> at(p.at().size());
    for (size_t d = 0; d < at.size(); ++d) at[op.permutation[d]] = p[d];
    output.elements[i++] = in[0]->elements[Offset(in[0]->descriptor.shape, at)];
  }
}

void Evaluate(const core::Reshape&, Inputs in, BoundTensor& output) {
  output.elements = in[0]->elements;
}

void Evaluate(const core::Broadcast&, Inputs in, BoundTensor& output) {
  const Shape& shape = in[0]->descriptor.shape;
  const size_t missing = output.descriptor.shape.size() - shape.size();
  size_t i = 0;
  for (Position p(output.descriptor.shape); !p.done(); p.Next()) {
    std::vector<uint32_t> at(shape.size());
    for (size_t d = 0; d < at.size(); ++d) at[d] = shape[d] == 1 ? 0 : p[missing + d];
    output.elements[i++] = in[0]->elements[Offset(shape, at)];
  }
}

}  // namespace modeld::fuzz
