#include "daemon/services/graph_maker.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "daemon/services/errors.h"
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

absl::StatusOr<GraphMaker::Built> GraphMaker::Build(Call& call, uint64_t context_id, Graph graph,
                                                    bool uncacheable) {
  MODELD_ASSIGN_OR_RETURN(auto context, call.objects().FindContext(call.partition(), context_id));
  MODELD_RETURN_IF_ERROR(call.BindTo(context_id, 0));
  MODELD_RETURN_IF_ERROR(call.objects().CheckRoomForGraph());
  MODELD_ASSIGN_OR_RETURN(graph, Validate(std::move(graph), limits_.graph));
  NewGraph fresh;
  fresh.constants = ConstantsOf(graph);
  fresh.uncacheable = uncacheable;
  std::vector<storage::BlobRef> wanted = fresh.constants;
  if (uncacheable) wanted = call.objects().memory_constants().Lacking(call.partition(), wanted);
  const auto lease = call.lease();
  auto missing = store_.FindMissing(call.partition(), wanted, *lease);
  if (!missing.ok()) return FromStorage(missing.status());
  fresh.manifest = EncodeCanonical(graph);
  fresh.model_id = Digest::Of(fresh.manifest);
  if (!missing->empty()) {
    if (!uncacheable) MODELD_RETURN_IF_ERROR(Reserve(call, fresh.model_id, *missing, *lease));
    return Built{nullptr, *std::move(missing)};
  }
  fresh.lease = store_.NewLease();
  store_.HoldToo(call.partition(), wanted, *lease, *fresh.lease);
  MODELD_ASSIGN_OR_RETURN(auto loaded, Finish(call, context, std::move(graph), std::move(fresh)));
  return Built{std::move(loaded), {}};
}

absl::Status GraphMaker::Reserve(Call& call, const Digest& model_id,
                                 const std::vector<storage::BlobRef>& missing, storage::Lease& lease) {
  return FromStorage(space_.Reserve(call.partition(), missing, lease, model_id),
                     call.objects().session().identity().role);
}

absl::StatusOr<std::shared_ptr<LoadedGraph>> GraphMaker::Load(Call& call,
                                                              const std::shared_ptr<const Context>& context,
                                                              const Digest& model_id,
                                                              const storage::StoredModel& model,
                                                              std::shared_ptr<storage::Lease> lease) {
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
  fresh.lease = std::move(lease);
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
  GraphSource source(sources_, call, context,
                     {fresh.model_id, fresh.manifest, fresh.lease, std::move(graph), fresh.uncacheable});
  auto program = fresh.uncacheable
                     ? programs_.GetOwn(call.session_id(), call.cancellation(), source)
                     : programs_.Get(call.partition(), key, call.session_id(), call.cancellation(), source);
  MODELD_ASSIGN_OR_RETURN(fresh.program, std::move(program));
  fresh.compile_time = source.compile_time();
  return call.objects().AddGraph(std::move(fresh));
}

absl::StatusOr<ProgramCache::ProgramPtr> GraphMaker::ProgramOf(Call& call, const LoadedGraph& graph) {
  GraphSource source(sources_, call, graph.context,
                     {graph.model_id, graph.manifest, graph.lease, std::nullopt, graph.uncacheable});
  return programs_.Use(*graph.program, call.session_id(), call.cancellation(), source);
}

}  // namespace modeld
