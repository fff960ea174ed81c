// Stores many models of one constant each, all different, or fetches the first; prints what each part took.
// cache_throughput.py and cache_scale.py drive it.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstring>
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
  uint64_t models = 1;
  // Of the constant of each.
  uint64_t bytes = uint64_t{1} << 20;
  // The number of the first: other numbers, other models.
  uint64_t first = 0;
  bool messages = false;
  std::string fetch;
};

// Pseudo-random bytes (xorshift64), so that nothing below can save work by their likeness.
std::vector<std::byte> Content(uint64_t bytes) {
  std::vector<std::byte> content(bytes);
  uint64_t state = 0x9e3779b97f4a7c15;
  for (size_t at = 0; at + sizeof(state) <= content.size(); at += sizeof(state)) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    // Exponents far from those of NaN and infinity: the bytes are float32 elements.
    const uint64_t word = state & 0xbfffffffbfffffff;
    std::memcpy(content.data() + at, &word, sizeof(word));
  }
  return content;
}

double Seconds(absl::Time since) {
  return absl::ToDoubleSeconds(absl::Now() - since);
}

absl::Status Fetch(const client::Client& client, const client::Context& context, const std::string& hex) {
  MODELD_ASSIGN_OR_RETURN(const Digest id, Digest::FromHex(hex));
  const absl::Time began = absl::Now();
  MODELD_ASSIGN_OR_RETURN(const client::CachedGraph found, client.Cache().Fetch(context, {&id, 1}));
  std::printf("{\"model\": \"%s\", \"fetch_s\": %.6f}\n", hex.c_str(), Seconds(began));
  return absl::OkStatus();
}

absl::Status Run(const Settings& settings) {
  MODELD_ASSIGN_OR_RETURN(
      const client::Client client,
      client::Client::Connect({.host = settings.host, .shared_memory = !settings.messages}));
  MODELD_ASSIGN_OR_RETURN(const client::Context context, client.CreateContext());
  if (!settings.fetch.empty()) return Fetch(client, context, settings.fetch);
  const auto elements = static_cast<uint32_t>(settings.bytes / sizeof(float));
  std::vector<std::byte> content = Content(uint64_t{elements} * sizeof(float));
  double build_s = 0, store_s = 0;
  Digest last;
  for (uint64_t number = settings.first; number < settings.first + settings.models; ++number) {
    std::memcpy(content.data(), &number, sizeof(number));
    client::GraphBuilder builder(context);
    const TensorDescriptor tensor{DataType::kFloat32, {elements}};
    const Region weights(content, nullptr);
    const absl::Time began = absl::Now();
    MODELD_ASSIGN_OR_RETURN(
        const client::Graph graph,
        builder.Build({{"y", builder.Add(builder.Input("x", tensor), builder.Constant(tensor, weights))}}));
    build_s += Seconds(began);
    const absl::Time built = absl::Now();
    MODELD_ASSIGN_OR_RETURN(last, graph.Store());
    store_s += Seconds(built);
  }
  std::printf("{\"model\": \"%s\", \"bytes\": %llu, \"build_s\": %.6f, \"store_s\": %.6f}\n",
              last.ToHex().c_str(), static_cast<unsigned long long>(settings.models * content.size()),
              build_s, store_s);
  return absl::OkStatus();
}

}  // namespace
}  // namespace modeld

int main(int argc, char** argv) {
  modeld::Settings settings;
  CLI::App app("Stores many models of one constant each, or fetches one.");
  app.add_option("--host", settings.host, "The daemon's socket")->required();
  app.add_option("--models", settings.models, "How many")->check(CLI::Range(1, 1'000'000));
  app.add_option("--bytes", settings.bytes, "Of each constant")
      ->check(CLI::Range(uint64_t{8}, uint64_t{1} << 32));
  app.add_option("--first", settings.first, "Number of the first: other numbers are other models");
  app.add_flag("--messages", settings.messages, "Send bytes in messages, not in shared memory");
  app.add_option("--fetch", settings.fetch, "Fetch this model instead");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = modeld::Run(settings);
  if (!status.ok()) std::fprintf(stderr, "fill_cache: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
