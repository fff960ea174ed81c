// The canonical bytes of a graph, which its model id is the SHA-256 of. The format is specified in
// proto/README.md.
#ifndef MODELD_ENGINE_GRAPH_CANONICAL_H_
#define MODELD_ENGINE_GRAPH_CANONICAL_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/digest.h"
#include "engine/graph/graph.h"
#include "engine/graph/limits.h"

namespace modeld {

// Bytes that depend on what the graph means and on nothing else: not on the order of Graph::operands, nor on
// where constants' bytes lie (only their digests count). Requires: `graph` came out of Validate
// (engine/ops/validate.h).
std::string EncodeCanonical(const Graph& graph);

// The graph of these bytes; constants have digests and no bytes. The result is not validated yet.
// INVALID_ARGUMENT, with the byte offset, for anything but what EncodeCanonical writes within `limits`;
// memory is taken only in proportion to bytes that are really there.
absl::StatusOr<Graph> DecodeCanonical(absl::string_view bytes, const GraphLimits& limits);

// SHA-256 of EncodeCanonical.
Digest ModelIdOf(const Graph& graph);

// As ModelIdOf with all labels empty: twins that differ in labels share it, and so their plans.
Digest StructureIdOf(const Graph& graph);

}  // namespace modeld

#endif  // MODELD_ENGINE_GRAPH_CANONICAL_H_
