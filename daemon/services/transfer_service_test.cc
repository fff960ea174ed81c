// Whether an upload gets on, as its partition and the user are told over gRPC.
#include <catch2/catch.hpp>

#include "daemon/services/test_daemon.h"

namespace modeld {
namespace {

using Entry = v1::ListCacheResponse::Entry;

constexpr char kApp[] = "app:org.example.app";
constexpr char kOther[] = "app:org.example.other";
// Longer than any test may take, as the clock goes on by itself, too.
constexpr absl::Duration kStallAfter = absl::Hours(1);

struct Fixture {
  // Time passes in which nobody sends anything.
  void Wait() { TestClock().Advance(kStallAfter + absl::Seconds(42)); }

  std::vector<Entry> List(const std::string& partition = "") {
    CallContext call;
    v1::ListCacheRequest request;
    v1::ListCacheResponse response;
    request.set_partition(partition);
    REQUIRE(admin.cache_admin->ListCache(&call, request, &response).ok());
    return {response.entries().begin(), response.entries().end()};
  }
  // What the user sees of the one upload.
  Entry Listed() {
    const std::vector<Entry> entries = List();
    REQUIRE(entries.size() == 1);
    CHECK(entries[0].kind() == Entry::PARTIAL);
    CHECK(entries[0].partition() == kApp);
    return entries[0];
  }

  TestFolder folder;
  TestDaemon daemon{
      folder.path(), {}, {}, [](ServicesOptions& options) { options.stall_after = kStallAfter; }};
  TestClient app = daemon.App();
  TestClient admin = daemon.Connect(Role::kAdmin, "modelctl");
  const std::string bytes = std::string(1000, 'b');
};

// An upload whose client says when something is sent.
struct Sender {
  // Opens it, and sends no byte. `offset`: what an earlier one has sent.
  Sender(Fixture& fixture, const TestClient& client, const std::string& partition, uint64_t offset = 0)
      : bytes(fixture.bytes), writer(client.inference->UploadConstant(&call, &response)) {
    Send(offset, 0);
    const auto open = [&] {
      const std::vector<Entry> entries = fixture.List(partition);
      return !entries.empty() && entries[0].in_use();
    };
    while (!open()) absl::SleepFor(absl::Milliseconds(1));
  }
  void Send(uint64_t offset, uint64_t count) {
    v1::UploadConstantRequest request;
    *request.mutable_blob() = EncodeBlobRef(Digest::Of(bytes), bytes.size());
    request.set_offset_bytes(offset);
    request.set_data(bytes.substr(offset, count));
    REQUIRE(writer->Write(request));
  }
  grpc::Status Finish() {
    writer->WritesDone();
    return writer->Finish();
  }

  const std::string bytes;
  CallContext call;
  v1::UploadConstantResponse response;
  std::unique_ptr<grpc::ClientWriter<v1::UploadConstantRequest>> writer;
};

// Who follows it, in another session than the sender's.
struct Watcher {
  Watcher(Fixture& fixture, const TestClient& client) {
    v1::WatchUploadsRequest request;
    *request.add_blobs() = EncodeBlobRef(Digest::Of(fixture.bytes), fixture.bytes.size());
    reader = client.inference->WatchUploads(&call, request);
  }
  v1::UploadProgress Next() {
    v1::UploadProgress news;
    REQUIRE(reader->Read(&news));
    return news;
  }
  // The first news of another state than `before`.
  v1::UploadProgress After(v1::UploadState before) {
    while (true) {
      const v1::UploadProgress news = Next();
      if (news.state() != before) return news;
    }
  }

