// Protobuf's graphs to modeld::Graph and back: the one codec of daemon and client.
#ifndef MODELD_CLIENT_CODEC_GRAPH_CODEC_H_
#define MODELD_CLIENT_CODEC_GRAPH_CODEC_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/digest.h"
#include "engine/graph/graph.h"
#include "engine/graph/limits.h"
#include "engine/graph/tensor_descriptor.h"
#include "modeld/v1/graph.pb.h"

namespace modeld {

// All functions are pure and thread-safe. Decoders accept anything that protobuf parsed, however hostile, and
// give INVALID_ARGUMENT with a message that begins with the field's path: `graph.operations[3].inputs[0]:
// ...`. They recurse no deeper than bodies of composites may be nested, and take memory only in proportion to
// what the message really holds.

// The most attributes that one operation may set; the widest operation of WebNN has about a dozen.
inline constexpr int kMaxAttributes = 64;

// A blob's name as messages carry it.
struct BlobName {
  Digest digest;
  uint64_t size_bytes = 0;
};

// Refuses DATA_TYPE_UNSPECIFIED and numbers that are no enumerator. `field`: the path for the message.
absl::StatusOr<DataType> DecodeDataType(v1::DataType type, absl::string_view field);
v1::DataType EncodeDataType(DataType type);

// Checks type, rank, dimensions of at least 1 and the size in bytes against `limits`.
absl::StatusOr<TensorDescriptor> DecodeTensorDescriptor(const v1::TensorDescriptor& descriptor,
                                                        const GraphLimits& limits, absl::string_view field);
v1::TensorDescriptor EncodeTensorDescriptor(const TensorDescriptor& descriptor);

// Refuses a digest that is not 32 bytes and a size of 0 or more than limits.max_tensor_bytes.
absl::StatusOr<BlobName> DecodeBlobRef(const v1::BlobRef& blob, const GraphLimits& limits,
                                       absl::string_view field);
v1::BlobRef EncodeBlobRef(const Digest& digest, uint64_t size_bytes);

// The graph that the message describes; its constants have digests and no bytes. Checks every count, index,
// string, enumerator and size against `limits` and the number of operands, that each `oneof` is set, and that
// a constant's size is what its descriptor says. Whether the operations make sense is Validate's matter
// (engine/ops/validate.h): the result is not validated. An intermediate operand without a descriptor gets
// float32[], which Validate replaces.
absl::StatusOr<Graph> DecodeGraph(const v1::Graph& message, const GraphLimits& limits);

// The message of a graph. DecodeGraph of it gives an equal graph without the constants' bytes. Requires:
// constants' descriptors have a ByteSize.
v1::Graph EncodeGraph(const Graph& graph);

}  // namespace modeld

#endif  // MODELD_CLIENT_CODEC_GRAPH_CODEC_H_
