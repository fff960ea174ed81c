// conv2d and convTranspose2d, all layouts.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/ops/families.h"
#include "engine/ops/shared_rules.h"
#include "engine/ops/window.h"

namespace modeld {
namespace {

using core::ValueId;

// A filter's sizes by meaning: `o` output channels (per group if transposed), `i` input channels (per group
// if not).
struct FilterShape {
  uint32_t o, i, height, width;

  static FilterShape Of(const Shape& shape, const std::string& layout) {
    const auto size = [&](char dimension) { return shape[layout.find(dimension)]; };
    return {size('o'), size('i'), size('h'), size('w')};
  }
};

absl::Status CheckDivides(const InferContext& c, uint32_t groups, uint32_t channels,
                          absl::string_view which) {
  if (groups != 0 && channels % groups == 0) return absl::OkStatus();
  return c.Error("groups", absl::StrCat(groups, " does not divide ", channels, " ", which, " channels"),
                 absl::StrCat("a divisor of ", channels), absl::StrCat(groups));
}

absl::Status CheckFilterChannels(const InferContext& c, uint32_t found, uint32_t expected) {
  if (found == expected) return absl::OkStatus();
  return c.Error("filter", absl::StrCat("has ", found, " input channels, expected ", expected),
                 absl::StrCat(expected), absl::StrCat(found));
}

InferResult InferConv2d(InferContext& c) {
  const std::string& layout = c.String("inputLayout");
  const ImageShape input = ImageShape::Of(c.input(0).shape, layout);
  const FilterShape filter = FilterShape::Of(c.input(1).shape, c.String("filterLayout"));
  const uint32_t groups = c.Uint("groups");
  const std::vector<uint32_t> padding = c.Uints("padding");
  const std::vector<uint32_t> strides = c.Uints("strides");
  const std::vector<uint32_t> dilations = c.Uints("dilations");
  MODELD_RETURN_IF_ERROR(CheckDivides(c, groups, input.channels, "input"));
  MODELD_RETURN_IF_ERROR(CheckFilterChannels(c, filter.i, input.channels / groups));
  MODELD_RETURN_IF_ERROR(CheckDivides(c, groups, filter.o, "output"));
  MODELD_RETURN_IF_ERROR(CheckOptionalShape(c, "bias", {filter.o}));
  const auto size = [&](int64_t room, uint32_t stride) { return room < 0 ? 0 : room / stride + 1; };
  const int64_t rows = WindowRoom(input.height, filter.height, padding[0], padding[1], dilations[0]);
  const int64_t columns = WindowRoom(input.width, filter.width, padding[2], padding[3], dilations[1]);
  MODELD_ASSIGN_OR_RETURN(const uint32_t height, ToDimension(c, "output height", size(rows, strides[0])));
  MODELD_ASSIGN_OR_RETURN(const uint32_t width, ToDimension(c, "output width", size(columns, strides[1])));
  return One({c.input(0).data_type, ImageShape{input.batches, filter.o, height, width}.In(layout)});
}

// One output size of convTranspose2d: the calculated one plus outputPadding, or outputSizes if that is less
// than a stride beyond it.
absl::StatusOr<uint32_t> TransposedSize(const InferContext& c, size_t dimension, uint32_t input,
                                        uint32_t filter) {
  const std::vector<uint32_t> padding = c.Uints("padding");
  const uint32_t stride = c.Uints("strides")[dimension];
  // Bounded like the filter's size, so that the sum cannot overflow.
  const int64_t steps = std::min<int64_t>((static_cast<int64_t>(input) - 1) * stride, kMaxReach);
  const int64_t calculated = steps + EffectiveFilterSize(filter, c.Uints("dilations")[dimension]) -
                             padding[2 * dimension] - padding[2 * dimension + 1];
  const absl::string_view field = dimension == 0 ? "output height" : "output width";
  if (!c.Has("outputSizes")) {
    const uint32_t extra = c.Uints("outputPadding")[dimension];
    if (extra >= stride) {
      return c.Error("outputPadding", absl::StrCat(extra, " must be below the stride ", stride),
                     absl::StrCat("below ", stride), absl::StrCat(extra));
    }
    return ToDimension(c, field, calculated + extra);
  }
  const int64_t wanted = c.Uints("outputSizes")[dimension];
  if (wanted < calculated || wanted >= calculated + stride) {
    const std::string expected = absl::StrCat("from ", calculated, " to ", calculated + stride - 1);
    return c.Error("outputSizes", absl::StrCat(wanted, " is out of range, expected ", expected), expected,
                   absl::StrCat(wanted));
  }
  return ToDimension(c, field, wanted);
}

InferResult InferConvTranspose2d(InferContext& c) {
  const std::string& layout = c.String("inputLayout");
  const ImageShape input = ImageShape::Of(c.input(0).shape, layout);
  const FilterShape filter = FilterShape::Of(c.input(1).shape, c.String("filterLayout"));
  MODELD_RETURN_IF_ERROR(CheckFilterChannels(c, filter.i, input.channels));
  // Not in the specification's steps, but a group of a broken number of channels means nothing.
  MODELD_RETURN_IF_ERROR(CheckDivides(c, c.Uint("groups"), input.channels, "input"));
  MODELD_ASSIGN_OR_RETURN(
      const uint32_t channels,
      ToDimension(c, "output channels", static_cast<int64_t>(filter.o) * c.Uint("groups")));
  MODELD_RETURN_IF_ERROR(CheckOptionalShape(c, "bias", {channels}));
  MODELD_ASSIGN_OR_RETURN(const uint32_t height, TransposedSize(c, 0, input.height, filter.height));
  MODELD_ASSIGN_OR_RETURN(const uint32_t width, TransposedSize(c, 1, input.width, filter.width));
  return One({c.input(0).data_type, ImageShape{input.batches, channels, height, width}.In(layout)});
}

// convolution(x, filter) + bias, in "nchw" and the core's filter layout; x and the result transposed as
// needed.
Values DecomposeConvolution(DecomposeContext& c, absl::string_view core_filter_layout, bool transposed) {
  const std::string& layout = c.String("inputLayout");
  std::optional<ValueId> bias = c.OptionalInput("bias");
  // With a bias the result is rounded twice, which calls for float32.
  ValueId x = bias ? Widened(c.b, c.input(0)) : c.input(0);
  ValueId filter = bias ? Widened(c.b, c.input(1)) : c.input(1);
  filter = c.b.TransposeBy(filter, LayoutPermutation(c.String("filterLayout"), core_filter_layout));
  const core::Convolution op = {.strides = ToArray<2>(c.Uints("strides")),
                                .dilations = ToArray<2>(c.Uints("dilations")),
                                .padding = ToArray<4>(c.Uints("padding")),
                                .groups = c.Uint("groups"),
                                .transposed = transposed};
  const ImageShape output = ImageShape::Of(c.output().shape, layout);
  ValueId y = c.b.Convolve(op, ToNchw(c.b, x, layout), filter, output.Nchw());
  if (bias) y = c.b.Add(y, c.b.ReshapeTo(Widened(c.b, *bias), {1, output.channels, 1, 1}));
  return {c.b.CastTo(FromNchw(c.b, y, layout), c.output().data_type)};
}

Values DecomposeConv2d(DecomposeContext& c) {
  return DecomposeConvolution(c, "oihw", false);
}

Values DecomposeConvTranspose2d(DecomposeContext& c) {
  return DecomposeConvolution(c, "iohw", true);
}

std::vector<OperandSchema> Operands() {
  return {{.name = "input", .types = kFloatTypes, .ranks = Rank(4)},
          {.name = "filter", .types = kFloatTypes, .ranks = Rank(4), .same_type_as = 0}};
}

}  // namespace

std::vector<OpSchema> ConvolutionOps() {
  return {
      {.type = "conv2d",
       .operands = Operands(),
       .attributes = {OperandAttribute("bias", kFloatTypes, Rank(1)), UintsAttribute("padding", {0, 0, 0, 0}),
                      UintsAttribute("strides", {1, 1}, 1), UintsAttribute("dilations", {1, 1}, 1),
                      UintAttribute("groups", 1, 1), ChoiceAttribute("inputLayout", {"nchw", "nhwc"}),
                      ChoiceAttribute("filterLayout", {"oihw", "hwio", "ohwi", "ihwo"})},
       .formula = "convolution(input, filter) + bias",
       .infer = InferConv2d,
       .decompose = DecomposeConv2d},
      {.type = "convTranspose2d",
       .operands = Operands(),
       .attributes = {OperandAttribute("bias", kFloatTypes, Rank(1)), UintsAttribute("padding", {0, 0, 0, 0}),
                      UintsAttribute("strides", {1, 1}, 1), UintsAttribute("dilations", {1, 1}, 1),
                      UintsAttribute("outputPadding", {0, 0}), OptionalUints("outputSizes", 2),
                      UintAttribute("groups", 1, 1), ChoiceAttribute("inputLayout", {"nchw", "nhwc"}),
                      ChoiceAttribute("filterLayout", {"iohw", "hwoi", "ohwi"})},
       .formula = "transposed convolution(input, filter) + bias",
       .infer = InferConvTranspose2d,
       .decompose = DecomposeConvTranspose2d},
  };
}

}  // namespace modeld
