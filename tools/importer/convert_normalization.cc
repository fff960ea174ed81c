// Layer, group and RMS normalisation, ONNX's and ONNX Runtime's fused forms.
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tools/importer/converters.h"
#include "tools/importer/emitter.h"
#include "tools/importer/normalize.h"

namespace modeld::importer {
namespace {

absl::Status ConvertLayer(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  MODELD_RETURN_IF_ERROR(e.status());
  MODELD_ASSIGN_OR_RETURN(const uint32_t axis, node.Axis(node.Int("axis", -1), e.rank(x)));
  const LayerNormalization layer{.x = x,
                                 .axis = axis,
                                 .scale = e.Input(1),
                                 .bias = e.OptionalInput(2),
                                 .epsilon = node.Float("epsilon", 1e-5)};
  e.Output(0, EmitLayerNormalization(e, layer));
  SetMoments(e, layer, 1, 2);
  return e.Finish();
}

// SimplifiedLayerNormalization and RMSNormalization: X, scale.
absl::Status ConvertRms(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  MODELD_RETURN_IF_ERROR(e.status());
  if (node.HasOutput(1)) return node.Unsupported("only the first output is supported");
  MODELD_ASSIGN_OR_RETURN(const uint32_t axis, node.Axis(node.Int("axis", -1), e.rank(x)));
  const LayerNormalization layer{
      .x = x, .axis = axis, .scale = e.Input(1), .epsilon = node.Float("epsilon", 1e-5)};
  e.Output(0, EmitRmsNormalization(e, layer));
  return e.Finish();
}

// SkipLayerNormalization: input, skip, gamma, beta, bias. SkipSimplifiedLayerNormalization: input, skip,
// gamma, bias. Output 3 is the sum that is normalised.
absl::Status ConvertSkip(NodeContext& node) {
  Emitter e(node);
  const bool simplified = node.op_type() == "SkipSimplifiedLayerNormalization";
  OperandId x = e.Add(e.Input(0), e.Input(1));
  const OperandId gamma = e.Input(2);
  const std::optional<OperandId> beta = simplified ? std::nullopt : e.OptionalInput(3);
  if (const std::optional<OperandId> bias = e.OptionalInput(simplified ? 3 : 4)) x = e.Add(x, *bias);
  if (!e.Require(e.rank(x) >= 1, "the input is a scalar")) return e.Finish();
  const LayerNormalization layer{.x = x,
                                 .axis = static_cast<uint32_t>(e.rank(x) - 1),
                                 .scale = gamma,
                                 .bias = beta,
                                 .epsilon = node.Float("epsilon", simplified ? 1e-5 : 1e-12)};
  e.Output(0, simplified ? EmitRmsNormalization(e, layer) : EmitLayerNormalization(e, layer));
  if (simplified && (node.HasOutput(1) || node.HasOutput(2))) {
    return node.Unsupported("its outputs 1 and 2 are for training", Reason::kTraining);
  }
  SetMoments(e, layer, 1, 2);
  if (node.HasOutput(3)) e.Output(3, x);
  return e.Finish();
}

// [C] as a shape that broadcasts along dimension 1 of a tensor of this rank.
Shape AlongChannels(uint32_t channels, size_t rank) {
  Shape shape(rank - 1, 1);
  shape[0] = channels;
  return shape;
}

struct Groups {
  OperandId x;  // channels first
  OperandId scale;
  OperandId bias;
  int64_t count;
};

// Every group of channels normalised by itself; scale and bias have one element per channel, or per group as
// in opset 18.
OperandId EmitGroups(Emitter& e, const Groups& groups) {
  const Shape shape = e.shape(groups.x);
  if (!e.Require(shape.size() >= 2, "the input has a rank below 2")) return groups.x;
  const uint32_t channels = shape[1];
  if (!e.Require(groups.count >= 1 && channels % groups.count == 0,
                 absl::StrCat(groups.count, " groups do not divide ", channels, " channels"))) {
    return groups.x;
  }
  const auto count = static_cast<uint32_t>(groups.count);
  uint32_t rest = channels / count;
  for (size_t i = 2; i < shape.size(); ++i) rest *= shape[i];
  const OperandId flat = e.Reshape(groups.x, {shape[0], count, rest});
  OperandId y = EmitLayerNormalization(e, {.x = flat, .axis = 2, .epsilon = e.node().Float("epsilon", 1e-5)});
  const DataType type = e.type(y);
  const OperandId scale = e.Cast(groups.scale, type);
  const OperandId bias = e.Cast(groups.bias, type);
  const bool per_group = e.node().op_type() == "GroupNormalization" && e.node().opset() < 21;
  if (!per_group) y = e.Reshape(y, shape);
  const Shape along = per_group ? Shape{count, 1} : AlongChannels(channels, shape.size());
  y = e.Add(e.Mul(y, e.Reshape(scale, along)), e.Reshape(bias, along));
  return e.Reshape(y, shape);
}

absl::Status ConvertGroup(NodeContext& node) {
  Emitter e(node);
  if (!node.HasAttribute("num_groups")) return node.Invalid("attribute num_groups is missing");
  const Groups groups{
      .x = e.Input(0), .scale = e.Input(1), .bias = e.Input(2), .count = node.Int("num_groups", 0)};
  e.Output(0, EmitGroups(e, groups));
  return e.Finish();
}

// com.microsoft GroupNorm: channels last unless it says otherwise, with SiLU as an option.
absl::Status ConvertMicrosoftGroup(NodeContext& node) {
  Emitter e(node);
  const bool channels_last = node.Int("channels_last", 1) != 0;
  OperandId x = e.Input(0);
  if (!e.Require(e.rank(x) == 4, "the input is not of rank 4")) return e.Finish();
  if (channels_last) x = e.Transpose(x, {0, 3, 1, 2});
  const Groups groups{.x = x, .scale = e.Input(1), .bias = e.Input(2), .count = node.Int("groups", 0)};
  OperandId y = EmitGroups(e, groups);
  if (node.Int("activation", 0) == 1) y = e.Mul(y, e.Op("sigmoid", {y}));
  e.Output(0, channels_last ? e.Transpose(y, {0, 2, 3, 1}) : y);
  return e.Finish();
}

// Word, position and segment embeddings added and normalised: input_ids, segment_ids, word_embedding,
// position_embedding, segment_embedding, gamma, beta, mask, position_ids.
absl::Status ConvertEmbed(NodeContext& node) {
  Emitter e(node);
  const OperandId ids = e.Input(0);
  if (!e.Require(e.rank(ids) == 2, "input_ids is not of rank 2")) return e.Finish();
  const uint32_t batch = e.size(ids, 0);
  const uint32_t length = e.size(ids, 1);
  const auto lookup = [&e](OperandId table, OperandId indices) {
    return e.Op("gather", {table, indices}, {{"axis", int64_t{0}}});
  };
  OperandId x = lookup(e.Input(2), ids);
  const OperandId positions = e.Input(3);
  e.Require(e.rank(positions) == 2 && (node.HasInput(8) || e.size(positions, 0) >= length),
            "position_embedding has fewer rows than the sequence has elements");
  x = e.Add(x, node.HasInput(8) ? lookup(positions, e.Input(8)) : e.Slice(positions, 0, 0, length));
  if (node.HasInput(1) && node.HasInput(4)) x = e.Add(x, lookup(e.Input(4), e.Input(1)));
  if (!e.Require(e.rank(x) == 3, "the embeddings are not matrices")) return e.Finish();
  const LayerNormalization layer{
      .x = x, .axis = 2, .scale = e.Input(5), .bias = e.Input(6), .epsilon = node.Float("epsilon", 1e-12)};
  e.Output(0, EmitLayerNormalization(e, layer));
  if (node.HasOutput(1)) {
    // How many elements of each sequence the mask keeps; 0 without a mask.
    const std::optional<OperandId> mask = e.OptionalInput(7);
    e.Output(1, mask ? e.Reduce("reduceSum", e.Cast(*mask, DataType::kInt32), {1}, false)
                     : e.Zeros(DataType::kInt32, {batch}));
  }
  if (node.HasOutput(2)) e.Output(2, x);
  return e.Finish();
}

constexpr Converter kTable[] = {
    {"LayerNormalization", ConvertLayer},
    {"GroupNormalization", ConvertGroup},
    // ONNX Runtime's optimizer writes this one without a domain.
    {"SimplifiedLayerNormalization", ConvertRms},
    {"SimplifiedLayerNormalization", ConvertRms, kMicrosoft},
    {"SkipLayerNormalization", ConvertSkip, kMicrosoft},
    {"SkipSimplifiedLayerNormalization", ConvertSkip, kMicrosoft},
    {"EmbedLayerNormalization", ConvertEmbed, kMicrosoft},
    {"GroupNorm", ConvertMicrosoftGroup, kMicrosoft},
};

}  // namespace

std::span<const Converter> NormalizationConverters() {
  return kTable;
}

}  // namespace modeld::importer
