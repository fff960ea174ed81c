#include "engine/ops/support_limits.h"

#include <algorithm>

#include "engine/ops/table.h"

namespace modeld {
namespace {

// The greatest of WebNN's required ranks.
constexpr uint32_t kRequiredRank = 5;

constexpr TypeSet kRequired = {DataType::kFloat32, DataType::kFloat16};
constexpr TypeSet kRequiredAndInt32 = {DataType::kFloat32, DataType::kFloat16, DataType::kInt32};
constexpr TypeSet kRequiredAndBytes = {DataType::kFloat32, DataType::kFloat16, DataType::kInt32,
                                       DataType::kInt8, DataType::kUint8};
constexpr TypeSet kBytes = {DataType::kInt8, DataType::kUint8};
constexpr TypeSet kBytesAndInt32 = {DataType::kInt8, DataType::kUint8, DataType::kInt32};
constexpr TypeSet kInt32 = {DataType::kInt32};
constexpr TypeSet kUint8 = {DataType::kUint8};

// The specification's required data types where they are more than its float types: of one operand, or, where
// `operand` is empty, of all that have no row of their own.
struct RequiredTypes {
  absl::string_view type;
  absl::string_view operand;
  TypeSet types;
};
constexpr RequiredTypes kRequiredTypes[] = {
    {"argMax", "", kRequiredAndInt32},
    {"argMin", "", kRequiredAndInt32},
    {"concat", "", kRequiredAndInt32},
    {"cumulativeSum", "", kRequiredAndInt32},
    {"add", "", kRequiredAndInt32},
    {"sub", "", kRequiredAndInt32},
    {"mul", "", kRequiredAndInt32},
    {"div", "", kRequiredAndInt32},
    {"max", "", kRequiredAndInt32},
    {"min", "", kRequiredAndInt32},
    {"pow", "", kRequiredAndInt32},
    {"equal", "", kRequiredAndInt32},
    {"notEqual", "", kRequiredAndInt32},
    {"greater", "", kRequiredAndInt32},
    {"greaterOrEqual", "", kRequiredAndInt32},
    {"lesser", "", kRequiredAndInt32},
    {"lesserOrEqual", "", kRequiredAndInt32},
    {"abs", "", kRequiredAndInt32},
    {"neg", "", kRequiredAndInt32},
    {"sign", "", kRequiredAndInt32},
    {"identity", "", kRequiredAndInt32},
    {"cast", "", kRequiredAndBytes},
    {"expand", "", kRequiredAndInt32},
    {"gather", "", kRequiredAndBytes},
    {"gather", "indices", kInt32},
    {"gatherElements", "", kRequiredAndInt32},
    {"gatherElements", "indices", kInt32},
    {"gatherND", "", kRequiredAndBytes},
    {"gatherND", "indices", kInt32},
    {"scatterElements", "", kRequiredAndInt32},
    {"scatterElements", "indices", kInt32},
    {"scatterND", "", kRequiredAndInt32},
    {"scatterND", "indices", kInt32},
    {"dequantizeLinear", "input", kBytes},
    {"dequantizeLinear", "zeroPoint", kBytesAndInt32},
    {"quantizeLinear", "zeroPoint", kBytes},
    {"quantizeLinear", "output", kBytes},
    {"reduceL1", "", kRequiredAndInt32},
    {"reduceSum", "", kRequiredAndInt32},
    {"reduceSumSquare", "", kRequiredAndInt32},
    {"reduceMax", "", kRequiredAndInt32},
    {"reduceMin", "", kRequiredAndInt32},
    {"reshape", "", kRequiredAndBytes},
    {"reverse", "", kRequiredAndInt32},
    {"slice", "", kRequiredAndBytes},
    {"split", "", kRequiredAndInt32},
    {"tile", "", kRequiredAndInt32},
    {"transpose", "", kRequiredAndInt32},
    {"where", "", kRequiredAndInt32},
};

// An output that is not one `output` of the first operand's types and ranks. `like` names the operand whose
// types it has, where `types` is empty.
struct OutputRule {
  absl::string_view type;
  absl::string_view output;
  TypeSet types = {};
  absl::string_view like = "";
  RankRange ranks = kAnyRank;
};
constexpr TypeSet kArgTypes = {DataType::kInt32, DataType::kInt64};
constexpr OutputRule kOutputRules[] = {
    {"argMax", "output", kArgTypes},
    {"argMin", "output", kArgTypes},
    {"cast", "output", kMovableTypes},
    {"equal", "output", kUint8},
    {"notEqual", "output", kUint8},
    {"greater", "output", kUint8},
    {"greaterOrEqual", "output", kUint8},
    {"lesser", "output", kUint8},
    {"lesserOrEqual", "output", kUint8},
    {"isNaN", "output", kUint8},
    {"isInfinite", "output", kUint8},
    {"where", "output", {}, "trueValue"},
    {"dequantizeLinear", "output", {}, "scale"},
    {"quantizeLinear", "output", {}, "zeroPoint"},
    {"gather", "output"},
    {"gatherND", "output"},
    {"expand", "output"},
    {"reshape", "output"},
    {"split", "outputs", {}, "input", RankAtLeast(1)},
    {"gru", "outputs", {}, "input", {3, 4}},
    {"gruCell", "output", {}, "input", Rank(2)},
    {"lstm", "outputs", {}, "input", {3, 4}},
    {"lstmCell", "outputs", {}, "input", Rank(2)},
    {"composite", "outputs"},
};

// The rows of a table that speak of this operation and operand, the more special one first.
const RequiredTypes* FindRequired(absl::string_view type, absl::string_view operand) {
  const RequiredTypes* found = nullptr;
  for (const RequiredTypes& row : kRequiredTypes) {
    if (row.type != type) continue;
    if (row.operand == operand) return &row;
    if (row.operand.empty()) found = &row;
  }
  return found;
}

TypeSet Intersection(TypeSet a, TypeSet b) {
  TypeSet result;
  for (uint32_t i = 1; IsValidDataType(i); ++i) {
    const auto type = static_cast<DataType>(i);
    if (a.Contains(type) && b.Contains(type)) result.Add(type);
  }
  return result;
}

// What of a table's types and ranks a context may be told.
class Bucket {
 public:
  Bucket(bool whole, uint32_t max_rank) : whole_(whole), max_rank_(max_rank) {}

