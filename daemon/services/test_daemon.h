// The services behind a real gRPC server, with clients on socket pairs, for tests.
#ifndef MODELD_DAEMON_SERVICES_TEST_DAEMON_H_
#define MODELD_DAEMON_SERVICES_TEST_DAEMON_H_

#include <fcntl.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/server_posix.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "base/clock.h"
#include "client/codec/graph_codec.h"
#include "daemon/services/services.h"
#include "daemon/services/test_backend.h"
#include "daemon/session/session_table.h"
#include "engine/ops/test_graph.h"
#include "modeld/v1/admin.grpc.pb.h"
#include "modeld/v1/cache_admin.grpc.pb.h"
#include "modeld/v1/context.grpc.pb.h"
#include "modeld/v1/error.pb.h"
#include "modeld/v1/inference.grpc.pb.h"
#include "modeld/v1/model_cache.grpc.pb.h"

namespace modeld {

// A call's context, naming a partition where one is given.
class CallContext : public grpc::ClientContext {
 public:
  explicit CallContext(const std::string& partition = "") {
    if (!partition.empty()) AddMetadata("modeld-partition", partition);
  }
};

// The detail that a failed call carried.
inline v1::ErrorDetail DetailIn(const grpc::Status& status) {
  v1::StatusDetails details;
  v1::ErrorDetail detail;
  if (details.ParseFromString(status.error_details()) && details.details_size() == 1) {
    details.details(0).UnpackTo(&detail);
  }
  return detail;
}

// One connection.
struct TestClient {
  int number = 0;
  std::string partition;  // named on each call; empty: none
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::ContextService::Stub> contexts;
  std::unique_ptr<v1::InferenceService::Stub> inference;
  std::unique_ptr<v1::ModelCacheService::Stub> cache;
  std::unique_ptr<v1::AdminService::Stub> admin;
  std::unique_ptr<v1::CacheAdminService::Stub> cache_admin;

