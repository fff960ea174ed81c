// What the caller of a build is told while the upload stands still.
#include <catch2/catch.hpp>
#include <utility>
#include <vector>

#include "client/cpp/fake_daemon.h"
#include "client/cpp/modeld.h"

namespace modeld::client {
namespace {

constexpr absl::Duration kNone = absl::ZeroDuration();

v1::UploadProgress News(uint64_t committed_bytes, v1::UploadState state, uint64_t quiet_seconds = 0) {
  v1::UploadProgress news;
  news.set_committed_bytes(committed_bytes);
  news.set_state(state);
  news.set_quiet_seconds(quiet_seconds);
  return news;
}

TEST_CASE("A stalled upload tells for how long, and when it gets on again", "[upload]") {
  FakeDaemon daemon;
  auto client = Client::Connect({.host = daemon.host()});
  REQUIRE(client.status() == absl::OkStatus());
  auto context = client->CreateContext();
  REQUIRE(context.status() == absl::OkStatus());
  daemon.HoldUploads({
      News(0, v1::UPLOAD_STATE_INTERRUPTED, 7),  // before the first call
      News(1000, v1::UPLOAD_STATE_RECEIVING),
      News(1000, v1::UPLOAD_STATE_STALLED, 42),
      News(1000, v1::UPLOAD_STATE_STALLED, 43),
      News(1000, v1::UPLOAD_STATE_INTERRUPTED, 44),  // between two calls
      News(1000, v1::UPLOAD_STATE_STALLED, 2),
      News(1500, v1::UPLOAD_STATE_RECEIVING),
      News(500, v1::UPLOAD_STATE_STALLED, 60),  // older than what was told before
      News(2000, v1::UPLOAD_STATE_UNSPECIFIED),
  });
  using Told = std::vector<std::pair<uint64_t, absl::Duration>>;
  Told told;
  GraphBuilder b(*context);
  auto y = b.Add(b.Input("x", {DataType::kFloat32, {1000}}),
                 b.Constant<float>({1000}, std::vector<float>(1000, 0.5f)));
  auto built = b.Build({{"y", y}}, {.progress = [&](const UploadProgress& progress) {
                         told.emplace_back(progress.committed_bytes, progress.stalled);
                         if (progress.committed_bytes == 2000) daemon.LetUploads();
                       }});
  REQUIRE(built.status() == absl::OkStatus());
  CHECK(told == Told{{1000, kNone},
                     {1000, absl::Seconds(42)},
                     {1000, absl::Seconds(43)},
                     {1000, kNone},
                     {1000, absl::Seconds(2)},
                     {1500, kNone},
                     {2000, kNone},
                     {4000, kNone}});
}

}  // namespace
}  // namespace modeld::client
