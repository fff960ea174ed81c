#include "tests/conformance/bind.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "engine/ops/table.h"
#include "tests/conformance/adapt.h"

namespace modeld::conformance {
namespace {

// Operands "a", "b" and "c".
Operands SomeOperands() {
  Operands operands;
  uint32_t next = 0;
  for (const char* name : {"a", "b", "c"}) {
    operands.emplace(name, client::Operand(1, OperandId{next++}, {DataType::kFloat32, {2, 3}}));
  }
  return operands;
}

BoundCall Bound(const Operator& op) {
  auto call = Bind(op, SomeOperands());
  INFO(call.status());
  REQUIRE(call.ok());
  return *std::move(call);
}

void CheckRefused(const Operator& op, const std::string& why,
                  absl::StatusCode code = absl::StatusCode::kInvalidArgument) {
  const auto call = Bind(op, SomeOperands());
  REQUIRE_FALSE(call.ok());
  INFO(call.status());
  CHECK(call.status().code() == code);
  CHECK(absl::StrContains(std::string(call.status().message()), why));
}

// WebNN's methods with the same arguments and options, all of them (index.bs of June 2026).
struct Methods {
  const char* types;
  const char* arguments;
  const char* options;
};
constexpr Methods kMethods[] = {
    {"argMin,argMax", "input,axis", "keepDimensions,outputDataType"},
    {"batchNormalization", "input,mean,variance", "scale,bias,axis,epsilon"},
    {"cast", "input,dataType", ""},
    {"clamp", "input", "minValue,maxValue"},
    {"concat", "inputs,axis", ""},
    {"conv2d", "input,filter", "padding,strides,dilations,groups,inputLayout,filterLayout,bias"},
    {"convTranspose2d", "input,filter",
     "padding,strides,dilations,outputPadding,outputSizes,groups,inputLayout,filterLayout,bias"},
    {"cumulativeSum", "input,axis", "exclusive,reversed"},
    {"add,sub,mul,div,max,min,pow,equal,notEqual,greater,greaterOrEqual,lesser,lesserOrEqual,logicalAnd,"
     "logicalOr,logicalXor,matmul",
     "a,b", ""},
    {"logicalNot,isNaN,isInfinite", "a", ""},
    {"abs,ceil,cos,erf,exp,floor,identity,log,neg,reciprocal,roundEven,sin,sign,sqrt,tan,gelu,hardSwish,relu,"
     "sigmoid,softplus,softsign,tanh",
     "input", ""},
    {"dequantizeLinear,quantizeLinear", "input,scale,zeroPoint", ""},
    {"elu,leakyRelu", "input", "alpha"},
    {"expand,reshape", "input,newShape", ""},
    {"gather,gatherElements", "input,indices", "axis"},
    {"gatherND", "input,indices", ""},
    {"gemm", "a,b", "c,alpha,beta,aTranspose,bTranspose"},
    {"gru", "input,weight,recurrentWeight,steps,hiddenSize",
     "bias,recurrentBias,initialHiddenState,resetAfter,returnSequence,direction,layout,activations"},
    {"gruCell", "input,weight,recurrentWeight,hiddenState,hiddenSize",
     "bias,recurrentBias,resetAfter,layout,activations"},
    {"hardSigmoid,linear", "input", "alpha,beta"},
    {"instanceNormalization", "input", "scale,bias,epsilon,layout"},
    {"layerNormalization", "input", "scale,bias,axes,epsilon"},
    {"lstm", "input,weight,recurrentWeight,steps,hiddenSize",
     "bias,recurrentBias,peepholeWeight,initialHiddenState,initialCellState,returnSequence,direction,layout,"
     "activations"},
    {"lstmCell", "input,weight,recurrentWeight,hiddenState,cellState,hiddenSize",
     "bias,recurrentBias,peepholeWeight,layout,activations"},
    {"pad", "input,beginningPadding,endingPadding", "mode,value"},
    {"averagePool2d,l2Pool2d,maxPool2d", "input",
     "windowDimensions,padding,strides,dilations,layout,outputShapeRounding,outputSizes"},
    {"prelu", "input,slope", ""},
    {"reduceL1,reduceL2,reduceLogSum,reduceLogSumExp,reduceMax,reduceMean,reduceMin,reduceProduct,reduceSum,"
     "reduceSumSquare",
     "input", "axes,keepDimensions"},
    {"resample2d", "input", "mode,scales,sizes,axes"},
    {"reverse", "input", "axes"},
    {"scatterElements", "input,indices,updates", "axis"},
    {"scatterND", "input,indices,updates", ""},
    {"slice", "input,starts,sizes", "strides"},
    {"softmax", "input,axis", ""},
    {"split", "input,splits", "axis"},
    {"tile", "input,repetitions", ""},
    {"transpose", "input", "permutation"},
    {"triangular", "input", "upper,diagonal"},
    {"where", "condition,trueValue,falseValue", ""},
};

TEST_CASE("The table's rows have WebNN's arguments in their order, and exactly WebNN's options") {
  for (const Methods& methods : kMethods) {
    for (const absl::string_view type : absl::StrSplit(methods.types, ',')) {
      INFO(std::string(type));
      const OpSchema* schema = FindOp(type);
      REQUIRE(schema != nullptr);
      CHECK(absl::StrJoin(SignatureOf(*schema), ",") == methods.arguments);
      std::set<std::string> options;
      for (const AttributeSchema& attribute : schema->attributes) {
        if (!attribute.required) options.emplace(attribute.name);
      }
      CHECK(options == std::set<std::string>(absl::StrSplit(methods.options, ',', absl::SkipEmpty())));
    }
  }
}

TEST_CASE("Arguments and options find their places") {
  const BoundCall gemm =
      Bound({"gemm", {"a", "b"}, {{"c", "c"}, {"alpha", 2}, {"aTranspose", true}, {"label", "g"}}, {"y"}});
  CHECK(gemm.type == "gemm");
  REQUIRE(gemm.inputs.size() == 2);
  CHECK(gemm.inputs[1]->id() == OperandId{1});
  CHECK(gemm.attributes == Attributes{{"c", OperandId{2}}, {"alpha", 2.0}, {"aTranspose", true}});
  CHECK(gemm.label == "g");
  const BoundCall concat = Bound({"concat", {Json{"a", "b", "c"}, 1}, {}, {"y"}});
  CHECK(concat.inputs.size() == 3);
  CHECK(concat.attributes == Attributes{{"axis", int64_t{1}}});
  CHECK(Bound({"cast", {"a", "int8"}, {}, {"y"}}).attributes == Attributes{{"dataType", DataType::kInt8}});
  CHECK(Bound({"split", {"a", 2}, {}, {"y"}}).attributes == Attributes{{"splits", int64_t{2}}});
  CHECK(Bound({"split", {"a", Json{1, 2}}, {}, {"y"}}).attributes ==
        Attributes{{"splits", std::vector<int64_t>{1, 2}}});
}

TEST_CASE("A number is an integer, a double, or a text beyond both") {
  const BoundCall clamp =
      Bound({"clamp", {"a"}, {{"minValue", "-9223372036854775808"}, {"maxValue", "Infinity"}}, {"y"}});
  CHECK(std::get<int64_t>(clamp.attributes.at("minValue")) == std::numeric_limits<int64_t>::min());
  CHECK(std::isinf(std::get<double>(clamp.attributes.at("maxValue"))));
  const BoundCall large = Bound({"clamp", {"a"}, {{"maxValue", 18446744073709551615u}}, {"y"}});
  CHECK(std::get<std::string>(large.attributes.at("maxValue")) == "18446744073709551615");
  CHECK(std::isnan(
      std::get<double>(Bound({"clamp", {"a"}, {{"minValue", "NaN"}}, {"y"}}).attributes.at("minValue"))));
}

TEST_CASE("What does not fit the operation is refused by name") {
  CheckRefused({"frobnicate", {"a"}, {}, {"y"}}, "there is no operation \"frobnicate\"",
               absl::StatusCode::kUnimplemented);
  CheckRefused({"relu", {"a"}, {{"slope", 1}}, {"y"}}, "relu: has no option \"slope\"");
  CheckRefused({"reshape", {"a", Json{6}}, {{"newShape", {6}}}, {"y"}}, "has no option \"newShape\"");
  CheckRefused({"softmax", {"a"}, {}, {"y"}}, "has 1 arguments beside the options, expected (input, axis)");
  CheckRefused({"relu", {"a", "b"}, {}, {"y"}}, "has 2 arguments");
  CheckRefused({"relu", {"z"}, {}, {"y"}}, "relu: input: \"z\" is not an input or an earlier output");
  CheckRefused({"relu", {1}, {}, {"y"}}, "relu: input: 1 is not the name of an operand");
  CheckRefused({"gemm", {"a", "b"}, {{"c", 1.5}}, {"y"}}, "gemm: c: 1.5 is not the name of an operand");
  CheckRefused({"gemm", {"a", "b"}, {{"aTranspose", 1}}, {"y"}}, "gemm: aTranspose: 1 is not true or false");
  CheckRefused({"softmax", {"a", 1.5}, {}, {"y"}}, "softmax: axis: 1.5 is no integer");
  CheckRefused({"reshape", {"a", 6}, {}, {"y"}}, "reshape: newShape: 6 is not a list");
  CheckRefused({"cast", {"a", "float64"}, {}, {"y"}}, "cast: dataType: \"float64\" is not a data type");
  CheckRefused({"concat", {"a", 0}, {}, {"y"}}, "\"a\" is not a list of operands");
}

std::vector<Operator> Adapted(const Operator& op) {
  return Adapt(op, [](const std::string& name) -> std::optional<TensorDescriptor> {
    if (name == "x") return TensorDescriptor{DataType::kInt8, {2, 3, 4}};
    if (name == "scale") return TensorDescriptor{DataType::kFloat32, {3, 1}};
    if (name == "full") return TensorDescriptor{DataType::kInt8, {1, 3, 1}};
    return std::nullopt;
  });
}

TEST_CASE("scale and zeroPoint of lower rank get leading ones") {
  for (const char* type : {"quantizeLinear", "dequantizeLinear"}) {
    const std::vector<Operator> calls = Adapted({type, {"x", "scale", "full"}, {}, {"y"}});
    REQUIRE(calls.size() == 2);
    CHECK(calls[0].name == "reshape");
    CHECK(calls[0].arguments == std::vector<Json>{"scale", Json{1, 3, 1}});
    REQUIRE(calls[0].outputs.size() == 1);
    CHECK(calls[1].name == type);
    CHECK(calls[1].arguments == std::vector<Json>{"x", calls[0].outputs[0], "full"});
  }
  CHECK(Adapted({"quantizeLinear", {"x", "full", "full"}, {}, {"y"}}).size() == 1);
  CHECK(Adapted({"quantizeLinear", {"nothing", "scale", "scale"}, {}, {"y"}}).size() == 1);
  CHECK(Adapted({"add", {"x", "scale"}, {}, {"y"}}).size() == 1);
}

TEST_CASE("softmax without an axis means axis 1, with one it stays") {
  CHECK(Adapted({"softmax", {"x"}, {}, {"y"}})[0].arguments == std::vector<Json>{"x", 1});
  CHECK(Adapted({"softmax", {"x", 2}, {}, {"y"}})[0].arguments == std::vector<Json>{"x", 2});
  CHECK(Adapted({"softplus", {"x"}, {}, {"y"}})[0].arguments.size() == 1);
}

TEST_CASE("roundingType is outputShapeRounding, where it is an option of pooling") {
  for (const char* type : {"averagePool2d", "l2Pool2d", "maxPool2d"}) {
    const Operator pool = Adapted({type, {"x"}, {{"roundingType", "ceil"}}, {"y"}})[0];
    CHECK(pool.options == std::map<std::string, Json>{{"outputShapeRounding", "ceil"}});
  }
  CHECK(Adapted({"relu", {"x"}, {{"roundingType", "ceil"}}, {"y"}})[0].options.count("roundingType") == 1);
}

TEST_CASE("Every rule has a reason") {
  CHECK(AdaptationRules().size() == 3);
  for (const AdaptationRule& rule : AdaptationRules()) {
    CHECK_FALSE(rule.name.empty());
    CHECK_FALSE(rule.reason.empty());
  }
}

}  // namespace
}  // namespace modeld::conformance
