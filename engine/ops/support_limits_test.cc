#include "engine/ops/support_limits.h"

#include <catch2/catch.hpp>

#include "engine/ops/table.h"

namespace modeld {
namespace {

constexpr DataType kFloatsOnly[] = {DataType::kFloat32, DataType::kFloat16, DataType::kInt32, DataType::kInt8,
                                    DataType::kUint8};

const TensorLimits& MemberOf(const OpSupportLimits& limits, absl::string_view type, absl::string_view name) {
  for (const OperationLimits& operation : limits.operations) {
    if (operation.type != type) continue;
    for (const auto& member : operation.members) {
      if (member.name == name) return member.limits;
    }
  }
  FAIL(std::string(type) + " has no " + std::string(name));
  return limits.input;
}

std::string Text(const TensorLimits& limits) {
  return limits.data_types.ToString() + "; " + std::to_string(limits.min_rank) + " to " +
         std::to_string(limits.max_rank);
}

TEST_CASE("a device with every type tells what the table allows") {
  const OpSupportLimits limits = SupportLimitsOf({}, {});
  CHECK(limits.operations.size() == AllOps().size());
  CHECK(limits.max_tensor_bytes == GraphLimits().max_tensor_bytes);
  CHECK(Text(MemberOf(limits, "conv2d", "input")) == "float32, float16; 4 to 4");
  CHECK(Text(MemberOf(limits, "conv2d", "bias")) == "float32, float16; 1 to 1");
  CHECK(Text(MemberOf(limits, "gather", "indices")) == "int32, uint32, int64; 0 to 8");
  CHECK(Text(MemberOf(limits, "equal", "output")) == "uint8; 0 to 8");
  CHECK(Text(MemberOf(limits, "argMax", "output")) == "int32, int64; 0 to 8");
  CHECK(Text(MemberOf(limits, "concat", "inputs")) ==
        "float32, float16, int32, uint32, int64, uint64, int8, uint8, int4, uint4; 1 to 8");
  CHECK(Text(MemberOf(limits, "dequantizeLinear", "output")) == "float32, float16; 0 to 8");
}

TEST_CASE("any other device tells the specification's minimum, whichever types it lacks") {
  const OpSupportLimits limits = SupportLimitsOf(kFloatsOnly, {});
  CHECK(Text(MemberOf(limits, "add", "a")) == "float32, float16, int32; 0 to 5");
  CHECK(Text(MemberOf(limits, "cast", "input")) == "float32, float16, int32, int8, uint8; 0 to 5");
  CHECK(Text(MemberOf(limits, "gather", "indices")) == "int32; 0 to 5");
  CHECK(Text(MemberOf(limits, "batchNormalization", "input")) == "float32, float16; 3 to 5");
  CHECK(Text(MemberOf(limits, "batchNormalization", "mean")) == "float32, float16; 1 to 1");
  CHECK(Text(MemberOf(limits, "where", "condition")) == "uint8; 0 to 5");
  CHECK(Text(MemberOf(limits, "argMin", "output")) == "int32; 0 to 5");
  CHECK(Text(MemberOf(limits, "quantizeLinear", "zeroPoint")) == "int8, uint8; 0 to 5");
  CHECK(Text(MemberOf(limits, "gemm", "c")) == "float32, float16; 0 to 2");
  const DataType fewer[] = {DataType::kFloat32};
  const OpSupportLimits other = SupportLimitsOf(fewer, {});
  for (size_t i = 0; i < limits.operations.size(); ++i) {
    for (size_t m = 0; m < limits.operations[i].members.size(); ++m) {
      CHECK(Text(limits.operations[i].members[m].limits) == Text(other.operations[i].members[m].limits));
    }
  }
}

TEST_CASE("no operand is left without a type") {
  for (const OpSupportLimits& limits : {SupportLimitsOf({}, {}), SupportLimitsOf(kFloatsOnly, {})}) {
    for (const OperationLimits& operation : limits.operations) {
      for (const auto& member : operation.members) {
        INFO(std::string(operation.type) << " " << member.name);
        CHECK_FALSE(member.limits.data_types.empty());
        CHECK(member.limits.min_rank <= member.limits.max_rank);
      }
    }
  }
}

}  // namespace
}  // namespace modeld
