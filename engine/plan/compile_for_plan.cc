#include <map>
#include <utility>

#include "base/status.h"
#include "engine/engine.h"
#include "engine/plan/binding_order.h"
#include "engine/plan/contents.h"
#include "engine/plan/plan.h"
#include "engine/plan/segments.h"

namespace modeld {
namespace {

// Keeps what was packed.
class Recorder : public PackedWeights {
 public:
  std::optional<Region> Find(const PackedKey& key) override {
    const auto found = packed_.find(key);
    return found == packed_.end() ? std::nullopt : std::optional(found->second);
  }
  void Keep(const PackedKey& key, const Region& packed) override { packed_.insert_or_assign(key, packed); }
  absl::StatusOr<Region> Constant(core::ValueId) override {
    return absl::InternalError("a lowered graph has all its constants");
  }

  const std::map<PackedKey, Region>& packed() const { return packed_; }

 private:
  std::map<PackedKey, Region> packed_;
};

// The graph's constants by where their bytes lie: lowering shares them.
using DigestByAddress = std::map<std::pair<const std::byte*, size_t>, Digest>;

DigestByAddress ConstantsOf(const Graph& graph) {
  DigestByAddress constants;
  for (const Operand& operand : graph.operands) {
    if (operand.kind != OperandKind::kConstant) continue;
    constants.emplace(std::pair(operand.bytes.bytes().data(), operand.bytes.size()), operand.digest);
  }
  return constants;
}

// Fills in where the bytes of constants and packed forms are; returns the segments.
std::vector<Region> Place(const Graph& graph, const std::map<PackedKey, Region>& packed,
                          plan::PlanContents& contents) {
  const DigestByAddress digests = ConstantsOf(graph);
  std::vector<Region> ranges;
  std::vector<core::ValueId> folded;
  for (core::ValueId id = 0; id < contents.graph.values.size(); ++id) {
    core::Value& value = contents.graph.values[id];
    if (!value.is_constant()) continue;
    const Region bytes = std::exchange(value.constant, {});
    value.deferred = true;
    const auto digest = digests.find({bytes.bytes().data(), bytes.size()});
    if (digest != digests.end()) {
      contents.constants.emplace(id, digest->second);
    } else {
      folded.push_back(id);
      ranges.push_back(bytes);
    }
  }
  for (const auto& [key, bytes] : packed) ranges.push_back(bytes);

  plan::Placement placement = plan::PlaceInSegments(ranges);
  auto place = placement.places.begin();
  for (core::ValueId id : folded) contents.constants.emplace(id, *place++);
  for (const auto& [key, bytes] : packed) contents.packed.emplace(key, *place++);
  return std::move(placement.segments);
}

template <typename T>
std::vector<T> InOrder(const std::vector<T>& values, const std::vector<size_t>& order) {
  std::vector<T> result;
  for (size_t i : order) result.push_back(values[i]);
  return result;
}

}  // namespace

absl::StatusOr<CompiledGraph> CompileForPlan(const Graph& graph, const Backend& backend,
                                             const CompileOptions& options) {
  const plan::BindingOrder order = plan::BindingOrderOf(graph);
  plan::PlanContents contents;
  contents.structure = StructureDigest(graph);
  MODELD_ASSIGN_OR_RETURN(contents.graph, LowerGraph(graph, backend, options));
  contents.graph.inputs = InOrder(contents.graph.inputs, order.inputs);
  contents.graph.outputs = InOrder(contents.graph.outputs, order.outputs);

  Recorder recorder;
  MODELD_ASSIGN_OR_RETURN(std::unique_ptr<Program> program,
                          backend.Compile(contents.graph, options, {.packed = &recorder}));
  contents.layout = MemoryLayoutOf(*program);
  plan::Rebind(order, *program);

  CompiledGraph compiled;
  compiled.plan.segments = Place(graph, recorder.packed(), contents);
  compiled.plan.metadata = plan::EncodeContents(contents);
  compiled.program = std::move(program);
  return compiled;
}

}  // namespace modeld
