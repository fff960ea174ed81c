// Compiled plans: what a compilation made of a graph, as bytes that another process turns into the same
// program without lowering, folding, fusing, packing, copying or hashing weights.
#ifndef MODELD_ENGINE_PLAN_PLAN_H_
#define MODELD_ENGINE_PLAN_PLAN_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/digest.h"
#include "base/region.h"
#include "engine/backend/backend.h"
#include "engine/graph/graph.h"
#include "engine/runtime/program.h"

namespace modeld {

// The form of a plan's metadata, which it begins with; another one is refused. What lowering and the backends
// make of a graph has no number: the build that is part of a plan's key stands for all of their code.
inline constexpr uint32_t kPlanFormat = 1;

// Where each of PlanImage::segments must begin in memory (a mapping's page boundary is more than enough).
inline constexpr uint64_t kSegmentAlignment = 64;

// A plan as bytes. A plain value.
struct PlanImage {
  // The lowered graph, references to constants, the table of packed weights and the memory layout: small.
  // Holds no labels. Not trusted by LoadPlan, but whoever stores it should authenticate it: other numbers in
  // it may still be a valid plan, of something else.
  std::string metadata;
  // Packed weights, which are shared with the program that was compiled, and folded constants: big. LoadPlan
  // needs them in this order and with these sizes, each beginning at a multiple of kSegmentAlignment; so they
  // do here.
  std::vector<Region> segments;
};

// A program, and the plan to have it again.
struct CompiledGraph {
  std::shared_ptr<const Program> program;
  PlanImage plan;
};

// Names what graphs must have in common to share plans: everything but labels, the order of inputs and
// outputs, and where constants' bytes lie; constants count by their digests. Requires: `graph` came out of
// Validate (engine/ops/validate.h). Thread-safe: pure.
Digest StructureDigest(const Graph& graph);

// The name of the plan of a structure by a build of the engine for a device and options: computed, never
// taken from a client. `build` changes with every change of the engine's code (ProgramBuild,
// base/program_build.h). Depends besides on the device's name and fingerprint (instruction set, threads,
// library versions), and every option. Thread-safe: pure.
Digest PlanKey(const Digest& structure, const Digest& build, const DeviceDescription& device,
               const CompileOptions& options);

// As CompileGraph (engine/engine.h), and the plan besides. Requires, too: every constant's digest is that of
// its bytes. Thread-safe. Errors: CompileGraph's.
absl::StatusOr<CompiledGraph> CompileForPlan(const Graph& graph, const Backend& backend,
                                             const CompileOptions& options);

// Gives the bytes of the graph's constant with this digest, exactly `size` of them. They are not hashed again
// here.
using ConstantSource = absl::FunctionRef<absl::StatusOr<Region>(const Digest& digest, uint64_t size)>;

// The program of a plan: bit for bit the results of the one that CompileForPlan returned with it, with the
// labels and the order of inputs and outputs of `graph`, whose constants need not have bytes. `constant` is
// asked only for those of which no packed form stands in a segment, or that something else reads. The program
// shares the segments and constants. Requires: `graph` came out of Validate; `options` and `backend` are
// those of the plan's key. Thread-safe. The bytes are not trusted: each count, size, offset, enumerator and
// index is checked before it is used, the lowered graph and the memory layout are verified. Errors, after
// each of which to compile instead:
//   INVALID_ARGUMENT, INTERNAL: damaged metadata or segments; a plan of another graph, format or version.
//   UNIMPLEMENTED: the backend no longer takes what was claimed or fused.
//   RESOURCE_EXHAUSTED, or what `constant` returned.
absl::StatusOr<std::shared_ptr<const Program>> LoadPlan(const Graph& graph, absl::string_view metadata,
                                                        std::span<const Region> segments,
                                                        const Backend& backend, const CompileOptions& options,
                                                        ConstantSource constant);

}  // namespace modeld

#endif  // MODELD_ENGINE_PLAN_PLAN_H_
