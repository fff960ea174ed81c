#include "client/cpp/fake_daemon.h"

#include <fcntl.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_context.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <thread>

#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "base/digest.h"
#include "client/cpp/fake_cache_admin.h"
#include "client/cpp/fake_memory_socket.h"
#include "client/cpp/fake_watch.h"
#include "modeld/v1/admin.grpc.pb.h"
#include "modeld/v1/context.grpc.pb.h"
#include "modeld/v1/inference.grpc.pb.h"
#include "modeld/v1/model_cache.grpc.pb.h"

namespace modeld::client {
namespace {

using grpc::ServerContext;
using grpc::Status;
using grpc::StatusCode;

uint64_t SizeOf(const v1::TensorDescriptor& descriptor) {
  static constexpr uint64_t kBytes[] = {0, 4, 2, 4, 4, 8, 8, 1, 1};
  uint64_t size = kBytes[descriptor.data_type()];
  for (uint32_t dimension : descriptor.shape()) size *= dimension;
  return size;
}

// A tensor in a memfd, as the daemon keeps it.
class FakeTensor {
 public:
  explicit FakeTensor(uint64_t size)
      : fd_(::memfd_create("fake-tensor", MFD_CLOEXEC | MFD_ALLOW_SEALING)), size_(size) {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) std::abort();
    ::fcntl(fd_.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
  }
  int fd() const { return fd_.get(); }
  uint64_t size() const { return size_; }
  std::string Read(uint64_t offset, uint64_t size) const {
    std::string bytes(size, '\0');
    bytes.resize(std::max<ssize_t>(0, ::pread(fd_.get(), bytes.data(), size, static_cast<off_t>(offset))));
    return bytes;
  }
  void Write(uint64_t offset, absl::string_view bytes) {
    if (::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)) < 0) std::abort();
  }

 private:
  UniqueFd fd_;
  uint64_t size_;
};

}  // namespace

