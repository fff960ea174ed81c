// Random core graphs of one operation, or of one operation and the elementwise ones that follow it.
#ifndef MODELD_ENGINE_TESTING_OP_CASES_H_
#define MODELD_ENGINE_TESTING_OP_CASES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "engine/core/core_graph.h"
#include "engine/testing/compare.h"
#include "engine/testing/tensor.h"

namespace modeld::testing {

// A graph that passes core::Verify, what to feed it, and how exact its results must be. Operands are inputs
// or constants by chance, so that backends that prepare constants are tested both ways.
struct OpCase {
  core::Graph graph;
  std::vector<Tensor> inputs;
  Tolerance tolerance;
};

// One kind of case: an operation with its function, for one element type.
struct OpKind {
  // "binary add float16".
  std::string name;
  core::Op op;
  DataType type;
};

// Every operation of the core set with each of its functions and element types. Tolerances: equality for
// whatever moves, compares, converts or rounds, and for integers; float32 (float16): basic arithmetic 1e-6
// (1e-3) relative, transcendental functions 2e-5 (2e-3) relative and 2e-6 (2e-3) absolute, sums over n
// products of elements up to 1 in size 2e-7 * (n + 16) (2e-3) absolute and 1e-5 (2e-3) relative.
const std::vector<OpKind>& OpKinds();

// A random case of this kind: shapes of rank 0 to 5, sizes that fill vectors and sizes that do not;
// elementwise operations also meet NaN and infinities, integers their extremes. The same seed gives the same
// case.
OpCase RandomCase(const OpKind& kind, uint64_t seed);

// A random contraction, convolution, pool, reduction or binary operation of float32, followed by one to three
// elementwise operations; their operands are broadcast in every way that fusion may meet.
OpCase RandomFusionCase(uint64_t seed);

}  // namespace modeld::testing

#endif  // MODELD_ENGINE_TESTING_OP_CASES_H_
