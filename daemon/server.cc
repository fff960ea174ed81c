#include "daemon/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server_posix.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "base/version.h"
#include "daemon/cache/memory_pressure.h"
#include "daemon/heap.h"
#include "daemon/idleness.h"
#include "engine/backend/cpu/cpu_backend.h"
#include "engine/backend/reference/reference_backend.h"
#include "modeld/v1/admin.grpc.pb.h"
#include "modeld/v1/cache_admin.grpc.pb.h"
#include "modeld/v1/context.grpc.pb.h"
#include "modeld/v1/inference.grpc.pb.h"
#include "modeld/v1/model_cache.grpc.pb.h"
#include "policy/first_build.h"
#include "storage/integrity.h"

namespace modeld {
namespace {

constexpr absl::Duration kUpkeepInterval = absl::Minutes(1);
// For gRPC to send the last answers. It waits that long for any client that keeps an idle connection.
constexpr std::chrono::milliseconds kLastAnswers{300};

// Numbers for connections, out of the way of ordinary descriptors.
Listener::NumberRange NumbersWithin(int max_descriptors) {
  const Listener::NumberRange wanted;
  const int end = std::min(wanted.end, max_descriptors);
  return {.first = std::min(wanted.first, end / 2), .end = end};
}

// Leaves most descriptors to connections and files, and half of the others to every app but one.
ServiceLimits LimitsWithin(ServiceLimits limits, int max_descriptors) {
  limits.max_shared_memories =
      std::min(limits.max_shared_memories, static_cast<uint32_t>(std::max(max_descriptors / 4, 2)));
  limits.max_app_shared_memories = std::min(limits.max_app_shared_memories, limits.max_shared_memories / 2);
  return limits;
}

// What the signed lists say; those that are refused are told and count for nothing.
LoadedCommonness LoadLists(const PrivacyOptions& options) {
  LoadedCommonness loaded = LoadCommonness(options.commonness_lists, options.commonness_keys);
  for (const absl::Status& refused : loaded.refused)
    spdlog::warn("commonness list refused: {}", std::string(refused.message()));
  return loaded;
}

absl::StatusOr<UnixListener> BindUnlessGiven(std::optional<UnixListener> given, const RuntimeDir& dir,
                                             absl::string_view name) {
  if (given.has_value()) return *std::move(given);
  MODELD_ASSIGN_OR_RETURN(const std::string path, dir.SocketPath(name));
  return UnixListener::Bind(path);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Create(Start start) {
  MODELD_ASSIGN_OR_RETURN(RuntimeDir dir, RuntimeDir::Open(start.loaded.config.runtime_dir));
  MODELD_ASSIGN_OR_RETURN(UnixListener modeld,
                          BindUnlessGiven(std::move(start.sockets.modeld), dir, "modeld.sock"));
  MODELD_ASSIGN_OR_RETURN(UnixListener memory,
                          BindUnlessGiven(std::move(start.sockets.memory), dir, "memory.sock"));
  start.loaded.config.limits = LimitsWithin(start.loaded.config.limits, start.max_descriptors);
  std::unique_ptr<Server> server(
      new Server(std::move(start.loaded), std::move(dir), std::move(modeld), std::move(memory)));
  MODELD_RETURN_IF_ERROR(server->Open());
  MODELD_RETURN_IF_ERROR(server->Serve(start.max_descriptors));
  return server;
}

Server::Server(LoadedConfig loaded, RuntimeDir runtime_dir, UnixListener modeld, UnixListener memory)
    : loaded_(std::move(loaded)),
      runtime_dir_(std::move(runtime_dir)),
      modeld_listener_(std::move(modeld)),
      memory_listener_(std::move(memory)),
      started_at_(clock_.Now()),
      identifier_(loaded_.config.identity),
      tickets_(clock_, loaded_.config.limits.max_open_tickets),
      sessions_(clock_, loaded_.config.sessions) {}

absl::Status Server::Open() {
  MODELD_RETURN_IF_ERROR(MakeBackends());
  MODELD_ASSIGN_OR_RETURN(store_, storage::ModelStore::Open(loaded_.config.store, clock_));
  const storage::RecoveryReport& recovery = store_->recovery();
  spdlog::info(
      "store opened: {} stray files removed, {} uploads can be resumed, {} were dropped, {} files are "
      "missing, {} were moved from an old cache folder",
      recovery.orphan_files_removed, recovery.uploads_resumable, recovery.uploads_dropped,
      recovery.blobs_missing, recovery.files_moved);
  if (store_->integrity().move_target() == loaded_.config.store.cache_dir) {
    spdlog::warn(
        "the cache's move is not complete, {} files could not be read or written: the old folder must be "
        "there, writable and in nobody's use when modeld starts",
        recovery.files_not_moved);
  }
  services_ = std::make_unique<Services>(MakeServicesOptions());
  return absl::OkStatus();
}

absl::Status Server::MakeBackends() {
  if (auto cpu = MakeCpuBackend()) backends_.push_back(std::move(cpu));
  backends_.push_back(std::make_unique<ReferenceBackend>());
  const std::string& device = loaded_.config.device;
  if (device.empty()) return absl::OkStatus();
  const auto wanted = std::find_if(backends_.begin(), backends_.end(),
                                   [&](const auto& backend) { return backend->Describe().name == device; });
  if (wanted == backends_.end()) {
    const auto name = [](std::string* out, const auto& backend) { out->append(backend->Describe().name); };
    return absl::InvalidArgumentError(absl::StrCat("engine.device: there is no device \"", device,
                                                   "\" here, only ", absl::StrJoin(backends_, ", ", name)));
  }
  std::rotate(backends_.begin(), wanted, wanted + 1);
  return absl::OkStatus();
}

ServicesOptions Server::MakeServicesOptions() {
  const std::optional<policy::FirstBuild> first_build = policy::FirstBuildNamed(loaded_.config.first_build);
  // The settings' table allows no other name.
  const PlanKeeper::Options plans{.first_build = first_build.value_or(policy::FirstBuild::kCompile),
                                  .write_delay = loaded_.config.plan_write_delay};
  ServicesOptions options{.limits = loaded_.config.limits,
                          .info = {.version = kVersion,
                                   .started_at = started_at_,
                                   .cache_dir = loaded_.config.store.cache_dir,
                                   .state_dir = loaded_.config.store.state_dir,
                                   .socket = modeld_listener_.path(),
                                   .memory_socket = memory_listener_.path()},
                          .store = *store_,
                          .tickets = tickets_,
                          .sessions = sessions_,
                          .backends = {},
                          .clock = clock_,
                          .config =
                              [this] {
                                std::vector<ConfigSetting> settings;
                                for (const SettingInForce& s : loaded_.settings)
                                  settings.push_back({s.name, s.value, s.origin});
                                return settings;
                              },
                          .metrics = metrics_,
                          .compile = loaded_.config.compile,
                          .privacy = loaded_.config.privacy,
                          .space = {.settings = loaded_.config.space,
                                    .keep_at_most = loaded_.config.keep_at_most,
                                    .max_age = loaded_.config.max_age,
                                    .wake = [this] { upkeep_->Wake(); }},
                          .commonness = LoadLists(loaded_.config.privacy),
                          .plans = plans,
                          .residency = loaded_.config.residency,
                          .stall_after = loaded_.config.stall_after};
  if (options.residency.budget_bytes == 0) options.residency.budget_bytes = DefaultResidentBytes();
  for (const auto& backend : backends_) options.backends.push_back(backend.get());
  return options;
}

absl::Status Server::Serve(int max_descriptors) {
  grpc::EnableDefaultHealthCheckService(true);
  // What a stock client needs to call us without our .proto files.
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  services_->Register(builder);
  grpc_ = builder.BuildAndStart();
  if (grpc_ == nullptr) return absl::InternalError("gRPC: the server does not start");
  for (const char* service :
       {v1::ContextService::service_full_name(), v1::InferenceService::service_full_name(),
        v1::ModelCacheService::service_full_name(), v1::AdminService::service_full_name(),
        v1::CacheAdminService::service_full_name()}) {
    grpc_->GetHealthCheckService()->SetServingStatus(service, true);
  }
  // Before there are calls: they may wake it.
  upkeep_.emplace(kUpkeepInterval, [this] {
    services_->Tend();
    const auto collected = store_->Collect(clock_.Now());
    if (!collected.ok()) {
      spdlog::warn("collecting garbage failed: {}", collected.status().ToString());
    } else if (collected->blobs + collected->uploads > 0) {
      spdlog::info("collected {} blobs and {} uploads, {} bytes", collected->blobs, collected->uploads,
                   collected->bytes);
    }
    ReturnFreeMemory();
  });
  MODELD_ASSIGN_OR_RETURN(memory_socket_, MemorySocket::Start(memory_listener_.TakeFd(), tickets_, {}));
  Listener::Hooks hooks;
  hooks.identify = [this](int socket) { return identifier_.Identify(socket); };
  hooks.serve = [this](int socket) { grpc::AddInsecureChannelFromFd(grpc_.get(), socket); };
  hooks.refused = [](const absl::Status& why) {
    spdlog::info("connection refused: {}", std::string(why.message()));
  };
  MODELD_ASSIGN_OR_RETURN(listener_, Listener::Start(modeld_listener_.TakeFd(), sessions_, std::move(hooks),
                                                     NumbersWithin(max_descriptors)));
  const Config& config = loaded_.config;
  scrubber_.emplace(store_->integrity(), clock_,
                    ScrubOptions{config.scrub_bytes_per_second, config.scrub_interval},
                    [](const storage::ScrubStep& step) {
                      spdlog::warn("{}; models that cannot be used: {}", step.problem, step.models.size());
                    });
  return absl::OkStatus();
}

bool Server::busy() const {
  return !sessions_.List().empty() || services_->busy();
}

void Server::Run(StopSignal& signal) {
  spdlog::info("modeld {} serves on {}", kVersion, modeld_listener_.path());
  NotifyManager("READY=1\nSTATUS=Serving.");
  const absl::Duration watchdog = WatchdogInterval();
  Idleness idleness(loaded_.config.idle_exit, clock_.Now());
  while (true) {
    const absl::Duration idle_in = idleness.Observe(busy(), sessions_.ever(), clock_.Now());
    if (idle_in == absl::ZeroDuration()) {
      spdlog::info("nobody was here for a while: ending");
      break;
    }
    if (signal.Wait(std::min(idle_in, watchdog))) {
      spdlog::info("told to end");
      break;
    }
    if (watchdog != absl::InfiniteDuration()) NotifyManager("WATCHDOG=1");
  }
  Stop();
}

Server::~Server() {
  Stop();
}

void Server::Stop() {
  if (std::exchange(stopped_, true)) return;
  NotifyManager("STOPPING=1\nSTATUS=Finishing calls.");
  modeld_listener_.RemoveFile();
  if (listener_ != nullptr) listener_->StopAccepting();
  if (grpc_ != nullptr) {
    grpc_->GetHealthCheckService()->Shutdown();
    if (!services_->Drain(clock_.Now() + loaded_.config.shutdown_grace)) {
      spdlog::warn("calls did not finish in time and are cancelled");
      services_->CancelAll();
    }
    grpc_->Shutdown(std::chrono::system_clock::now() + kLastAnswers);
  }
  memory_listener_.RemoveFile();
  listener_.reset();
  memory_socket_.reset();
  grpc_.reset();
  scrubber_.reset();
  upkeep_.reset();
  services_.reset();
}

}  // namespace modeld
