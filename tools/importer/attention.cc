#include "tools/importer/attention.h"

namespace modeld::importer {
namespace {

// Positions that are written out as a table.
constexpr uint32_t kMaxPositions = uint32_t{1} << 22;

}  // namespace

OperandId EmitAttention(Emitter& e, const HeadedAttention& attention) {
  const OperandId query = e.Linear(attention.query, attention.scale, 0);
  OperandId scores = e.MatMul(query, e.Transpose(attention.key, {0, 1, 3, 2}));
  for (OperandId bias : attention.biases) scores = e.Add(scores, bias);
  const OperandId weights = e.Op("softmax", {scores}, {{"axis", int64_t{3}}});
  const OperandId y = e.Transpose(e.MatMul(weights, attention.value), {0, 2, 1, 3});
  return e.Reshape(y, {e.size(y, 0), e.size(y, 1), e.size(y, 2) * e.size(y, 3)});
}

OperandId SplitHeads(Emitter& e, OperandId x, uint32_t heads) {
  const uint32_t width = e.size(x, 2);
  if (!e.Require(e.rank(x) == 3 && heads > 0 && width % heads == 0,
                 "the number of heads does not divide the hidden size of a tensor of rank 3")) {
    return x;
  }
  x = e.Reshape(x, {e.size(x, 0), e.size(x, 1), heads, width / heads});
  return e.Transpose(x, {0, 2, 1, 3});
}

OperandId BiasOfMask(Emitter& e, OperandId kept, DataType type, double filler) {
  const OperandId hidden = e.Op("equal", {kept, e.Scalar(e.type(kept), 0)});
  return e.Where(hidden, e.Scalar(type, filler), e.Scalar(type, 0));
}

OperandId CausalBias(Emitter& e, uint32_t length, uint32_t total, DataType type, double filler) {
  // Query i stands at position total - length + i; what lies above that diagonal is hidden.
  const OperandId all = e.Expand(e.Scalar(type, filler), {length, total});
  return e.Op("triangular", {all}, {{"upper", true}, {"diagonal", int64_t{total} - length + 1}});
}

OperandId KeptByLength(Emitter& e, OperandId lengths, uint32_t total) {
  if (total > kMaxPositions) {
    e.Fail(e.node().Unsupported("the sequence is too long for a mask by lengths"));
    return lengths;
  }
  std::vector<int64_t> positions;
  for (uint32_t i = 0; i < total; ++i) positions.push_back(i);
  const OperandId column = e.Reshape(lengths, {e.size(lengths, 0), 1});
  return e.Op("lesser", {e.Constant(FromInts(e.type(lengths), {total}, positions)), column});
}

}  // namespace modeld::importer
