// WebNN's opSupportLimits: which types and ranks each operand of each operation may have on a device.
#ifndef MODELD_ENGINE_OPS_SUPPORT_LIMITS_H_
#define MODELD_ENGINE_OPS_SUPPORT_LIMITS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/graph/limits.h"
#include "engine/ops/schema.h"

namespace modeld {

// WebNN's MLTensorLimits. Ranks are inclusive.
struct TensorLimits {
  TypeSet data_types;
  uint32_t min_rank = 0;
  uint32_t max_rank = 0;
};

// One operation: its operands, those of its options, its outputs, by WebNN's names.
struct OperationLimits {
  struct Member {
    std::string name;
    TensorLimits limits;
  };
  std::string type;
  std::vector<Member> members;
};

// WebNN's MLOpSupportLimits.
struct OpSupportLimits {
  std::string preferred_input_layout;
  uint64_t max_tensor_bytes = 0;
  TensorLimits input;
  TensorLimits constant;
  TensorLimits output;
  // In the order of AllOps.
  std::vector<OperationLimits> operations;
};

// The limits of a device that computes with these types (empty: with all). There are two possible answers, so
// that they tell no more than one bit about the machine: for a device with all types, what the table of
// operations allows; for any other, the specification's required data types and ranks, which every device
// has. Pure; thread-safe.
OpSupportLimits SupportLimitsOf(std::span<const DataType> device_types, const GraphLimits& limits);

}  // namespace modeld

#endif  // MODELD_ENGINE_OPS_SUPPORT_LIMITS_H_
