// Operations that change shapes and copy elements.
#include <catch2/catch.hpp>

#include "engine/ops/op_cases.h"
#include "engine/ops/test_graph.h"

namespace modeld {
namespace {

TEST_CASE("reshape and expand check the new shape") {
  RunCases({
      {"reshape", {F32({2, 3})}, {{"newShape", Ints({3, 1, 2})}}, "float32[3,1,2]"},
      {"reshape", {U8({1})}, {{"newShape", Ints({})}}, "uint8[]"},
      {"reshape", {F32({2, 3})}, {{"newShape", Ints({4})}}, "! newShape [4] holds 4 elements, expected 6"},
      {"reshape",
       {F32({2, 3})},
       {{"newShape", Ints({0, 6})}},
       "! newShape has a dimension of size 0, expected 1 to 2147483647"},
      {"reshape",
       {F32({2, 3})},
       {{"newShape", Ints({1u << 30, 1u << 30, 1u << 30})}},
       "! newShape [1073741824,1073741824,1073741824] holds too many elements, expected 6"},
      {"reshape",
       {F32({1})},
       {{"newShape", Ints({1, 1, 1, 1, 1, 1, 1, 1, 1})}},
       "! newShape has rank 9, expected at most 8"},
      {"reshape", {F32({1})}, "! newShape is missing"},
      {"expand", {F32({3, 1})}, {{"newShape", Ints({2, 3, 4})}}, "float32[2,3,4]"},
      {"expand", {F32({})}, {{"newShape", Ints({2})}}, "float32[2]"},
      {"expand", {F32({3})}, {{"newShape", Ints({4})}}, "! newShape [4] is no shape that [3] broadcasts to"},
      {"expand",
       {F32({1, 3})},
       {{"newShape", Ints({3})}},
       "! newShape [3] is no shape that [1,3] broadcasts to"},
  });
}

TEST_CASE("transpose wants a permutation") {
  RunCases({
      {"transpose", {F32({2, 3, 4})}, "float32[4,3,2]"},
      {"transpose", {F32({})}, "float32[]"},
      {"transpose", {U8({2, 3, 4})}, {{"permutation", Ints({1, 2, 0})}}, "uint8[3,4,2]"},
      {"transpose", {F32({2, 3})}, {{"permutation", Ints({0})}}, "! permutation has 1 elements, expected 2"},
      {"transpose", {F32({2, 3})}, {{"permutation", Ints({0, 0})}}, "! permutation holds 0 more than once"},
      {"transpose",
       {F32({2, 3})},
       {{"permutation", Ints({0, 2})}},
       "! permutation 2 must be below the input's rank 2"},
  });
}

TEST_CASE("concat joins tensors that agree elsewhere") {
  const Attributes axis1 = {{"axis", Int(1)}};
  RunCases({
      {"concat", {F32({2, 3}), F32({2, 1}), F32({2, 4})}, axis1, "float32[2,8]"},
      {"concat", {F32({2, 3})}, axis1, "float32[2,3]"},
      {"concat", {}, axis1, "! operands are 0, expected at least 1"},
      {"concat",
       {F32({2, 3}), F32({3, 3})},
       axis1,
       "! inputs[1] has shape [3,3], which differs from [2,3] beyond axis 1"},
      {"concat",
       {F32({2, 3}), F32({2, 3, 1})},
       axis1,
       "! inputs[1] has shape [2,3,1], which differs from [2,3] beyond axis 1"},
      {"concat",
       {F32({2, 3}), I32({2, 3})},
       axis1,
       "! inputs[1] has data type int32, expected float32 like inputs"},
      {"concat", {F32({2}), F32({2})}, axis1, "! axis 1 must be below the input's rank 1"},
      {"concat", {F32({}), F32({})}, axis1, "! inputs[0] has rank 0, expected 1 to 8"},
      {"concat",
       {U8({2147483647}), U8({1})},
       {{"axis", Int(0)}},
       "! output size along axis would be 2147483648, expected 1 to 2147483647"},
  });
}

Attributes Padding(std::vector<int64_t> before, std::vector<int64_t> after, const char* mode = "constant") {
  return {{"beginningPadding", Ints(before)}, {"endingPadding", Ints(after)}, {"mode", Str(mode)}};
}

TEST_CASE("pad adds to each dimension") {
  RunCases({
      {"pad", {F32({2, 3})}, Padding({1, 0}, {0, 2}), "float32[3,5]"},
      {"pad", {F32({})}, Padding({}, {}), "float32[]"},
      {"pad", {F32({2, 3})}, Padding({9, 9}, {9, 9}, "edge"), "float32[20,21]"},
      {"pad", {F32({2, 3})}, Padding({1, 2}, {1, 2}, "reflection"), "float32[4,7]"},
      {"pad",
       {F32({2, 3})},
       Padding({2, 0}, {0, 0}, "reflection"),
       "! beginningPadding 2 must be below the size 2 of dimension 0 to be reflected"},
      {"pad",
       {F32({2, 3})},
       Padding({0, 0}, {0, 3}, "reflection"),
       "! endingPadding 3 must be below the size 3 of dimension 1 to be reflected"},
      {"pad",
       {F32({2, 3})},
       Padding({0, 0}, {0, 0}, "wrap"),
       "! mode is \"wrap\", expected one of constant, edge, reflection, symmetric"},
      {"pad", {F32({2, 3})}, Padding({0}, {0, 0}), "! beginningPadding has 1 elements, expected 2"},
      {"pad", {F32({2, 3})}, Padding({0, 0}, {0}), "! endingPadding has 1 elements, expected 2"},
      {"pad",
       {F32({2})},
       Padding({4294967295}, {4294967295}),
       "! output dimension 0 would be 8589934592, expected 1 to 2147483647"},
      {"pad", {F32({2})}, {{"endingPadding", Ints({0})}}, "! beginningPadding is missing"},
  });
  OpCase exact = {"pad", {{DataType::kInt64, {2}}}, Padding({1}, {0}), "int64[3]"};
  exact.attributes["value"] = Int((int64_t{1} << 53) + 1);
  RunCases({exact});
}

TEST_CASE("slice stays within the input") {
  const auto slice = [](std::vector<int64_t> starts, std::vector<int64_t> sizes) {
    return Attributes{{"starts", Ints(starts)}, {"sizes", Ints(sizes)}};
  };
  Attributes strided = slice({1, 0}, {5, 4});
  strided["strides"] = Ints({2, 4});
  Attributes zero_stride = slice({1, 0}, {5, 4});
  zero_stride["strides"] = Ints({2, 0});
  RunCases({
      {"slice", {F32({6, 4})}, slice({1, 2}, {5, 1}), "float32[5,1]"},
      {"slice", {F32({6, 4})}, strided, "float32[3,1]"},
      {"slice", {F32({})}, slice({}, {}), "float32[]"},
      {"slice",
       {F32({6, 4})},
       slice({2, 0}, {5, 4}),
       "! sizes of dimension 0 end at 2 + 5, beyond the input's 6"},
      {"slice",
       {F32({6})},
       slice({4294967295}, {4294967295}),
       "! sizes of dimension 0 end at 4294967295 + 4294967295, beyond the input's 6"},
      {"slice", {F32({6})}, slice({0}, {0}), "! sizes 0 is out of range, expected at least 1"},
      {"slice", {F32({6})}, slice({0, 0}, {1}), "! starts has 2 elements, expected 1"},
      {"slice", {F32({6})}, slice({0}, {1, 1}), "! sizes has 2 elements, expected 1"},
      {"slice", {F32({6, 4})}, zero_stride, "! strides 0 is out of range, expected at least 1"},
  });
}

TEST_CASE("split takes a count or sizes") {
  RunCases({
      {"split", {F32({6, 2})}, {{"splits", Int(3)}}, "float32[2,2] float32[2,2] float32[2,2]"},
      {"split", {F32({2, 6})}, {{"splits", Ints({1, 5})}, {"axis", Int(1)}}, "float32[2,1] float32[2,5]"},
      {"split", {F32({6})}, {{"splits", Int(4)}}, "! splits 4 does not divide the size 6"},
      {"split", {F32({6})}, {{"splits", Int(0)}}, "! splits 0 is out of range, expected at least 1"},
      {"split", {F32({6})}, {{"splits", Int(5000)}}, "! splits is 5000, expected at most 4096"},
      {"split", {F32({6})}, {{"splits", Ints({1, 4})}}, "! splits add up to 5, expected 6"},
      {"split", {F32({6})}, {{"splits", Ints({0, 6})}}, "! splits 0 is out of range, expected at least 1"},
      {"split", {F32({6})}, {{"splits", Ints({})}}, "! splits is empty, expected at least one size"},
      {"split",
       {F32({6})},
       {{"splits", Int(2)}, {"axis", Int(1)}},
       "! axis 1 must be below the input's rank 1"},
      {"split", {F32({6})}, "! splits is missing"},
  });
}

TEST_CASE(
    "movements decompose into one core operation per output, but for 64-bit padding that double cannot "
    "hold") {
  CHECK(DecompositionOf({"split", {F32({2, 4})}, {{"splits", Ints({1, 3})}, {"axis", Int(1)}}}) ==
        R"(%0 float32[2,4] = input
%1 float32[2,1] = slice(%0) starts=[0,0] strides=[1,1]
%2 float32[2,3] = slice(%0) starts=[0,1] strides=[1,1]
output %1
output %2
)");
  CHECK(DecompositionOf({"transpose", {F32({2, 3})}}) == R"(%0 float32[2,3] = input
%1 float32[3,2] = transpose(%0) permutation=[1,0]
output %1
)");
  CHECK(DecompositionOf({"concat", {F32({2}), F32({3})}, {{"axis", Int(0)}}}) == R"(%0 float32[2] = input
%1 float32[3] = input
%2 float32[5] = concat(%0, %1) axis=0
output %2
)");
  CHECK(DecompositionOf({"gather", {F32({5, 6}), I32({2})}}) == R"(%0 float32[5,6] = input
%1 int32[2] = input
%2 float32[2,6] = gather(%0, %1) axis=0
output %2
)");
  OpCase pad = {"pad", {{DataType::kInt64, {2}}}, Padding({1}, {0})};
  pad.attributes["value"] = Int((int64_t{1} << 53) + 1);
  CHECK(DecompositionOf(pad) == R"(%0 int64[2] = input
%1 uint8[] = constant
%2 uint8[2] = broadcast(%1)
%3 int64[3] = pad constant(%0) before=[1] after=[0] value=0
%4 uint8[3] = pad constant(%2) before=[1] after=[0] value=0
%5 int64[] = constant
%6 int64[3] = broadcast(%5)
%7 int64[3] = select(%4, %3, %6)
output %7
)");
}

}  // namespace
}  // namespace modeld
