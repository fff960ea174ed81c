#include <catch2/catch.hpp>

#include "client/codec/support_limits_codec.h"
#include "daemon/services/call_context.h"
#include "daemon/services/test_daemon.h"

namespace modeld {
namespace {

TEST_CASE("who may name which partition") {
  const std::string web = "web:https://a.example|https://a.example";
  struct Case {
    Role role;
    std::vector<std::string> named;
    absl::StatusCode code;
    std::string partition;
  };
  const Case cases[] = {
      {Role::kApp, {}, absl::StatusCode::kOk, "app:me"},
      {Role::kApp, {web}, absl::StatusCode::kPermissionDenied, ""},
      {Role::kApp, {"app:me"}, absl::StatusCode::kPermissionDenied, ""},
      {Role::kBroker, {}, absl::StatusCode::kInvalidArgument, ""},
      {Role::kBroker, {web}, absl::StatusCode::kOk, web},
      {Role::kBroker, {"web:https://A.example.|https://a.EXAMPLE:443"}, absl::StatusCode::kOk, web},
      {Role::kBroker, {"web:https://a.example|null"}, absl::StatusCode::kInvalidArgument, ""},
      {Role::kBroker, {"app:me"}, absl::StatusCode::kInvalidArgument, ""},
      {Role::kBroker, {web, web}, absl::StatusCode::kInvalidArgument, ""},
      {Role::kAdmin, {}, absl::StatusCode::kOk, "app:me"},
      {Role::kAdmin, {web}, absl::StatusCode::kOk, web},
      {Role::kAdmin, {"app:other"}, absl::StatusCode::kOk, "app:other"},
      {Role::kAdmin, {"other"}, absl::StatusCode::kInvalidArgument, ""},
  };
  for (const Case& c : cases) {
    INFO(std::string(RoleName(c.role))
         << " names " << c.named.size() << ": " << (c.named.empty() ? "" : c.named.front()));
    const auto partition = ResolvePartition({c.role, "me", 1, 1}, c.named);
    CHECK(partition.status().code() == c.code);
    if (partition.ok()) CHECK(*partition == c.partition);
  }
}

TEST_CASE("a broker that names no partition is told to") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient broker = daemon.Connect(Role::kBroker, "browser");
  CallContext call;
  v1::Capabilities response;
  const grpc::Status status = broker.contexts->GetCapabilities(&call, {}, &response);
  CHECK(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(status.error_message() == "modeld-partition: is missing, a broker names the partition on each call");
}

TEST_CASE("an app that names a partition is refused") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient app = daemon.Connect(Role::kApp, "me", "app:me");
  CallContext call(app.partition);
  v1::Capabilities response;
  CHECK(app.contexts->GetCapabilities(&call, {}, &response).error_code() ==
        grpc::StatusCode::PERMISSION_DENIED);
}

TEST_CASE("a session's contexts, graphs, tensors and bytes are bounded, and freeing makes room") {
  TestFolder folder;
  ServiceLimits limits;
  limits.max_contexts = 2;
  limits.max_graphs = 2;
  limits.max_tensors = 2;
  limits.max_session_tensor_bytes = 100;
  TestDaemon daemon(folder.path(), limits);
  const TestClient client = daemon.App();
  const uint64_t context = client.MakeContext();
  client.MakeContext();
  const auto limited = [](const grpc::Status& status) {
    CHECK(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
    CHECK(DetailIn(status).reason() == v1::ErrorDetail::REASON_SESSION_LIMIT);
  };
  CallContext third;
  v1::CreateContextResponse made;
  limited(client.contexts->CreateContext(&third, {}, &made));

  const uint64_t first = client.BuildWhole(context, AddGraph());
  client.BuildWhole(context, AddGraph());
  v1::BuildResponse built;
  limited(client.Build(context, AddGraph(), built));
  CallContext destroy;
  v1::DestroyGraphRequest graph;
  v1::DestroyGraphResponse gone;
  graph.set_graph_id(first);
  REQUIRE(client.inference->DestroyGraph(&destroy, graph, &gone).ok());
  CHECK(client.Build(context, AddGraph(), built).ok());

  const auto tensor = [&](uint32_t bytes) {
    CallContext call;
    v1::CreateTensorRequest request;
    v1::CreateTensorResponse response;
    request.set_context_id(context);
    *request.mutable_tensor_descriptor() = EncodeTensorDescriptor({DataType::kUint8, {bytes}});
    return client.contexts->CreateTensor(&call, request, &response);
  };
  limited(tensor(101));
  REQUIRE(tensor(60).ok());
  limited(tensor(41));
  REQUIRE(tensor(40).ok());
  limited(tensor(1));
  // Another session has its own.
  const TestClient other = daemon.App();
  other.MakeTensor(other.MakeContext(), {DataType::kUint8, {100}});
}

TEST_CASE("a context tells what each operation supports, an unknown one tells nothing") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  CallContext call;
  v1::GetOpSupportLimitsRequest request;
  v1::GetOpSupportLimitsResponse response;
  request.set_context_id(client.MakeContext());
  REQUIRE(client.contexts->GetOpSupportLimits(&call, request, &response).ok());
  const OpSupportLimits limits = DecodeOpSupportLimits(response);
  const OpSupportLimits expected = SupportLimitsOf({}, {});
  REQUIRE(limits.operations.size() == expected.operations.size());
  CHECK(EncodeOpSupportLimits(expected).SerializeAsString() == response.SerializeAsString());
  request.set_context_id(request.context_id() + 1);
  CallContext second;
  CHECK(client.contexts->GetOpSupportLimits(&second, request, &response).error_code() ==
        grpc::StatusCode::NOT_FOUND);
}

TEST_CASE("all that a session held goes with its connection") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  const uint64_t context = client.MakeContext();
  client.BuildWhole(context, AddGraph());
  client.MakeTensor(context, {DataType::kUint8, {1000}});
  CHECK(daemon.services().busy());
  daemon.HangUp(client);
  daemon.services().Settle();
  CHECK_FALSE(daemon.services().busy());
  const TestClient admin = daemon.Connect(Role::kAdmin, "modelctl");
  CallContext call;
  v1::GetStatusResponse status;
  REQUIRE(admin.admin->GetStatus(&call, {}, &status).ok());
  CHECK(status.loaded_graphs() == 0);
  // The program alone is kept for the partition's next session: its weights, and the zero of its relu.
  CHECK(status.resident_bytes() == FloatBytes({1, 2, 3, 0}).size());
  // A new session starts with nothing of the old one, but for the partition's store.
  const TestClient again = daemon.App();
  CallContext find;
  v1::DescribeGraphRequest request;
  v1::GraphHandle handle;
  request.set_graph_id(1);
  CHECK(again.inference->DescribeGraph(&find, request, &handle).error_code() == grpc::StatusCode::NOT_FOUND);
}

