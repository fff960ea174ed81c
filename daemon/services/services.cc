#include "daemon/services/services.h"

#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "daemon/cache/budget_keeper.h"
#include "daemon/cache/memory_pressure.h"
#include "daemon/cache/space_keeper.h"
#include "daemon/services/admin.h"
#include "daemon/services/admin_activity.h"
#include "daemon/services/admin_diagnosis.h"
#include "daemon/services/admin_service.h"
#include "daemon/services/cache_admin.h"
#include "daemon/services/cache_admin_service.h"
#include "daemon/services/call_context.h"
#include "daemon/services/constants.h"
#include "daemon/services/context_service.h"
#include "daemon/services/devices.h"
#include "daemon/services/graph_maker.h"
#include "daemon/services/inference_service.h"
#include "daemon/services/model_cache.h"
#include "daemon/services/model_cache_service.h"
#include "daemon/services/object_table.h"
#include "daemon/services/program_cache.h"
#include "daemon/services/runner.h"
#include "daemon/services/scheduler.h"
#include "daemon/services/shares.h"
#include "daemon/upkeep.h"

namespace modeld {
namespace {

// Streams of one connection beyond the calls that a session may have in flight: so that the session's limit
// answers a client that opens too many, and health checks and reflection have room.
constexpr int kSpareStreams = 16;
// Threads for calls, of all sessions; a call that waits holds one. More than the streams of all sessions that
// one app may have, so that no app takes all.
constexpr int kMaxThreads = 2'048;
// How often programs are looked at that nothing used for a while.
constexpr absl::Duration kTendInterval = absl::Seconds(5);

uint32_t Cores() {
  return std::max(1u, std::thread::hardware_concurrency());
}

uint32_t OrDefault(uint32_t value, uint32_t fallback) {
  return value != 0 ? value : std::max(1u, fallback);
}

}  // namespace

// In the order in which they are built; each refers only to those before it.
struct Services::Parts {
  explicit Parts(ServicesOptions given)
      : options(std::move(given)),
        devices(options.backends, Cores(), options.compile),
        table({options.limits, options.store, options.tickets, options.clock,
               MemorySlots::Create(options.limits.max_shared_memories,
                                   options.limits.max_app_shared_memories)}),
        gate(options.sessions, table),
        runs(
            {"runs", OrDefault(options.limits.max_concurrent_runs, Cores()), options.limits.max_queued_runs}),
        compiles({"compilations", OrDefault(options.limits.max_concurrent_compiles, Cores() / 2),
                  options.limits.max_queued_compiles}),
        plans(options.store.plans(), options.metrics, options.clock, options.plans),
        programs(compiles, options.clock, {options.residency, options.plans.first_build, options.pause}),
        sources{options.store,   plans,         options.limits,
                options.metrics, options.clock, options.pause ? options.pause : RealPause},
        space(options.store, options.clock, options.metrics, options.space),
        maker(space, programs, sources),
        constants(options.store, space, options.limits, options.clock, options.stall_after),
        runner(runs, maker, options.clock, options.limits, options.metrics),
        budgets(options.store.ledger(), options.privacy, options.commonness.table, options.clock,
                options.metrics),
        shares(options.store, budgets),
        cache(options.store, space, maker, budgets, options.limits),
        admin({options.store, table, programs, plans, options.sessions, devices, options.limits, options.info,
               options.clock}),
        activity({options.store, table, options.sessions, runs, programs, options.residency.budget_bytes,
                  options.metrics, options.clock}),
        diagnosis({options.store, options.info, options.metrics, options.commonness.refused}),
        cache_admin(options.store, space, programs, options.clock, options.stall_after),
        context_service(gate, devices, options.tickets, options.limits, options.info, options.metrics),
        inference_service(gate, maker, constants, runner, options.limits),
        model_cache_service(gate, cache, options.limits),
        admin_service({gate, admin, activity, diagnosis, options.config}),
        cache_admin_service({gate, cache_admin, shares, options.store}) {}

  // Lets programs that nothing uses go, and the memory of their runs with them.
  void Tend() {
    const policy::MemoryPressure pressure =
        options.memory_pressure ? options.memory_pressure() : ReadMemoryPressure();
    programs.Tend(pressure);
    // Plans that wait hold packed weights.
    if (pressure.some_avg10 > 0) plans.HurryWrites(std::nullopt);
    for (const auto& session : table.All()) {
      for (const auto& graph : session->Graphs()) {
        if (graph->program->Peek() == nullptr) graph->arenas.Trim();
      }
    }
  }

  const ServicesOptions options;
  Devices devices;
  ObjectTable table;
  CallGate gate;
  Scheduler runs;
  Scheduler compiles;
  PlanKeeper plans;
  ProgramCache programs;
  SourceParts sources;
  SpaceKeeper space;
  GraphMaker maker;
  Constants constants;
  Runner runner;
  BudgetKeeper budgets;
  Shares shares;
  ModelCache cache;
  Admin admin;
  Activity activity;
  Diagnosis diagnosis;
  CacheAdmin cache_admin;
  ContextService context_service;
  InferenceService inference_service;
  ModelCacheService model_cache_service;
  AdminService admin_service;
  CacheAdminService cache_admin_service;
  Upkeep tending{kTendInterval, [this] { Tend(); }};
};

Services::Services(ServicesOptions options) : parts_(std::make_unique<Parts>(std::move(options))) {}

Services::~Services() = default;

void Services::Register(grpc::ServerBuilder& builder) {
  const ServiceLimits& limits = parts_->options.limits;
  builder.SetMaxReceiveMessageSize(static_cast<int>(limits.max_message_bytes));
  builder.SetMaxSendMessageSize(static_cast<int>(limits.max_message_bytes));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             static_cast<int>(limits.max_calls) + kSpareStreams);
  grpc::ResourceQuota quota("modeld");
  quota.SetMaxThreads(kMaxThreads);
  builder.SetResourceQuota(quota);
  builder.RegisterService(&parts_->context_service);
  builder.RegisterService(&parts_->inference_service);
  builder.RegisterService(&parts_->model_cache_service);
  builder.RegisterService(&parts_->admin_service);
  builder.RegisterService(&parts_->cache_admin_service);
}

bool Services::Drain(absl::Time deadline) {
  const bool drained = parts_->gate.Drain(deadline);
  parts_->plans.FinishWrites(deadline);
  return drained;
}

void Services::Settle() {
  parts_->plans.Settle();
}

void Services::CancelAll() {
  for (const auto& session : parts_->table.All()) session->CancelAll();
}

void Services::Tend() {
  parts_->space.Tend();
}

bool Services::busy() const {
  if (parts_->gate.calls_in_flight() != 0 || parts_->plans.queued() != 0) return true;
  for (const auto& session : parts_->table.All()) {
    const SessionObjects::Counts counts = session->counts();
    if (counts.contexts + counts.graphs + counts.tensors + counts.memories != 0) return true;
  }
  return false;
}

}  // namespace modeld
