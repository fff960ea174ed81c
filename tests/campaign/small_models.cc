#include "tests/campaign/small_models.h"

#include <span>
#include <vector>

#include "absl/strings/str_cat.h"

namespace modeld::campaign {
namespace {

constexpr uint32_t kWidth = 64;

// Whole numbers, so that sums are exact.
float Weight(size_t number, size_t i) {
  return static_cast<float>((number / 2 + 1) * (i % 7));
}
float Bias(size_t number, size_t i) {
  return static_cast<float>(number * 100 + i);
}

}  // namespace

absl::StatusOr<client::Graph> BuildModel(const client::Context& context, size_t number) {
  std::vector<float> w(kWidth * kWidth), b(kWidth);
  for (size_t i = 0; i < w.size(); ++i) w[i] = Weight(number, i);
  for (size_t i = 0; i < b.size(); ++i) b[i] = Bias(number, i);
  client::GraphBuilder builder(context);
  auto x = builder.Input("x", {DataType::kFloat32, {1, kWidth}});
  auto weights = builder.Constant<float>({kWidth, kWidth}, w);
  auto bias = builder.Constant<float>({kWidth}, b);
  return builder.Build({{"y", builder.Gemm(x, weights, {.c = bias})}});
}

absl::Status CheckRun(const client::Graph& graph, size_t number) {
  const std::vector<float> input(kWidth, 1);
  auto run = graph.Run({{"x", std::as_bytes(std::span(input))}});
  if (!run.ok()) return run.status();
  const auto output = client::ElementsOf<float>(run->outputs["y"]);
  for (size_t j = 0; j < kWidth; ++j) {
    float want = Bias(number, j);
    for (size_t i = 0; i < kWidth; ++i) want += Weight(number, i * kWidth + j);
    if (output[j] != want) {
      return absl::InternalError(
          absl::StrCat("model ", number, ": y[", j, "] = ", output[j], ", not ", want));
    }
  }
  return absl::OkStatus();
}

}  // namespace modeld::campaign
