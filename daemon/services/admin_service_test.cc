#include <catch2/catch.hpp>
#include <thread>

#include "daemon/services/test_daemon.h"

namespace modeld {
namespace {

// A folder, a daemon, an app with one stored and loaded model, and the user.
struct Fixture {
  TestFolder folder;
  TestDaemon daemon{folder.path()};
  TestClient app = daemon.App();
  TestClient admin = daemon.Connect(Role::kAdmin, "modelctl");
  uint64_t context = app.MakeContext("gated");
  uint64_t graph = app.BuildWhole(context, AddGraph());
  std::string id = app.Store(graph);
};

TEST_CASE("only an admin session may use AdminService") {
  Fixture f;
  const TestClient broker =
      f.daemon.Connect(Role::kBroker, "browser", "web:https://a.example|https://a.example");
  for (const TestClient* client : std::initializer_list<const TestClient*>{&f.app, &broker}) {
    CallContext a(client->partition), b(client->partition), c(client->partition);
    v1::GetStatusResponse status;
    v1::ListModelsResponse models;
    v1::ExportModelResponse piece;
    CHECK(client->admin->GetStatus(&a, {}, &status).error_code() == grpc::StatusCode::PERMISSION_DENIED);
    CHECK(client->admin->ListModels(&b, {}, &models).error_code() == grpc::StatusCode::PERMISSION_DENIED);
    auto reader = client->admin->ExportModel(&c, {});
    while (reader->Read(&piece)) {
    }
    CHECK(reader->Finish().error_code() == grpc::StatusCode::PERMISSION_DENIED);
  }
}

TEST_CASE("the status counts what is there") {
  Fixture f;
  CallContext call;
  v1::GetStatusResponse status;
  REQUIRE(f.admin.admin->GetStatus(&call, {}, &status).ok());
  CHECK(status.version() == "1.2.3");
  CHECK(status.models() == 1);
  CHECK(status.partitions() == 1);
  CHECK(status.sessions() == 2);
  CHECK(status.loaded_graphs() == 1);
  CHECK(status.physical_bytes() > 12);
  REQUIRE(status.devices_size() == 2);
  CHECK(status.devices(1).name() == "gated");
}

TEST_CASE("a model is shown with its inputs, operations and parameters") {
  Fixture f;
  CallContext call;
  v1::GetModelRequest request;
  v1::GetModelResponse model;
  request.set_model_id(f.id);
  REQUIRE(f.admin.admin->GetModel(&call, request, &model).ok());
  REQUIRE(model.entries_size() == 1);
  CHECK(model.entries(0).partition() == "app:org.example.app");
  CHECK(model.inputs(0).name() == "x");
  CHECK(model.outputs(0).name() == "y");
  REQUIRE(model.operations_size() == 2);
  CHECK(model.operations(0).type() == "add");
  CHECK(model.operations(1).type() == "relu");
  CHECK(model.constants() == 1);
  CHECK(model.parameters() == 3);
  CHECK(model.constant_bytes() == 12);
  CHECK(model.loaded_size() == 1);

  CallContext unknown;
  request.set_model_id(std::string(32, 'x'));
  CHECK(f.admin.admin->GetModel(&unknown, request, &model).error_code() == grpc::StatusCode::NOT_FOUND);
}

TEST_CASE("an admin deletes a model; what is loaded goes on") {
  Fixture f;
  v1::DeleteModelRequest request;
  v1::DeleteModelResponse response;
  request.set_model_id(f.id);
  request.set_partition("app:someone.else");
  CallContext elsewhere;
  CHECK(f.admin.admin->DeleteModel(&elsewhere, request, &response).error_code() ==
        grpc::StatusCode::NOT_FOUND);
  request.clear_partition();
  CallContext call;
  REQUIRE(f.admin.admin->DeleteModel(&call, request, &response).ok());
  CHECK(response.freed_bytes() > 12);
  CallContext again;
  CHECK(f.admin.admin->DeleteModel(&again, request, &response).error_code() == grpc::StatusCode::NOT_FOUND);
  CHECK(f.app.Run(f.graph, {1, 1, 1}).ok());
  CHECK(f.app.Fetch(f.context, f.id).error_code() == grpc::StatusCode::NOT_FOUND);
}

TEST_CASE("partitions are listed and removed whole") {
  Fixture f;
  CallContext list, wrong, remove, again;
  v1::ListPartitionsResponse partitions;
  REQUIRE(f.admin.admin->ListPartitions(&list, {}, &partitions).ok());
  REQUIRE(partitions.partitions_size() == 1);
  CHECK(partitions.partitions(0).name() == "app:org.example.app");
  v1::RemovePartitionRequest request;
  v1::RemovePartitionResponse response;
  request.set_partition("nonsense");
  CHECK(f.admin.admin->RemovePartition(&wrong, request, &response).error_code() ==
        grpc::StatusCode::INVALID_ARGUMENT);
  request.set_partition("app:org.example.app");
  REQUIRE(f.admin.admin->RemovePartition(&remove, request, &response).ok());
  CHECK(response.freed_bytes() > 12);
  CHECK(f.admin.admin->RemovePartition(&again, request, &response).error_code() ==
        grpc::StatusCode::NOT_FOUND);
}

TEST_CASE("what waits to be written for a partition does not come back behind its removal") {
  TestFolder folder;
  TestDaemon daemon(folder.path(), {}, {},
                    [](ServicesOptions& options) { options.plans.write_delay = absl::Hours(1); });
  {
    const TestClient app = daemon.App();
    app.Store(app.BuildWhole(app.MakeContext(), AddGraph()));
    daemon.HangUp(app);
  }
  CHECK(daemon.services().busy());  // a plan waits
  const TestClient admin = daemon.Connect(Role::kAdmin, "modelctl");
  CallContext call;
  v1::RemovePartitionRequest request;
  v1::RemovePartitionResponse response;
  request.set_partition("app:org.example.app");
  REQUIRE(admin.admin->RemovePartition(&call, request, &response).ok());
  daemon.services().Settle();
  CHECK(daemon.store().plans().List().empty());
  CHECK(daemon.store().ListPartitions().empty());
}

TEST_CASE("sessions are listed with what they hold") {
  Fixture f;
  f.app.MakeTensor(f.context, {DataType::kUint8, {100}});
  CallContext call;
  v1::ListSessionsResponse response;
  REQUIRE(f.admin.admin->ListSessions(&call, {}, &response).ok());
  REQUIRE(response.sessions_size() == 2);
  CHECK(response.sessions(0).role() == "app");
  CHECK(response.sessions(0).partition() == "app:org.example.app");
  CHECK(response.sessions(0).contexts() == 1);
  CHECK(response.sessions(0).graphs() == 1);
  CHECK(response.sessions(0).tensor_bytes() == 100);
  CHECK(response.sessions(1).role() == "admin");
  REQUIRE(response.graphs_size() == 1);
  CHECK(response.graphs(0).device() == "gated");
}

TEST_CASE("stopping a model cancels its runs, frees it everywhere and says when there is none") {
  Fixture f;
  f.daemon.gated.steps.Close();
  grpc::Status ran;
  std::thread runner([&] { ran = f.app.Run(f.graph, {1, 1, 1}); });
  f.daemon.gated.steps.AwaitArrivals(1);
  v1::StopModelRequest request;
  v1::StopModelResponse response;
  request.set_model_id(f.id);
  grpc::Status stopped;
  std::thread stopper([&] {
    CallContext call;
    stopped = f.admin.admin->StopModel(&call, request, &response);
  });
  // The handle is gone at once; the memory when the step in progress has ended.
  while (f.app.Run(f.graph, {1, 1, 1}).error_code() != grpc::StatusCode::NOT_FOUND) {
  }
  f.daemon.gated.steps.Open();
  runner.join();
  stopper.join();
  CHECK(ran.error_code() == grpc::StatusCode::CANCELLED);
  CHECK(stopped.ok());
  CHECK(response.stopped_graphs() == 1);
  CallContext again;
  CHECK(f.admin.admin->StopModel(&again, request, &response).error_code() == grpc::StatusCode::NOT_FOUND);
  // It can be fetched again.
  CHECK(f.app.Fetch(f.context, f.id).ok());
}

TEST_CASE("an exported model is its canonical bytes, then its constants") {
  Fixture f;
  CallContext call;
  v1::ExportModelRequest request;
  request.set_model_id(f.id);
  auto reader = f.admin.admin->ExportModel(&call, request);
  std::string canonical, data;
  v1::ExportModelResponse piece;
  while (reader->Read(&piece)) {
    canonical += piece.canonical_graph();
    data += piece.data();
    if (!piece.data().empty()) CHECK(piece.blob().size_bytes() == 12);
  }
  REQUIRE(reader->Finish().ok());
  CHECK(Digest::Of(canonical).bytes() == f.id);
  CHECK(data == FloatBytes({1, 2, 3}));
}

TEST_CASE("verifying a healthy store finds nothing and ends with done") {
  Fixture f;
  // A plan that is being written is seen half done.
  f.daemon.services().Settle();
  CallContext call;
  v1::VerifyRequest request;
  request.set_rehash(true);
  auto reader = f.admin.admin->Verify(&call, request);
  v1::VerifyResponse message;
  double progress = 0;
  while (reader->Read(&message)) {
    CHECK(message.problem().empty());
    CHECK(message.progress() >= progress);
    progress = message.progress();
  }
  REQUIRE(reader->Finish().ok());
  CHECK(message.done());
  CHECK(progress == 1.0);
}

TEST_CASE("an admin acts on the partition that it names") {
  Fixture f;
  TestClient& admin = f.admin;
  admin.partition = "app:org.example.app";
  CHECK(admin.Fetch(admin.MakeContext(), f.id).ok());
  admin.partition = "";
  CHECK(admin.Fetch(admin.MakeContext(), f.id).error_code() == grpc::StatusCode::NOT_FOUND);
}

TEST_CASE("the settings in force are shown with their origin") {
  Fixture f;
  CallContext call;
  v1::GetConfigResponse response;
  REQUIRE(f.admin.admin->GetConfig(&call, {}, &response).ok());
  REQUIRE(response.settings_size() == 1);
  CHECK(response.settings(0).name() == "log.level");
  CHECK(response.settings(0).origin() == "flag");
}

}  // namespace
}  // namespace modeld