  uint64_t MakeContext(const std::string& device = "") const {
    CallContext context(partition);
    v1::CreateContextRequest request;
    v1::CreateContextResponse response;
    request.set_device(device);
    const grpc::Status status = contexts->CreateContext(&context, request, &response);
    INFO(status.error_message());
    REQUIRE(status.ok());
    return response.context_id();
  }
  grpc::Status Build(uint64_t context_id, const Graph& graph, v1::BuildResponse& response) const {
    CallContext context(partition);
    v1::BuildRequest request;
    request.set_context_id(context_id);
    *request.mutable_graph() = EncodeGraph(graph);
    response.Clear();
    return inference->Build(&context, request, &response);
  }
  // In chunks of `chunk` bytes from `offset`.
  grpc::Status Upload(const std::string& bytes, uint64_t offset = 0, uint64_t chunk = 7,
                      uint64_t* committed = nullptr) const {
    CallContext context(partition);
    v1::UploadConstantResponse response;
    auto writer = inference->UploadConstant(&context, &response);
    do {
      v1::UploadConstantRequest request;
      *request.mutable_blob() = EncodeBlobRef(Digest::Of(bytes), bytes.size());
      request.set_offset_bytes(offset);
      request.set_data(offset < bytes.size() ? bytes.substr(offset, chunk) : "");
      offset += request.data().size();
      if (!writer->Write(request)) break;
    } while (offset < bytes.size());
    writer->WritesDone();
    const grpc::Status status = writer->Finish();
    if (committed != nullptr) *committed = response.committed_bytes();
    return status;
  }
  // Builds, sending what is missing from the graph's own bytes.
  uint64_t BuildWhole(uint64_t context_id, const Graph& graph) const {
    v1::BuildResponse response;
    grpc::Status status = Build(context_id, graph, response);
    for (const v1::BlobRef& missing : response.missing()) {
      for (const Operand& operand : graph.operands) {
        if (operand.kind != OperandKind::kConstant || operand.digest.bytes() != missing.sha256()) continue;
        REQUIRE(Upload(std::string(operand.bytes.view())).ok());
        break;
      }
    }
    if (response.missing_size() != 0) status = Build(context_id, graph, response);
    INFO(status.error_message());
    REQUIRE(status.ok());
    REQUIRE(response.missing_size() == 0);
    return response.graph().graph_id();
  }
  grpc::Status Run(uint64_t graph_id, const std::vector<float>& x, std::vector<float>* y = nullptr) const {
    CallContext context(partition);
    v1::RunRequest request;
    v1::RunResponse response;
    request.set_graph_id(graph_id);
    (*request.mutable_inputs())["x"] = std::string(reinterpret_cast<const char*>(x.data()), x.size() * 4);
    const grpc::Status status = inference->Run(&context, request, &response);
    if (y != nullptr) {
      const std::string& bytes = (*response.mutable_outputs())["y"];
      y->assign(reinterpret_cast<const float*>(bytes.data()),
                reinterpret_cast<const float*>(bytes.data() + bytes.size()));
    }
    return status;
  }
  uint64_t MakeTensor(uint64_t context_id, const TensorDescriptor& descriptor) const {
    CallContext context(partition);
    v1::CreateTensorRequest request;
    v1::CreateTensorResponse response;
    request.set_context_id(context_id);
    *request.mutable_tensor_descriptor() = EncodeTensorDescriptor(descriptor);
    REQUIRE(contexts->CreateTensor(&context, request, &response).ok());
    return response.tensor_id();
  }
  std::string Store(uint64_t graph_id) const {
    CallContext context(partition);
    v1::StoreRequest request;
    v1::StoreResponse response;
    request.set_graph_id(graph_id);
    const grpc::Status status = cache->Store(&context, request, &response);
    INFO(status.error_message());
    REQUIRE(status.ok());
    return response.model_id();
  }
  grpc::Status Fetch(uint64_t context_id, const std::string& model_id, uint64_t* graph_id = nullptr) const {
    CallContext context(partition);
    v1::FetchRequest request;
    v1::FetchResponse response;
    request.set_context_id(context_id);
    request.add_model_ids(model_id);
    const grpc::Status status = cache->Fetch(&context, request, &response);
    if (graph_id != nullptr) *graph_id = response.graph().graph_id();
    return status;
  }
};

// A folder that goes with the test.
class TestFolder {
 public:
  TestFolder() {
    std::string name = "/tmp/modeld-test-XXXXXX";
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// For TestDaemon's `adjust`: no plan is written in the background, so that what the disk holds is what a test
// stores.
inline void WithoutPlans(ServicesOptions& services) {
  services.plans.max_queued = 0;
}

// The real time, and what a test adds to it: what takes long need not make a test long. Thread-safe.
class AheadClock : public Clock {
 public:
  absl::Time Now() const override { return absl::Now() + absl::Nanoseconds(ahead_.load()); }
  void Advance(absl::Duration by) { ahead_ += absl::ToInt64Nanoseconds(by); }

 private:
  std::atomic<int64_t> ahead_ = 0;
};

// Of all daemons of a test.
inline AheadClock& TestClock() {
  static AheadClock clock;
  return clock;
}

// A daemon's services. The devices are "reference", the default, and "gated". `adjust` may change what they
// are built with.
class TestDaemon {
 public:
  explicit TestDaemon(const std::string& folder, const ServiceLimits& limits = {},
                      const PrivacyOptions& privacy = {},
                      const std::function<void(ServicesOptions&)>& adjust = nullptr) {
    storage::StoreOptions options;
    options.cache_dir = folder + "/cache";
    options.state_dir = folder + "/state";
    options.min_free_bytes = 0;
    auto opened = storage::ModelStore::Open(options, clock_);
    INFO(opened.status().ToString());
    REQUIRE(opened.ok());
    store_ = *std::move(opened);
    ServicesOptions services{
        limits,   {"1.2.3", clock_.Now(), options.cache_dir, options.state_dir, "socket", "memory"},
        *store_,  tickets,
        sessions, {&reference, &gated},
        clock_,   [] {
                          return std::vector<ConfigSetting>{{"log.level", "debug", "flag"}}; },
        metrics};
    services.privacy = privacy;
    // What stays loaded is for the test to say, not for how busy the machine is.
    services.memory_pressure = [] { return policy::MemoryPressure(); };
    if (adjust) adjust(services);
    services_ = std::make_unique<Services>(std::move(services));
    grpc::ServerBuilder builder;
    services_->Register(builder);
    server_ = builder.BuildAndStart();
    REQUIRE(server_ != nullptr);
  }
  ~TestDaemon() {
    gated.steps.Open();
    gated.compiles.Open();
    services_->CancelAll();
    server_->Shutdown(std::chrono::system_clock::now());
    services_.reset();
  }

  TestClient Connect(Role role, const std::string& app_id, const std::string& partition = "") {
    int fds[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    REQUIRE(sessions.Add(fds[0], {role, app_id, 1, 1}).ok());
    grpc::AddInsecureChannelFromFd(server_.get(), fds[0]);
    TestClient client;
    client.number = fds[0];
    client.partition = partition;
    client.channel = grpc::CreateInsecureChannelFromFd("modeld", fds[1]);
    client.contexts = v1::ContextService::NewStub(client.channel);
    client.inference = v1::InferenceService::NewStub(client.channel);
    client.cache = v1::ModelCacheService::NewStub(client.channel);
    client.admin = v1::AdminService::NewStub(client.channel);
    client.cache_admin = v1::CacheAdminService::NewStub(client.channel);
    return client;
  }
  TestClient App(const std::string& app_id = "org.example.app") { return Connect(Role::kApp, app_id); }
  // What the listener does when a connection hangs up.
  void HangUp(const TestClient& client) { sessions.Remove(client.number); }

  Services& services() { return *services_; }
  storage::ModelStore& store() { return *store_; }

 private:
  const Clock& clock_ = TestClock();

 public:
  TicketOffice tickets{clock_, 8};
  Metrics metrics;
  SessionTable sessions{clock_, SessionCaps()};
  ReferenceBackend reference;
  GatedBackend gated;

 private:
  std::unique_ptr<storage::ModelStore> store_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<grpc::Server> server_;
};

inline std::string FloatBytes(const std::vector<float>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
}

// y = relu(x + w), x and y of shape [3].
inline Graph AddGraph(const std::vector<float>& w = {1, 2, 3}, const std::string& label = "sum") {
  TestGraph graph;
  const OperandId x = graph.Float("x", {3});
  const OperandId weights = graph.Constant(DataType::kFloat32, {3}, FloatBytes(w));
  graph.Output("y", graph.Op("relu", {graph.Op("add", {x, weights}, {}, label)}));
  return graph.graph();
}

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_TEST_DAEMON_H_
