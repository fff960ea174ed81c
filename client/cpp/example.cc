// Builds a small graph, stores it, fetches it again, runs it and prints the answer.
#include <cstdio>

#include "client/cpp/modeld.h"

namespace ml = modeld::client;
using modeld::DataType;

absl::Status Example() {
  absl::StatusOr<ml::Client> client = ml::Client::Connect();
  if (!client.ok()) return client.status();
  absl::StatusOr<ml::Context> context = client->CreateContext();
  if (!context.ok()) return context.status();

  // y = softmax(x * w + b). Calls may be nested: the first error comes out of Build.
  ml::GraphBuilder builder(*context);
  auto x = builder.Input("x", {DataType::kFloat32, {1, 2}});
  auto w = builder.Constant<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  auto b = builder.Constant<float>({3}, {0.5f, 0, -0.5f});
  auto y = builder.Softmax(builder.Gemm(x, w, {.c = b, .label = "dense"}), 1);
  absl::StatusOr<ml::Graph> built = builder.Build({{"y", y}});
  if (!built.ok()) return built.status();

  absl::StatusOr<modeld::Digest> id = built->Store();
  if (!id.ok()) return id.status();
  absl::StatusOr<ml::CachedGraph> fetched = client->Cache().Fetch(*context, {&*id, 1});
  if (!fetched.ok()) return fetched.status();

  const float input[] = {1, -1};
  absl::StatusOr<ml::RunResult> run = fetched->graph.Run({{"x", std::as_bytes(std::span(input))}});
  if (!run.ok()) return run.status();
  for (float value : ml::ElementsOf<float>(run->outputs["y"])) std::printf("%.4f\n", value);
  return absl::OkStatus();
}

int main() {
  const absl::Status status = Example();
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
