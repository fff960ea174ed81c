// What the core operations do to bounds. Internal to bound_graph.cc.
#ifndef MODELD_TESTS_FUZZ_BOUND_OPS_H_
#define MODELD_TESTS_FUZZ_BOUND_OPS_H_

#include <span>
#include <vector>

#include "engine/core/core_graph.h"
#include "tests/fuzz/bound.h"

namespace modeld::fuzz {

using Inputs = std::span<const BoundTensor* const>;

// Coordinates of all elements of a shape, one after the other: `for (Position p(shape); !p.done();
// p.Next())`.
class Position {
 public:
  explicit Position(const Shape& shape) : shape_(shape), at_(shape.size(), 0) {}
  bool done() const { return done_; }
  const std::vector<uint32_t>& at() const { return at_; }
  uint32_t operator[](size_t dimension) const { return at_[dimension]; }
  void Next() {
    for (size_t d = at_.size(); d-- > 0;) {
      if (++at_[d] < shape_[d]) return;
      at_[d] = 0;
    }
    done_ = true;
  }

 private:
  Shape shape_;
  std::vector<uint32_t> at_;
  bool done_ = false;
};

// The element's place in row-major order.
uint64_t Offset(const Shape& shape, const std::vector<uint32_t>& at);

// Each fills output.elements; output.descriptor is set.
void Evaluate(const core::Contraction& op, Inputs in, BoundTensor& output);
void Evaluate(const core::Convolution& op, Inputs in, BoundTensor& output);
void Evaluate(const core::Pool& op, Inputs in, BoundTensor& output);
void Evaluate(const core::Reduce& op, Inputs in, BoundTensor& output);
void Evaluate(const core::Scan& op, Inputs in, BoundTensor& output);
void Evaluate(const core::Gather& op, Inputs in, BoundTensor& output);
void Evaluate(const core::Scatter& op, Inputs in, BoundTensor& output);
void Evaluate(const core::Pad& op, Inputs in, BoundTensor& output);
void Evaluate(const core::Slice& op, Inputs in, BoundTensor& output);
void Evaluate(const core::Concat& op, Inputs in, BoundTensor& output);
void Evaluate(const core::Transpose& op, Inputs in, BoundTensor& output);
void Evaluate(const core::Reshape& op, Inputs in, BoundTensor& output);
void Evaluate(const core::Broadcast& op, Inputs in, BoundTensor& output);

}  // namespace modeld::fuzz

#endif  // MODELD_TESTS_FUZZ_BOUND_OPS_H_
