#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "daemon/services/test_daemon.h"

namespace modeld {
namespace {

std::string SomeBytes(size_t count, int seed = 1) {
  std::string bytes(count, '\0');
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<char>(i * 31 + seed * 7 + i / 256);
  return bytes;
}

v1::BlobRef RefOf(const std::string& bytes) {
  return EncodeBlobRef(Digest::Of(bytes), bytes.size());
}

v1::QueryUploadResponse Query(const TestClient& client, const std::string& bytes) {
  CallContext call(client.partition);
  v1::QueryUploadRequest request;
  v1::QueryUploadResponse response;
  *request.mutable_blob() = RefOf(bytes);
  REQUIRE(client.inference->QueryUpload(&call, request, &response).ok());
  return response;
}

// An upload whose client stays in the middle.
struct OpenUpload {
  CallContext call;
  v1::UploadConstantResponse response;
  std::unique_ptr<grpc::ClientWriter<v1::UploadConstantRequest>> writer;

  OpenUpload(const TestClient& client, const std::string& bytes, uint64_t offset, uint64_t count) {
    writer = client.inference->UploadConstant(&call, &response);
    v1::UploadConstantRequest request;
    *request.mutable_blob() = RefOf(bytes);
    request.set_offset_bytes(offset);
    request.set_data(bytes.substr(offset, count));
    REQUIRE(writer->Write(request));
  }
};

bool IsOpen(TestDaemon& daemon, const std::string& bytes) {
  for (const auto& staged : daemon.store().ListStaged()) {
    if (staged.open && staged.blob.digest == Digest::Of(bytes)) return true;
  }
  return false;
}

// Waits until the daemon has begun an upload of these bytes; it then has the message that began it, too.
void AwaitOpen(TestDaemon& daemon, const std::string& bytes) {
  while (!IsOpen(daemon, bytes)) absl::SleepFor(absl::Milliseconds(1));
}

// Waits until it has ended an upload of these bytes, whose client may be gone for longer.
void AwaitClosed(TestDaemon& daemon, const std::string& bytes) {
  while (IsOpen(daemon, bytes)) absl::SleepFor(absl::Milliseconds(1));
}

TEST_CASE("an upload that was interrupted goes on from where it was, in another session and daemon") {
  TestFolder folder;
  const std::string bytes = SomeBytes(1000);
  {
    TestDaemon daemon(folder.path());
    const TestClient client = daemon.App();
    CHECK(Query(client, bytes).committed_bytes() == 0);
    OpenUpload upload(client, bytes, 0, 300);
    AwaitOpen(daemon, bytes);
    // Killed.
    upload.call.TryCancel();
    CHECK(upload.writer->Finish().error_code() == grpc::StatusCode::CANCELLED);
    daemon.HangUp(client);
    const TestClient again = daemon.App();
    AwaitClosed(daemon, bytes);
    CHECK(Query(again, bytes).committed_bytes() == 300);
    OpenUpload more(again, bytes, 300, 200);
    more.writer->WritesDone();
    REQUIRE(more.writer->Finish().ok());
    CHECK(more.response.committed_bytes() == 500);
    CHECK_FALSE(Query(again, bytes).complete());
  }
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  CHECK(Query(client, bytes).committed_bytes() == 500);
  uint64_t committed = 0;
  REQUIRE(client.Upload(bytes, 500, 100, &committed).ok());
  CHECK(committed == 1000);
  CHECK(Query(client, bytes).complete());
}

TEST_CASE("a stream that does not fit is refused with the field at fault") {
  TestFolder folder;
  ServiceLimits limits;
  limits.max_chunk_bytes = 100;
  TestDaemon daemon(folder.path(), limits);
  const TestClient client = daemon.App();
  const std::string bytes = SomeBytes(150);
  const auto send = [&](uint64_t offset, const std::string& data) {
    CallContext call;
    v1::UploadConstantResponse response;
    v1::UploadConstantRequest request;
    *request.mutable_blob() = RefOf(bytes);
    request.set_offset_bytes(offset);
    request.set_data(data);
    auto writer = client.inference->UploadConstant(&call, &response);
    writer->Write(request);
    writer->WritesDone();
    return writer->Finish();
  };
  struct Case {
    uint64_t offset, size;
    std::string field;
  };
  for (const Case& c :
       {Case{1, 10, "offset_bytes"}, Case{~uint64_t{0}, 10, "offset_bytes"}, Case{0, 101, "data"}}) {
    const grpc::Status status = send(c.offset, std::string(c.size, 'x'));
    CHECK(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
    CHECK(DetailIn(status).field() == c.field);
  }
  REQUIRE(send(0, bytes.substr(0, 100)).ok());
  const grpc::Status status = send(100, std::string(51, 'x'));
  CHECK(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(DetailIn(status).field() == "data");

  CallContext call;
  v1::UploadConstantResponse response;
  auto writer = client.inference->UploadConstant(&call, &response);
  writer->WritesDone();
  CHECK(writer->Finish().error_code() == grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("bytes that are not what their digest says are dropped") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  const std::string bytes = SomeBytes(50);
  CallContext call;
  v1::UploadConstantResponse response;
  v1::UploadConstantRequest request;
  *request.mutable_blob() = RefOf(bytes);
  request.set_data(SomeBytes(50, 2));
  auto writer = client.inference->UploadConstant(&call, &response);
  writer->Write(request);
  writer->WritesDone();
  const grpc::Status status = writer->Finish();
  CHECK(status.error_code() == grpc::StatusCode::DATA_LOSS);
  CHECK(DetailIn(status).reason() == v1::ErrorDetail::REASON_DIGEST_MISMATCH);
  CHECK(Query(client, bytes).committed_bytes() == 0);
  CHECK(client.Upload(bytes).ok());
}

TEST_CASE("two uploads of one constant do not mix, and a session's uploads are counted") {
  TestFolder folder;
  ServiceLimits limits;
  limits.max_uploads = 2;
  TestDaemon daemon(folder.path(), limits);
  const TestClient client = daemon.App();
  const std::string a = SomeBytes(100, 1), b = SomeBytes(100, 2), c = SomeBytes(100, 3);
  OpenUpload first(client, a, 0, 10);
  AwaitOpen(daemon, a);
  CHECK(client.Upload(a).error_code() == grpc::StatusCode::ABORTED);
  OpenUpload second(client, b, 0, 10);
  AwaitOpen(daemon, b);
  const grpc::Status status = client.Upload(c);
  CHECK(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK(DetailIn(status).reason() == v1::ErrorDetail::REASON_SESSION_LIMIT);
  first.writer->WritesDone();
  CHECK(first.writer->Finish().ok());
  CHECK(client.Upload(c).ok());
  CHECK(daemon.App().Upload(a, 10).ok());
  second.call.TryCancel();
  (void)second.writer->Finish();
}

TEST_CASE("sending again what is complete is fine") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  const std::string bytes = SomeBytes(20);
  REQUIRE(client.Upload(bytes).ok());
  uint64_t committed = 0;
  CHECK(client.Upload(bytes, 0, 1, &committed).ok());
  CHECK(committed == 20);
}

// A memfd of these bytes, sealed when `sealed`.
UniqueFd MemoryOf(const std::string& bytes, bool sealed = true) {
  UniqueFd fd(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(write(fd.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  if (sealed) REQUIRE(fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) == 0);
  return fd;
}

v1::OpenMemoryResponse Announce(const TestClient& client, uint64_t size) {
  CallContext call;
  v1::OpenMemoryRequest request;
  v1::OpenMemoryResponse response;
  request.set_send_bytes(size);
  REQUIRE(client.contexts->OpenMemory(&call, request, &response).ok());
  return response;
}

grpc::Status Import(const TestClient& client, uint64_t memory,
                    const std::vector<std::pair<v1::BlobRef, uint64_t>>& ranges, bool last) {
  CallContext call;
  v1::ImportConstantsRequest request;
  v1::ImportConstantsResponse response;
  request.set_memory_id(memory);
  request.set_last(last);
  for (const auto& [blob, offset] : ranges) {
    auto& range = *request.add_ranges();
    *range.mutable_blob() = blob;
    range.set_offset_bytes(offset);
  }
  return client.inference->ImportConstants(&call, request, &response);
}

TEST_CASE("constants come out of memory that was handed over") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  const std::string a = FloatBytes({1, 2, 3}), b = SomeBytes(40);
  const auto announced = Announce(client, 52);
  CHECK(Import(client, announced.memory_id(), {{RefOf(a), 0}}, false).error_code() ==
        grpc::StatusCode::NOT_FOUND);
  daemon.tickets.Redeem(announced.ticket())->deliver(MemoryOf(a + b));

  CHECK(Import(client, announced.memory_id(), {{RefOf(b), 13}}, false).error_code() ==
        grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(Import(client, announced.memory_id(), {{RefOf(b), ~uint64_t{0} - 3}}, false).error_code() ==
        grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(Import(client, announced.memory_id(), {{RefOf(b), 11}}, false).error_code() ==
        grpc::StatusCode::DATA_LOSS);
  REQUIRE(Import(client, announced.memory_id(), {{RefOf(a), 0}, {RefOf(b), 12}}, true).ok());
  CHECK(Query(client, b).complete());
  CHECK(Import(client, announced.memory_id(), {}, false).error_code() == grpc::StatusCode::NOT_FOUND);

  v1::BuildResponse response;
  REQUIRE(client.Build(client.MakeContext(), AddGraph(), response).ok());
  CHECK(response.has_graph());
}

TEST_CASE("memory that its sender could still change is refused") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  const std::string bytes = SomeBytes(64);
  const auto announced = Announce(client, 64);
  daemon.tickets.Redeem(announced.ticket())->deliver(MemoryOf(bytes, /*sealed=*/false));
  CHECK(Import(client, announced.memory_id(), {{RefOf(bytes), 0}}, true).error_code() ==
        grpc::StatusCode::FAILED_PRECONDITION);

  const auto longer = Announce(client, 65);
  daemon.tickets.Redeem(longer.ticket())->deliver(MemoryOf(bytes));
  CHECK(Import(client, longer.memory_id(), {{RefOf(bytes), 0}}, true).error_code() ==
        grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("a tensor's memory is what its ticket hands out") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  const uint64_t tensor = client.MakeTensor(client.MakeContext(), {DataType::kFloat32, {3}});
  CallContext open, read;
  v1::OpenMemoryRequest request;
  v1::OpenMemoryResponse response;
  request.set_receive_tensor_id(tensor);
  REQUIRE(client.contexts->OpenMemory(&open, request, &response).ok());
  CHECK(response.memory_id() == 0);
  auto redeemed = daemon.tickets.Redeem(response.ticket());
  REQUIRE(redeemed.ok());
  redeemed->receive->bytes()[0] = std::byte{42};
  v1::ReadTensorRequest ask;
  v1::ReadTensorResponse got;
  ask.set_tensor_id(tensor);
  REQUIRE(client.contexts->ReadTensor(&read, ask, &got).ok());
  CHECK(got.data()[0] == 42);
  CHECK(got.data().size() == 12);

  CallContext nothing;
  CHECK(client.contexts->OpenMemory(&nothing, {}, &response).error_code() ==
        grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("ranges of tensor bytes are checked without overflow") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  const uint64_t tensor = client.MakeTensor(client.MakeContext(), {DataType::kUint8, {10}});
  const auto read = [&](uint64_t offset, uint64_t size) {
    CallContext call;
    v1::ReadTensorRequest request;
    v1::ReadTensorResponse response;
    request.set_tensor_id(tensor);
    request.set_offset_bytes(offset);
    request.set_size_bytes(size);
    return client.contexts->ReadTensor(&call, request, &response).error_code();
  };
  const auto write = [&](uint64_t offset, uint64_t size) {
    CallContext call;
    v1::WriteTensorRequest request;
    v1::WriteTensorResponse response;
    request.set_tensor_id(tensor);
    request.set_offset_bytes(offset);
    request.set_data(std::string(size, 'x'));
    return client.contexts->WriteTensor(&call, request, &response).error_code();
  };
  CHECK(read(0, 10) == grpc::StatusCode::OK);
  CHECK(read(10, 0) == grpc::StatusCode::OK);
  CHECK(read(9, 2) == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(read(~uint64_t{0}, 2) == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(read(2, ~uint64_t{0}) == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(write(0, 10) == grpc::StatusCode::OK);
  CHECK(write(1, 10) == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(write(~uint64_t{0}, 1) == grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace modeld
