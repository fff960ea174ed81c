// Times what one web partition's calls take, for models that another partition holds and for models that
// nobody holds; prints a line of JSON for each trial. timing_oracle.py drives it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/status.h"
#include "client/cpp/modeld.h"

namespace modeld {
namespace {

struct Settings {
  std::string host;
  int trials = 100;
  uint64_t bytes = uint64_t{1} << 20;
  uint64_t seed = 1;
  // Seconds: before each build, until what was compiled before is written; and between the asker's build and
  // its other calls.
  double settle = 0, gap = 0;
};

constexpr char kHolder[] = "web:https://holder.example|https://holder.example";
constexpr char kAsker[] = "web:https://asker.example|https://asker.example";

double Seconds(absl::Time since) {
  return absl::ToDoubleSeconds(absl::Now() - since);
}

// y = relu(x @ w), with weights of random numbers: something to lower, to pack and to hash.
absl::StatusOr<client::Graph> Build(const client::Context& context, const std::vector<float>& weights,
                                    uint32_t side) {
  client::GraphBuilder builder(context);
  const TensorDescriptor matrix{DataType::kFloat32, {side, side}};
  const Region bytes = Region::Copy(std::as_bytes(std::span(weights)));
  return builder.Build({{"y", builder.Relu(builder.Matmul(builder.Input("x", {DataType::kFloat32, {1, side}}),
                                                          builder.Constant(matrix, bytes)))}});
}

std::vector<float> RandomWeights(std::mt19937_64& random, uint32_t side) {
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> weights(size_t{side} * side);
  for (float& weight : weights) weight = uniform(random);
  return weights;
}

absl::Status Trial(const client::Client& holder, const client::Client& asker, bool twin, uint32_t side,
                   const Settings& settings, std::mt19937_64& random) {
  const std::vector<float> asked = RandomWeights(random, side), other = RandomWeights(random, side);
  MODELD_ASSIGN_OR_RETURN(const client::Context holding, holder.CreateContext());
  MODELD_ASSIGN_OR_RETURN(const client::Context asking, asker.CreateContext());
  // Either way the holder stores something, so that the machine has done the same work before; and both build
  // after a rest: what is compared is what a build depends on, not when it happened.
  absl::SleepFor(absl::Seconds(settings.settle));
  MODELD_ASSIGN_OR_RETURN(const client::Graph held, Build(holding, twin ? asked : other, side));
  MODELD_ASSIGN_OR_RETURN(const Digest held_id, held.Store());
  absl::SleepFor(absl::Seconds(settings.settle));

  absl::Time began = absl::Now();
  MODELD_ASSIGN_OR_RETURN(const client::Graph graph, Build(asking, asked, side));
  const double build_s = Seconds(began);
  absl::SleepFor(absl::Seconds(settings.gap));
  began = absl::Now();
  MODELD_ASSIGN_OR_RETURN(const Digest id, graph.Store());
  const double store_s = Seconds(began);
  began = absl::Now();
  MODELD_RETURN_IF_ERROR(asker.Cache().Fetch(asking, {&id, 1}).status());
  const double fetch_own_s = Seconds(began);
  MODELD_RETURN_IF_ERROR(asker.Cache().Delete(id));
  // From here on nobody but the twin has it.
  began = absl::Now();
  const absl::Status miss = asker.Cache().Fetch(asking, {&id, 1}).status();
  const double fetch_miss_s = Seconds(began);
  if (!absl::IsNotFound(miss)) return absl::InternalError("a model of another partition was found");
  std::printf("{\"twin\": %s, \"build\": %.9f, \"store\": %.9f, \"fetch_own\": %.9f, \"fetch_miss\": %.9f}\n",
              twin ? "true" : "false", build_s, store_s, fetch_own_s, fetch_miss_s);
  return holder.Cache().Delete(held_id);
}

absl::Status Run(const Settings& settings) {
  MODELD_ASSIGN_OR_RETURN(const client::Client holder,
                          client::Client::Connect({.host = settings.host, .partition = kHolder}));
  MODELD_ASSIGN_OR_RETURN(const client::Client asker,
                          client::Client::Connect({.host = settings.host, .partition = kAsker}));
  uint32_t side = 1;
  while (uint64_t{side + 1} * (side + 1) * sizeof(float) <= settings.bytes) ++side;
  std::mt19937_64 random(settings.seed);
  // Both kinds as often, in random order: what drifts meanwhile (caches, the disk) drifts for both.
  std::vector<bool> twins(2 * static_cast<size_t>(settings.trials));
  for (size_t i = 0; i < twins.size(); ++i) twins[i] = i % 2 == 0;
  std::shuffle(twins.begin(), twins.end(), random);
  for (const bool twin : twins) MODELD_RETURN_IF_ERROR(Trial(holder, asker, twin, side, settings, random));
  return absl::OkStatus();
}

}  // namespace
}  // namespace modeld

int main(int argc, char** argv) {
  modeld::Settings settings;
  CLI::App app(
      "Times build, store and fetch with and without a twin in another partition. Must be a broker: it names "
      "partitions.");
  app.add_option("--host", settings.host, "The daemon's socket")->required();
  app.add_option("--trials", settings.trials, "Of each kind")->check(CLI::Range(1, 1'000'000));
  app.add_option("--bytes", settings.bytes, "Of the constant")
      ->check(CLI::Range(uint64_t{64}, uint64_t{1} << 30));
  app.add_option("--seed", settings.seed, "Of models and order");
  app.add_option("--settle", settings.settle, "Seconds of rest before each build");
  app.add_option("--gap", settings.gap, "Seconds from the asker's build to its other calls");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = modeld::Run(settings);
  if (!status.ok()) std::fprintf(stderr, "timing_probe: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
