// How long each operation takes on the CPU backend and on the reference backend, through a running daemon:
// where the CPU gains least is where work on it would pay.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "base/status.h"
#include "client/cpp/modeld.h"

namespace modeld {
namespace {

// One call: the operation, its operands, its attributes.
struct Row {
  std::string type;
  std::vector<TensorDescriptor> operands;
  Attributes attributes = {};
};

constexpr DataType kFloat = DataType::kFloat32;

TensorDescriptor F(Shape shape) {
  return {kFloat, std::move(shape)};
}

AttributeValue Ints(std::vector<int64_t> values) {
  return values;
}

// A row for each name of a space-separated list.
void AddEach(std::vector<Row>& rows, absl::string_view types, const Row& row) {
  for (absl::string_view type : absl::StrSplit(types, ' ')) {
    rows.push_back(row);
    rows.back().type = std::string(type);
  }
}

// Every operation of WebNN, over about a million elements or multiplications.
std::vector<Row> Rows() {
  const TensorDescriptor plain = F({512, 1024});
  const TensorDescriptor truth = {DataType::kUint8, {512, 1024}};
  const TensorDescriptor image = F({1, 32, 64, 64});
  const TensorDescriptor rows512 = {DataType::kInt32, {512}};
  std::vector<Row> rows;
  AddEach(rows,
          "add sub mul div max min pow equal notEqual greater greaterOrEqual lesser lesserOrEqual prelu",
          {"", {plain, plain}});
  AddEach(rows, "logicalAnd logicalOr logicalXor", {"", {truth, truth}});
  AddEach(rows, "logicalNot", {"", {truth}});
  AddEach(rows,
          "abs ceil cos erf exp floor log neg reciprocal roundEven sin sign sqrt tan identity isNaN "
          "isInfinite clamp "
          "elu gelu hardSigmoid hardSwish leakyRelu linear relu sigmoid softplus softsign tanh transpose",
          {"", {plain}});
  AddEach(rows,
          "reduceL1 reduceL2 reduceLogSum reduceLogSumExp reduceMax reduceMean reduceMin reduceProduct "
          "reduceSum reduceSumSquare",
          {"", {plain}, {{"axes", Ints({1})}}});
  AddEach(rows, "argMin argMax softmax cumulativeSum", {"", {plain}, {{"axis", int64_t{1}}}});
  AddEach(rows, "averagePool2d l2Pool2d maxPool2d", {"", {image}, {{"windowDimensions", Ints({3, 3})}}});
  rows.insert(
      rows.end(),
      {{"where", {truth, plain, plain}},
       {"cast", {plain}, {{"dataType", DataType::kInt32}}},
       {"matmul", {F({128, 256}), F({256, 128})}},
       {"gemm", {F({128, 256}), F({256, 128})}},
       {"conv2d", {F({1, 16, 32, 32}), F({16, 16, 3, 3})}},
       {"convTranspose2d", {F({1, 16, 32, 32}), F({16, 16, 3, 3})}},
       {"batchNormalization", {image, F({32}), F({32})}},
       {"instanceNormalization", {image}},
       {"layerNormalization", {plain}, {{"axes", Ints({1})}}},
       {"resample2d", {image}, {{"mode", std::string("linear")}, {"sizes", Ints({128, 128})}}},
       {"reshape", {plain}, {{"newShape", Ints({1024, 512})}}},
       {"expand", {F({1, 1024})}, {{"newShape", Ints({512, 1024})}}},
       {"tile", {F({128, 1024})}, {{"repetitions", Ints({4, 1})}}},
       {"concat", {plain, plain}, {{"axis", int64_t{1}}}},
       {"split", {plain}, {{"splits", int64_t{2}}}},
       {"slice", {plain}, {{"starts", Ints({1, 1})}, {"sizes", Ints({500, 1000})}}},
       {"pad", {plain}, {{"beginningPadding", Ints({1, 1})}, {"endingPadding", Ints({1, 1})}}},
       {"reverse", {plain}},
       {"triangular", {plain}},
       {"gather", {plain, rows512}},
       {"gatherElements", {plain, {DataType::kInt32, {512, 1024}}}},
       {"gatherND", {plain, {DataType::kInt32, {512, 1}}}},
       {"scatterElements", {plain, {DataType::kInt32, {512, 1024}}, plain}},
       {"scatterND", {plain, {DataType::kInt32, {512, 1}}, plain}},
       {"dequantizeLinear", {{DataType::kInt8, {512, 1024}}, F({512, 1}), {DataType::kInt8, {512, 1}}}},
       {"quantizeLinear", {plain, F({512, 1}), {DataType::kInt8, {512, 1}}}},
       {"gru",
        {F({32, 1, 64}), F({1, 192, 64}), F({1, 192, 64})},
        {{"steps", int64_t{32}}, {"hiddenSize", int64_t{64}}}},
       {"gruCell", {F({32, 64}), F({192, 64}), F({192, 64}), F({32, 64})}, {{"hiddenSize", int64_t{64}}}},
       {"lstm",
        {F({32, 1, 64}), F({1, 256, 64}), F({1, 256, 64})},
        {{"steps", int64_t{32}}, {"hiddenSize", int64_t{64}}}},
       {"lstmCell",
        {F({32, 64}), F({256, 64}), F({256, 64}), F({32, 64}), F({32, 64})},
        {{"hiddenSize", int64_t{64}}}}});
  return rows;
}

// Small positive numbers: no operation leaves its usual path.
std::vector<std::byte> Content(const TensorDescriptor& descriptor) {
  std::vector<std::byte> bytes(descriptor.ByteSize().value_or(0));
  if (descriptor.data_type == kFloat) {
    auto* floats = reinterpret_cast<float*>(bytes.data());
    for (size_t i = 0; i < bytes.size() / sizeof(float); ++i)
      floats[i] = 0.1f + static_cast<float>(i % 97) / 100;
  } else if (descriptor.data_type == DataType::kInt32) {
    auto* indices = reinterpret_cast<int32_t*>(bytes.data());
    for (size_t i = 0; i < bytes.size() / sizeof(int32_t); ++i)
      indices[i] = static_cast<int32_t>(i * 7 % 500);
  } else {
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i % 2);
  }
  return bytes;
}

// Seconds of one run on this context, without transport: the least of several, after one to warm up.
absl::StatusOr<double> Seconds(const client::Context& context, const Row& row, int runs) {
  client::GraphBuilder builder(context);
  std::vector<client::MaybeOperand> operands;
  for (size_t i = 0; i < row.operands.size(); ++i) {
    operands.push_back(builder.Input(absl::StrCat("in", i), row.operands[i]));
  }
  MODELD_ASSIGN_OR_RETURN(const std::vector<client::Operand> results,
                          builder.AddOperation(row.type, operands, row.attributes));
  client::NamedOperands outputs;
  for (size_t i = 0; i < results.size(); ++i) outputs.emplace_back(absl::StrCat("out", i), results[i]);
  MODELD_ASSIGN_OR_RETURN(const client::Graph graph, builder.Build(outputs));
  client::NamedTensors in;
  client::NamedTensors out;
  for (size_t i = 0; i < row.operands.size(); ++i) {
    MODELD_ASSIGN_OR_RETURN(client::Tensor tensor, context.CreateTensor(row.operands[i]));
    MODELD_RETURN_IF_ERROR(tensor.Write(Content(row.operands[i])));
    in.insert_or_assign(absl::StrCat("in", i), tensor);
  }
  for (size_t i = 0; i < results.size(); ++i) {
    MODELD_ASSIGN_OR_RETURN(client::Tensor tensor, context.CreateTensor(results[i].descriptor()));
    out.insert_or_assign(absl::StrCat("out", i), tensor);
  }
  double least = INFINITY;
  for (int i = 0; i <= runs; ++i) {
    MODELD_ASSIGN_OR_RETURN(const absl::Duration took, graph.Dispatch(in, out));
    if (i > 0) least = std::min(least, absl::ToDoubleSeconds(took));
  }
  return least;
}

struct Figure {
  std::string type;
  double cpu_s;
  double reference_s;
  double gain() const { return reference_s / cpu_s; }
};

// Of all operations, or of those in `only`.
absl::Status Run(const std::string& host, int runs, const std::vector<std::string>& only, bool json) {
  client::ConnectOptions options;
  options.host = host;
  MODELD_ASSIGN_OR_RETURN(client::Client client, client::Client::Connect(options));
  MODELD_ASSIGN_OR_RETURN(const client::Context cpu, client.CreateContext({.device = "cpu"}));
  MODELD_ASSIGN_OR_RETURN(const client::Context reference, client.CreateContext({.device = "reference"}));
  std::vector<Figure> figures;
  for (const Row& row : Rows()) {
    if (!only.empty() && std::find(only.begin(), only.end(), row.type) == only.end()) continue;
    const auto cpu_s = Seconds(cpu, row, runs);
    if (!cpu_s.ok()) return Annotate(cpu_s.status(), row.type);
    const auto reference_s = Seconds(reference, row, 2);
    if (!reference_s.ok()) return Annotate(reference_s.status(), row.type);
    figures.push_back({row.type, *cpu_s, *reference_s});
    std::fprintf(stderr, "\r%zu operations", figures.size());
  }
  std::fprintf(stderr, "\n");
  std::sort(figures.begin(), figures.end(),
            [](const Figure& a, const Figure& b) { return a.gain() < b.gain(); });
  if (!json) std::printf("%-24s %10s %14s %8s\n", "operation", "cpu ms", "reference ms", "gain");
  for (const Figure& figure : figures) {
    const char* format =
        json ? "{\"operation\": \"%s\", \"cpu_ms\": %.4f, \"reference_ms\": %.4f, \"gain\": %.2f}\n"
             : "%-24s %10.3f %14.3f %8.1f\n";
    std::printf(format, figure.type.c_str(), figure.cpu_s * 1e3, figure.reference_s * 1e3, figure.gain());
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace modeld

int main(int argc, char** argv) {
  CLI::App app("Times every operation on the CPU backend and on the reference backend, least gain first.");
  std::string host;
  int runs = 20;
  std::vector<std::string> only;
  bool json = false;
  app.add_option("--host", host, "the daemon's socket (default: where it listens by default)");
  app.add_option("--runs", runs, "of each on the CPU, of which the shortest counts")
      ->check(CLI::Range(1, 1000));
  app.add_option("--only", only, "these operations")->delimiter(',');
  app.add_flag("--json", json, "one JSON object per line");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = modeld::Run(host, runs, only, json);
  if (!status.ok()) std::fprintf(stderr, "operations: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
