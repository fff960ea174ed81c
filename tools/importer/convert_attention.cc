// ONNX Runtime's Attention, MultiHeadAttention and RotaryEmbedding.
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tools/importer/attention.h"
#include "tools/importer/converters.h"
#include "tools/importer/emitter.h"

namespace modeld::importer {
namespace {

struct Options {
  uint32_t heads;
  double filler;
  bool causal;
};

absl::StatusOr<Options> ReadOptions(const NodeContext& node) {
  const int64_t heads = node.Int("num_heads", 0);
  if (heads < 1 || heads > INT32_MAX) return node.Invalid(absl::StrCat("num_heads is ", heads));
  if (node.Int("do_rotary", 0) != 0) return node.Unsupported("do_rotary is not supported");
  return Options{.heads = static_cast<uint32_t>(heads),
                 .filler = node.Float("mask_filter_value", -10000),
                 .causal = node.Int("unidirectional", 0) != 0};
}

double ScaleOf(Emitter& e, OperandId query) {
  const double given = e.node().Float("scale", 0);
  return given != 0 ? given : 1 / std::sqrt(static_cast<double>(e.size(query, 3)));
}

// A mask as something to add to scores [batch, heads, length, total]: [batch, total] of 0 and 1, [batch] of
// lengths, or [batch, length, total] of 0 and 1.
OperandId MaskBias(Emitter& e, OperandId mask, const HeadedAttention& attention, double filler) {
  const DataType type = e.type(attention.query);
  const uint32_t batch = e.size(attention.query, 0);
  const uint32_t total = e.size(attention.key, 2);
  const Shape shape = e.shape(mask);
  if (shape == Shape{batch}) {
    return e.Reshape(BiasOfMask(e, KeptByLength(e, mask, total), type, filler), {batch, 1, 1, total});
  }
  const OperandId bias = BiasOfMask(e, mask, type, filler);
  if (shape == Shape{batch, total}) return e.Reshape(bias, {batch, 1, 1, total});
  if (shape == Shape{batch, e.size(attention.query, 2), total}) {
    return e.Reshape(bias, {batch, 1, shape[1], total});
  }
  if (e.ok()) e.Fail(e.node().Unsupported(absl::StrCat("a mask of shape ", ShapeToString(shape))));
  return bias;
}

// What both operators do once queries, keys and values are there.
absl::Status Finish(Emitter& e, HeadedAttention attention, const Options& options,
                    std::optional<OperandId> mask, std::optional<OperandId> bias) {
  if (mask) attention.biases.push_back(MaskBias(e, *mask, attention, options.filler));
  if (bias) attention.biases.push_back(*bias);
  if (options.causal) {
    const uint32_t length = e.size(attention.query, 2);
    const uint32_t total = e.size(attention.key, 2);
    if (e.Require(length <= total, "there are more queries than keys")) {
      attention.biases.push_back(CausalBias(e, length, total, e.type(attention.query), options.filler));
    }
  }
  e.Output(0, EmitAttention(e, attention));
  return e.Finish();
}

// Element `index` of the first dimension of a past or present of keys and values.
OperandId Part(Emitter& e, OperandId pair, uint32_t index) {
  Shape shape = e.shape(pair);
  if (shape.size() != 5 || shape[0] != 2) return pair;
  shape.erase(shape.begin());
  return e.Reshape(e.Slice(pair, 0, index, 1), shape);
}

// input, weights [hidden, q + k + v], bias, mask_index, past [2, batch, heads, length, size], attention_bias.
absl::Status ConvertAttention(NodeContext& node) {
  Emitter e(node);
  MODELD_ASSIGN_OR_RETURN(const Options options, ReadOptions(node));
  if (node.HasInput(6)) return node.Unsupported("past_sequence_length is not supported");
  OperandId packed = e.MatMul(e.Input(0), e.Input(1));
  if (const std::optional<OperandId> bias = e.OptionalInput(2)) packed = e.Add(packed, *bias);
  if (!e.Require(e.rank(packed) == 3, "the input is not of rank 3")) return e.Finish();
  const int64_t width = e.size(packed, 2);
  std::vector<int64_t> sizes = node.Ints("qkv_hidden_sizes");
  if (sizes.empty()) sizes.assign(3, width / 3);
  const bool fit = sizes.size() == 3 && sizes[0] > 0 && sizes[0] == sizes[1] && sizes[0] <= width / 2 &&
                   sizes[2] == width - 2 * sizes[0];
  if (!fit) return node.Invalid("qkv_hidden_sizes do not fit the weights");
  const std::vector<OperandId> qkv = e.Ops("split", {packed}, {{"splits", sizes}, {"axis", int64_t{2}}}, 3);
  HeadedAttention attention{.query = SplitHeads(e, qkv[0], options.heads),
                            .key = SplitHeads(e, qkv[1], options.heads),
                            .value = SplitHeads(e, qkv[2], options.heads),
                            .scale = 1,
                            .biases = {}};
  attention.scale = ScaleOf(e, attention.query);
  if (const std::optional<OperandId> past = e.OptionalInput(4)) {
    e.Require(e.rank(*past) == 5 && e.size(*past, 0) == 2, "past is not of shape [2, ?, ?, ?, ?]");
    attention.key = e.Concat({Part(e, *past, 0), attention.key}, 2);
    attention.value = e.Concat({Part(e, *past, 1), attention.value}, 2);
  }
  if (node.HasOutput(1) && e.ok()) {
    Shape one = e.shape(attention.key);
    one.insert(one.begin(), 1);
    e.Output(1, e.Concat({e.Reshape(attention.key, one), e.Reshape(attention.value, one)}, 0));
  }
  const std::optional<OperandId> mask = e.OptionalInput(3);
  const std::optional<OperandId> bias = e.OptionalInput(5);
  return Finish(e, std::move(attention), options, mask, bias);
}

// The bias of queries, keys and values lies one after the other.
OperandId AddPart(Emitter& e, OperandId x, std::optional<OperandId> bias, uint32_t start) {
  if (!bias) return x;
  return e.Add(x, e.Slice(*bias, 0, start, e.size(x, 2)));
}

// query, key, value, bias, key_padding_mask, attention_bias, past_key, past_value.
absl::Status ConvertMultiHead(NodeContext& node) {
  Emitter e(node);
  MODELD_ASSIGN_OR_RETURN(const Options options, ReadOptions(node));
  if (!node.HasInput(1) || !node.HasInput(2)) {
    return node.Unsupported("keys and values packed with the queries are not supported");
  }
  for (int i = 8; i < node.input_count(); ++i) {
    if (node.HasInput(i)) return node.Unsupported(absl::StrCat("input ", i, " is not supported"));
  }
  const OperandId query = e.Input(0);
  OperandId key = e.Input(1);
  OperandId value = e.Input(2);
  const std::optional<OperandId> bias = e.OptionalInput(3);
  e.Require(e.rank(query) == 3, "packed queries, keys and values are not supported: query is not of rank 3");
  const uint32_t width = e.size(query, 2);
  // Keys and values of rank 4 come by head, from another attention's present.
  const bool by_head = e.rank(key) == 4 && e.rank(value) == 4;
  e.Require(by_head || (e.rank(key) == 3 && e.rank(value) == 3),
            "packed keys and values are not supported: they have neither rank 3 nor rank 4");
  MODELD_RETURN_IF_ERROR(e.status());
  if (!by_head) {
    if (bias) {
      const uint64_t wanted = uint64_t{width} + e.size(key, 2) + e.size(value, 2);
      e.Require(e.rank(*bias) == 1 && e.size(*bias, 0) == wanted, "bias does not fit query, key and value");
    }
    key = SplitHeads(e, AddPart(e, key, bias, width), options.heads);
    value = SplitHeads(e, AddPart(e, value, bias, 2 * width), options.heads);
  }
  const OperandId queries = SplitHeads(e, AddPart(e, query, bias, 0), options.heads);
  if (node.HasInput(6) && node.HasInput(7)) {
    key = e.Concat({e.Input(6), key}, 2);
    value = e.Concat({e.Input(7), value}, 2);
  }
  if (node.HasOutput(1)) e.Output(1, key);
  if (node.HasOutput(2)) e.Output(2, value);
  const HeadedAttention attention{
      .query = queries, .key = key, .value = value, .scale = ScaleOf(e, queries), .biases = {}};
  const std::optional<OperandId> mask = e.OptionalInput(4);
  const std::optional<OperandId> added = e.OptionalInput(5);
  return Finish(e, attention, options, mask, added);
}

// [positions, half] rows by position_ids ([batch, length], or [1] the first position) as
// [batch or 1, 1, length, half].
OperandId Rotation(Emitter& e, int cache, uint32_t length) {
  const OperandId table = e.Input(cache);
  const OperandId ids = e.Input(1);
  if (!e.Require(e.rank(table) == 2, "a cache is not of rank 2")) return table;
  const uint32_t half = e.size(table, 1);
  if (e.rank(ids) == 2) {
    const OperandId rows = e.Op("gather", {table, ids}, {{"axis", int64_t{0}}});
    return e.Reshape(rows, {e.size(ids, 0), 1, length, half});
  }
  const absl::StatusOr<double> first = e.node().NumberInput(1, "position_ids of one element");
  e.Fail(first.status());
  if (!e.ok()) return table;
  const bool fits = *first >= 0 && *first + length <= e.size(table, 0);
  if (!e.Require(fits, "position_ids lie outside the caches")) return table;
  return e.Reshape(e.Slice(table, 0, static_cast<uint32_t>(*first), length), {1, 1, length, half});
}

// x1 * cos - x2 * sin, x1 * sin + x2 * cos over the halves (or the even and odd elements) of each head.
OperandId Rotate(Emitter& e, OperandId x, OperandId cos, OperandId sin, bool interleaved) {
  const Shape shape = e.shape(x);
  const uint32_t half = e.size(cos, 3);
  if (!e.Require(shape.size() == 4 && shape[3] == 2 * half, "the caches do not fit the head size")) return x;
  OperandId pairs = e.Reshape(x, interleaved ? Shape{shape[0], shape[1], shape[2] * half, 2} : shape);
  const Shape half_shape = {shape[0], shape[1], shape[2], half};
  const uint32_t width = interleaved ? 1 : half;
  const OperandId a = e.Reshape(e.Slice(pairs, 3, 0, width), half_shape);
  const OperandId b = e.Reshape(e.Slice(pairs, 3, width, width), half_shape);
  const OperandId real = e.Sub(e.Mul(a, cos), e.Mul(b, sin));
  const OperandId imaginary = e.Add(e.Mul(a, sin), e.Mul(b, cos));
  if (!interleaved) return e.Concat({real, imaginary}, 3);
  const Shape column = {shape[0], shape[1], shape[2] * half, 1};
  return e.Reshape(e.Concat({e.Reshape(real, column), e.Reshape(imaginary, column)}, 3), shape);
}

// input [batch, length, hidden] or [batch, heads, length, size], position_ids, cos_cache, sin_cache.
absl::Status ConvertRotary(NodeContext& node) {
  Emitter e(node);
  const OperandId input = e.Input(0);
  if (node.Int("is_packed_batching", 0) != 0) return node.Unsupported("is_packed_batching is not supported");
  const bool by_head = e.rank(input) == 4;
  const int64_t partial = node.Int("rotary_embedding_dim", 0);
  int64_t heads = node.Int("num_heads", 0);
  if (!by_head && heads == 0 && e.ok()) {
    // Full rotation: a head is twice as wide as the caches.
    const int64_t size = 2 * int64_t{e.size(e.Input(2), 1)};
    if (partial != 0 || size > e.size(input, 2)) return node.Invalid("num_heads is missing");
    heads = e.size(input, 2) / size;
  }
  if (heads < 0 || heads > INT32_MAX || partial < 0)
    return node.Invalid("num_heads or rotary_embedding_dim is negative");
  OperandId x = by_head ? input : SplitHeads(e, input, static_cast<uint32_t>(heads));
  const uint32_t size = e.size(x, 3);
  const uint32_t length = e.size(x, 2);
  if (!e.Require(partial <= size, "rotary_embedding_dim is larger than a head")) return e.Finish();
  const uint32_t rotated = partial == 0 ? size : static_cast<uint32_t>(partial);
  OperandId y = Rotate(e, e.Slice(x, 3, 0, rotated), Rotation(e, 2, length), Rotation(e, 3, length),
                       node.Int("interleaved", 0) != 0);
  if (rotated < size) y = e.Concat({y, e.Slice(x, 3, rotated, size - rotated)}, 3);
  if (const double scale = node.Float("scale", 1); scale != 1) y = e.Linear(y, scale, 0);
  if (!by_head) y = e.Reshape(e.Transpose(y, {0, 2, 1, 3}), e.shape(input));
  e.Output(0, y);
  return e.Finish();
}

constexpr Converter kTable[] = {
    {"Attention", ConvertAttention, kMicrosoft},
    {"MultiHeadAttention", ConvertMultiHead, kMicrosoft},
    {"RotaryEmbedding", ConvertRotary, kMicrosoft},
};

}  // namespace

std::span<const Converter> AttentionConverters() {
  return kTable;
}

}  // namespace modeld::importer
