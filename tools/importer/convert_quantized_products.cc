// Convolutions and matrix products of integers: the sums are exact (integer_product.h); what follows is
// ONNX Runtime's arithmetic: the sum as float32, times one factor, rounded half to even, saturated.
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tools/importer/converters.h"
#include "tools/importer/emitter.h"
#include "tools/importer/integer_product.h"
#include "tools/importer/quantization.h"

namespace modeld::importer {
namespace {

uint64_t Count(const Shape& shape) {
  uint64_t count = 1;
  for (uint32_t size : shape) count *= size;
  return count;
}

// A scale or zero point of one element becomes a scalar; a list lies along `axis` of a tensor of this rank;
// others stay.
Shape AlongAxis(Emitter& e, OperandId parameter, size_t rank, size_t axis) {
  const Shape& shape = e.shape(parameter);
  if (Count(shape) == 1) return {};
  if (shape.size() != 1 || axis >= rank) return shape;
  Shape aligned(rank - axis, 1);
  aligned[0] = shape[0];
  return aligned;
}

OperandId ScaleAlong(Emitter& e, int index, size_t rank, size_t axis) {
  const OperandId scale = e.Input(index);
  return e.Reshape(scale, AlongAxis(e, scale, rank, axis));
}

std::optional<Shape> ZeroPointShape(Emitter& e, int index, size_t rank, size_t axis) {
  if (!e.node().HasInput(index)) return std::nullopt;
  return AlongAxis(e, e.Input(index), rank, axis);
}

// A matrix product's factors, with vectors made matrices as numpy does.
struct Matrices {
  Factor a;
  Factor b;
  bool a_vector = false;
  bool b_vector = false;
};

// Zero points per row of A and per column of B.
Matrices ReadMatrices(Emitter& e, int a, int a_zero, int b, int b_zero) {
  const size_t rank_a = e.rank(e.Input(a));
  const size_t rank_b = e.rank(e.Input(b));
  if (!e.Require(rank_a >= 1 && rank_b >= 1, "a factor is a scalar")) return {};
  Matrices m;
  m.a_vector = rank_a == 1;
  m.b_vector = rank_b == 1;
  m.a = ReadFactor(e, a, a_zero, ZeroPointShape(e, a_zero, rank_a, m.a_vector ? 0 : rank_a - 2));
  m.b = ReadFactor(e, b, b_zero, ZeroPointShape(e, b_zero, rank_b, rank_b - 1));
  if (m.a_vector) m.a.values = e.Reshape(m.a.values, {1, e.size(m.a.values, 0)});
  if (m.b_vector) m.b.values = e.Reshape(m.b.values, {e.size(m.b.values, 0), 1});
  return m;
}

OperandId DropVectors(Emitter& e, const Matrices& m, OperandId product) {
  Shape shape = e.shape(product);
  if (shape.size() < 2) return product;
  if (m.b_vector) shape.pop_back();
  if (m.a_vector) shape.erase(shape.end() - (m.b_vector ? 1 : 2));
  return e.Reshape(product, shape);
}

// saturate(roundEven(x * factor) + zero_point).
OperandId Requantize(Emitter& e, OperandId x, OperandId factor, OperandId zero_point) {
  const OperandId scaled = e.Mul(x, factor);
  return EmitQuantize(e, scaled, e.Scalar(e.type(scaled), 1), zero_point);
}

absl::Status ConvertMatMulInteger(NodeContext& node) {
  Emitter e(node);
  const Matrices m = ReadMatrices(e, 0, 2, 1, 3);
  e.Output(0, DropVectors(e, m, ToInt32(e, MultiplyExactly(e, m.a, m.b))));
  return e.Finish();
}

// a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point.
absl::Status ConvertQLinearMatMul(NodeContext& node) {
  Emitter e(node);
  const size_t rank_a = e.rank(e.Input(0));
  const size_t rank_b = e.rank(e.Input(3));
  const Matrices m = ReadMatrices(e, 0, 2, 3, 5);
  const OperandId sum = ToFloat32(e, MultiplyExactly(e, m.a, m.b));
  const OperandId a_scale = ScaleAlong(e, 1, rank_a, rank_a >= 2 ? rank_a - 2 : rank_a);
  const OperandId b_scale = ScaleAlong(e, 4, rank_b, rank_b >= 2 ? rank_b - 1 : rank_b);
  const OperandId factor = e.Div(e.Mul(a_scale, b_scale), ScaleAlong(e, 6, 0, 0));
  e.Output(0, DropVectors(e, m, Requantize(e, sum, factor, e.Input(7))));
  return e.Finish();
}

// x, w, x_zero_point, w_zero_point.
absl::Status ConvertConvInteger(NodeContext& node) {
  Emitter e(node);
  const size_t rank = e.rank(e.Input(1));
  const Factor x = ReadFactor(e, 0, 2, ZeroPointShape(e, 2, rank, rank));
  const Factor w = ReadFactor(e, 1, 3, ZeroPointShape(e, 3, rank, 0));
  e.Output(0, ToInt32(e, ConvolveExactly(e, x, w)));
  return e.Finish();
}

// x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, B. The bias is int32, of scale
// x_scale * w_scale.
absl::Status ConvertQLinearConv(NodeContext& node) {
  Emitter e(node);
  if (node.Int("channels_last", 0) != 0) return node.Unsupported("channels_last is not supported");
  const size_t rank = e.rank(e.Input(3));
  const Factor x = ReadFactor(e, 0, 2, ZeroPointShape(e, 2, rank, rank));
  const Factor w = ReadFactor(e, 3, 5, ZeroPointShape(e, 5, rank, 0));
  ExactSum sum = ConvolveExactly(e, x, w);
  if (const std::optional<OperandId> bias = e.OptionalInput(8)) {
    Shape along(rank >= 1 ? rank - 1 : 0, 1);
    if (!along.empty()) along[0] = e.size(*bias, 0);
    sum.value = e.Add(ToInt32(e, sum), e.Reshape(*bias, along));
  }
  const OperandId scale = e.Mul(ScaleAlong(e, 1, 0, 0), ScaleAlong(e, 4, rank, 1));
  const OperandId factor = e.Div(scale, ScaleAlong(e, 6, 0, 0));
  e.Output(0, Requantize(e, ToFloat32(e, sum), factor, e.Input(7)));
  return e.Finish();
}

Factor MaybeTransposed(Emitter& e, Factor factor, absl::string_view attribute) {
  if (e.node().Int(attribute, 0) != 0) factor.values = e.TransposeLast(factor.values);
  return factor;
}

// A, a_scale, a_zero_point, B, b_scale, b_zero_point, C (int32, of scale alpha * a_scale * b_scale), y_scale,
// y_zero_point; without the last two the result is float32.
absl::Status ConvertQGemm(NodeContext& node) {
  Emitter e(node);
  e.Require(e.rank(e.Input(0)) == 2 && e.rank(e.Input(3)) == 2, "a factor is no matrix");
  const bool turned = node.Int("transB", 0) != 0;
  const Factor a = MaybeTransposed(e, ReadFactor(e, 0, 2, ZeroPointShape(e, 2, 0, 0)), "transA");
  const Factor b = MaybeTransposed(e, ReadFactor(e, 3, 5, ZeroPointShape(e, 5, 2, turned ? 0 : 1)), "transB");
  ExactSum sum = MultiplyExactly(e, a, b);
  if (const std::optional<OperandId> c = e.OptionalInput(6)) sum.value = e.Add(ToInt32(e, sum), *c);
  OperandId factor = e.Mul(ScaleAlong(e, 1, 0, 0), ScaleAlong(e, 4, 1, 0));
  factor = e.Mul(factor, e.Scalar(e.type(factor), node.Float("alpha", 1)));
  const OperandId x = ToFloat32(e, sum);
  if (node.HasInput(7)) {
    const OperandId requantized = e.Div(factor, ScaleAlong(e, 7, 0, 0));
    const std::optional<OperandId> zero_point = e.OptionalInput(8);
    e.Output(0, Requantize(e, x, requantized, zero_point ? *zero_point : e.Zeros(e.type(e.Input(0)), {})));
  } else {
    e.Output(0, e.Mul(x, factor));
  }
  return e.Finish();
}

OperandId AddBias(Emitter& e, OperandId x, int index) {
  const std::optional<OperandId> bias = e.OptionalInput(index);
  return bias ? e.Add(x, *bias) : x;
}

// A (float), B, b_scale, b_zero_point, bias: A is quantised by its own range.
absl::Status ConvertDynamicQuantizeMatMul(NodeContext& node) {
  Emitter e(node);
  e.Require(e.rank(e.Input(0)) >= 2 && e.rank(e.Input(1)) >= 2, "a factor has a rank below 2");
  const DynamicQuantization a = EmitDynamicQuantize(e, e.Input(0));
  const Factor b = ReadFactor(e, 1, 3, ZeroPointShape(e, 3, 1, 0));
  const ExactSum sum = MultiplyExactly(e, MakeFactor(e, a.values, a.zero_point), b);
  const OperandId scale = e.Mul(a.scale, ScaleAlong(e, 2, 1, 0));
  e.Output(0, AddBias(e, e.Mul(ToFloat32(e, sum), scale), 4));
  return e.Finish();
}

// A, B, a_scale, b_scale, a_zero_point, b_zero_point, bias.
absl::Status ConvertMatMulIntegerToFloat(NodeContext& node) {
  Emitter e(node);
  e.Require(e.rank(e.Input(0)) >= 2 && e.rank(e.Input(1)) >= 2, "a factor has a rank below 2");
  const Matrices m = ReadMatrices(e, 0, 4, 1, 5);
  const OperandId sum = ToFloat32(e, MultiplyExactly(e, m.a, m.b));
  const OperandId scale = e.Mul(ScaleAlong(e, 2, 0, 0), ScaleAlong(e, 3, 1, 0));
  e.Output(0, AddBias(e, e.Mul(sum, scale), 6));
  return e.Finish();
}

// Bytes of MatMulNBits under another type: 4-bit numbers, the first in the low half, as WebNN's tensors have
// them.
OperandId AsNumbers(Emitter& e, int index, int64_t bits, Shape shape) {
  const HostTensor* host = e.node().HostInput(index);
  if (host == nullptr) {
    if (e.ok()) e.Fail(e.node().MustBeKnown(index, "quantised weights"));
    return {};
  }
  HostTensor numbers{{bits == 4 ? DataType::kUint4 : DataType::kUint8, std::move(shape)}, host->bytes};
  const absl::StatusOr<uint64_t> bytes = numbers.descriptor.ByteSize();
  if (!e.Require(host->descriptor.data_type == DataType::kUint8 && bytes.ok() && *bytes == host->bytes.size(),
                 absl::StrCat("input ", index, " does not hold ", numbers.descriptor.ToString()))) {
    return {};
  }
  return e.Constant(std::move(numbers));
}

// A * dequantised(B)^T with B [N, blocks, bytes of a block], scales [N * blocks], zero points packed per row.
absl::Status ConvertMatMulNBits(NodeContext& node) {
  Emitter e(node);
  const int64_t k = node.Int("K", 0);
  const int64_t n = node.Int("N", 0);
  const int64_t block = node.Int("block_size", 0);
  const int64_t bits = node.Int("bits", 4);
  if (k < 1 || n < 1 || block < 1 || k > INT32_MAX || n > INT32_MAX || block > INT32_MAX || block % 2 != 0) {
    return node.Invalid("K, N or block_size is out of range");
  }
  if (bits != 4 && bits != 8) return node.Unsupported(absl::StrCat("numbers of ", bits, " bits"));
  if (node.HasInput(4)) return node.Unsupported("g_idx is not supported");
  const auto rows = static_cast<uint32_t>(n);
  const auto blocks = static_cast<uint32_t>((k + block - 1) / block);
  if (int64_t{blocks} * block > INT32_MAX) return node.Invalid("K is too large");
  const OperandId a = e.Input(0);
  const OperandId numbers = AsNumbers(e, 1, bits, {rows, blocks, static_cast<uint32_t>(block)});
  const OperandId scales = e.Reshape(e.Input(2), {rows, blocks, 1});
  OperandId zero_points;
  if (!node.HasInput(3)) {
    // The middle of the range.
    const OperandId middle = e.Scalar(DataType::kUint8, bits == 4 ? 8 : 128);
    zero_points = e.Expand(e.Cast(middle, e.type(numbers)), {rows, blocks, 1});
  } else if (e.type(e.Input(3)) == DataType::kUint8) {
    const uint32_t padded = bits == 4 ? (blocks + 1) / 2 * 2 : blocks;
    zero_points = e.Slice(AsNumbers(e, 3, bits, {rows, padded}), 1, 0, blocks);
    zero_points = e.Reshape(zero_points, {rows, blocks, 1});
  } else {
    return node.Unsupported("zero points of a type other than uint8");
  }
  OperandId b = e.Op("dequantizeLinear", {numbers, scales, zero_points});
  b = e.Reshape(b, {rows, blocks * static_cast<uint32_t>(block)});
  b = e.Slice(b, 1, 0, static_cast<uint32_t>(k));
  e.Output(0, AddBias(e, e.MatMul(a, e.Cast(e.TransposeLast(b), e.type(a))), 5));
  return e.Finish();
}

constexpr Converter kTable[] = {
    {"MatMulInteger", ConvertMatMulInteger},
    {"ConvInteger", ConvertConvInteger},
    {"QLinearConv", ConvertQLinearConv},
    {"QLinearMatMul", ConvertQLinearMatMul},
    {"QLinearConv", ConvertQLinearConv, kMicrosoft},
    {"QGemm", ConvertQGemm, kMicrosoft},
    {"DynamicQuantizeMatMul", ConvertDynamicQuantizeMatMul, kMicrosoft},
    {"MatMulIntegerToFloat", ConvertMatMulIntegerToFloat, kMicrosoft},
    {"MatMulNBits", ConvertMatMulNBits, kMicrosoft},
};

}  // namespace

std::span<const Converter> QuantizedProductConverters() {
  return kTable;
}

}  // namespace modeld::importer
