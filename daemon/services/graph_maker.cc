#include "daemon/services/graph_maker.h"

#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "daemon/services/errors.h"
#include "engine/engine.h"
#include "engine/graph/canonical.h"
#include "engine/ops/validate.h"

namespace modeld {
namespace {

// Calls `use` with each constant operand's index in the order in which operations use them, then with those
// that only the outputs name; an operand that several use comes several times.
template <typename Use>
void ForEachUsedConstant(const Graph& graph, Use use) {
  const auto visit = [&](OperandId id) {
    if (graph.operand(id).kind == OperandKind::kConstant) use(id);
  };
  for (const Operation& operation : graph.operations) {
    for (OperandId id : operation.inputs) visit(id);
    for (const auto& [name, value] : operation.attributes) {
      if (const auto* id = std::get_if<OperandId>(&value)) visit(*id);
      if (const auto* ids = std::get_if<std::vector<OperandId>>(&value)) {
        for (OperandId id : *ids) visit(id);
      }
    }
  }
  for (const GraphOutput& output : graph.outputs) visit(output.operand);
}

absl::StatusOr<GraphBinding> BindingOf(const std::string& name, const TensorDescriptor& descriptor) {
  MODELD_ASSIGN_OR_RETURN(const uint64_t bytes, descriptor.ByteSize());
  return GraphBinding{name, descriptor, bytes};
}

}  // namespace

std::vector<storage::BlobRef> ConstantsOf(const Graph& graph) {
  std::vector<storage::BlobRef> refs;
  absl::flat_hash_set<Digest> seen;
  const auto add = [&](OperandId id) {
    const Operand& operand = graph.operand(id);
    if (seen.insert(operand.digest).second) {
      refs.push_back({operand.digest, operand.descriptor.ByteSize().value_or(0)});
    }
  };
  ForEachUsedConstant(graph, add);
  // Constants that nothing uses are part of the message all the same.
  for (uint32_t i = 0; i < graph.operands.size(); ++i) {
    if (graph.operands[i].kind == OperandKind::kConstant) add({i});
  }
  return refs;
}

absl::StatusOr<GraphMaker::Built> GraphMaker::Build(Call& call, uint64_t context_id, Graph graph) {
  MODELD_ASSIGN_OR_RETURN(auto context, call.objects().FindContext(call.partition(), context_id));
  MODELD_RETURN_IF_ERROR(call.BindTo(context_id, 0));
  MODELD_RETURN_IF_ERROR(call.objects().CheckRoomForGraph());
  MODELD_ASSIGN_OR_RETURN(graph, Validate(std::move(graph), limits_.graph));
  NewGraph fresh;
  fresh.constants = ConstantsOf(graph);
  const auto lease = call.lease();
  auto missing = store_.FindMissing(call.partition(), fresh.constants, *lease);
  if (!missing.ok()) return FromStorage(missing.status());
  if (!missing->empty()) return Built{nullptr, *std::move(missing)};
  fresh.manifest = EncodeCanonical(graph);
  fresh.model_id = Digest::Of(fresh.manifest);
  MODELD_ASSIGN_OR_RETURN(auto loaded, Finish(call, context, std::move(graph), std::move(fresh)));
  return Built{std::move(loaded), {}};
}

absl::StatusOr<std::shared_ptr<LoadedGraph>> GraphMaker::Load(Call& call,
                                                              const std::shared_ptr<const Context>& context,
                                                              const Digest& model_id,
                                                              const storage::StoredModel& model) {
  MODELD_RETURN_IF_ERROR(call.BindTo(context->id, 0));
  MODELD_RETURN_IF_ERROR(call.objects().CheckRoomForGraph());
  absl::StatusOr<Graph> graph = DecodeCanonical(model.manifest.view(), limits_.graph);
  if (graph.ok()) graph = Validate(*std::move(graph), limits_.graph);
  // Another release's rules may refuse what was stored; what the client sent is not at fault.
  if (!graph.ok()) {
    return absl::DataLossError(absl::StrCat("model ", model_id.ToHex(), ": its graph cannot be read"));
  }
  NewGraph fresh;
  fresh.constants = ConstantsOf(*graph);
  fresh.manifest = std::string(model.manifest.view());
  fresh.model_id = model_id;
  fresh.stored = true;
  return Finish(call, context, *std::move(graph), std::move(fresh));
}

absl::StatusOr<std::shared_ptr<LoadedGraph>> GraphMaker::Finish(Call& call,
                                                                const std::shared_ptr<const Context>& context,
                                                                Graph graph, NewGraph fresh) {
  fresh.context = context;
  for (OperandId id : graph.inputs) {
    MODELD_ASSIGN_OR_RETURN(GraphBinding input, BindingOf(graph.operand(id).name, graph.descriptor(id)));
    fresh.inputs.push_back(std::move(input));
  }
  for (const GraphOutput& out : graph.outputs) {
    MODELD_ASSIGN_OR_RETURN(GraphBinding output, BindingOf(out.name, graph.descriptor(out.operand)));
    fresh.outputs.push_back(std::move(output));
  }
  const ProgramCache::Key key{fresh.model_id, context->device, context->options.num_threads};
  MODELD_ASSIGN_OR_RETURN(fresh.program,
                          programs_.Get(call.partition(), key, call.session_id(), call.cancellation(),
                                        [&] { return Compile(call, *context, graph); }));
  return call.objects().AddGraph(std::move(fresh));
}

absl::StatusOr<ProgramCache::ProgramPtr> GraphMaker::Compile(Call& call, const Context& context,
                                                             Graph& graph) {
  const auto lease = call.lease();
  absl::flat_hash_map<Digest, Region> mapped;
  for (Operand& operand : graph.operands) {
    if (operand.kind != OperandKind::kConstant) continue;
    auto [it, fresh] = mapped.try_emplace(operand.digest);
    if (fresh) {
      if (call.cancellation().token().cancelled()) return absl::CancelledError("the call: cancelled");
      auto region = store_.MapBlob(call.partition(), operand.digest, *lease);
      if (!region.ok()) return FromStorage(region.status());
      it->second = *std::move(region);
    }
    operand.bytes = it->second;
  }
  if (call.cancellation().token().cancelled()) return absl::CancelledError("the call: cancelled");
  MODELD_ASSIGN_OR_RETURN(auto program, CompileGraph(graph, context.backend, context.options));
  if (program->arena_bytes > limits_.max_arena_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat("graph: one run needs ", program->arena_bytes,
                                                     " bytes of memory, at most ", limits_.max_arena_bytes,
                                                     " are allowed"));
  }
  return program;
}

}  // namespace modeld