struct FakeDaemon::State : v1::ContextService::Service,
                           v1::InferenceService::Service,
                           v1::ModelCacheService::Service,
                           v1::AdminService::Service {
  State(Options the_options, const FakeDaemon& the_owner)
      : options(std::move(the_options)),
        owner(the_owner),
        cache_admin(
            the_owner.cache_admin, [this](const std::string& method) { return Begin(method); },
            [this](const std::string& method, const google::protobuf::Message& request) {
              Note(method, request.ShortDebugString());
            }) {
    if (options.folder.empty()) {
      char name[] = "/tmp/modeld-fake-XXXXXX";
      options.folder = own_folder = ::mkdtemp(name);
    }
    ::unlink((options.folder + "/modeld.sock").c_str());
    if (options.memory_socket) memory = std::make_unique<FakeMemorySocket>(options.folder + "/memory.sock");
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + options.folder + "/modeld.sock", grpc::InsecureServerCredentials());
    builder.RegisterService(static_cast<v1::ContextService::Service*>(this));
    builder.RegisterService(static_cast<v1::InferenceService::Service*>(this));
    builder.RegisterService(static_cast<v1::ModelCacheService::Service*>(this));
    builder.RegisterService(static_cast<v1::AdminService::Service*>(this));
    builder.RegisterService(&cache_admin);
    builder.SetMaxReceiveMessageSize(static_cast<int>(options.max_message_bytes));
    server = builder.BuildAndStart();
  }
  ~State() {
    server->Shutdown(std::chrono::system_clock::now());
    server->Wait();
    memory = nullptr;
    if (!own_folder.empty()) std::filesystem::remove_all(own_folder);
  }

  struct Failure {
    Status status;
    int times;
  };

  // Notes a call; the error that the test wants, if any.
  Status Begin(const std::string& method) {
    absl::MutexLock lock(&mu);
    ++seen.calls[method];
    const auto it = failures.find(method);
    if (it == failures.end() || it->second.times == 0) return Status::OK;
    --it->second.times;
    return it->second.status;
  }
  void Note(const std::string& method, const std::string& request) {
    absl::MutexLock lock(&mu);
    seen.requests.push_back(method + ": " + request);
  }
  // Waits for the client to give up, if the test wants it.
  Status MaybeHang(const ServerContext& context) {
    while (hanging()) {
      if (context.IsCancelled()) return Status(StatusCode::CANCELLED, "run: cancelled");
      absl::SleepFor(absl::Milliseconds(1));
    }
    return Status::OK;
  }
  bool hanging() {
    absl::MutexLock lock(&mu);
    return hang;
  }
  v1::GraphHandle Describe(const v1::Graph& graph) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    v1::GraphHandle handle;
    handle.set_graph_id(++next_id);
    for (uint32_t index : graph.inputs()) {
      auto* binding = handle.add_inputs();
      binding->set_name(graph.operands(index).input().name());
      *binding->mutable_tensor_descriptor() = graph.operands(index).tensor_descriptor();
    }
    for (const auto& output : graph.outputs()) {
      auto* binding = handle.add_outputs();
      binding->set_name(output.name());
      *binding->mutable_tensor_descriptor() = graph.operands(output.operand()).tensor_descriptor();
    }
    graphs[handle.graph_id()] = graph;
    return handle;
  }
  static std::string ModelIdOf(const v1::Graph& graph) {
    std::string bytes;
    {
      google::protobuf::io::StringOutputStream stream(&bytes);
      google::protobuf::io::CodedOutputStream coded(&stream);
      coded.SetSerializationDeterministic(true);
      graph.SerializeToCodedStream(&coded);
    }
    return std::string(Digest::Of(bytes).bytes());
  }

  // ContextService.
  Status GetCapabilities(ServerContext* context, const v1::GetCapabilitiesRequest*,
                         v1::Capabilities* response) override {
    if (options.broker && context->client_metadata().count("modeld-partition") == 0) {
      return Status(StatusCode::INVALID_ARGUMENT, "modeld-partition: is missing");
    }
    response->set_version("fake");
    response->set_max_message_bytes(options.max_message_bytes);
    response->set_max_chunk_bytes(options.max_chunk_bytes);
    if (options.memory_socket) response->set_memory_socket(options.folder + "/memory.sock");
    return Begin("GetCapabilities");
  }
  Status CreateContext(ServerContext* context, const v1::CreateContextRequest* request,
                       v1::CreateContextResponse* response) override {
    if (Status status = Begin("CreateContext"); !status.ok()) return status;
    absl::MutexLock lock(&mu);
    const auto partition = context->client_metadata().find("modeld-partition");
    seen.partitions.push_back(partition == context->client_metadata().end()
                                  ? ""
                                  : std::string(partition->second.data(), partition->second.size()));
    seen.last_context = *request;
    response->set_context_id(++next_id);
    return Status::OK;
  }
  Status DestroyContext(ServerContext*, const v1::DestroyContextRequest*,
                        v1::DestroyContextResponse*) override {
    return Begin("DestroyContext");
  }
  Status CreateTensor(ServerContext*, const v1::CreateTensorRequest* request,
                      v1::CreateTensorResponse* response) override {
    if (Status status = Begin("CreateTensor"); !status.ok()) return status;
    absl::MutexLock lock(&mu);
    response->set_tensor_id(++next_id);
    response->set_size_bytes(SizeOf(request->tensor_descriptor()));
    tensors[next_id] = std::make_unique<FakeTensor>(response->size_bytes());
    return Status::OK;
  }
  Status DestroyTensor(ServerContext*, const v1::DestroyTensorRequest*, v1::DestroyTensorResponse*) override {
    return Begin("DestroyTensor");
  }
  Status WriteTensor(ServerContext*, const v1::WriteTensorRequest* request,
                     v1::WriteTensorResponse*) override {
    if (Status status = Begin("WriteTensor"); !status.ok()) return status;
    absl::MutexLock lock(&mu);
    tensors.at(request->tensor_id())->Write(request->offset_bytes(), request->data());
    return Status::OK;
  }
  Status ReadTensor(ServerContext*, const v1::ReadTensorRequest* request,
                    v1::ReadTensorResponse* response) override {
    if (Status status = Begin("ReadTensor"); !status.ok()) return status;
    absl::MutexLock lock(&mu);
    response->set_data(
        tensors.at(request->tensor_id())->Read(request->offset_bytes(), request->size_bytes()));
    return Status::OK;
  }
  Status OpenMemory(ServerContext*, const v1::OpenMemoryRequest* request,
                    v1::OpenMemoryResponse* response) override {
    if (Status status = Begin("OpenMemory"); !status.ok()) return status;
    absl::MutexLock lock(&mu);
    if (request->has_receive_tensor_id()) {
      response->set_ticket(memory->Offer(tensors.at(request->receive_tensor_id())->fd()));
      return Status::OK;
    }
    const uint64_t id = ++next_id;
    response->set_memory_id(id);
    response->set_ticket(memory->Expect([this, id](UniqueFd fd) {
      absl::MutexLock delivering(&mu);
      received[id] = std::move(fd);
    }));
    return Status::OK;
  }

  // InferenceService.
  Status Build(ServerContext*, const v1::BuildRequest* request, v1::BuildResponse* response) override {
    if (Status status = Begin("Build"); !status.ok()) return status;
    absl::MutexLock lock(&mu);
    if (request->uncacheable()) ++seen.calls["Build uncacheable"];
    std::set<std::string> asked;
    for (const auto& operand : request->graph().operands()) {
      if (!operand.has_constant()) continue;
      const v1::BlobRef& blob = operand.constant().blob();
      if (constants.Has(blob) || !asked.insert(blob.sha256()).second) continue;
      *response->add_missing() = blob;
    }
    if (asked.empty()) *response->mutable_graph() = Describe(request->graph());
    return Status::OK;
  }
  Status QueryUpload(ServerContext*, const v1::QueryUploadRequest* request,
                     v1::QueryUploadResponse* response) override {
    if (Status status = Begin("QueryUpload"); !status.ok()) return status;
    absl::MutexLock lock(&mu);
    constants.Describe(request->blob(), *response);
    return Status::OK;
  }
  Status UploadConstant(ServerContext* context, grpc::ServerReader<v1::UploadConstantRequest>* reader,
                        v1::UploadConstantResponse* response) override {
    if (Status status = Begin("UploadConstant"); !status.ok()) return status;
    watch.Wait(*context);
    v1::UploadConstantRequest request;
    v1::BlobRef blob;
    while (reader->Read(&request)) {
      absl::MutexLock lock(&mu);
      if (blob.sha256().empty()) {
        blob = request.blob();
        seen.stream_offsets.push_back(request.offset_bytes());
        if (request.uncacheable()) ++seen.calls["UploadConstant uncacheable"];
      }
      seen.chunk_bytes.push_back(request.data().size());
      seen.chunks.emplace_back(request.offset_bytes(), Digest::Of(absl::string_view(request.data())));
      if (!constants.Take(blob, request.offset_bytes(), request.data())) {
        return Status(StatusCode::INVALID_ARGUMENT, "offset");
      }
    }
    absl::MutexLock lock(&mu);
    constants.EndStream(blob, *response);
    return Status::OK;
  }
  Status WatchUploads(ServerContext* context, const v1::WatchUploadsRequest*,
                      grpc::ServerWriter<v1::UploadProgress>* writer) override {
    if (Status status = Begin("WatchUploads"); !status.ok()) return status;
    watch.Tell(*context, *writer);
    return Status::OK;
  }
  Status ImportConstants(ServerContext* context, const v1::ImportConstantsRequest* request,
                         v1::ImportConstantsResponse*) override {
    if (Status status = Begin("ImportConstants"); !status.ok()) return status;
    watch.Wait(*context);
    absl::MutexLock lock(&mu);
    const auto fd = received.find(request->memory_id());
    if (fd == received.end()) return Status(StatusCode::NOT_FOUND, "memory");
    if ((::fcntl(fd->second.get(), F_GET_SEALS) & (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)) !=
        (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)) {
      return Status(StatusCode::FAILED_PRECONDITION, "seals");
    }
    seen.imported.push_back(request->ranges_size());
    for (const auto& range : request->ranges()) {
      std::string bytes(range.blob().size_bytes(), '\0');
      if (::pread(fd->second.get(), bytes.data(), bytes.size(), static_cast<off_t>(range.offset_bytes())) <
              0 ||
          Digest::Of(bytes).bytes() != range.blob().sha256()) {
        return Status(StatusCode::DATA_LOSS, "digest");
      }
      constants.Put(range.blob().sha256(), bytes);
    }
    return Status::OK;
  }
  Status Dispatch(ServerContext* context, const v1::DispatchRequest* request,
                  v1::DispatchResponse* response) override {
    if (Status status = Begin("Dispatch"); !status.ok()) return status;
    if (Status status = MaybeHang(*context); !status.ok()) return status;
    absl::MutexLock lock(&mu);
    if (graphs.count(request->graph_id()) == 0) return Status(StatusCode::NOT_FOUND, "graph");
    const FakeTensor& input = *tensors.at(request->inputs().begin()->second);
    for (const auto& [name, id] : request->outputs()) {
      tensors.at(id)->Write(0, input.Read(0, std::min(input.size(), tensors.at(id)->size())));
    }
    response->set_run_nanos(1500);
    return Status::OK;
  }
  Status Run(ServerContext* context, const v1::RunRequest* request, v1::RunResponse* response) override {
    if (Status status = Begin("Run"); !status.ok()) return status;
    if (Status status = MaybeHang(*context); !status.ok()) return status;
    absl::MutexLock lock(&mu);
    const auto graph = graphs.find(request->graph_id());
    if (graph == graphs.end()) return Status(StatusCode::NOT_FOUND, "graph");
    for (const auto& output : graph->second.outputs()) {
      (*response->mutable_outputs())[output.name()] = request->inputs().begin()->second;
    }
    response->set_run_nanos(1500);
    return Status::OK;
  }
  Status DestroyGraph(ServerContext*, const v1::DestroyGraphRequest*, v1::DestroyGraphResponse*) override {
    return Begin("DestroyGraph");
  }

  // ModelCacheService.
  Status Store(ServerContext*, const v1::StoreRequest* request, v1::StoreResponse* response) override {
    if (Status status = Begin("Store"); !status.ok()) return status;
    absl::MutexLock lock(&mu);
    response->set_model_id(ModelIdOf(graphs[request->graph_id()]));
    models[response->model_id()] = graphs[request->graph_id()];
    return Status::OK;
  }
  Status Fetch(ServerContext*, const v1::FetchRequest* request, v1::FetchResponse* response) override {
    if (Status status = Begin("Fetch"); !status.ok()) return status;
    absl::MutexLock lock(&mu);
    for (const std::string& id : request->model_ids()) {
      if (models.count(id) == 0) continue;
      *response->mutable_graph() = Describe(models[id]);
      response->set_model_id(id);
      return Status::OK;
    }
    return Status(StatusCode::NOT_FOUND, "not found");
  }
  Status Save(ServerContext*, const v1::SaveRequest* request, v1::SaveResponse* response) override {
    if (Status status = Begin("Save"); !status.ok()) return status;
    absl::MutexLock lock(&mu);
    response->set_model_id(ModelIdOf(graphs[request->graph_id()]));
    models[response->model_id()] = graphs[request->graph_id()];
    keys[request->key()] = response->model_id();
    return Status::OK;
  }
  Status Load(ServerContext*, const v1::LoadRequest* request, v1::LoadResponse* response) override {
    if (Status status = Begin("Load"); !status.ok()) return status;
    absl::MutexLock lock(&mu);
    const auto key = keys.find(request->key());
    if (key == keys.end()) return Status(StatusCode::NOT_FOUND, "not found");
    *response->mutable_graph() = Describe(models[key->second]);
    response->set_model_id(key->second);
    return Status::OK;
  }
  Status List(ServerContext*, const v1::ListRequest*, v1::ListResponse* response) override {
    if (Status status = Begin("List"); !status.ok()) return status;
    absl::MutexLock lock(&mu);
    for (const auto& [id, graph] : models) {
      auto* model = response->add_models();
      model->set_model_id(id);
      model->set_size_bytes(graph.ByteSizeLong());
      for (const auto& [key, named] : keys) {
        if (named == id) model->add_keys(key);
      }
    }
    return Status::OK;
  }
  Status Delete(ServerContext*, const v1::DeleteRequest* request, v1::DeleteResponse*) override {
    if (Status status = Begin("Delete"); !status.ok()) return status;
    absl::MutexLock lock(&mu);
    if (request->has_key()) keys.erase(request->key());
    if (request->has_model_id()) models.erase(request->model_id());
    return Status::OK;
  }
  Status ClearPartition(ServerContext* context, const v1::ClearPartitionRequest*,
                        v1::ClearPartitionResponse*) override {
    const auto partition = context->client_metadata().find("modeld-partition");
    Note("ClearPartition", std::string(partition->second.data(), partition->second.size()));
    return Begin("ClearPartition");
  }

  // AdminService: canned answers.
  Status GetStatus(ServerContext*, const v1::GetStatusRequest*, v1::GetStatusResponse* response) override {
    *response = owner.admin.status;
    return Begin("GetStatus");
  }
  Status ListModels(ServerContext*, const v1::ListModelsRequest* request,
                    v1::ListModelsResponse* response) override {
    for (const auto& model : owner.admin.models.models()) {
      if (request->partition().empty() || request->partition() == model.partition())
        *response->add_models() = model;
    }
    return Begin("ListModels");
  }
  Status GetModel(ServerContext*, const v1::GetModelRequest* request,
                  v1::GetModelResponse* response) override {
    if (Status status = Begin("GetModel"); !status.ok()) return status;
    const auto it = owner.admin.model.find(request->model_id());
    if (it == owner.admin.model.end()) return Status(StatusCode::NOT_FOUND, "model: not found");
    *response = it->second;
    return Status::OK;
  }
  Status DeleteModel(ServerContext*, const v1::DeleteModelRequest*,
                     v1::DeleteModelResponse* response) override {
    response->set_freed_bytes(4096);
    return Begin("DeleteModel");
  }
  Status ListPartitions(ServerContext*, const v1::ListPartitionsRequest*,
                        v1::ListPartitionsResponse* response) override {
    *response = owner.admin.partitions;
    return Begin("ListPartitions");
  }
  Status RemovePartition(ServerContext*, const v1::RemovePartitionRequest*,
                         v1::RemovePartitionResponse* response) override {
    response->set_freed_bytes(4096);
    return Begin("RemovePartition");
  }
  Status ListSessions(ServerContext*, const v1::ListSessionsRequest*,
                      v1::ListSessionsResponse* response) override {
    *response = owner.admin.sessions;
    return Begin("ListSessions");
  }
  Status StopModel(ServerContext*, const v1::StopModelRequest* request,
                   v1::StopModelResponse* response) override {
    response->set_stopped_graphs(request->model_id().empty() ? 3 : 1);
    response->set_dropped_programs(2);
    response->set_freed_bytes(4096);
    return Begin("StopModel");
  }
  Status ExportModel(ServerContext*, const v1::ExportModelRequest*,
                     grpc::ServerWriter<v1::ExportModelResponse>* writer) override {
    for (const auto& message : owner.admin.exported) writer->Write(message);
    return Begin("ExportModel");
  }
  Status GetConfig(ServerContext*, const v1::GetConfigRequest*, v1::GetConfigResponse* response) override {
    *response = owner.admin.config;
    return Begin("GetConfig");
  }
  Status GetMetrics(ServerContext*, const v1::GetMetricsRequest*, v1::GetMetricsResponse* response) override {
    *response = owner.admin.metrics;
    return Begin("GetMetrics");
  }
  Status Diagnose(ServerContext*, const v1::DiagnoseRequest*, v1::DiagnoseResponse* response) override {
    *response = owner.admin.findings;
    return Begin("Diagnose");
  }
  Status WatchActivity(ServerContext*, const v1::WatchActivityRequest*,
                       grpc::ServerWriter<v1::ActivityResponse>* writer) override {
    for (const auto& message : owner.admin.activity) writer->Write(message);
    return Begin("WatchActivity");
  }
  Status Verify(ServerContext*, const v1::VerifyRequest* request,
                grpc::ServerWriter<v1::VerifyResponse>* writer) override {
    Note("Verify", request->ShortDebugString());
    for (const auto& message : owner.admin.verify) writer->Write(message);
    return Begin("Verify");
  }

  // Fixed at construction.
  Options options;
  const FakeDaemon& owner;
  FakeCacheAdmin cache_admin;
  std::string own_folder;
  std::unique_ptr<FakeMemorySocket> memory;

  // Under mu.
  absl::Mutex mu;
  Seen seen ABSL_GUARDED_BY(mu);
  std::map<std::string, Failure> failures ABSL_GUARDED_BY(mu);
  bool hang ABSL_GUARDED_BY(mu) = false;
  uint64_t next_id ABSL_GUARDED_BY(mu) = 0;
  std::map<uint64_t, v1::Graph> graphs ABSL_GUARDED_BY(mu);
  std::map<uint64_t, std::unique_ptr<FakeTensor>> tensors ABSL_GUARDED_BY(mu);
  std::map<uint64_t, UniqueFd> received ABSL_GUARDED_BY(mu);
  FakeConstants constants ABSL_GUARDED_BY(mu);
  FakeWatch watch;
  std::map<std::string, v1::Graph> models ABSL_GUARDED_BY(mu);
  std::map<std::string, std::string> keys ABSL_GUARDED_BY(mu);

  std::unique_ptr<grpc::Server> server;
};

