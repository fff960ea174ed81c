// Builds, stores, or fetches again one model with many megabytes of weights; build_memory.py watches it and
// the daemon meanwhile.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <string>

#include "base/status.h"
#include "base/unique_fd.h"
#include "client/cpp/modeld.h"

namespace modeld {
namespace {

struct Settings {
  std::string host;
  std::string kind = "matmul";
  std::string weights_file;
  uint32_t megabytes = 256;
  std::string fetch;
};

// The file's bytes, mapped: what a client that reads a model from disk holds.
absl::StatusOr<Region> MapFile(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info;
  if (fd.get() < 0 || ::fstat(fd.get(), &info) != 0) return absl::NotFoundError("weights: cannot be opened");
  const auto size = static_cast<size_t>(info.st_size);
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (address == MAP_FAILED) return absl::ResourceExhaustedError("weights: cannot be mapped");
  const auto* bytes = static_cast<const std::byte*>(address);
  return Region({bytes, size}, std::shared_ptr<const void>(bytes, [size](const void* mapping) {
                  ::munmap(const_cast<void*>(mapping), size);
                }));
}

// One kind of layer: its constants' descriptor, and how it is applied.
struct Layer {
  TensorDescriptor input;
  TensorDescriptor weights;
  std::function<client::MaybeOperand(client::GraphBuilder&, client::MaybeOperand, client::MaybeOperand)>
      apply;
};

absl::StatusOr<Layer> LayerOf(const std::string& kind) {
  if (kind == "matmul") {
    return Layer{{DataType::kFloat32, {1, 2048}},
                 {DataType::kFloat32, {2048, 2048}},
                 [](auto& b, auto x, auto w) { return b.Matmul(x, w); }};
  }
  if (kind == "conv2d") {
    return Layer{{DataType::kFloat32, {1, 512, 14, 14}},
                 {DataType::kFloat32, {512, 512, 3, 3}},
                 [](auto& b, auto x, auto w) {
                   return b.Conv2d(x, w, {.padding = {1, 1, 1, 1}});
                 }};
  }
  if (kind == "int8") {
    return Layer{
        {DataType::kFloat32, {1, 2048}}, {DataType::kInt8, {2048, 2048}}, [](auto& b, auto x, auto w) {
          const auto scale = b.template Constant<float>({1, 1}, {0.01f});
          const auto zero = b.template Constant<int8_t>({1, 1}, {0});
          return b.Matmul(x, b.DequantizeLinear(w, scale, zero));
        }};
  }
  return absl::InvalidArgumentError(absl::StrCat("kind: \"", kind, "\" is none of matmul, conv2d, int8"));
}

absl::Status Run(const Settings& settings) {
  MODELD_ASSIGN_OR_RETURN(client::Client client, client::Client::Connect({.host = settings.host}));
  MODELD_ASSIGN_OR_RETURN(const client::Context context, client.CreateContext());
  if (!settings.fetch.empty()) {
    MODELD_ASSIGN_OR_RETURN(const Digest id, Digest::FromHex(settings.fetch));
    MODELD_ASSIGN_OR_RETURN(const client::CachedGraph found, client.Cache().Fetch(context, {&id, 1}));
    std::printf("{\"model\": \"%s\"}\n", settings.fetch.c_str());
    return absl::OkStatus();
  }
  MODELD_ASSIGN_OR_RETURN(const Region file, MapFile(settings.weights_file));
  MODELD_ASSIGN_OR_RETURN(const Layer layer, LayerOf(settings.kind));
  MODELD_ASSIGN_OR_RETURN(const uint64_t bytes, layer.weights.ByteSize());
  const uint64_t layers = (uint64_t{settings.megabytes} << 20) / bytes;
  if (layers == 0 || file.size() < layers * bytes)
    return absl::InvalidArgumentError("weights: too few bytes");
  client::GraphBuilder builder(context);
  client::MaybeOperand x = builder.Input("x", layer.input);
  for (uint64_t i = 0; i < layers; ++i) {
    const Region part(file.bytes().subspan(i * bytes, bytes), file.owner());
    x = layer.apply(builder, x, builder.Constant(layer.weights, part));
  }
  MODELD_ASSIGN_OR_RETURN(const client::Graph graph, builder.Build({{"y", x}}));
  MODELD_ASSIGN_OR_RETURN(const Digest id, graph.Store());
  std::printf("{\"model\": \"%s\", \"weight_bytes\": %llu}\n", id.ToHex().c_str(),
              static_cast<unsigned long long>(layers * bytes));
  return absl::OkStatus();
}

}  // namespace
}  // namespace modeld

int main(int argc, char** argv) {
  modeld::Settings settings;
  CLI::App app("Builds and stores, or fetches, one model with many megabytes of weights.");
  app.add_option("--host", settings.host, "the daemon's socket")->required();
  app.add_option("--kind", settings.kind, "matmul, conv2d or int8");
  app.add_option("--weights", settings.weights_file, "a file to take the weights' bytes from");
  app.add_option("--megabytes", settings.megabytes, "of weights")->check(CLI::Range(1, 16384));
  app.add_option("--fetch", settings.fetch, "fetch this model instead");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = modeld::Run(settings);
  if (!status.ok()) std::fprintf(stderr, "big_model: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
