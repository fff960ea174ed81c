// Bytes that claim to be a graph, as a message and as canonical bytes: whatever they are, decoding has an
// answer, and what it accepts is encoded as it was read.
#include <string>

#include "client/codec/graph_codec.h"
#include "engine/graph/canonical.h"
#include "engine/graph/print.h"
#include "engine/ops/validate.h"
#include "tests/fuzz/fuzz_target.h"

namespace modeld::fuzz {
namespace {

// As a daemon has them, with sizes that keep one input's work small.
constexpr GraphLimits kLimits = {.max_tensor_bytes = uint64_t{1} << 30,
                                 .max_constant_bytes = uint64_t{1} << 30};

void CheckValid(const Graph& graph) {
  const absl::StatusOr<Graph> valid = Validate(graph, kLimits);
  if (!valid.ok()) {
    Require(!valid.status().message().empty(), "a refusal says why");
    return;
  }
  const std::string bytes = EncodeCanonical(*valid);
  const absl::StatusOr<Graph> again = DecodeCanonical(bytes, kLimits);
  Require(again.ok(), "a valid graph's canonical bytes decode", again.status().ToString());
  Require(EncodeCanonical(*again) == bytes, "canonical bytes are stable");
  const absl::StatusOr<Graph> validated = Validate(*again, kLimits);
  Require(validated.ok(), "what was valid is so again", validated.status().ToString());
  Require(ModelIdOf(*validated) == ModelIdOf(*valid), "the model id survives the canonical bytes");
}

void CheckMessage(absl::string_view bytes) {
  v1::Graph message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  const absl::StatusOr<Graph> graph = DecodeGraph(message, kLimits);
  if (!graph.ok()) {
    Require(graph.status().code() == absl::StatusCode::kInvalidArgument, "a bad message is INVALID_ARGUMENT",
            graph.status().ToString());
    return;
  }
  const v1::Graph encoded = EncodeGraph(*graph);
  const absl::StatusOr<Graph> again = DecodeGraph(encoded, kLimits);
  Require(again.ok(), "an encoded graph decodes", again.status().ToString());
  Require(ToText(*graph) == ToText(*again), "a graph is the same after another trip");
  CheckValid(*graph);
}

void CheckCanonical(absl::string_view bytes) {
  const absl::StatusOr<Graph> graph = DecodeCanonical(bytes, kLimits);
  if (!graph.ok()) {
    Require(graph.status().code() == absl::StatusCode::kInvalidArgument, "bad bytes are INVALID_ARGUMENT",
            graph.status().ToString());
    return;
  }
  Require(EncodeCanonical(*graph) == bytes, "canonical bytes have one spelling");
  CheckValid(*graph);
}

}  // namespace
}  // namespace modeld::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  modeld::fuzz::CheckMessage(bytes);
  modeld::fuzz::CheckCanonical(bytes);
  return 0;
}