FakeDaemon::FakeDaemon(Options options) : state_(std::make_unique<State>(std::move(options), *this)) {}
FakeDaemon::~FakeDaemon() = default;

std::string FakeDaemon::host() const {
  return "unix://" + state_->options.folder + "/modeld.sock";
}

FakeDaemon::Seen FakeDaemon::seen() const {
  absl::MutexLock lock(&state_->mu);
  return state_->seen;
}

void FakeDaemon::Fail(const std::string& method, int code, const std::string& message, int times,
                      const v1::ErrorDetail* detail) {
  v1::StatusDetails details;
  details.set_code(code);
  details.set_message(message);
  if (detail != nullptr) details.add_details()->PackFrom(*detail);
  absl::MutexLock lock(&state_->mu);
  state_->failures[method] = {Status(static_cast<StatusCode>(code), message, details.SerializeAsString()),
                              times};
}

void FakeDaemon::Hang() {
  absl::MutexLock lock(&state_->mu);
  state_->hang = true;
}

void FakeDaemon::HoldUploads(std::vector<v1::UploadProgress> news) {
  state_->watch.Hold(std::move(news));
}

void FakeDaemon::LetUploads() {
  state_->watch.Let();
}

void FakeDaemon::RefuseMemory() {
  state_->memory->Refuse();
}

void FakeDaemon::Preload(const std::string& sha256, const std::string& bytes) {
  absl::MutexLock lock(&state_->mu);
  state_->constants.Put(sha256, bytes);
}

void FakeDaemon::Lack(const std::string& sha256, FakeUploadState now, FakeUploadState then) {
  absl::MutexLock lock(&state_->mu);
  state_->constants.Lack(sha256, std::move(now), std::move(then));
}

}  // namespace modeld::client