  CallContext call;
  std::unique_ptr<grpc::ClientReader<v1::UploadProgress>> reader;
};

TEST_CASE("an upload is receiving, stalled and receiving again, interrupted, and complete") {
  Fixture f;
  const TestClient second = f.daemon.App();
  auto sender = std::make_unique<Sender>(f, f.app, kApp);
  Watcher watcher(f, second);
  CHECK(watcher.Next().state() == v1::UPLOAD_STATE_RECEIVING);
  CHECK(f.Listed().state() == v1::UPLOAD_STATE_RECEIVING);
  CHECK(f.Listed().quiet_seconds() == 0);

  f.Wait();
  v1::UploadProgress news = watcher.After(v1::UPLOAD_STATE_RECEIVING);
  const uint64_t deadline = static_cast<uint64_t>(absl::ToInt64Seconds(kStallAfter));
  CHECK(news.state() == v1::UPLOAD_STATE_STALLED);
  CHECK(news.quiet_seconds() >= deadline + 42);
  CHECK(news.committed_bytes() == 0);
  CHECK(f.Listed().state() == v1::UPLOAD_STATE_STALLED);
  CHECK(f.Listed().quiet_seconds() >= deadline + 42);
  CHECK(f.Listed().in_use());
  TestClock().Advance(absl::Hours(1));
  v1::UploadProgress later = watcher.Next();
  while (later.quiet_seconds() < news.quiet_seconds() + 3600) later = watcher.Next();
  CHECK(later.state() == v1::UPLOAD_STATE_STALLED);

  sender->Send(0, 300);
  news = watcher.After(v1::UPLOAD_STATE_STALLED);
  CHECK(news.state() == v1::UPLOAD_STATE_RECEIVING);
  CHECK(news.quiet_seconds() == 0);
  CHECK(f.Listed().state() == v1::UPLOAD_STATE_RECEIVING);
  f.Wait();
  CHECK(watcher.After(v1::UPLOAD_STATE_RECEIVING).state() == v1::UPLOAD_STATE_STALLED);

  // The sender's connection breaks.
  f.daemon.HangUp(f.app);
  sender->call.TryCancel();
  CHECK_FALSE(sender->Finish().ok());
  news = watcher.After(v1::UPLOAD_STATE_STALLED);
  CHECK(news.state() == v1::UPLOAD_STATE_INTERRUPTED);
  CHECK(news.committed_bytes() == 300);
  CHECK(f.Listed().state() == v1::UPLOAD_STATE_INTERRUPTED);
  CHECK_FALSE(f.Listed().in_use());
  f.Wait();
  CHECK(f.Listed().state() == v1::UPLOAD_STATE_INTERRUPTED);
  CHECK(f.Listed().quiet_seconds() >= deadline + 42);

  REQUIRE(second.Upload(f.bytes, 300, 700).ok());
  while (news.state() != v1::UPLOAD_STATE_COMPLETE) news = watcher.Next();
  CHECK(news.fraction() == 1.0);
  CHECK(news.quiet_seconds() == 0);
  CHECK(watcher.reader->Finish().ok());
  CHECK(f.Listed().state() == v1::UPLOAD_STATE_COMPLETE);
}

TEST_CASE("another partition that sends the same is told of itself alone") {
  Fixture f;
  const TestClient other = f.daemon.App("org.example.other");
  Sender first(f, f.app, kApp);
  first.Send(0, 300);
  REQUIRE(first.Finish().ok());
  Sender sender(f, f.app, kApp, 300);
  Watcher watcher(f, other);
  const v1::UploadProgress news = watcher.Next();
  CHECK(news.state() == v1::UPLOAD_STATE_INTERRUPTED);
  CHECK(news.quiet_seconds() == 0);
  CHECK(news.committed_bytes() == 0);
  CHECK(f.List(kOther).empty());

  // Its own begins to be received, however long the first one stands still.
  f.Wait();
  CHECK(f.Listed().state() == v1::UPLOAD_STATE_STALLED);
  Sender own(f, other, kOther);
  CHECK(watcher.Next().state() == v1::UPLOAD_STATE_RECEIVING);
  const std::vector<Entry> entries = f.List(kOther);
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].state() == v1::UPLOAD_STATE_RECEIVING);
  CHECK(f.List(kApp)[0].state() == v1::UPLOAD_STATE_STALLED);
  watcher.call.TryCancel();
  sender.call.TryCancel();
  own.call.TryCancel();
  watcher.reader->Finish();
  sender.Finish();
  own.Finish();
}

TEST_CASE("a pruned upload was interrupted, and what is being sent stays") {
  Fixture f;
  Sender sender(f, f.app, kApp);
  f.Wait();
  const auto prune = [&] {
    CallContext call;
    v1::PruneRequest request;
    v1::PruneResponse response;
    request.set_partial(true);
    REQUIRE(f.admin.cache_admin->Prune(&call, request, &response).ok());
    return response;
  };
  CHECK(prune().removed_size() == 0);
  sender.Send(0, 10);
  REQUIRE(sender.Finish().ok());
  const v1::PruneResponse pruned = prune();
  REQUIRE(pruned.removed_size() == 1);
  CHECK(pruned.removed(0).state() == v1::UPLOAD_STATE_INTERRUPTED);
  CHECK(f.List().empty());
}

}  // namespace
}  // namespace modeld
