// conv2d and convTranspose2d.
#include "engine/ops/rules/specified.h"

namespace modeld::rules {
namespace {

constexpr int64_t kMaxUint = 4294967295;

// An attribute that is changed, or nothing.
OpCase Conv(Attributes attributes, std::vector<TensorDescriptor> operands, std::string expected) {
  return {"conv2d", std::move(operands), std::move(attributes), expected.c_str()};
}
OpCase Transposed(Attributes attributes, std::vector<TensorDescriptor> operands, std::string expected) {
  return {"convTranspose2d", std::move(operands), std::move(attributes), expected.c_str()};
}
std::string NoSize(const char* which, int64_t size) {
  return "! output " + std::string(which) + " would be " + std::to_string(size) +
         ", expected 1 to 2147483647";
}

std::vector<OpCase> Conv2dSizes() {
  // Input 5 x 7, filter 3 x 2.
  const std::vector<TensorDescriptor> small = {F32({1, 1, 5, 7}), F32({1, 1, 3, 2})};
  const auto sized = [&](Attributes attributes, std::string expected) {
    return Conv(std::move(attributes), small, std::move(expected));
  };
  return {
      sized({}, "float32[1,1,3,6]"),
      sized({{"padding", Ints({0, 0, 0, 0})}}, "float32[1,1,3,6]"),
      sized({{"padding", Ints({1, 2, 3, 4})}}, "float32[1,1,6,13]"),
      sized({{"strides", Ints({2, 3})}}, "float32[1,1,2,2]"),
      sized({{"strides", Ints({3, 6})}}, "float32[1,1,1,1]"),
      sized({{"strides", Ints({kMaxUint, kMaxUint})}}, "float32[1,1,1,1]"),
      sized({{"dilations", Ints({2, 6})}}, "float32[1,1,1,1]"),
      sized({{"dilations", Ints({3, 1})}}, NoSize("height", 0)),
      sized({{"dilations", Ints({2, 7})}}, NoSize("width", 0)),
      sized({{"dilations", Ints({3, 7})}, {"padding", Ints({1, 1, 1, 0})}}, "float32[1,1,1,1]"),
      sized({{"dilations", Ints({kMaxUint, 1})}}, NoSize("height", 0)),
      sized({{"dilations", Ints({1, kMaxUint})}}, NoSize("width", 0)),
      sized({{"padding", Ints({0, 0, kMaxUint, kMaxUint})}}, NoSize("width", 8589934596)),
      sized({{"padding", Ints({kMaxUint, kMaxUint, 0, 0})}}, NoSize("height", 8589934593)),
      sized({{"padding", Ints({kMaxUint, kMaxUint, 0, 0})}, {"strides", Ints({4, 1})}},
            NoSize("height", 2147483649)),
      sized({{"padding", Ints({kMaxUint, kMaxUint, 0, 0})}, {"strides", Ints({kMaxUint, 6})}},
            "float32[1,1,3,1]"),
      // Dilation and padding beyond 2^31 that just fit one another.
      sized({{"padding", Ints({0, 0, kMaxUint, 0})}, {"dilations", Ints({1, kMaxUint})}}, "float32[1,1,3,7]"),
      sized({{"padding", Ints({0, 0, 4294967289, 0})}, {"dilations", Ints({1, kMaxUint})}},
            "float32[1,1,3,1]"),
      sized({{"padding", Ints({0, 0, 4294967288, 0})}, {"dilations", Ints({1, kMaxUint})}},
            NoSize("width", 0)),
      Conv({}, {F32({1, 1, 3, 2}), F32({1, 1, 3, 2})}, "float32[1,1,1,1]"),
      Conv({}, {F32({1, 1, 2, 2}), F32({1, 1, 3, 2})}, NoSize("height", 0)),
      Conv({{"padding", Ints({0, 2147483642, 0, 0})}}, {F32({1, 1, 5, 1}), F32({1, 1, 1, 1})},
           "! output float32[1,1,2147483647,1] takes 8589934588 bytes, expected at most 4294967296"),
  };
}

std::vector<OpCase> Conv2dChannels() {
  const auto channels = [](uint32_t in, Shape filter, int64_t groups, const char* expected) {
    return Conv({{"groups", Int(groups)}}, {F32({1, in, 3, 3}), F32(std::move(filter))}, expected);
  };
  const auto bias = [](Shape shape, const char* expected) {
    return OpCase("conv2d", {F32({1, 4, 3, 3}), F32({6, 2, 1, 1})},
                  {{"groups", Int(2)}, {"bias", OperandId{0}}}, {F32(std::move(shape))}, expected);
  };
  return {
      channels(4, {6, 4, 1, 1}, 1, "float32[1,6,3,3]"),
      channels(4, {6, 2, 1, 1}, 2, "float32[1,6,3,3]"),
      channels(4, {8, 1, 1, 1}, 4, "float32[1,8,3,3]"),
      channels(4, {6, 2, 1, 1}, 1, "! filter has 2 input channels, expected 4"),
      channels(4, {6, 4, 1, 1}, 2, "! filter has 4 input channels, expected 2"),
      channels(4, {6, 1, 1, 1}, 3, "! groups 3 does not divide 4 input channels"),
      channels(4, {6, 1, 1, 1}, 5, "! groups 5 does not divide 4 input channels"),
      channels(4, {6, 1, 1, 1}, kMaxUint, "! groups 4294967295 does not divide 4 input channels"),
      channels(4, {6, 1, 1, 1}, 4, "! groups 4 does not divide 6 output channels"),
      channels(4, {5, 2, 1, 1}, 2, "! groups 2 does not divide 5 output channels"),
      bias({6}, "float32[1,6,3,3]"),
      bias({5}, "! bias has shape [5], expected [6]"),
      bias({1}, "! bias has shape [1], expected [6]"),
  };
}

std::vector<OpCase> Conv2dLayouts() {
  const auto layouts = [](const char* input, const char* filter, Shape x, Shape w, const char* expected) {
    return Conv({{"inputLayout", Str(input)}, {"filterLayout", Str(filter)}},
                {F32(std::move(x)), F32(std::move(w))}, expected);
  };
  // 3 channels of 8 x 9 to 4 channels by 3 x 2.
  return {
      layouts("nchw", "oihw", {1, 3, 8, 9}, {4, 3, 3, 2}, "float32[1,4,6,8]"),
      layouts("nchw", "hwio", {1, 3, 8, 9}, {3, 2, 3, 4}, "float32[1,4,6,8]"),
      layouts("nchw", "ohwi", {1, 3, 8, 9}, {4, 3, 2, 3}, "float32[1,4,6,8]"),
      layouts("nchw", "ihwo", {1, 3, 8, 9}, {3, 3, 2, 4}, "float32[1,4,6,8]"),
      layouts("nhwc", "oihw", {1, 8, 9, 3}, {4, 3, 3, 2}, "float32[1,6,8,4]"),
      layouts("nhwc", "hwio", {1, 8, 9, 3}, {3, 2, 3, 4}, "float32[1,6,8,4]"),
      layouts("nhwc", "ohwi", {1, 8, 9, 3}, {4, 3, 2, 3}, "float32[1,6,8,4]"),
      layouts("nhwc", "ihwo", {1, 8, 9, 3}, {3, 3, 2, 4}, "float32[1,6,8,4]"),
      layouts("nhwc", "oihw", {1, 3, 8, 9}, {4, 3, 3, 2}, "! filter has 3 input channels, expected 9"),
      layouts("nchw", "hwio", {1, 3, 8, 9}, {4, 3, 2, 3}, "! filter has 2 input channels, expected 3"),
      layouts("nchw", "ihwo", {1, 3, 8, 9}, {4, 3, 2, 3}, "! filter has 4 input channels, expected 3"),
      layouts("nchw", "ohwi", {1, 3, 8, 9}, {4, 3, 3, 2}, "! filter has 2 input channels, expected 3"),
  };
}

std::vector<OpCase> TransposedSizes() {
  // Input 5 x 7, filter 3 x 2.
  const std::vector<TensorDescriptor> small = {F32({1, 1, 5, 7}), F32({1, 1, 3, 2})};
  const auto sized = [&](Attributes attributes, std::string expected) {
    return Transposed(std::move(attributes), small, std::move(expected));
  };
  const AttributeValue stride = Ints({2, 3});
  return {
      sized({}, "float32[1,1,7,8]"),
      sized({{"strides", stride}}, "float32[1,1,11,20]"),
      sized({{"dilations", Ints({2, 3})}}, "float32[1,1,9,10]"),
      sized({{"padding", Ints({1, 2, 3, 4})}}, "float32[1,1,4,1]"),
      sized({{"padding", Ints({3, 3, 0, 0})}}, "float32[1,1,1,8]"),
      sized({{"padding", Ints({4, 3, 0, 0})}}, NoSize("height", 0)),
      sized({{"padding", Ints({0, 0, kMaxUint, kMaxUint})}}, NoSize("width", -8589934582)),
      sized({{"strides", stride}, {"outputPadding", Ints({1, 2})}}, "float32[1,1,12,22]"),
      sized({{"strides", stride}, {"outputPadding", Ints({2, 0})}},
            "! outputPadding 2 must be below the stride 2"),
      sized({{"strides", stride}, {"outputPadding", Ints({0, 3})}},
            "! outputPadding 3 must be below the stride 3"),
      sized({{"outputPadding", Ints({1, 0})}}, "! outputPadding 1 must be below the stride 1"),
      sized({{"outputPadding", Ints({0, kMaxUint})}},
            "! outputPadding 4294967295 must be below the stride 1"),
      // Padding that takes everything, and output padding that gives one back.
      sized({{"padding", Ints({6, 5, 0, 0})}, {"strides", stride}, {"outputPadding", Ints({1, 0})}},
            "float32[1,1,1,20]"),
      sized({{"strides", stride}, {"outputSizes", Ints({11, 20})}}, "float32[1,1,11,20]"),
      sized({{"strides", stride}, {"outputSizes", Ints({12, 22})}}, "float32[1,1,12,22]"),
      sized({{"strides", stride}, {"outputSizes", Ints({10, 20})}},
            "! outputSizes 10 is out of range, expected from 11 to 12"),
      sized({{"strides", stride}, {"outputSizes", Ints({13, 20})}},
            "! outputSizes 13 is out of range, expected from 11 to 12"),
      sized({{"strides", stride}, {"outputSizes", Ints({11, 19})}},
            "! outputSizes 19 is out of range, expected from 20 to 22"),
      sized({{"strides", stride}, {"outputSizes", Ints({11, 23})}},
            "! outputSizes 23 is out of range, expected from 20 to 22"),
      // outputSizes win over outputPadding, which is then not looked at.
      sized({{"strides", stride}, {"outputSizes", Ints({11, 20})}, {"outputPadding", Ints({9, 9})}},
            "float32[1,1,11,20]"),
      sized({{"padding", Ints({6, 6, 0, 0})}, {"strides", stride}, {"outputSizes", Ints({0, 20})}},
            NoSize("height", 0)),
      sized({{"padding", Ints({7, 5, 0, 0})}, {"strides", stride}, {"outputSizes", Ints({0, 20})}},
            NoSize("height", 0)),
      sized({{"strides", Ints({kMaxUint, 1})}}, NoSize("height", 17179869183)),
      sized({{"dilations", Ints({1, kMaxUint})}}, NoSize("width", 4294967302)),
      sized({{"strides", Ints({kMaxUint, 1})}, {"outputSizes", Ints({2147483647, 8})}},
            "! outputSizes 2147483647 is out of range, expected from 17179869183 to 21474836477"),
      Transposed({{"strides", Ints({kMaxUint, kMaxUint})}}, {F32({1, 1, 1, 1}), F32({1, 1, 1, 1})},
                 "float32[1,1,1,1]"),
      Transposed({{"strides", Ints({2147483646, 1})}}, {F32({1, 1, 2, 1}), F32({1, 1, 1, 1})},
                 "! output float32[1,1,2147483647,1] takes 8589934588 bytes, expected at most 4294967296"),
      Transposed({{"strides", Ints({2147483647, 1})}}, {F32({1, 1, 2, 1}), F32({1, 1, 1, 1})},
                 NoSize("height", 2147483648)),
  };
}

std::vector<OpCase> TransposedChannels() {
  const auto channels = [](uint32_t in, Shape filter, int64_t groups, const char* expected) {
    return Transposed({{"groups", Int(groups)}}, {F32({1, in, 3, 3}), F32(std::move(filter))}, expected);
  };
  const auto bias = [](Shape shape, const char* expected) {
    return OpCase("convTranspose2d", {F32({1, 4, 3, 3}), F32({4, 3, 1, 1})},
                  {{"groups", Int(2)}, {"bias", OperandId{0}}}, {F32(std::move(shape))}, expected);
  };
  const auto layouts = [](const char* input, const char* filter, Shape x, Shape w, const char* expected) {
    return Transposed({{"inputLayout", Str(input)}, {"filterLayout", Str(filter)}},
                      {F32(std::move(x)), F32(std::move(w))}, expected);
  };
  return {
      channels(4, {4, 6, 1, 1}, 1, "float32[1,6,3,3]"),
      channels(4, {4, 3, 1, 1}, 2, "float32[1,6,3,3]"),
      channels(4, {4, 1, 1, 1}, 4, "float32[1,4,3,3]"),
      channels(4, {2, 6, 1, 1}, 2, "! filter has 2 input channels, expected 4"),
      channels(4, {6, 4, 1, 1}, 1, "! filter has 6 input channels, expected 4"),
      channels(4, {4, 3, 1, 1}, 3, "! groups 3 does not divide 4 input channels"),
      channels(4, {4, 2, 1, 1}, kMaxUint, "! groups 4294967295 does not divide 4 input channels"),
      channels(1 << 16, {1 << 16, 1 << 15, 1, 1}, 1 << 16,
               "! output channels would be 2147483648, expected 1 to 2147483647"),
      bias({6}, "float32[1,6,3,3]"),
      bias({3}, "! bias has shape [3], expected [6]"),
      // 3 channels of 8 x 9 to 4 channels by 3 x 2.
      layouts("nchw", "iohw", {1, 3, 8, 9}, {3, 4, 3, 2}, "float32[1,4,10,10]"),
      layouts("nchw", "hwoi", {1, 3, 8, 9}, {3, 2, 4, 3}, "float32[1,4,10,10]"),
      layouts("nchw", "ohwi", {1, 3, 8, 9}, {4, 3, 2, 3}, "float32[1,4,10,10]"),
      layouts("nhwc", "iohw", {1, 8, 9, 3}, {3, 4, 3, 2}, "float32[1,10,10,4]"),
      layouts("nhwc", "hwoi", {1, 8, 9, 3}, {3, 2, 4, 3}, "float32[1,10,10,4]"),
      layouts("nhwc", "ohwi", {1, 8, 9, 3}, {4, 3, 2, 3}, "float32[1,10,10,4]"),
      layouts("nhwc", "iohw", {1, 3, 8, 9}, {3, 4, 3, 2}, "! filter has 3 input channels, expected 9"),
      layouts("nchw", "hwoi", {1, 3, 8, 9}, {3, 4, 3, 2}, "! filter has 2 input channels, expected 3"),
      layouts("nchw", "ohwi", {1, 3, 8, 9}, {3, 4, 3, 2}, "! filter has 2 input channels, expected 3"),
  };
}

}  // namespace

Family ConvolutionFamily() {
  Family family = {.name = "convolution", .specified = {}, .rules = {}};
  for (const auto& rules :
       {Conv2dSizes(), Conv2dChannels(), Conv2dLayouts(), TransposedSizes(), TransposedChannels()}) {
    family.rules.insert(family.rules.end(), rules.begin(), rules.end());
  }
  const std::vector<OperandSchema> operands = {Operand1("input", kFloats, Rank(4)),
                                               Operand1("filter", kFloats, Rank(4), 0)};
  const std::vector<TensorDescriptor> base = {F32({1, 2, 5, 5}), F32({2, 2, 3, 3})};
  family.specified.push_back(
      {.type = "conv2d",
       .operands = operands,
       .attributes = {OperandAttribute("bias", kFloats, Rank(1)), UintsAttribute("padding", {0, 0, 0, 0}),
                      UintsAttribute("strides", {1, 1}, 1), UintsAttribute("dilations", {1, 1}, 1),
                      UintAttribute("groups", 1, 1), ChoiceAttribute("inputLayout", {"nchw", "nhwc"}),
                      ChoiceAttribute("filterLayout", {"oihw", "hwio", "ohwi", "ihwo"})},
       .base = {"conv2d", base, {{"bias", OperandId{0}}}, {F32({2})}, "float32[1,2,3,3]"}});
  family.specified.push_back(
      {.type = "convTranspose2d",
       .operands = operands,
       .attributes = {OperandAttribute("bias", kFloats, Rank(1)), UintsAttribute("padding", {0, 0, 0, 0}),
                      UintsAttribute("strides", {1, 1}, 1), UintsAttribute("dilations", {1, 1}, 1),
                      UintsAttribute("outputPadding", {0, 0}), OptionalUints("outputSizes", 2),
                      UintAttribute("groups", 1, 1), ChoiceAttribute("inputLayout", {"nchw", "nhwc"}),
                      ChoiceAttribute("filterLayout", {"iohw", "hwoi", "ohwi"})},
       .base = {"convTranspose2d", base, {{"bias", OperandId{0}}}, {F32({2})}, "float32[1,2,7,7]"}});
  return family;
}

}  // namespace modeld::rules
