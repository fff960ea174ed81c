// Reductions, positions of extremes, losses.
#include "base/status.h"
#include "tools/importer/compose.h"
#include "tools/importer/converters.h"

namespace modeld::importer {
namespace {

struct Renaming {
  absl::string_view onnx;
  absl::string_view webnn;
};
constexpr Renaming kReductions[] = {
    {"ReduceL1", "reduceL1"},         {"ReduceL2", "reduceL2"},
    {"ReduceLogSum", "reduceLogSum"}, {"ReduceLogSumExp", "reduceLogSumExp"},
    {"ReduceMax", "reduceMax"},       {"ReduceMean", "reduceMean"},
    {"ReduceMin", "reduceMin"},       {"ReduceProd", "reduceProduct"},
    {"ReduceSum", "reduceSum"},       {"ReduceSumSquare", "reduceSumSquare"},
};

// Axes are an attribute, or an input since opset 13 (ReduceSum) or 18 (the others). Without any: all of them,
// or none where `noop_with_empty_axes` says so.
absl::Status ConvertReduce(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  std::vector<int64_t> axes = node.Ints("axes");
  if (node.HasInput(1)) {
    MODELD_ASSIGN_OR_RETURN(axes, node.IntsInput(1, "axes"));
  }
  if (axes.empty()) {
    if (node.Int("noop_with_empty_axes", 0) != 0) {
      e.Output(0, e.Op("identity", {x}));
      return e.Finish();
    }
    for (size_t i = 0; i < e.rank(x); ++i) axes.push_back(static_cast<int64_t>(i));
  }
  if (!e.ok()) return e.Finish();
  MODELD_ASSIGN_OR_RETURN(axes, node.Axes(axes, e.rank(x)));
  const bool keep = node.Int("keepdims", 1) != 0;
  for (const Renaming& row : kReductions) {
    if (row.onnx == node.op_type()) e.Output(0, e.Reduce(row.webnn, x, axes, keep));
  }
  return e.Finish();
}

// The last one of equal extremes is the first one from the other end.
absl::Status ConvertArgMinMax(NodeContext& node) {
  Emitter e(node);
  OperandId x = e.Input(0);
  if (!e.ok()) return e.Finish();
  MODELD_ASSIGN_OR_RETURN(const uint32_t axis, node.Axis(node.Int("axis", 0), e.rank(x)));
  const bool last = node.Int("select_last_index", 0) != 0;
  if (last) x = e.Op("reverse", {x}, {{"axes", std::vector<int64_t>{axis}}});
  OperandId position = e.Op(node.op_type() == "ArgMax" ? "argMax" : "argMin", {x},
                            {{"axis", int64_t{axis}},
                             {"keepDimensions", node.Int("keepdims", 1) != 0},
                             {"outputDataType", DataType::kInt64}});
  if (last) position = e.Sub(e.Scalar(DataType::kInt64, e.size(x, axis) - 1.0), position);
  e.Output(0, position);
  return e.Finish();
}

// The mean, sum or none of -w[target] * logp[target] over all but the class, which is dimension 1; targets of
// `ignore_index` weigh nothing. The mean is over the weights.
void EmitLikelihoodLoss(Emitter& e, OperandId logp, OperandId target, std::optional<OperandId> weight) {
  NodeContext& node = e.node();
  const DataType type = e.type(logp);
  const Shape target_shape = e.shape(target);
  Shape kept = target_shape;
  kept.insert(kept.begin() + (kept.empty() ? 0 : 1), 1);
  target = e.Reshape(target, kept);
  OperandId index = target;
  std::optional<OperandId> scale;
  if (node.HasAttribute("ignore_index")) {
    const double ignored = static_cast<double>(node.Int("ignore_index", 0));
    const OperandId counts = e.Op("notEqual", {target, e.Scalar(e.type(target), ignored)});
    // Its class may be out of range.
    index = e.Where(counts, target, e.Scalar(e.type(target), 0));
    scale = e.Cast(counts, type);
  }
  if (weight) {
    const OperandId chosen = e.Op("gather", {*weight, index}, {{"axis", int64_t{0}}});
    scale = scale ? e.Mul(chosen, *scale) : chosen;
  }
  OperandId loss = e.Op("neg", {e.Op("gatherElements", {logp, index}, {{"axis", int64_t{1}}})});
  // What is ignored counts 0 even where its loss is infinite.
  if (scale) {
    const OperandId zero = e.Scalar(type, 0);
    loss = e.Where(e.Op("equal", {*scale, zero}), zero, e.Mul(loss, *scale));
  }
  const std::string reduction = node.String("reduction", "mean");
  std::vector<int64_t> all;
  for (size_t i = 0; i < kept.size(); ++i) all.push_back(static_cast<int64_t>(i));
  if (reduction == "none") {
    loss = e.Reshape(loss, target_shape);
  } else if (reduction == "sum") {
    loss = e.Reduce("reduceSum", loss, all, false);
  } else if (reduction == "mean" && scale) {
    loss = e.Div(e.Reduce("reduceSum", loss, all, false), e.Reduce("reduceSum", *scale, all, false));
  } else if (reduction == "mean") {
    loss = e.Reduce("reduceMean", loss, all, false);
  } else {
    e.Require(false, "reduction is none of none, sum, mean");
  }
  e.Output(0, loss);
}

absl::Status ConvertLikelihoodLoss(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  const OperandId target = e.Input(1);
  const std::optional<OperandId> weight = e.OptionalInput(2);
  e.Require(e.rank(x) >= 2 && e.rank(target) + 1 == e.rank(x),
            "target must lack the input's class dimension");
  if (e.ok()) EmitLikelihoodLoss(e, x, target, weight);
  return e.Finish();
}

// NegativeLogLikelihoodLoss of the logarithm of the softmax along dimension 1, which is the second output.
absl::Status ConvertCrossEntropy(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  const OperandId target = e.Input(1);
  const std::optional<OperandId> weight = e.OptionalInput(2);
  e.Require(e.rank(x) >= 2 && e.rank(target) + 1 == e.rank(x),
            "labels must lack the scores' class dimension");
  if (!e.ok()) return e.Finish();
  const OperandId logp = InFloat32(e, x, [&](OperandId scores) {
    const OperandId shifted = e.Sub(scores, e.Reduce("reduceMax", scores, {1}, true));
    return e.Sub(shifted, e.Reduce("reduceLogSum", e.Op("exp", {shifted}), {1}, true));
  });
  EmitLikelihoodLoss(e, logp, target, weight);
  e.Output(1, logp);
  return e.Finish();
}

std::vector<Converter> MakeTable() {
  std::vector<Converter> table;
  for (const Renaming& row : kReductions) table.push_back({row.onnx, ConvertReduce});
  table.push_back({"ArgMax", ConvertArgMinMax});
  table.push_back({"ArgMin", ConvertArgMinMax});
  table.push_back({"NegativeLogLikelihoodLoss", ConvertLikelihoodLoss});
  table.push_back({"SoftmaxCrossEntropyLoss", ConvertCrossEntropy});
  return table;
}

}  // namespace

std::span<const Converter> ReduceConverters() {
  static const std::vector<Converter> table = MakeTable();
  return table;
}

}  // namespace modeld::importer
