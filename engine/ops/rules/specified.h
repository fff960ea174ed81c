// The specification's tables of operands and options, written down a second time for tests: what engine/ops
// is compared with. One row per operation, and per family the rules that a table cannot say.
#ifndef MODELD_ENGINE_OPS_RULES_SPECIFIED_H_
#define MODELD_ENGINE_OPS_RULES_SPECIFIED_H_

#include <string>
#include <utility>
#include <vector>

#include "engine/ops/op_cases.h"
#include "engine/ops/schema.h"
#include "engine/ops/test_graph.h"

namespace modeld::rules {

// One operation as the specification has it: names, types, ranks, kinds, defaults, ranges. Of a variadic
// operation the last operand stands for one or more.
struct Specified {
  absl::string_view type;
  std::vector<OperandSchema> operands;
  std::vector<AttributeSchema> attributes;
  // A valid call in which every operand of the options is set, and its outputs: what tests change in one
  // place to break one rule.
  OpCase base;
  bool variadic = false;
  // The required operand whose data type the outputs have, or -1: theirs does not depend on an operand's.
  int output_like = 0;
  // May have attributes of any name (composite).
  bool open_attributes = false;
};

// The operations of some of engine/ops' files, and calls that keep or break the rules between operands and
// options, the boundary on both sides. Each operation has at least one of either.
struct Family {
  absl::string_view name;
  std::vector<Specified> specified;
  std::vector<OpCase> rules;
};

Family ElementwiseFamily();
Family ActivationFamily();
Family MatmulFamily();
Family ConvolutionFamily();
Family PoolingFamily();
Family NormalizationFamily();
Family ReductionFamily();
Family ShapeFamily();
Family MovementFamily();
Family AxisFamily();
Family GatherScatterFamily();
Family ArrangementFamily();
Family QuantizationFamily();
Family RecurrentFamily();
Family CompositeFamily();
// All of the above.
const std::vector<Family>& AllFamilies();

// Shorthand for rows.
inline constexpr TypeSet kAny = {DataType::kFloat32, DataType::kFloat16, DataType::kInt32, DataType::kUint32,
                                 DataType::kInt64,   DataType::kUint64,  DataType::kInt8,  DataType::kUint8};
// Beyond the specification: 4-bit types where data is moved only.
inline constexpr TypeSet kMoved = {
    DataType::kFloat32, DataType::kFloat16, DataType::kInt32, DataType::kUint32, DataType::kInt64,
    DataType::kUint64,  DataType::kInt8,    DataType::kUint8, DataType::kInt4,   DataType::kUint4};
inline constexpr TypeSet kFloats = {DataType::kFloat32, DataType::kFloat16};
inline constexpr TypeSet kSigned = {DataType::kFloat32, DataType::kFloat16, DataType::kInt64,
                                    DataType::kInt32, DataType::kInt8};
inline constexpr TypeSet kWide = {DataType::kFloat32, DataType::kFloat16, DataType::kInt32,
                                  DataType::kUint32,  DataType::kInt64,   DataType::kUint64};
inline constexpr TypeSet kIndices = {DataType::kInt32, DataType::kUint32, DataType::kInt64};
inline constexpr TypeSet kTruth = {DataType::kUint8};

inline TensorDescriptor Of(DataType type, Shape shape) {
  return {type, std::move(shape)};
}
inline TensorDescriptor I64(Shape shape) {
  return {DataType::kInt64, std::move(shape)};
}
inline TensorDescriptor U64(Shape shape) {
  return {DataType::kUint64, std::move(shape)};
}
inline TensorDescriptor I8(Shape shape) {
  return {DataType::kInt8, std::move(shape)};
}
// A shape of `rank` ones.
inline Shape Ones(uint32_t rank) {
  return Shape(rank, 1);
}
inline OperandSchema Operand1(absl::string_view name, TypeSet types, RankRange ranks = kAnyRank,
                              int same_type_as = -1) {
  return {.name = name, .types = types, .ranks = ranks, .same_type_as = same_type_as};
}
// `base` with these attributes set or replaced, expected to end so.
OpCase With(OpCase base, const Attributes& changes, std::string expected);
// `base` with its operands replaced.
OpCase On(OpCase base, std::vector<TensorDescriptor> operands, std::string expected);

}  // namespace modeld::rules

#endif  // MODELD_ENGINE_OPS_RULES_SPECIFIED_H_
