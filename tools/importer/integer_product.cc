#include "tools/importer/integer_product.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "tools/importer/convolution.h"

namespace modeld::importer {
namespace {

constexpr uint64_t kMaxExact = uint64_t{1} << 24;
// Parts that one sum may be cut into.
constexpr uint64_t kMaxParts = 256;

struct Range {
  int64_t least;
  int64_t most;
};

// Of bytes that are known, their own range; else that of the type.
Range RangeOf(DataType type, const HostTensor* known) {
  const bool is_signed = type == DataType::kInt8;
  const Range whole = is_signed ? Range{-128, 127} : Range{0, 255};
  if (known == nullptr || known->bytes.empty()) return whole;
  Range range{255, -128};
  for (const std::byte byte : known->bytes.bytes()) {
    const auto raw = static_cast<uint8_t>(byte);
    const int64_t value = is_signed ? static_cast<int8_t>(raw) : int64_t{raw};
    range = {std::min(range.least, value), std::max(range.most, value)};
  }
  return range;
}

Factor Make(Emitter& e, OperandId values, const HostTensor* known, std::optional<OperandId> zero_point,
            const HostTensor* known_zero) {
  const DataType type = e.type(values);
  if (e.ok() && type != DataType::kInt8 && type != DataType::kUint8) {
    e.Fail(e.node().Unsupported("a factor is of a type other than int8 and uint8", Reason::kDataType));
  }
  Range range = RangeOf(type, known);
  OperandId x = e.Cast(values, DataType::kFloat32);
  if (zero_point) {
    e.Require(e.type(*zero_point) == type, "a zero point's type is not that of its tensor");
    const Range zero = RangeOf(type, known_zero);
    range = {range.least - zero.most, range.most - zero.least};
    const bool nothing = known_zero != nullptr && zero.least == 0 && zero.most == 0;
    if (!nothing) x = e.Sub(x, e.Cast(*zero_point, DataType::kFloat32));
  }
  const int64_t bound = std::max({int64_t{1}, std::abs(range.least), std::abs(range.most)});
  return {.values = x, .bound = static_cast<uint32_t>(bound)};
}

// How many products sum up exactly.
uint64_t ExactTerms(const Factor& a, const Factor& b) {
  return kMaxExact / (uint64_t{a.bound} * b.bound);
}

bool CheckParts(Emitter& e, uint64_t parts) {
  if (parts > kMaxParts) {
    e.Fail(e.node().Unsupported(absl::StrCat("an exact sum would take ", parts, " parts")));
  }
  return e.ok();
}

// `count` of the channels from `start` on, out of every group.
OperandId SliceChannels(Emitter& e, OperandId x, uint32_t groups, uint32_t start, uint32_t count) {
  Shape shape = e.shape(x);
  if (groups == 1 || !e.ok()) return e.Slice(x, 1, start, count);
  const uint32_t channels = shape[1] / groups;
  Shape grouped = {shape[0], groups, channels};
  grouped.insert(grouped.end(), shape.begin() + 2, shape.end());
  shape[1] = groups * count;
  return e.Reshape(e.Slice(e.Reshape(x, grouped), 2, start, count), shape);
}

}  // namespace

OperandId ToInt32(Emitter& e, const ExactSum& sum) {
  return e.Cast(sum.value, DataType::kInt32);
}

OperandId ToFloat32(Emitter& e, const ExactSum& sum) {
  return e.Cast(sum.value, DataType::kFloat32);
}

Factor ReadFactor(Emitter& e, int index, int zero_point_index, const std::optional<Shape>& zero_point_shape) {
  const OperandId values = e.Input(index);
  std::optional<OperandId> zero_point = e.OptionalInput(zero_point_index);
  if (zero_point && zero_point_shape) zero_point = e.Reshape(*zero_point, *zero_point_shape);
  return Make(e, values, e.node().HostInput(index), zero_point, e.node().HostInput(zero_point_index));
}

Factor MakeFactor(Emitter& e, OperandId values, std::optional<OperandId> zero_point) {
  return Make(e, values, nullptr, zero_point, nullptr);
}

ExactSum MultiplyExactly(Emitter& e, const Factor& a, const Factor& b) {
  if (!e.Require(e.rank(a.values) >= 2 && e.rank(b.values) >= 2, "a factor has a rank below 2")) return {};
  const auto axis_a = static_cast<uint32_t>(e.rank(a.values) - 1);
  const auto axis_b = static_cast<uint32_t>(e.rank(b.values) - 2);
  const uint32_t terms = e.size(a.values, axis_a);
  const uint64_t part = ExactTerms(a, b);
  if (part >= terms) return {e.MatMul(a.values, b.values)};
  if (!e.Require(e.size(b.values, axis_b) == terms, "the factors' inner dimensions differ")) return {};
  if (!CheckParts(e, terms / part + 1)) return {};
  std::optional<OperandId> sum;
  for (uint32_t start = 0; start < terms && e.ok();) {
    const auto count = static_cast<uint32_t>(std::min<uint64_t>(part, terms - start));
    const OperandId product =
        e.MatMul(e.Slice(a.values, axis_a, start, count), e.Slice(b.values, axis_b, start, count));
    const OperandId whole = e.Cast(product, DataType::kInt32);
    sum = sum ? e.Add(*sum, whole) : whole;
    start += count;
  }
  return {sum.value_or(a.values)};
}

ExactSum ConvolveExactly(Emitter& e, const Factor& x, const Factor& w) {
  if (!e.Require(e.rank(w.values) >= 3 && e.rank(x.values) == e.rank(w.values),
                 "input and filter differ in rank, or have a rank below 3")) {
    return {};
  }
  uint64_t window = 1;
  for (size_t i = 2; i < e.rank(w.values); ++i) window *= e.size(w.values, i);
  const uint32_t channels = e.size(w.values, 1);
  const int64_t groups = e.node().Int("group", 1);
  const auto convolve = [&e](OperandId input, OperandId filter) {
    const absl::StatusOr<OperandId> output = EmitConvolution(e.node(), input, filter, std::nullopt);
    e.Fail(output.status());
    return output.ok() ? *output : input;
  };
  const uint64_t part = ExactTerms(x, w) / window;
  if (part >= channels) return {convolve(x.values, w.values)};
  if (part == 0) {
    e.Fail(
        e.node().Unsupported(absl::StrCat("a window of ", window, " elements has no exact sum in float32")));
    return {};
  }
  if (!e.Require(groups >= 1 && groups <= INT32_MAX && int64_t{e.size(x.values, 1)} == groups * channels,
                 "channels of input and filter do not fit the groups")) {
    return {};
  }
  if (!CheckParts(e, channels / part + 1)) return {};
  std::optional<OperandId> sum;
  for (uint32_t start = 0; start < channels && e.ok();) {
    const auto count = static_cast<uint32_t>(std::min<uint64_t>(part, channels - start));
    const OperandId input = SliceChannels(e, x.values, static_cast<uint32_t>(groups), start, count);
    const OperandId filter = e.Slice(w.values, 1, start, count);
    if (!e.ok()) break;
    const OperandId whole = e.Cast(convolve(input, filter), DataType::kInt32);
    sum = sum ? e.Add(*sum, whole) : whole;
    start += count;
  }
  return {sum.value_or(x.values)};
}

}  // namespace modeld::importer