  TensorLimits Of(absl::string_view type, absl::string_view operand, TypeSet types, RankRange ranks) const {
    if (whole_) return {types, ranks.min, std::min(ranks.max, max_rank_)};
    const RequiredTypes* row = FindRequired(type, operand);
    uint32_t least = ranks.min;
    // Required of every device is less here than allowed.
    if (type == "batchNormalization" && ranks.max > 1) least = 3;
    const TypeSet required = Intersection(types, row == nullptr ? kRequired : row->types);
    // What may be of one type that is not among them (uint8 truth values) must be supported as it is.
    return {required.empty() ? types : required, least, std::min({ranks.max, max_rank_, kRequiredRank})};
  }

 private:
  const bool whole_;
  const uint32_t max_rank_;
};

// Types and ranks of the operand of this name, of the first one where the name is empty.
OperandSchema OperandOf(const OpSchema& schema, absl::string_view name) {
  for (const AttributeSchema& row : schema.attributes) {
    if (row.name == name) return {row.name, row.types, row.ranks};
  }
  for (const OperandSchema& row : schema.operands) {
    if (row.name == name) return row;
  }
  return schema.operands[0];
}

OperationLimits LimitsOf(const OpSchema& schema, const Bucket& bucket) {
  OperationLimits result = {.type = std::string(schema.type), .members = {}};
  const auto add = [&](absl::string_view name, TypeSet types, RankRange ranks) {
    result.members.push_back({std::string(name), bucket.Of(schema.type, name, types, ranks)});
  };
  for (const OperandSchema& row : schema.operands) add(row.name, row.types, row.ranks);
  for (const AttributeSchema& row : schema.attributes) {
    if (row.kind == AttributeKind::kOperand) add(row.name, row.types, row.ranks);
  }
  const OperandSchema& first = schema.operands[0];
  const bool drops_dimensions = schema.FindAttribute("keepDimensions") != nullptr;
  RankRange ranks = first.ranks;
  if (drops_dimensions) ranks.min = 0;
  for (const OutputRule& rule : kOutputRules) {
    if (rule.type != schema.type) continue;
    add(rule.output, rule.types.empty() ? OperandOf(schema, rule.like).types : rule.types,
        drops_dimensions ? ranks : rule.ranks);
    return result;
  }
  add("output", first.types, ranks);
  return result;
}

}  // namespace

OpSupportLimits SupportLimitsOf(std::span<const DataType> device_types, const GraphLimits& limits) {
  TypeSet types = kMovableTypes;
  if (!device_types.empty()) {
    types = {};
    for (DataType type : device_types) types.Add(type);
  }
  const bool whole = Intersection(types, kAnyType).ToString() == kAnyType.ToString();
  const Bucket bucket(whole, limits.max_rank);
  // Of a graph's own tensors the specification requires what some operation requires.
  const TensorLimits any = bucket.Of("cast", "", kMovableTypes, kAnyRank);
  OpSupportLimits result = {.preferred_input_layout = "nchw",
                            .max_tensor_bytes = limits.max_tensor_bytes,
                            .input = any,
                            .constant = any,
                            .output = any,
                            .operations = {}};
  for (const OpSchema& schema : AllOps()) result.operations.push_back(LimitsOf(schema, bucket));
  return result;
}

}  // namespace modeld
