#include "daemon/services/program_source.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "daemon/services/errors.h"
#include "engine/engine.h"
#include "engine/graph/canonical.h"
#include "engine/ops/validate.h"

namespace modeld {
namespace {

absl::Status Cancelled() {
  return absl::CancelledError("the call: cancelled");
}

absl::Status CheckArena(const Program& program, const ServiceLimits& limits) {
  if (program.arena_bytes <= limits.max_arena_bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("graph: one run needs ", program.arena_bytes,
                                                   " bytes of memory, at most ", limits.max_arena_bytes,
                                                   " are allowed"));
}

// Gives every constant its bytes; each digest is asked for once.
template <typename Source>
absl::Status FillConstants(Graph& graph, Source source) {
  absl::flat_hash_map<Digest, Region> mapped;
  for (Operand& operand : graph.operands) {
    if (operand.kind != OperandKind::kConstant) continue;
    auto [it, fresh] = mapped.try_emplace(operand.digest);
    if (fresh) {
      MODELD_ASSIGN_OR_RETURN(it->second, source(operand.digest));
    }
    operand.bytes = it->second;
  }
  return absl::OkStatus();
}

}  // namespace

GraphSource::GraphSource(const SourceParts& parts, Call& call, std::shared_ptr<const Context> context,
                         Wanted wanted)
    : parts_(parts), call_(call), context_(std::move(context)), wanted_(std::move(wanted)) {}

absl::Status GraphSource::Prepare() {
  if (!wanted_.graph) {
    absl::StatusOr<Graph> graph = DecodeCanonical(wanted_.manifest, parts_.limits.graph);
    if (graph.ok()) graph = Validate(*std::move(graph), parts_.limits.graph);
    MODELD_RETURN_IF_ERROR(graph.status());
    wanted_.graph = *std::move(graph);
  }
  if (!subject_ && !wanted_.uncacheable) {
    subject_ = SubjectOf(*wanted_.graph, parts_.plans.build(), context_->backend, context_->options,
                         call_.partition(), wanted_.model_id);
  }
  return absl::OkStatus();
}

bool GraphSource::HasPaid() {
  return Prepare().ok() && subject_ && parts_.plans.HasPaid(*subject_);
}

void GraphSource::NotePaid() {
  if (subject_) parts_.plans.NotePaid(*subject_);
}

absl::StatusOr<ProgramSource::Made> GraphSource::Make() {
  const absl::Time begin = parts_.clock.Now();
  MODELD_RETURN_IF_ERROR(Prepare());
  std::optional<Made> made = subject_ ? FromPlan() : std::nullopt;
  absl::string_view how = made ? "hit" : "miss";
  if (!made) {
    if (call_.cancellation().token().cancelled()) return Cancelled();
    MODELD_ASSIGN_OR_RETURN(made, Compile());
  } else if (stale_) {
    how = "recompile";
  }
  MODELD_RETURN_IF_ERROR(CheckArena(*made->program, parts_.limits));
  compile_time_ = made->compile_time;
  parts_.metrics.histogram(HistogramName::kBuildDuration, {how}).Observe(parts_.clock.Now() - begin);
  return *std::move(made);
}

std::optional<ProgramSource::Made> GraphSource::FromPlan() {
  const CancelToken& token = call_.cancellation().token();
  const auto constant = [&](const Digest& digest, uint64_t) { return Constant(digest, /*trust=*/true); };
  const auto pause = [&](absl::Duration duration) {
    parts_.pause(duration, token);
    return !token.cancelled();
  };
  std::optional<PlanKeeper::Loaded> loaded =
      parts_.plans.Load(*subject_, *wanted_.graph, context_->backend, context_->options, constant, pause);
  if (!loaded) return std::nullopt;
  stale_ = loaded->stale;
  if (stale_) RecompileLater();
  return Made{std::move(loaded->program), loaded->compile_time};
}

absl::StatusOr<ProgramSource::Made> GraphSource::Compile() {
  const absl::Time begin = parts_.clock.Now();
  MODELD_RETURN_IF_ERROR(FillConstants(*wanted_.graph, [&](const Digest& digest) -> absl::StatusOr<Region> {
    if (call_.cancellation().token().cancelled()) return Cancelled();
    return Constant(digest, /*trust=*/false);
  }));
  if (call_.cancellation().token().cancelled()) return Cancelled();
  if (!subject_) {
    MODELD_ASSIGN_OR_RETURN(auto program, CompileGraph(*wanted_.graph, context_->backend, context_->options));
    return Made{std::move(program), parts_.clock.Now() - begin};
  }
  MODELD_ASSIGN_OR_RETURN(CompiledGraph compiled,
                          CompileForPlan(*wanted_.graph, context_->backend, context_->options));
  const absl::Duration compile_time = parts_.clock.Now() - begin;
  if (CheckArena(*compiled.program, parts_.limits).ok()) {
    parts_.plans.Keep(*subject_, std::move(compiled.plan), compile_time);
  }
  return Made{std::move(compiled.program), compile_time};
}

absl::StatusOr<Region> GraphSource::Constant(const Digest& digest, bool trust) {
  if (wanted_.uncacheable) {
    if (auto held = call_.objects().memory_constants().Find(call_.partition(), digest))
      return *std::move(held);
  }
  auto region = trust ? parts_.store.MapTrusted(call_.partition(), digest, *wanted_.lease)
                      : parts_.store.MapBlob(call_.partition(), digest, *wanted_.lease);
  if (!region.ok()) return FromStorage(region.status());
  return region;
}

void GraphSource::RecompileLater() {
  // Its own copy of everything: the call is over by then.
  parts_.plans.Later(*subject_, [&store = parts_.store, &plans = parts_.plans, &clock = parts_.clock,
                                 context = context_, graph = *wanted_.graph, subject = *subject_,
                                 limits = &parts_.limits, lease = wanted_.lease]() mutable {
    // Somebody asked for the same, and it was made meanwhile.
    if (plans.HasOptimal(subject)) return;
    const absl::Time begin = clock.Now();
    const absl::Status filled = FillConstants(
        graph, [&](const Digest& digest) { return store.MapBlob(subject.partition, digest, *lease); });
    // Whatever is in the way: the old plan works on.
    if (!filled.ok()) return;
    absl::StatusOr<CompiledGraph> compiled = CompileForPlan(graph, context->backend, context->options);
    if (!compiled.ok() || !CheckArena(*compiled->program, *limits).ok()) return;
    // This is the background already, and who waits behind shall find it.
    plans.KeepNow(subject, std::move(compiled->plan), clock.Now() - begin);
  });
}

}  // namespace modeld
