// The fields of each core operation, in the order in which a plan's metadata has them. Internal to
// engine/plan.
#ifndef MODELD_ENGINE_PLAN_OP_FIELDS_H_
#define MODELD_ENGINE_PLAN_OP_FIELDS_H_

#include <type_traits>
#include <variant>

#include "engine/core/core_graph.h"

namespace modeld::plan {

// Whoever adds an operation raises kPlanFormat (plan.h): the metadata's numbers of those behind it change.
static_assert(std::variant_size_v<core::Op> == 19);

// Writes (ByteWriter, const Op) or reads (ByteReader, Op) one operation's fields. An Enum is told its last
// enumerator, which bounds what is read. Of a Native only the index: the graph has the rest.
template <typename Archive, typename Op>
void Fields(Archive& a, Op& op) {
  using T = std::remove_const_t<Op>;
  if constexpr (std::is_same_v<T, core::Unary>) {
    a.Enum(op.function, core::UnaryFunction::kIsInfinite);
  } else if constexpr (std::is_same_v<T, core::Binary>) {
    a.Enum(op.function, core::BinaryFunction::kLogicalXor);
  } else if constexpr (std::is_same_v<T, core::Compare>) {
    a.Enum(op.comparison, core::Comparison::kLesserOrEqual);
  } else if constexpr (std::is_same_v<T, core::Reduce>) {
    a.Enum(op.function, core::ReduceFunction::kMin);
    a.List(op.axes);
  } else if constexpr (std::is_same_v<T, core::Convolution>) {
    a.Array(op.strides);
    a.Array(op.dilations);
    a.Array(op.padding);
    a.Uint32(op.groups);
    a.Bool(op.transposed);
  } else if constexpr (std::is_same_v<T, core::Pool>) {
    a.Enum(op.function, core::PoolFunction::kL2);
    a.Array(op.window);
    a.Array(op.strides);
    a.Array(op.dilations);
    a.Array(op.padding);
  } else if constexpr (std::is_same_v<T, core::Gather> || std::is_same_v<T, core::Concat>) {
    a.Uint32(op.axis);
  } else if constexpr (std::is_same_v<T, core::Scan>) {
    a.Uint32(op.axis);
    a.Bool(op.exclusive);
    a.Bool(op.reversed);
  } else if constexpr (std::is_same_v<T, core::Pad>) {
    a.Enum(op.mode, core::PadMode::kSymmetric);
    a.List(op.before);
    a.List(op.after);
    a.Double(op.value);
  } else if constexpr (std::is_same_v<T, core::Slice>) {
    a.List(op.starts);
    a.List(op.strides);
  } else if constexpr (std::is_same_v<T, core::Transpose>) {
    a.List(op.permutation);
  } else if constexpr (std::is_same_v<T, core::Native>) {
    a.Uint32(op.index);
  } else {
    // Select, Cast, Contraction, Scatter, Reshape, Broadcast.
    static_assert(std::is_empty_v<T>, "write its fields");
  }
}

}  // namespace modeld::plan

#endif  // MODELD_ENGINE_PLAN_OP_FIELDS_H_
