// Transfers that go wrong, progress, checks, and moving the cache, over gRPC.
#include <catch2/catch.hpp>
#include <fstream>

#include "daemon/services/test_daemon.h"

namespace modeld {
namespace {

constexpr uint64_t kChunk = uint64_t{4} << 20;
constexpr uint64_t kMessage = uint64_t{1} << 20;
const std::string kOther = "org.example.other";

std::string SomeBytes(size_t count, int seed = 1) {
  std::string bytes(count, '\0');
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<char>(i * 31 + seed * 7 + i / 256 + i / 65536);
  return bytes;
}

v1::BlobRef RefOf(const std::string& bytes) {
  return EncodeBlobRef(Digest::Of(bytes), bytes.size());
}

v1::ChunkDigests DigestsOf(const std::string& bytes) {
  v1::ChunkDigests chunks;
  chunks.set_chunk_bytes(kChunk);
  for (size_t at = 0; at < bytes.size(); at += kChunk) {
    chunks.add_sha256(std::string(Digest::Of(bytes.substr(at, kChunk)).bytes()));
  }
  return chunks;
}

v1::QueryUploadResponse Query(const TestClient& client, const std::string& bytes) {
  CallContext call(client.partition);
  v1::QueryUploadRequest request;
  v1::QueryUploadResponse response;
  *request.mutable_blob() = RefOf(bytes);
  REQUIRE(client.inference->QueryUpload(&call, request, &response).ok());
  return response;
}

std::vector<std::pair<uint64_t, uint64_t>> Ranges(
    const google::protobuf::RepeatedPtrField<v1::ByteRange>& missing) {
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  for (const v1::ByteRange& range : missing) ranges.emplace_back(range.begin_bytes(), range.end_bytes());
  return ranges;
}
using Expected = std::vector<std::pair<uint64_t, uint64_t>>;

// Sends ranges of `sent` for the constant `name`; counts the bytes in `count`.
grpc::Status Send(const TestClient& client, const std::string& name, const std::string& sent,
                  const Expected& ranges, const v1::ChunkDigests* chunks, uint64_t* count = nullptr,
                  v1::UploadConstantResponse* answer = nullptr) {
  CallContext call(client.partition);
  v1::UploadConstantResponse response;
  auto writer = client.inference->UploadConstant(&call, &response);
  v1::UploadConstantRequest request;
  *request.mutable_blob() = RefOf(name);
  if (chunks != nullptr) *request.mutable_chunks() = *chunks;
  bool taken = true;
  for (const auto& [begin, end] : ranges) {
    for (uint64_t at = begin; taken && at < end; at += request.data().size()) {
      request.set_offset_bytes(at);
      request.set_data(sent.substr(at, std::min(kMessage, end - at)));
      taken = writer->Write(request);
      if (taken && count != nullptr) *count += request.data().size();
    }
  }
  writer->WritesDone();
  const grpc::Status status = writer->Finish();
  if (answer != nullptr) *answer = response;
  return status;
}

TEST_CASE("a wrong chunk is named, and it alone comes again") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  const std::string bytes = SomeBytes(9'000'000);
  const v1::ChunkDigests chunks = DigestsOf(bytes);
  std::string wrong = bytes;
  wrong[5'000'000] ^= 1;
  const grpc::Status status = Send(client, bytes, wrong, {{0, bytes.size()}}, &chunks);
  CHECK(status.error_code() == grpc::StatusCode::DATA_LOSS);
  CHECK(status.error_message().find("bytes 4194304 to 8388608") != std::string::npos);
  const auto known = Query(client, bytes);
  CHECK(known.committed_bytes() == kChunk);
  CHECK(Ranges(known.missing()) == Expected{{kChunk, bytes.size()}});
  uint64_t sent = 0;
  v1::UploadConstantResponse answer;
  REQUIRE(Send(client, bytes, bytes, Ranges(known.missing()), &chunks, &sent, &answer).ok());
  CHECK(sent == bytes.size() - kChunk);
  CHECK(answer.committed_bytes() == bytes.size());
  CHECK(answer.missing().empty());
  CHECK(Query(client, bytes).complete());
}

TEST_CASE("chunk digests that are not those of the constant are refused") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  const std::string bytes = SomeBytes(9'000'000);
  v1::ChunkDigests chunks = DigestsOf(bytes);
  SECTION("another size of chunks") {
    chunks.set_chunk_bytes(kChunk / 2);
  }
  SECTION("too few") {
    chunks.mutable_sha256()->RemoveLast();
  }
  SECTION("something else than digests") {
    chunks.set_sha256(1, "short");
  }
  CHECK(Send(client, bytes, bytes, {{0, 1}}, &chunks).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(Query(client, bytes).committed_bytes() == 0);
  CHECK(daemon.store().ListStaged().empty());
}

TEST_CASE("after the daemon ended only the rest is sent") {
  TestFolder folder;
  const std::string bytes = SomeBytes(9'000'000);
  const v1::ChunkDigests chunks = DigestsOf(bytes);
  uint64_t sent = 0;
  {
    TestDaemon daemon(folder.path());
    REQUIRE(Send(daemon.App(), bytes, bytes, {{0, 5 * kMessage}}, &chunks, &sent).ok());
  }
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  REQUIRE(Send(client, bytes, bytes, Ranges(Query(client, bytes).missing()), &chunks, &sent).ok());
  CHECK(sent == bytes.size());
  CHECK(Query(client, bytes).complete());
}

TEST_CASE("progress of uploads never falls and ends with all that is complete") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  const std::string a = SomeBytes(6'000'000, 1), b = SomeBytes(1'000, 2);
  REQUIRE(Send(client, a, a, {{0, 2 * kMessage}}, nullptr).ok());
  CallContext call;
  v1::WatchUploadsRequest request;
  *request.add_blobs() = RefOf(a);
  *request.add_blobs() = RefOf(b);
  *request.add_blobs() = RefOf(b);
  auto reader = client.inference->WatchUploads(&call, request);
  v1::UploadProgress news;
  REQUIRE(reader->Read(&news));
  CHECK(news.committed_bytes() == 2 * kMessage);
  CHECK(news.total_bytes() == 6'001'000);
  CHECK(news.fraction() < 1.0);
  REQUIRE(client.Upload(b).ok());
  REQUIRE(Send(client, a, a, {{2 * kMessage, a.size()}}, nullptr).ok());
  double fraction = news.fraction();
  while (reader->Read(&news)) {
    CHECK(news.fraction() >= fraction);
    fraction = news.fraction();
  }
  CHECK(reader->Finish().ok());
  CHECK(fraction == 1.0);
  CHECK(news.committed_bytes() == news.total_bytes());

  CallContext nothing;
  CHECK(client.inference->WatchUploads(&nothing, {})->Finish().error_code() ==
        grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("another partition's uploads are not seen") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const std::string bytes = SomeBytes(6'000'000);
  REQUIRE(Send(daemon.App(), bytes, bytes, {{0, bytes.size()}}, nullptr).ok());
  const TestClient other = daemon.App(kOther);
  CHECK(Query(other, bytes).committed_bytes() == 0);
  CHECK(Ranges(Query(other, bytes).missing()) == Expected{{0, bytes.size()}});
  CallContext call;
  v1::WatchUploadsRequest request;
  *request.add_blobs() = RefOf(bytes);
  auto reader = other.inference->WatchUploads(&call, request);
  v1::UploadProgress news;
  REQUIRE(reader->Read(&news));
  CHECK(news.committed_bytes() == 0);
  call.TryCancel();
  reader->Finish();
}

struct Stored {
  Stored() {
    const uint64_t graph = app.BuildWhole(app.MakeContext(), AddGraph());
    model_id = app.Store(graph);
    // A check would see a plan half done that is being written.
    daemon.services().Settle();
  }
  std::vector<v1::VerifyResponse> Verify(bool rehash, bool repair) {
    CallContext call;
    v1::VerifyRequest request;
    request.set_rehash(rehash);
    request.set_repair(repair);
    auto reader = admin.admin->Verify(&call, request);
    std::vector<v1::VerifyResponse> problems;
    v1::VerifyResponse message;
    while (reader->Read(&message)) {
      if (!message.problem().empty()) problems.push_back(message);
    }
    REQUIRE(reader->Finish().ok());
    CHECK(message.done());
    return problems;
  }

  TestFolder folder;
  TestDaemon daemon{folder.path()};
  TestClient app = daemon.App();
  TestClient admin = daemon.Connect(Role::kAdmin, "modelctl");
  std::string model_id;
};

TEST_CASE("an admin's check names the models that damage costs, and a repair removes strays alone") {
  Stored f;
  const std::string weights = FloatBytes({1, 2, 3});
  const std::string hex = Digest::Of(weights).ToHex();
  std::ofstream(f.folder.path() + "/cache/blobs/" + hex.substr(0, 2) + "/" + hex) << "twelve wrong";
  std::ofstream(f.folder.path() + "/cache/staging/stray") << "stray";
  for (const bool repair : {false, true}) {
    CAPTURE(repair);
    int strays = 0, damaged = 0;
    for (const auto& problem : f.Verify(true, repair)) {
      CAPTURE(problem.problem());
      CHECK(problem.problem().find(f.folder.path()) == std::string::npos);
      if (problem.problem().find("staging holds stray") != std::string::npos) {
        ++strays;
        CHECK(problem.repaired() == repair);
      } else if (problem.problem().find(hex) != std::string::npos) {
        ++damaged;
        CHECK_FALSE(problem.repaired());
        REQUIRE(problem.affected_models_size() == 1);
        CHECK(problem.affected_models(0) == f.model_id);
      }
    }
    CHECK(strays == 1);
    CHECK(damaged == 1);
  }
  CHECK_FALSE(std::filesystem::exists(f.folder.path() + "/cache/staging/stray"));
  CHECK(f.daemon.store().ListModels().size() == 1);
}

TEST_CASE("an admin removes an unfinished upload") {
  Stored f;
  const std::string bytes = SomeBytes(3'000'000);
  REQUIRE(Send(f.app, bytes, bytes, {{0, kMessage}}, nullptr).ok());
  const auto remove = [&](const TestClient& client, const std::string& digest, uint64_t* freed) {
    CallContext call;
    v1::DeleteUploadRequest request;
    v1::DeleteUploadResponse response;
    request.set_digest(digest);
    const grpc::Status status = client.cache_admin->DeleteUpload(&call, request, &response);
    *freed = response.freed_bytes();
    return status.error_code();
  };
  uint64_t freed = 0;
  const std::string digest(Digest::Of(bytes).bytes());
  CHECK(remove(f.app, digest, &freed) == grpc::StatusCode::PERMISSION_DENIED);
  CHECK(remove(f.admin, "short", &freed) == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(remove(f.admin, digest, &freed) == grpc::StatusCode::OK);
  CHECK(freed == kMessage);
  CHECK(remove(f.admin, digest, &freed) == grpc::StatusCode::NOT_FOUND);
  CHECK(Query(f.app, bytes).committed_bytes() == 0);
}

TEST_CASE("an admin, and nobody else, moves the cache to a folder that can be used, and it serves on") {
  TestFolder target;
  const auto move = [&](const TestClient& client, const std::string& directory, v1::MoveCacheResponse& last) {
    CallContext call;
    v1::MoveCacheRequest request;
    request.set_directory(directory);
    auto reader = client.cache_admin->MoveCache(&call, request);
    double fraction = 0;
    while (reader->Read(&last)) {
      CHECK(last.fraction() >= fraction);
      fraction = last.fraction();
    }
    return reader->Finish().error_code();
  };
  Stored f;
  v1::MoveCacheResponse last;
  CHECK(move(f.app, target.path() + "/cache", last) == grpc::StatusCode::PERMISSION_DENIED);
  CHECK(move(f.admin, "relative", last) == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(move(f.admin, f.folder.path() + "/cache/within", last) == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(move(f.admin, target.path() + "/cache", last) == grpc::StatusCode::OK);
  CHECK(last.done());
  CHECK(last.fraction() == 1.0);
  CHECK(last.copied_bytes() == last.total_bytes());
  CHECK(f.app.Fetch(f.app.MakeContext(), f.model_id).ok());
}

}  // namespace
}  // namespace modeld
