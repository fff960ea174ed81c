// What a device must be able to do.
#ifndef MODELD_ENGINE_BACKEND_BACKEND_H_
#define MODELD_ENGINE_BACKEND_BACKEND_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/backend/packed_weights.h"
#include "engine/core/core_graph.h"
#include "engine/core/op_support.h"
#include "engine/runtime/program.h"

namespace modeld {

// What a backend says of its device. For the user and for plan keys; never shown to apps.
struct DeviceDescription {
  // "cpu", "reference".
  std::string name;
  // For people: processor or library with version.
  std::string description;
  // Everything that makes a compiled program valid here and not elsewhere: instruction set, library version.
  std::string fingerprint;
  // The element types that it computes with. Empty: all.
  std::vector<DataType> data_types = {};
};

// A context's wishes that change what is compiled.
struct CompileOptions {
  // Threads that one execution may use. 0: as many as the backend thinks good.
  uint32_t num_threads = 0;
  // Off: every node runs alone (for tests of fusion itself).
  bool fuse = true;
  // Off: nothing is claimed, all operations are decomposed (for tests of the decompositions).
  bool claim = true;

  friend bool operator==(const CompileOptions&, const CompileOptions&) = default;
};

// What an earlier compilation of the same core graph left behind. A plain value; what it points to must
// outlive the compilation.
struct CompileReuse {
  // Asked before a constant is packed, told when one was. May be null if the graph has no deferred constant.
  PackedWeights* packed = nullptr;
  // The memory layout (MemoryLayoutOf), which is checked. Null: one is planned.
  const std::vector<uint64_t>* layout = nullptr;
};

// A device's compiler. Immutable; thread-safe. Takes no file, socket, environment or global state of its own.
class Backend : public core::OpSupport {
 public:
  virtual DeviceDescription Describe() const = 0;

  // Compiles a verified core graph whose Native nodes and post-ops this backend accepted. Constants are
  // borrowed through their Regions, not copied, unless packed. UNIMPLEMENTED (naming the node) when a node
  // cannot run here; a program that was compiled never fails for that reason. With an earlier compilation's
  // `reuse`: INVALID_ARGUMENT when that does not fit, and what PackedWeights::Constant returns.
  virtual absl::StatusOr<std::unique_ptr<Program>> Compile(const core::Graph& graph,
                                                           const CompileOptions& options,
                                                           const CompileReuse& reuse) const = 0;
  // From nothing.
  absl::StatusOr<std::unique_ptr<Program>> Compile(const core::Graph& graph,
                                                   const CompileOptions& options) const {
    return Compile(graph, options, {});
  }
};

}  // namespace modeld

#endif  // MODELD_ENGINE_BACKEND_BACKEND_H_
