// Products of tensors, pooling, normalisation.
#include <algorithm>

#include "tests/fuzz/recipes.h"

namespace modeld::fuzz {
namespace {

// A 4-D shape of a layout such as "nchw", from sizes by letter.
Shape InLayout(const std::string& layout, const std::map<char, uint32_t>& sizes) {
  Shape shape;
  for (char letter : layout) shape.push_back(sizes.at(letter));
  return shape;
}

// Sets a choice of layout, or leaves it at its default.
std::string Choose(Draft& d, absl::string_view name) {
  const std::vector<absl::string_view>& choices = d.schema().FindAttribute(name)->choices;
  const std::string choice(d.OneOf(choices));
  d.SetOrLeave(name, choice, choice == std::string(choices[0]));
  return choice;
}

void DrawMatmul(Draft& d) {
  const TensorDescriptor a = d.AnyOperand();
  const size_t rank = a.shape.size();
  Shape b = BroadcastableTo(d, Shape(a.shape.begin(), a.shape.end() - 2));
  b.insert(b.end(), {a.shape[rank - 1], d.SmallSize()});
  d.OperandOf(b);
}

void DrawGemm(Draft& d) {
  const TensorDescriptor a = d.AnyOperand();
  const bool a_transpose = d.random().Once(2);
  const bool b_transpose = d.random().Once(2);
  const uint32_t rows = a.shape[a_transpose ? 1 : 0];
  const uint32_t inner = a.shape[a_transpose ? 0 : 1];
  const uint32_t columns = d.SmallSize();
  d.OperandOf(b_transpose ? Shape{columns, inner} : Shape{inner, columns});
  if (a_transpose) d.Set("aTranspose", true);
  if (b_transpose) d.Set("bTranspose", true);
  const Shape shapes[] = {{rows, columns}, {columns}, {1, columns}, {rows, 1}, {}, {1}};
  d.MaybeOperand("c", shapes[d.random().Between(0, std::size(shapes) - 1)]);
}

// padding, strides, dilations and such, each left out at times, small.
void DrawWindow(Draft& d) {
  const auto list = [&](const char* name, size_t size, uint32_t least, uint32_t most) {
    if (d.random().Once(2)) return;
    std::vector<uint32_t> values(size);
    for (uint32_t& value : values) value = d.random().Between(least, most);
    d.SetUints(name, values);
  };
  list("padding", 4, 0, 2);
  list("strides", 2, 1, 3);
  list("dilations", 2, 1, 2);
}

void DrawConvolution(Draft& d, bool transposed) {
  const TensorDescriptor x = d.AnyOperand();
  const std::string layout = Choose(d, "inputLayout");
  const std::string filter_layout = Choose(d, "filterLayout");
  const uint32_t channels = x.shape[layout.find('c')];
  const uint32_t groups = d.random().Once(2) ? 1 : DivisorOf(d, channels);
  const uint32_t per_group = d.random().Between(1, 4);
  d.SetOrLeave("groups", int64_t{groups}, groups == 1);
  d.OperandOf(InLayout(filter_layout, {{'o', transposed ? per_group : per_group * groups},
                                       {'i', transposed ? channels : channels / groups},
                                       {'h', d.random().Between(1, 3)},
                                       {'w', d.random().Between(1, 3)}}));
  DrawWindow(d);
  d.MaybeOperand("bias", {per_group * groups});
  if (transposed && d.random().Once(3))
    d.SetUints("outputPadding", {d.random().Between(0, 2), d.random().Between(0, 2)});
  if (transposed && d.random().Once(4)) {
    const uint32_t height = x.shape[layout.find('h')];
    const uint32_t width = x.shape[layout.find('w')];
    d.SetUints("outputSizes", {height + d.random().Between(0, 3), width + d.random().Between(0, 3)});
  }
}

void DrawConv2d(Draft& d) {
  DrawConvolution(d, false);
}
void DrawConvTranspose2d(Draft& d) {
  DrawConvolution(d, true);
}

void DrawPool(Draft& d) {
  const TensorDescriptor x = d.AnyOperand();
  const std::string layout = Choose(d, "layout");
  if (d.random().Once(4)) {
    // The whole image, by default.
    d.SetUints("strides", {d.random().Between(1, 2), d.random().Between(1, 2)});
  } else {
    d.SetUints("windowDimensions", {d.random().Between(1, 3), d.random().Between(1, 3)});
    DrawWindow(d);
  }
  if (d.random().Once(3)) {
    const auto size = [&](char letter) {
      const uint32_t whole = x.shape[layout.find(letter)];
      return std::max<uint32_t>(1, whole / 2 + d.random().Between(0, 2));
    };
    d.SetUints("outputSizes", {size('h'), size('w')});
  }
}

void DrawBatchNormalization(Draft& d) {
  const TensorDescriptor x = d.AnyOperand();
  const auto rank = static_cast<uint32_t>(x.shape.size());
  const uint32_t axis = d.random().Between(0, rank - 1);
  d.SetOrLeave("axis", int64_t{axis}, axis == 1);
  const Shape channels = {x.shape[axis]};
  d.OperandOf(channels);
  d.OperandOf(channels, Content::kPositive);
  d.MaybeOperand("scale", channels);
  d.MaybeOperand("bias", channels);
}

void DrawInstanceNormalization(Draft& d) {
  const TensorDescriptor x = d.AnyOperand();
  const std::string layout = Choose(d, "layout");
  const Shape channels = {x.shape[layout.find('c')]};
  d.MaybeOperand("scale", channels);
  d.MaybeOperand("bias", channels);
}

void DrawLayerNormalization(Draft& d) {
  const TensorDescriptor x = d.AnyOperand();
  std::vector<uint32_t> axes = SubsetOfAxes(d, x.shape.size());
  bool is_default = false;
  if (d.random().Once(2)) {
    // The last dimensions in order, which backends know best.
    axes.clear();
    const auto rank = static_cast<uint32_t>(x.shape.size());
    const uint32_t first = d.random().Between(0, rank);
    for (uint32_t i = first; i < rank; ++i) axes.push_back(i);
    is_default = first == 1;
  }
  Shape shape;
  for (uint32_t axis : axes) shape.push_back(x.shape[axis]);
  d.SetOrLeave("axes", std::vector<int64_t>(axes.begin(), axes.end()), is_default);
  d.MaybeOperand("scale", shape);
  d.MaybeOperand("bias", shape);
}

void DrawResample(Draft& d) {
  const TensorDescriptor x = d.AnyOperand();
  const std::vector<uint32_t> choices[] = {{2, 3}, {1, 2}, {0, 1}, {3, 2}};
  const uint32_t choice = d.random().Between(0, 3);
  d.SetOrLeave("axes", std::vector<int64_t>(choices[choice].begin(), choices[choice].end()), choice == 0);
  if (d.random().Once(2)) d.SetUints("sizes", {d.random().Between(1, 7), d.random().Between(1, 7)});
  if (d.random().Once(2)) {
    constexpr double kScales[] = {0.5, 1, 2, 1.5, 0.3, 3};
    d.Set("scales", std::vector<double>{d.OneOf(kScales), d.OneOf(kScales)});
  }
}

// scale and zeroPoint: one for all, one per axis, or one per block.
Shape BlocksOf(Draft& d, const Shape& shape) {
  Shape blocks = shape;
  const uint32_t kind = d.random().Between(0, 3);
  for (uint32_t& size : blocks) {
    if (kind == 0 || (kind == 1 && d.random().Once(2))) size = 1;
    if (kind == 2) size = DivisorOf(d, size);
  }
  return blocks;
}

void DrawQuantization(Draft& d) {
  const TensorDescriptor x = d.AnyOperand();
  const Shape blocks = BlocksOf(d, x.shape);
  d.OperandOf(blocks, Content::kPositive);
  d.OperandOf(blocks);
}

void DrawComposite(Draft& d) {
  const auto [body, inputs] = d.Body();
  for (const TensorDescriptor& input : inputs) d.ExactOperand(input);
  d.Set("name", std::string("body"));
  d.Set("body", body);
  if (d.random().Once(3)) d.Set("remark", std::string("anything"));
}

}  // namespace

const std::vector<Recipe>& ProductRecipes() {
  static const std::vector<Recipe> recipes = {
      {"matmul", DrawMatmul},
      {"gemm", DrawGemm},
      {"conv2d", DrawConv2d},
      {"convTranspose2d", DrawConvTranspose2d},
      {"averagePool2d", DrawPool},
      {"l2Pool2d", DrawPool},
      {"maxPool2d", DrawPool},
      {"batchNormalization", DrawBatchNormalization},
      {"instanceNormalization", DrawInstanceNormalization},
      {"layerNormalization", DrawLayerNormalization},
      {"resample2d", DrawResample},
      {"quantizeLinear", DrawQuantization},
      {"dequantizeLinear", DrawQuantization},
      {"composite", DrawComposite},
  };
  return recipes;
}

}  // namespace modeld::fuzz
