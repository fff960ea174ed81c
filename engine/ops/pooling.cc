// averagePool2d, l2Pool2d, maxPool2d. Of integers, the mean and the root are truncated.
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/ops/families.h"
#include "engine/ops/shared_rules.h"
#include "engine/ops/window.h"

namespace modeld {
namespace {

// An output size rounded down and rounded up; 0 where no window fits.
struct PooledSize {
  int64_t floor, ceil;
};

PooledSize SizeOf(int64_t room, uint32_t stride) {
  if (room < 0) return {0, 0};
  return {room / stride + 1, (room + stride - 1) / stride + 1};
}

InferResult InferPool(InferContext& c) {
  const std::string& layout = c.String("layout");
  const ImageShape input = ImageShape::Of(c.input().shape, layout);
  if (!c.Has("windowDimensions")) c.SetUints("windowDimensions", {input.height, input.width});
  const std::vector<uint32_t> window = c.Uints("windowDimensions");
  const std::vector<uint32_t> padding = c.Uints("padding");
  const std::vector<uint32_t> strides = c.Uints("strides");
  const std::vector<uint32_t> dilations = c.Uints("dilations");
  const PooledSize rows =
      SizeOf(WindowRoom(input.height, window[0], padding[0], padding[1], dilations[0]), strides[0]);
  const PooledSize columns =
      SizeOf(WindowRoom(input.width, window[1], padding[2], padding[3], dilations[1]), strides[1]);
  bool up = c.String("outputShapeRounding") == "ceil";
  if (c.Has("outputSizes")) {
    const std::vector<uint32_t> sizes = c.Uints("outputSizes");
    const bool is_floor = sizes[0] == rows.floor && sizes[1] == columns.floor;
    up = !is_floor;
    if (!is_floor && !(sizes[0] == rows.ceil && sizes[1] == columns.ceil)) {
      const std::string expected =
          absl::StrCat("[", rows.floor, ",", columns.floor, "] or [", rows.ceil, ",", columns.ceil, "]");
      return c.Error("outputSizes", absl::StrCat("is ", ShapeToString(sizes), ", expected ", expected),
                     expected, ShapeToString(sizes));
    }
  }
  MODELD_ASSIGN_OR_RETURN(const uint32_t height,
                          ToDimension(c, "output height", up ? rows.ceil : rows.floor));
  MODELD_ASSIGN_OR_RETURN(const uint32_t width,
                          ToDimension(c, "output width", up ? columns.ceil : columns.floor));
  return One({c.input().data_type, ImageShape{input.batches, input.channels, height, width}.In(layout)});
}

// One Pool in "nchw", transposed as needed.
template <core::PoolFunction kFunction>
Values DecomposePool(DecomposeContext& c) {
  const std::string& layout = c.String("layout");
  const core::Pool op = {.function = kFunction,
                         .window = ToArray<2>(c.Uints("windowDimensions")),
                         .strides = ToArray<2>(c.Uints("strides")),
                         .dilations = ToArray<2>(c.Uints("dilations")),
                         .padding = ToArray<4>(c.Uints("padding"))};
  const Shape output = ImageShape::Of(c.output().shape, layout).Nchw();
  return {FromNchw(c.b, c.b.PoolTo(op, ToNchw(c.b, c.input(), layout), output), layout)};
}

template <core::PoolFunction kFunction>
OpSchema Row(absl::string_view type, TypeSet types, absl::string_view formula) {
  return {.type = type,
          .operands = {{.name = "input", .types = types, .ranks = Rank(4)}},
          .attributes = {OptionalUints("windowDimensions", 2, 1), UintsAttribute("padding", {0, 0, 0, 0}),
                         UintsAttribute("strides", {1, 1}, 1), UintsAttribute("dilations", {1, 1}, 1),
                         ChoiceAttribute("layout", {"nchw", "nhwc"}),
                         ChoiceAttribute("outputShapeRounding", {"floor", "ceil"}),
                         OptionalUints("outputSizes", 2)},
          .formula = formula,
          .infer = InferPool,
          .decompose = DecomposePool<kFunction>};
}

}  // namespace

std::vector<OpSchema> PoolingOps() {
  using P = core::PoolFunction;
  return {
      Row<P::kAverage>("averagePool2d", kAnyType, "mean over the window's elements, padding left out"),
      Row<P::kL2>("l2Pool2d", kAnyType, "square root of the window's sum of squares"),
      Row<P::kMax>("maxPool2d", kAnyType, "greatest element of the window"),
  };
}

}  // namespace modeld
