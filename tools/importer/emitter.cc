#include "tools/importer/emitter.h"

#include <numeric>

namespace modeld::importer {
namespace {

// What an operand is after an error: nobody looks at it.
constexpr OperandId kNone{};

}  // namespace

bool Emitter::Require(bool condition, absl::string_view message) {
  if (!condition) Fail(node_.Invalid(message));
  return ok();
}

OperandId Emitter::Input(int index) {
  if (!ok()) return kNone;
  const absl::StatusOr<OperandId> input = node_.Input(index);
  Fail(input.status());
  return input.ok() ? *input : kNone;
}

std::optional<OperandId> Emitter::OptionalInput(int index) {
  if (!node_.HasInput(index)) return std::nullopt;
  return Input(index);
}

OperandId Emitter::Op(absl::string_view type, std::vector<OperandId> inputs, Attributes attributes) {
  return Ops(type, std::move(inputs), std::move(attributes), 1)[0];
}

std::vector<OperandId> Emitter::Ops(absl::string_view type, std::vector<OperandId> inputs,
                                    Attributes attributes, size_t count) {
  if (ok()) {
    absl::StatusOr<std::vector<OperandId>> outputs =
        node_.EmitMany(type, std::move(inputs), std::move(attributes));
    if (outputs.ok() && outputs->size() >= count) return *std::move(outputs);
    Fail(outputs.ok() ? absl::InternalError("an operation has fewer outputs than its schema says")
                      : outputs.status());
  }
  return std::vector<OperandId>(count, kNone);
}

OperandId Emitter::Linear(OperandId x, double alpha, double beta) {
  return Op("linear", {x}, {{"alpha", alpha}, {"beta", beta}});
}

OperandId Emitter::Clamp(OperandId x, double least, double most) {
  return Op("clamp", {x}, {{"minValue", least}, {"maxValue", most}});
}

OperandId Emitter::Cast(OperandId x, DataType to) {
  if (!ok() || type(x) == to) return x;
  return Op("cast", {x}, {{"dataType", to}});
}

OperandId Emitter::Reshape(OperandId x, const Shape& new_shape) {
  if (!ok() || shape(x) == new_shape) return x;
  return Op("reshape", {x}, {{"newShape", ToList(new_shape)}});
}

OperandId Emitter::Expand(OperandId x, const Shape& new_shape) {
  if (!ok() || shape(x) == new_shape) return x;
  return Op("expand", {x}, {{"newShape", ToList(new_shape)}});
}

OperandId Emitter::Transpose(OperandId x, std::vector<int64_t> permutation) {
  return Op("transpose", {x}, {{"permutation", std::move(permutation)}});
}

OperandId Emitter::TransposeLast(OperandId x) {
  if (!Require(rank(x) >= 2, "an operand of a product has a rank below 2")) return x;
  std::vector<int64_t> permutation(rank(x));
  std::iota(permutation.begin(), permutation.end(), 0);
  std::swap(permutation.end()[-1], permutation.end()[-2]);
  return Transpose(x, std::move(permutation));
}

OperandId Emitter::Slice(OperandId x, uint32_t axis, uint32_t start, uint32_t count) {
  if (!Require(axis < rank(x), "an operand has too few dimensions")) return x;
  if (start == 0 && count == size(x, axis)) return x;
  std::vector<int64_t> starts(rank(x), 0);
  std::vector<int64_t> sizes = ToList(shape(x));
  starts[axis] = start;
  sizes[axis] = count;
  return Op("slice", {x}, {{"starts", starts}, {"sizes", sizes}});
}

OperandId Emitter::Concat(std::vector<OperandId> parts, uint32_t axis) {
  if (parts.size() == 1) return parts[0];
  return Op("concat", std::move(parts), {{"axis", int64_t{axis}}});
}

OperandId Emitter::Reduce(absl::string_view type, OperandId x, std::vector<int64_t> axes, bool keep) {
  return Op(type, {x}, {{"axes", std::move(axes)}, {"keepDimensions", keep}});
}

OperandId Emitter::Constant(HostTensor tensor) {
  if (!ok()) return kNone;
  const absl::StatusOr<OperandId> constant = node_.Constant(std::move(tensor));
  Fail(constant.status());
  return constant.ok() ? *constant : kNone;
}

OperandId Emitter::Scalar(DataType type, double value) {
  return Constant(FromDoubles(type, {}, {value}));
}

OperandId Emitter::Zeros(DataType type, const Shape& shape) {
  // Zero is the same bytes in every type, and one element has one byte at least.
  HostTensor zero{{type, {}}, {}};
  const absl::StatusOr<uint64_t> bytes = zero.descriptor.ByteSize();
  Fail(bytes.status());
  if (!ok()) return kNone;
  zero.bytes = Region::FromVector(std::vector<std::byte>(*bytes));
  return Expand(Constant(std::move(zero)), shape);
}

Shape Emitter::shape(OperandId x) const {
  return ok() ? node_.shape(x) : Shape{};
}

uint32_t Emitter::size(OperandId x, size_t axis) const {
  return axis < rank(x) ? shape(x)[axis] : 1;
}

DataType Emitter::type(OperandId x) const {
  return ok() ? node_.descriptor(x).data_type : DataType::kFloat32;
}

void Emitter::Output(int index, OperandId x) {
  if (ok()) Fail(node_.SetOutput(index, x));
}

}  // namespace modeld::importer
