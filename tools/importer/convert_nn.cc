// Matrix products and normalisation by batch, instance, neighbourhood.
#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tools/importer/compose.h"
#include "tools/importer/converters.h"

namespace modeld::importer {
namespace {

// Before opset 7, C broadcasts only where `broadcast` says so, which its shape tells, too.
absl::Status ConvertGemm(NodeContext& node) {
  Emitter e(node);
  Attributes attributes{{"alpha", node.Float("alpha", 1)},
                        {"beta", node.Float("beta", 1)},
                        {"aTranspose", node.Int("transA", 0) != 0},
                        {"bTranspose", node.Int("transB", 0) != 0}};
  if (const auto c = e.OptionalInput(2)) attributes["c"] = *c;
  e.Output(0, e.Op("gemm", {e.Input(0), e.Input(1)}, std::move(attributes)));
  return e.Finish();
}

// A vector on either side gets the dimension that numpy's matmul gives it, which the result then loses.
absl::Status ConvertMatMul(NodeContext& node) {
  Emitter e(node);
  OperandId a = e.Input(0);
  OperandId b = e.Input(1);
  e.Require(e.rank(a) > 0 && e.rank(b) > 0, "an operand is a scalar");
  const bool a_vector = e.rank(a) == 1;
  const bool b_vector = e.rank(b) == 1;
  if (a_vector) a = e.Reshape(a, {1, e.size(a, 0)});
  if (b_vector) b = e.Reshape(b, {e.size(b, 0), 1});
  const OperandId product = e.MatMul(a, b);
  Shape shape = e.shape(product);
  if (!e.ok()) return e.Finish();
  if (b_vector) shape.pop_back();
  if (a_vector) shape.erase(shape.end() - (b_vector ? 1 : 2));
  e.Output(0, e.Reshape(product, shape));
  return e.Finish();
}

// Statistics of the batch itself, and the running ones after it (training_mode, since opset 14).
void NormalizeByOwnBatch(Emitter& e, OperandId x, const std::vector<OperandId>& inputs) {
  NodeContext& node = e.node();
  std::vector<int64_t> axes;
  for (size_t i = 0; i < e.rank(x); ++i) {
    if (i != 1) axes.push_back(static_cast<int64_t>(i));
  }
  const OperandId kept = e.Reduce("reduceMean", x, axes, true);
  const OperandId centered = e.Sub(x, kept);
  const OperandId variance = e.Reduce("reduceMean", e.Mul(centered, centered), axes, false);
  const OperandId mean = e.Reshape(kept, e.shape(variance));
  e.Output(0, e.Op("batchNormalization", {x, mean, variance},
                   {{"scale", inputs[1]},
                    {"bias", inputs[2]},
                    {"axis", int64_t{1}},
                    {"epsilon", node.Float("epsilon", 1e-5)}}));
  const double momentum = node.Float("momentum", 0.9);
  const auto running = [&](OperandId old, OperandId now) {
    return e.Add(e.Linear(old, momentum, 0), e.Linear(now, 1 - momentum, 0));
  };
  if (node.HasOutput(1)) e.Output(1, running(inputs[3], mean));
  if (node.HasOutput(2)) e.Output(2, running(inputs[4], variance));
  if (node.HasOutput(3)) e.Fail(node.Unsupported("has the outputs of training", Reason::kTraining));
}

// Before opset 14, outputs beyond the first are training's; before 7, `is_test` says what is wanted; before
// 9, statistics may be per element (spatial = 0).
absl::Status ConvertBatchNormalization(NodeContext& node) {
  Emitter e(node);
  std::vector<OperandId> inputs;
  for (int i = 0; i < 5; ++i) inputs.push_back(e.Input(i));
  const OperandId x = inputs[0];
  e.Require(e.rank(x) >= 2, "the input has a rank below 2");
  if (!e.ok()) return e.Finish();
  if (node.opset() >= 14 && node.Int("training_mode", 0) != 0) {
    NormalizeByOwnBatch(e, x, inputs);
    return e.Finish();
  }
  bool training = node.opset() < 7 && node.Int("is_test", 0) == 0;
  for (int i = 1; i < 5; ++i) training = training || node.HasOutput(i);
  if (training) return node.Unsupported("has the outputs of training", Reason::kTraining);
  if (node.opset() < 9 && node.Int("spatial", 1) == 0 && e.rank(x) > 2) {
    return node.Unsupported("spatial is 0");
  }
  e.Output(0, e.Op("batchNormalization", {x, inputs[3], inputs[4]},
                   {{"scale", inputs[1]},
                    {"bias", inputs[2]},
                    {"axis", int64_t{1}},
                    {"epsilon", node.Float("epsilon", 1e-5)}}));
  return e.Finish();
}

// [N, C, H, W] with all spatial dimensions in the last one, where there are not two.
OperandId ToImages(Emitter& e, OperandId x) {
  const Shape s = e.shape(x);
  if (s.size() < 3 || s.size() == 4) return x;
  uint32_t rest = 1;
  for (size_t i = 2; i < s.size(); ++i) rest *= s[i];
  return e.Reshape(x, {s[0], s[1], 1, rest});
}

absl::Status ConvertInstanceNormalization(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  e.Require(e.rank(x) >= 3, "the input has no spatial dimensions");
  const OperandId y =
      e.Op("instanceNormalization", {ToImages(e, x)},
           {{"scale", e.Input(1)}, {"bias", e.Input(2)}, {"epsilon", node.Float("epsilon", 1e-5)}});
  e.Output(0, e.Reshape(y, e.shape(x)));
  return e.Finish();
}

// x / (bias + alpha / size * sum of squares of `size` channels around)^beta; the mean over the channels, with
// zeros beyond them, is that sum over size.
absl::Status ConvertLrn(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  const int64_t size = node.Int("size", 0);
  e.Require(e.rank(x) >= 3, "the input has no spatial dimensions");
  e.Require(size > 0 && size <= INT32_MAX, "size is not positive");
  if (!e.ok()) return e.Finish();
  e.Output(
      0, InFloat32(e, x, [&](OperandId wide) {
        const Shape s = e.shape(wide);
        if (!e.ok()) return wide;
        uint32_t rest = 1;
        for (size_t i = 2; i < s.size(); ++i) rest *= s[i];
        const OperandId squares = e.Reshape(e.Mul(wide, wide), {s[0], 1, s[1], rest});
        const int64_t before = (size - 1) / 2;
        const OperandId padded = e.Op("pad", {squares},
                                      {{"beginningPadding", std::vector<int64_t>{0, 0, before, 0}},
                                       {"endingPadding", std::vector<int64_t>{0, 0, size - 1 - before, 0}}});
        const OperandId mean =
            e.Op("averagePool2d", {padded}, {{"windowDimensions", std::vector<int64_t>{size, 1}}});
        const OperandId base = e.Linear(mean, node.Float("alpha", 1e-4), node.Float("bias", 1));
        const OperandId power = e.Op("pow", {base, e.Scalar(DataType::kFloat32, node.Float("beta", 0.75))});
        return e.Div(wide, e.Reshape(power, s));
      }));
  return e.Finish();
}

// (x - mean) / (standard deviation + 1e-9), as ONNX's definition as a function has it.
absl::Status ConvertMeanVariance(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  std::vector<int64_t> axes = node.Ints("axes");
  if (axes.empty()) axes = {0, 2, 3};
  if (!e.ok()) return e.Finish();
  MODELD_ASSIGN_OR_RETURN(axes, node.Axes(axes, e.rank(x)));
  e.Output(0, InFloat32(e, x, [&](OperandId wide) {
             const OperandId centered = e.Sub(wide, e.Reduce("reduceMean", wide, axes, true));
             const OperandId variance = e.Reduce("reduceMean", e.Mul(centered, centered), axes, true);
             return e.Div(centered, e.Linear(e.Op("sqrt", {variance}), 1, 1e-9));
           }));
  return e.Finish();
}

// x / |x| along the axis, which is the last one by default.
absl::Status ConvertLpNormalization(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  if (!e.ok()) return e.Finish();
  MODELD_ASSIGN_OR_RETURN(const uint32_t axis, node.Axis(node.Int("axis", -1), e.rank(x)));
  const int64_t p = node.Int("p", 2);
  e.Require(p == 1 || p == 2, "p is neither 1 nor 2");
  e.Output(0, e.Div(x, e.Reduce(p == 1 ? "reduceL1" : "reduceL2", x, {axis}, true)));
  return e.Finish();
}

// Of the matrix's last rows and these columns, as many: by Laplace along the first of them.
OperandId Determinant(Emitter& e, OperandId matrix, const std::vector<uint32_t>& columns) {
  const auto last = static_cast<uint32_t>(e.rank(matrix)) - 1;
  const uint32_t row = e.size(matrix, last) - static_cast<uint32_t>(columns.size());
  std::optional<OperandId> sum;
  for (size_t i = 0; i < columns.size(); ++i) {
    OperandId term = e.Slice(e.Slice(matrix, last - 1, row, 1), last, columns[i], 1);
    if (columns.size() > 1) {
      std::vector<uint32_t> rest = columns;
      rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
      term = e.Mul(term, Determinant(e, matrix, rest));
    }
    sum = !sum ? term : i % 2 == 0 ? e.Add(*sum, term) : e.Sub(*sum, term);
  }
  return *sum;
}

// Elimination would choose its pivots by data, so only small matrices have a form.
absl::Status ConvertDet(NodeContext& node) {
  constexpr uint32_t kMaxSize = 4;
  Emitter e(node);
  const OperandId x = e.Input(0);
  Shape shape = e.shape(x);
  e.Require(shape.size() >= 2 && shape.back() == shape[shape.size() - 2],
            "the input holds no square matrices");
  if (!e.ok()) return e.Finish();
  if (shape.back() > kMaxSize) {
    return node.Unsupported(absl::StrCat("matrices are larger than ", kMaxSize, " by ", kMaxSize));
  }
  std::vector<uint32_t> columns(shape.back());
  std::iota(columns.begin(), columns.end(), 0u);
  shape.resize(shape.size() - 2);
  e.Output(0,
           InFloat32(e, x, [&](OperandId wide) { return e.Reshape(Determinant(e, wide, columns), shape); }));
  return e.Finish();
}

constexpr Converter kTable[] = {
    {"Det", ConvertDet},
    {"Gemm", ConvertGemm},
    {"MatMul", ConvertMatMul},
    {"BatchNormalization", ConvertBatchNormalization},
    {"InstanceNormalization", ConvertInstanceNormalization},
    {"LRN", ConvertLrn},
    {"MeanVarianceNormalization", ConvertMeanVariance},
    {"LpNormalization", ConvertLpNormalization},
};

}  // namespace

std::span<const Converter> NnConverters() {
  return kTable;
}

}  // namespace modeld::importer
