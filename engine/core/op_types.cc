#include "engine/core/op_types.h"

namespace modeld::core {
namespace {

constexpr DataType kAll[] = {DataType::kFloat32, DataType::kFloat16, DataType::kInt32, DataType::kUint32,
                             DataType::kInt64,   DataType::kUint64,  DataType::kInt8,  DataType::kUint8};
constexpr DataType kMovable[] = {DataType::kFloat32, DataType::kFloat16, DataType::kInt32, DataType::kUint32,
                                 DataType::kInt64,   DataType::kUint64,  DataType::kInt8,  DataType::kUint8,
                                 DataType::kInt4,    DataType::kUint4};
constexpr DataType kFloatsAndWide[] = {DataType::kFloat32, DataType::kFloat16, DataType::kInt32,
                                       DataType::kUint32,  DataType::kInt64,   DataType::kUint64};
constexpr DataType kFloats[] = {DataType::kFloat32, DataType::kFloat16};
constexpr DataType kSigned[] = {DataType::kFloat32, DataType::kFloat16, DataType::kInt32, DataType::kInt64,
                                DataType::kInt8};
constexpr DataType kBooleans[] = {DataType::kUint8};
constexpr DataType kIndices[] = {DataType::kInt32, DataType::kUint32, DataType::kInt64};

struct Types {
  std::span<const DataType> operator()(const Unary& op) const {
    switch (op.function) {
      case UnaryFunction::kIdentity:
        return kAll;
      case UnaryFunction::kAbs:
      case UnaryFunction::kNeg:
      case UnaryFunction::kSign:
        return kSigned;
      case UnaryFunction::kLogicalNot:
        return kBooleans;
      default:
        return kFloats;
    }
  }
  std::span<const DataType> operator()(const Binary& op) const {
    switch (op.function) {
      case BinaryFunction::kLogicalAnd:
      case BinaryFunction::kLogicalOr:
      case BinaryFunction::kLogicalXor:
        return kBooleans;
      default:
        return kAll;
    }
  }
  std::span<const DataType> operator()(const Contraction&) const { return kFloats; }
  std::span<const DataType> operator()(const Convolution&) const { return kFloats; }
  std::span<const DataType> operator()(const Scan&) const { return kFloatsAndWide; }
  std::span<const DataType> operator()(const Cast&) const { return kMovable; }
  std::span<const DataType> operator()(const Reshape&) const { return kMovable; }
  std::span<const DataType> operator()(const Native&) const { return {}; }
  // The rest compares, selects, converts, moves, or reduces by wrapping arithmetic.
  template <typename Any>
  std::span<const DataType> operator()(const Any&) const {
    return kAll;
  }
};

}  // namespace

std::span<const DataType> DataTypesOf(const Op& op) {
  return std::visit(Types{}, op);
}

std::span<const DataType> GatherIndexTypes() {
  return kIndices;
}

DataType OutputTypeOf(const Op& op, DataType input) {
  if (std::holds_alternative<Compare>(op)) return DataType::kUint8;
  if (const auto* unary = std::get_if<Unary>(&op)) {
    if (unary->function == UnaryFunction::kIsNaN || unary->function == UnaryFunction::kIsInfinite) {
      return DataType::kUint8;
    }
  }
  return input;
}

}  // namespace modeld::core
