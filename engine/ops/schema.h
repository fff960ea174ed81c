// What the table of graph-level operations is made of: adding an operation adds one OpSchema, in the file of
// its family, and nothing else knows operations by name.
#ifndef MODELD_ENGINE_OPS_SCHEMA_H_
#define MODELD_ENGINE_OPS_SCHEMA_H_

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/core/core_graph.h"
#include "engine/graph/graph.h"

namespace modeld {

class DecomposeContext;
class InferContext;

// A set of data types.
class TypeSet {
 public:
  constexpr TypeSet() = default;
  constexpr TypeSet(std::initializer_list<DataType> types) {
    for (DataType type : types) Add(type);
  }
  constexpr bool Contains(DataType type) const {
    return static_cast<uint32_t>(type) < 32 && (bits_ >> static_cast<uint32_t>(type) & 1) != 0;
  }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr void Add(DataType type) { bits_ |= 1u << static_cast<uint32_t>(type); }
  // "float32, float16", in the order of the enumerators.
  std::string ToString() const;

 private:
  uint32_t bits_ = 0;
};

inline constexpr TypeSet kAnyType = {DataType::kFloat32, DataType::kFloat16, DataType::kInt32,
                                     DataType::kUint32,  DataType::kInt64,   DataType::kUint64,
                                     DataType::kInt8,    DataType::kUint8};
// What can be moved without being computed with: packed types too.
inline constexpr TypeSet kMovableTypes = {
    DataType::kFloat32, DataType::kFloat16, DataType::kInt32, DataType::kUint32, DataType::kInt64,
    DataType::kUint64,  DataType::kInt8,    DataType::kUint8, DataType::kInt4,   DataType::kUint4};
inline constexpr TypeSet kFloatTypes = {DataType::kFloat32, DataType::kFloat16};
inline constexpr TypeSet kSignedTypes = {DataType::kFloat32, DataType::kFloat16, DataType::kInt64,
                                         DataType::kInt32, DataType::kInt8};
inline constexpr TypeSet kFloatAndWideIntegerTypes = {DataType::kFloat32, DataType::kFloat16,
                                                      DataType::kInt32,   DataType::kUint32,
                                                      DataType::kInt64,   DataType::kUint64};
inline constexpr TypeSet kIndexTypes = {DataType::kInt32, DataType::kUint32, DataType::kInt64};

// Inclusive. The upper end is further bounded by GraphLimits::max_rank.
struct RankRange {
  uint32_t min = 0;
  uint32_t max = std::numeric_limits<uint32_t>::max();
};
inline constexpr RankRange kAnyRank = {};
constexpr RankRange Rank(uint32_t rank) {
  return {rank, rank};
}
constexpr RankRange RankAtLeast(uint32_t rank) {
  return {.min = rank};
}

// What an operand must be. The name is WebNN's.
struct OperandSchema {
  absl::string_view name;
  TypeSet types = kAnyType;
  RankRange ranks = kAnyRank;
  // Index of the required operand whose data type it shares, or -1.
  int same_type_as = -1;
};

// kNumber is WebNN's MLNumber: an int64, a double, or a decimal string for a uint64 beyond int64's range. It
// is completed to the first operand's type: a double for float types, else an int64 or, beyond it, a string.
// kUintOrUints is one count or a list. Unsigned integers travel as int64 within [min, 2^32 - 1].
enum class AttributeKind : uint8_t {
  kBool,
  kUint,
  kInt,
  kFloat,
  kNumber,
  kString,
  kDataType,
  kOperand,
  kUints,
  kUintOrUints,
  kFloats,
  kStrings,
  kGraph,
};

// An attribute (WebNN: an argument that is no operand, or a member of the options). Its name is WebNN's.
struct AttributeSchema {
  absl::string_view name;
  AttributeKind kind;
  // Filled in when the attribute is not set. Without a default an attribute that is not `required` stays
  // unset, or `infer` completes it (a default that depends on shapes).
  std::optional<AttributeValue> default_value = std::nullopt;
  bool required = false;
  // kUint, kUints: the least value of each element.
  uint32_t min = 0;
  // Lists: the exact number of elements; 0: any.
  uint32_t size = 0;
  // kString: the values allowed; empty: any.
  std::vector<absl::string_view> choices = {};
  // kDataType: the values allowed. kOperand: what the operand must be.
  TypeSet types = kAnyType;
  RankRange ranks = kAnyRank;
  // kOperand: as in OperandSchema.
  int same_type_as = -1;
};

// The outputs' descriptors, in order. Called after the generic checks (number, types and ranks of operands,
// kinds and ranges of attributes, defaults filled in). Checks what is left; completes attributes. Pure.
using InferFunction = absl::StatusOr<std::vector<TensorDescriptor>> (*)(InferContext&);
// Writes core operations; returns the outputs' values, in order, of the inferred types and shapes.
// Requires: the operation came out of Validate. Cannot fail. Null for an operation that carries a body, which
// is its decomposition.
using DecomposeFunction = std::vector<core::ValueId> (*)(DecomposeContext&);

// One row. Its strings and functions live as long as the process.
struct OpSchema {
  // WebNN's method name.
  absl::string_view type;
  // In WebNN's argument order.
  std::vector<OperandSchema> operands;
  // The last operand stands for one or more (concat).
  bool variadic = false;
  std::vector<AttributeSchema> attributes = {};
  // Attributes beyond these are allowed: of any name, and of any kind but operands and graphs.
  bool open_attributes = false;
  // What it computes and decomposes into, for the generated documentation.
  absl::string_view formula;
  InferFunction infer;
  DecomposeFunction decompose;

