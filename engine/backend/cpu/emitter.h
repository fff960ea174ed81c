// What compilation of one graph keeps while it walks the nodes.
#ifndef MODELD_ENGINE_BACKEND_CPU_EMITTER_H_
#define MODELD_ENGINE_BACKEND_CPU_EMITTER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/region.h"
#include "engine/backend/cpu/layout.h"
#include "engine/backend/packed_weights.h"
#include "engine/core/core_graph.h"
#include "engine/runtime/program.h"

namespace modeld::cpu {

// A value's bytes in one layout.
struct Form {
  ProgramBuilder::Value value;
  Layout layout;
};

// Values may exist in several forms: the one that their producer wrote, and those that consumers asked for,
// each made once. Transposes and broadcasts make no step of their own: a transpose is another layout of the
// same bytes, a broadcast is remembered and made only for a consumer that cannot stride over it. Not
// thread-safe.
class Emitter {
 public:
  // All must outlive the emitter; `packed` may be null. Adds the graph's inputs to `builder`.
  Emitter(const core::Graph& graph, const dnnl::engine& engine, int threads, PackedWeights* packed,
          ProgramBuilder& builder);
  Emitter(const Emitter&) = delete;
  Emitter& operator=(const Emitter&) = delete;

  const dnnl::engine& engine() const { return engine_; }
  int threads() const { return threads_; }
  // How messages and steps call the node being emitted.
  void set_label(const std::string& label) { label_ = label; }
  const std::string& label() const { return label_; }

  // The reference stays valid while values are added.
  const TensorDescriptor& descriptor(core::ValueId id) const { return entries_[id].descriptor; }
  const Shape& shape(core::ValueId id) const { return descriptor(id).shape; }
  DataType type(core::ValueId id) const { return descriptor(id).data_type; }
  bool is_constant(core::ValueId id) const { return entries_[id].constant != nullptr; }

  // A value that the graph does not have: an intermediate result of an expansion.
  core::ValueId NewValue(TensorDescriptor descriptor);
  // The value that `id` is a broadcast of, else `id`. Its shape aligns with id's at the end, as in numpy.
  core::ValueId BroadcastSource(core::ValueId id) const;

  // The form that `id` has anyway.
  absl::StatusOr<Form> Preferred(core::ValueId id);
  // The layout of Preferred(id), without making anything.
  Layout PreferredLayout(core::ValueId id) const;
  // `id` in `layout`, rearranged by a step (a constant: now) unless it exists.
  absl::StatusOr<ProgramBuilder::Value> In(core::ValueId id, const Layout& layout);
  // `id` in row-major order.
  absl::StatusOr<ProgramBuilder::Value> Plain(core::ValueId id);

  // A buffer for `id` in `layout`, which the next step writes.
  ProgramBuilder::Value Define(core::ValueId id, const Layout& layout);
  ProgramBuilder::Value DefinePlain(core::ValueId id) { return Define(id, PlainLayout(shape(id).size())); }
  // `id` is the bytes of `source`, in `layout`.
  void DefineAlias(core::ValueId id, ProgramBuilder::Value source, const Layout& layout);
  // `id` is `source`, broadcast.
  void DefineBroadcast(core::ValueId id, core::ValueId source);
  // A constant in another format, of `size` bytes: as an earlier compilation left it, else made by `pack` of
  // the constant's row-major bytes. `format` names source and target format (PackedKey).
  struct PackedConstant {
    ProgramBuilder::Value value;
    Region bytes;
  };
  absl::StatusOr<PackedConstant> Packed(core::ValueId id, std::string format, uint64_t size,
                                        absl::FunctionRef<absl::StatusOr<Region>(const Region&)> pack);
  // A buffer that is no tensor.
  ProgramBuilder::Value AddBuffer(uint64_t bytes) { return builder_.AddIntermediate(bytes); }

  void Step(std::unique_ptr<const Kernel> kernel, std::vector<ProgramBuilder::Value> inputs,
            ProgramBuilder::Value output);

 private:
  struct Entry {
    TensorDescriptor descriptor;
    // The graph's, if it is a constant. Then forms.front() is row-major, and added when it is first wanted.
    const core::Value* constant = nullptr;
    std::optional<core::ValueId> broadcast_of;
    std::vector<Form> forms;
  };

  uint64_t BytesOf(core::ValueId id) const;
  // The row-major bytes of a constant; maps them where they are deferred.
  absl::StatusOr<Region> ConstantBytes(core::ValueId id);
  absl::StatusOr<ProgramBuilder::Value> Rearranged(core::ValueId id, const Layout& layout);

  // Fixed at construction.
  const dnnl::engine& engine_;
  const int threads_;
  PackedWeights* const packed_;
  ProgramBuilder& builder_;

  std::string label_;
  // By ValueId. A deque, so that descriptors stay where they are while values are added.
  std::deque<Entry> entries_;
};

}  // namespace modeld::cpu

#endif  // MODELD_ENGINE_BACKEND_CPU_EMITTER_H_