TEST_CASE("a call of a connection that has ended is UNAVAILABLE") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  client.MakeContext();
  daemon.HangUp(client);
  CallContext call;
  v1::Capabilities response;
  CHECK(client.contexts->GetCapabilities(&call, {}, &response).error_code() == grpc::StatusCode::UNAVAILABLE);
}

TEST_CASE("handles are unknown in another session, and destroying the unknown is fine") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient owner = daemon.App(), other = daemon.App();
  const uint64_t context = owner.MakeContext();
  const uint64_t graph = owner.BuildWhole(context, AddGraph());
  CHECK(other.Run(graph, {0, 0, 0}).error_code() == grpc::StatusCode::NOT_FOUND);
  CallContext call;
  v1::DestroyContextRequest request;
  v1::DestroyContextResponse response;
  request.set_context_id(context);
  CHECK(other.contexts->DestroyContext(&call, request, &response).ok());
  CHECK(owner.Run(graph, {0, 0, 0}).ok());
  CallContext own;
  CHECK(owner.contexts->DestroyContext(&own, request, &response).ok());
  CHECK(owner.Run(graph, {0, 0, 0}).error_code() == grpc::StatusCode::NOT_FOUND);
}

TEST_CASE("calls beyond the session's limit are refused while others wait") {
  TestFolder folder;
  ServiceLimits limits;
  limits.max_calls = 2;
  TestDaemon daemon(folder.path(), limits);
  const TestClient client = daemon.App();
  CallContext first, second;
  v1::UploadConstantResponse r1, r2;
  auto w1 = client.inference->UploadConstant(&first, &r1);
  auto w2 = client.inference->UploadConstant(&second, &r2);
  v1::Capabilities caps;
  grpc::Status status;
  // The streams are let in when they have reached the daemon.
  while (status.ok()) {
    absl::SleepFor(absl::Milliseconds(1));
    CallContext call;
    status = client.contexts->GetCapabilities(&call, {}, &caps);
  }
  CHECK(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK(DetailIn(status).reason() == v1::ErrorDetail::REASON_SESSION_LIMIT);
  first.TryCancel();
  second.TryCancel();
  (void)w1->Finish();
  (void)w2->Finish();
}

}  // namespace
}  // namespace modeld
