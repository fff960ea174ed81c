// The core level: the closed set of operations that every backend must run, and graphs of them.
//
// An operation belongs here only if it cannot be composed of the others without losing its cost class; each
// struct says why it is here. What WebNN calls an operation lives one level up (engine/ops) and decomposes
// into these. All shapes are explicit and static: nothing here broadcasts, infers or has defaults.
#ifndef MODELD_ENGINE_CORE_CORE_GRAPH_H_
#define MODELD_ENGINE_CORE_CORE_GRAPH_H_

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "base/region.h"
#include "engine/graph/graph.h"
#include "engine/graph/tensor_descriptor.h"

namespace modeld::core {

// Index into Graph::values.
using ValueId = uint32_t;

// One function of one element. Output type = input type (kLogicalNot, kIsNaN, kIsInfinite: uint8 0 or 1).
// Which functions take which types: op_types.h. Integer kAbs and kNeg wrap. Here: one pass over memory each.
enum class UnaryFunction : uint8_t {
  kIdentity,
  kAbs,
  kNeg,
  kSign,
  kCeil,
  kFloor,
  kRoundEven,
  kSqrt,
  kReciprocal,
  kExp,
  kLog,
  kSin,
  kCos,
  kTan,
  kTanh,
  kErf,
  kSigmoid,
  kLogicalNot,
  kIsNaN,
  kIsInfinite,
};
struct Unary {
  UnaryFunction function;
};

// One function of two elements of the same type; both inputs have the output's shape. Integer overflow wraps,
// integer division truncates (by zero: 0), an integer to a negative power is the truncated quotient (0 to
// one: 0), float max/min return NaN if either is NaN. Logical: uint8, nonzero is true, result 0 or 1.
enum class BinaryFunction : uint8_t {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMax,
  kMin,
  kPow,
  kLogicalAnd,
  kLogicalOr,
  kLogicalXor,
};
struct Binary {
  BinaryFunction function;
};

// Two elements of one type -> uint8 0 or 1. Apart from Binary because the output's type differs.
enum class Comparison : uint8_t { kEqual, kNotEqual, kGreater, kGreaterOrEqual, kLesser, kLesserOrEqual };
struct Compare {
  Comparison comparison;
};

// output = condition (uint8) != 0 ? a : b; inputs (condition, a, b), all of the output's shape.
struct Select {};

// Converts elements to the output's type. Packed types convert to and from the 8-bit type of their sign only;
// to a packed type keeps the low four bits. Float to integer truncates toward zero and saturates, NaN gives
// 0; integer to integer wraps; to float rounds to nearest even.
struct Cast {};

// Combines the elements along `axes` (ascending, distinct, not empty); those dimensions become 1.
// Float sums accumulate in at least float32. kSum and kProduct of integers wrap.
enum class ReduceFunction : uint8_t { kSum, kProduct, kMax, kMin };
struct Reduce {
  ReduceFunction function;
  std::vector<uint32_t> axes;
};

// Batched matrix product: [B..., M, K] x [B..., K, N] -> [B..., M, N]; rank >= 2, equal batch dimensions.
// Here for its cost class: a product and a sum would need the M*K*N intermediate. Accumulates in float32 or
// wider.
struct Contraction {};

// 2-D convolution. input [N, C, H, W], filter [O, C/groups, KH, KW] (transposed: [C, O/groups, KH, KW]) ->
// [N, O, OH, OW] with OH, OW as the output's shape says. `padding` is {top, bottom, left, right}.
// Transposed: the gradient of a convolution with these strides; the output's size resolves its ambiguity.
struct Convolution {
  std::array<uint32_t, 2> strides = {1, 1};
  std::array<uint32_t, 2> dilations = {1, 1};
  std::array<uint32_t, 4> padding = {};
  uint32_t groups = 1;
  bool transposed = false;
};

// Windowed reduction of [N, C, H, W] -> [N, C, OH, OW]. Padding never takes part: kAverage divides by the
// number of elements really covered, kMax ignores it, kL2 adds nothing for it. A window may overhang the end
// (ceil sizes); one that covers no element at all gives 0. Of integers, kAverage is the quotient of the exact
// sum, truncated toward zero, and kL2 the root in double precision, truncated and saturated.
enum class PoolFunction : uint8_t { kAverage, kMax, kL2 };
struct Pool {
  PoolFunction function;
  std::array<uint32_t, 2> window = {1, 1};
  std::array<uint32_t, 2> strides = {1, 1};
  std::array<uint32_t, 2> dilations = {1, 1};
  std::array<uint32_t, 4> padding = {};
};

// Inputs (data, indices of int32, uint32 or int64): output[.., i.., ..] = data[.., indices[i..], ..] along
// `axis`. A negative index counts from the end; every index is then clamped to the dimension, so nothing is
// read outside.
struct Gather {
  uint32_t axis;
};

// Inputs (data [N, rest...], indices [M] of int32, uint32 or int64, updates [M, rest...]): the data, with row
// indices[i] replaced by updates[i], in order, so that the last of equal indices wins. Indices mean what they
// mean to Gather. Here because no other operation writes to places that depend on data.
struct Scatter {};

// Running sum along `axis`: output[i] = sum of input[0..i]. `exclusive`: without input[i] itself, so the
// first is 0; `reversed`: from the end. Floats accumulate in at least float32; integers wrap. Here for its
// cost class: composed it would need the square of the dimension.
struct Scan {
  uint32_t axis;
  bool exclusive = false;
  bool reversed = false;
};

// Adds `before`/`after` elements per dimension. kReflection leaves the edge out, kSymmetric repeats it.
enum class PadMode : uint8_t { kConstant, kEdge, kReflection, kSymmetric };
struct Pad {
  PadMode mode;
  std::vector<uint32_t> before = {};
  std::vector<uint32_t> after = {};
  double value = 0;  // kConstant only; converted to the type as Cast does.
};

// output[i] = input[start + i * stride] per dimension; strides >= 1. The output's shape gives the sizes.
struct Slice {
  std::vector<uint32_t> starts;
  std::vector<uint32_t> strides;
};

// Joins its inputs (one or more) along `axis`.
struct Concat {
  uint32_t axis;
};

// output dimension i is input dimension permutation[i].
struct Transpose {
  std::vector<uint32_t> permutation;
};

// Same elements in the same order under another shape: never moves a byte.
struct Reshape {};

// Numpy broadcasting, one way: the input's dimensions are aligned at the end; each is 1 or the output's.
struct Broadcast {};

// No index into OperationsInOrder (engine/lower/operations.h): of what was not lowered from a graph.
inline constexpr uint32_t kNoOperation = std::numeric_limits<uint32_t>::max();

// A graph-level operation that the backend claimed to run as it is (OpSupport::Claims). Not part of the
// closed set: a backend meets only those that it asked for. Inputs: the operation's inputs, then each
// OperandId attribute that is set, in the order of names. `operation` has its attributes completed; its
// operand ids mean nothing here.
struct Native {
  Operation operation;
  // As Node::operation; a fused one keeps its own.
  uint32_t index = kNoOperation;
};

using Op = std::variant<Unary, Binary, Compare, Select, Cast, Reduce, Contraction, Convolution, Pool, Gather,
                        Scatter, Scan, Pad, Slice, Concat, Transpose, Reshape, Broadcast, Native>;

// The struct's name, with its function where it has one, as messages and the printer use it: "convolution",
// "binary add", "native softmax".
std::string OpName(const Op& op);

// A tensor of a core graph.
struct Value {
  TensorDescriptor descriptor;
  // The bytes of a constant; empty otherwise.
  Region constant = {};
  // A constant whose bytes are not here, as the graph came out of a compiled plan: a backend takes a packed
  // form, or asks for them (engine/backend/packed_weights.h).
  bool deferred = false;
  bool is_constant() const { return deferred || !constant.empty(); }
};

// An elementwise operation that was fused into the node before it: applied to the node's result in place.
struct PostOp {
  Op op;
  // The operands other than the running result: for Binary, one value whose shape broadcasts one way (as
  // Broadcast does) to the result's, so that a bias need not be spread out; for a Native, its optional
  // operands.
  std::vector<ValueId> extra_inputs = {};
  // Binary only: the running result is the second operand.
  bool swapped = false;
};

// One step. Values are single-assignment; nodes stand in an order in which a value is written before it is
// read.
struct Node {
  Op op;
  std::vector<ValueId> inputs = {};
  std::vector<ValueId> outputs = {};
  std::vector<PostOp> post_ops = {};
  // For messages: OperationName of the graph operation that this came from.
  std::string label = {};
  // That operation, as an index into OperationsInOrder (engine/lower/operations.h), or kNoOperation.
  uint32_t operation = kNoOperation;
};

// A lowered graph. A plain value; engine/core/verify.h tells whether it is well formed.
struct Graph {
  std::vector<Value> values;
  std::vector<Node> nodes;
  // In the order of the graph-level inputs and outputs. An output may also be an input or a constant.
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;

  const TensorDescriptor& descriptor(ValueId id) const { return values[id].descriptor; }
};

}  // namespace modeld::core

#endif  // MODELD_ENGINE_CORE_CORE_GRAPH_H_
