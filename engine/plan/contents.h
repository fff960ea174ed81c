// What a plan's metadata says, as plain data, and its bytes.
#ifndef MODELD_ENGINE_PLAN_CONTENTS_H_
#define MODELD_ENGINE_PLAN_CONTENTS_H_

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/digest.h"
#include "engine/backend/packed_weights.h"
#include "engine/core/core_graph.h"

namespace modeld::plan {

// Bytes in one of the segments.
struct SegmentBytes {
  uint32_t segment = 0;
  // A multiple of kSegmentAlignment.
  uint64_t offset = 0;
  uint64_t size = 0;

  friend bool operator==(const SegmentBytes&, const SegmentBytes&) = default;
};

// Where a constant's bytes are: a constant of the portable graph, by digest, or bytes of a segment.
using ConstantPlace = std::variant<Digest, SegmentBytes>;

// A plain value.
struct PlanContents {
  // StructureDigest of the graph that was compiled.
  Digest structure;
  // Without constants' bytes: each is deferred, and its place is in `constants`. Without labels and Native
  // operations: these are found by index. Inputs and outputs stand in the order of their names.
  core::Graph graph;
  // The place of every constant of `graph`.
  std::map<core::ValueId, ConstantPlace> constants;
  // The packed forms.
  std::map<PackedKey, SegmentBytes> packed;
  // As MemoryLayoutOf has it.
  std::vector<uint64_t> layout;
};

// The metadata's bytes. Deterministic.
std::string EncodeContents(const PlanContents& contents);

// The contents of these bytes, which nobody trusts. The graph is neither verified nor are places within
// segments that exist: that is for the caller. INVALID_ARGUMENT, with the byte offset, for anything but what
// EncodeContents writes in this format and version; memory is taken only in proportion to bytes that are
// there. Thread-safe: pure.
absl::StatusOr<PlanContents> DecodeContents(absl::string_view bytes);

}  // namespace modeld::plan

#endif  // MODELD_ENGINE_PLAN_CONTENTS_H_
