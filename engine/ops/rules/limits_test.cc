// "Check dimensions" of a tensor, and a daemon's own limits within which operations must keep.
#include <catch2/catch.hpp>

#include "engine/ops/infer.h"
#include "engine/ops/rules/specified.h"

namespace modeld::rules {
namespace {

TEST_CASE("a tensor has dimensions, elements, bytes and a type that are allowed") {
  const struct {
    TensorDescriptor descriptor;
    const char* error;
  } cases[] = {
      {F32({}), ""},
      {F32({1}), ""},
      {F32(Ones(8)), ""},
      {U8({2147483647}), ""},
      {U8({2147483647, 1, 1}), ""},
      {U8({46340, 46340}), ""},
      {F32({1 << 30}), ""},
      {F32({1 << 15, 1 << 15}), ""},
      {I64({1 << 29}), ""},
      {Of(DataType::kInt4, {2147483647}), ""},
      {F32(Ones(9)), "has rank 9, expected at most 8"},
      {F32({0}), "float32[0] has a dimension of size 0"},
      {F32({2, 0, 3}), "float32[2,0,3] has a dimension of size 0"},
      {U8({2147483648u}), "uint8[2147483648] has more than 2147483647 elements"},
      {U8({4294967295u}), "uint8[4294967295] has more than 2147483647 elements"},
      {U8({46341, 46341}), "uint8[46341,46341] has more than 2147483647 elements"},
      {U8({1 << 16, 1 << 15}), "uint8[65536,32768] has more than 2147483647 elements"},
      // 0 in 32 and in 64 bits.
      {U8({1 << 16, 1 << 16}), "uint8[65536,65536] has more than 2147483647 elements"},
      {U8({1u << 31, 1u << 31, 4}), "uint8[2147483648,2147483648,4] has more than 2147483647 elements"},
      {F32({(1 << 30) + 1}), "float32[1073741825] takes 4294967300 bytes, expected at most 4294967296"},
      {I64({(1 << 29) + 1}), "int64[536870913] takes 4294967304 bytes, expected at most 4294967296"},
      {Of(static_cast<DataType>(0), {1}), "data type 0 is unknown"},
      {Of(static_cast<DataType>(11), {1}), "data type 11 is unknown"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.descriptor.shape, c.error);
    const absl::Status status = CheckDescriptor(c.descriptor, {});
    CHECK(status.ok() == std::string(c.error).empty());
    CHECK(std::string(status.message()) == c.error);
  }
}

TEST_CASE("operations keep within a daemon's limits") {
  GraphLimits limits;
  limits.max_rank = 3;
  limits.max_tensor_bytes = 96;
  limits.max_list_elements = 4;
  limits.max_string_bytes = 10;
  limits.max_recurrent_steps = 2;
  const Attributes gru = {{"steps", Int(3)}, {"hiddenSize", Int(1)}};
  RunCases(
      {
          {"reshape", {F32({24})}, {{"newShape", Ints({2, 3, 4})}}, "float32[2,3,4]"},
          {"reshape",
           {F32({24})},
           {{"newShape", Ints({2, 3, 4, 1})}},
           "! newShape has rank 4, expected at most 3"},
          {"reshape",
           {F32({1})},
           {{"newShape", Ints({1, 1, 1, 1, 1})}},
           "! newShape has 5 elements, expected at most 4"},
          {"expand",
           {F32({1})},
           {{"newShape", Ints({1, 1, 1, 1})}},
           "! newShape has rank 4, expected at most 3"},
          {"expand",
           {F32({1})},
           {{"newShape", Ints({25})}},
           "! output float32[25] takes 100 bytes, expected at most 96"},
          {"gather", {U8({2, 2}), I32({1, 1, 1})}, "! output has rank 4, expected at most 3"},
          {"add", {F32({5, 1}), F32({1, 5})}, "! output float32[5,5] takes 100 bytes, expected at most 96"},
          {"cast", {U8({12})}, {{"dataType", DataType::kUint64}}, "uint64[12]"},
          {"cast",
           {U8({13})},
           {{"dataType", DataType::kUint64}},
           "! output uint64[13] takes 104 bytes, expected at most 96"},
          {"concat",
           std::vector<TensorDescriptor>(5, U8({1})),
           {{"axis", Int(0)}},
           "! operands are more than 4"},
          {"split", {U8({5})}, {{"splits", Int(5)}}, "! splits is 5, expected at most 4"},
          {"pad",
           {U8({1})},
           {{"beginningPadding", Ints({1})}, {"endingPadding", Ints({1})}, {"mode", Str("reflections")}},
           "! mode has 11 bytes, expected at most 10"},
          {"softmax", {F32({})}, {{"axis", Int(0)}}, "! input has rank 0, expected 1 to 3"},
          {"gru", {F32({3, 1, 1}), F32({1, 3, 1}), F32({1, 3, 1})}, gru, "! steps is 3, expected at most 2"},
      },
      limits);
}

}  // namespace
}  // namespace modeld::rules