  // The attribute's schema, or null.
  const AttributeSchema* FindAttribute(absl::string_view name) const;
};

// Rows of attributes, for tables.
inline AttributeSchema FloatAttribute(absl::string_view name, double default_value) {
  return {.name = name, .kind = AttributeKind::kFloat, .default_value = default_value};
}
inline AttributeSchema BoolAttribute(absl::string_view name, bool default_value) {
  return {.name = name, .kind = AttributeKind::kBool, .default_value = default_value};
}
inline AttributeSchema UintAttribute(absl::string_view name, int64_t default_value, uint32_t min = 0) {
  return {.name = name, .kind = AttributeKind::kUint, .default_value = default_value, .min = min};
}
inline AttributeSchema RequiredUint(absl::string_view name) {
  return {.name = name, .kind = AttributeKind::kUint, .required = true};
}
// Exactly as many elements as the default has.
inline AttributeSchema UintsAttribute(absl::string_view name, std::vector<int64_t> default_value,
                                      uint32_t min = 0) {
  const auto size = static_cast<uint32_t>(default_value.size());
  return {.name = name,
          .kind = AttributeKind::kUints,
          .default_value = std::move(default_value),
          .min = min,
          .size = size};
}
// May stay unset, or is completed by infer.
inline AttributeSchema OptionalUints(absl::string_view name, uint32_t size = 0, uint32_t min = 0) {
  return {.name = name, .kind = AttributeKind::kUints, .min = min, .size = size};
}
inline AttributeSchema RequiredUints(absl::string_view name) {
  return {.name = name, .kind = AttributeKind::kUints, .required = true};
}
// The first choice is the default.
inline AttributeSchema ChoiceAttribute(absl::string_view name, std::vector<absl::string_view> choices) {
  std::string first(choices.front());
  return {.name = name,
          .kind = AttributeKind::kString,
          .default_value = std::move(first),
          .choices = std::move(choices)};
}
// An optional operand of the options, of the first operand's type.
inline AttributeSchema OperandAttribute(absl::string_view name, TypeSet types, RankRange ranks) {
  return {.name = name, .kind = AttributeKind::kOperand, .types = types, .ranks = ranks, .same_type_as = 0};
}

}  // namespace modeld

#endif  // MODELD_ENGINE_OPS_SCHEMA_H_
