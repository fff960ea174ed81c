#include "daemon/logging.h"

#include <google/protobuf/stubs/logging.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <sstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "catch2/catch.hpp"
#include "daemon/call_log.h"
#include "daemon/grpc_status.h"

namespace modeld {
namespace {

// What LogFailedCall writes at a level.
std::string Logged(spdlog::level::level_enum level, const absl::Status& status) {
  std::ostringstream out;
  auto logger =
      std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(out));
  logger->set_level(level);
  logger->set_pattern("%l: %v");
  spdlog::set_default_logger(logger);
  const Session session(12, PeerIdentity{.role = Role::kBroker, .app_id = "org.private.app"},
                        absl::UnixEpoch());
  LogFailedCall("ModelCacheService/Save", session, status);
  return out.str();
}

constexpr char kSecret[] = "https://secret.example";

TEST_CASE("A failed call leaves one line with method, session, code and cause") {
  const absl::Status status = WithReason(absl::ResourceExhaustedError(absl::StrCat("key of ", kSecret)),
                                         v1::ErrorDetail::REASON_QUEUE_FULL);
  const std::string line = Logged(spdlog::level::info, status);
  CHECK(line ==
        "info: ModelCacheService/Save failed: RESOURCE_EXHAUSTED, session 12 (broker), REASON_QUEUE_FULL\n");
}

TEST_CASE("What a client said and who it is stand at debug level only") {
  for (const absl::StatusCode code :
       {absl::StatusCode::kInvalidArgument, absl::StatusCode::kPermissionDenied,
        absl::StatusCode::kFailedPrecondition, absl::StatusCode::kResourceExhausted,
        absl::StatusCode::kNotFound, absl::StatusCode::kCancelled}) {
    const absl::Status status(code, kSecret);
    for (const auto level : {spdlog::level::info, spdlog::level::warn}) {
      CHECK_FALSE(absl::StrContains(Logged(level, status), "secret"));
      CHECK_FALSE(absl::StrContains(Logged(level, status), "private"));
    }
    CHECK(absl::StrContains(Logged(spdlog::level::debug, status), kSecret));
    CHECK(absl::StrContains(Logged(spdlog::level::debug, status), "org.private.app"));
  }
}

TEST_CASE("The daemon's own faults are errors with their message") {
  const std::string line = Logged(spdlog::level::err, absl::InternalError("the disk lied"));
  CHECK(absl::StartsWith(line, "error: "));
  CHECK(absl::StrContains(line, "the disk lied"));
}

TEST_CASE("Everyday misses are not logged above debug, successes never") {
  CHECK(Logged(spdlog::level::info, absl::NotFoundError("x")).empty());
  CHECK(Logged(spdlog::level::info, absl::CancelledError("x")).empty());
  CHECK(Logged(spdlog::level::trace, absl::OkStatus()).empty());
}

TEST_CASE("A client's text cannot forge lines") {
  const std::string line =
      Logged(spdlog::level::debug, absl::InvalidArgumentError("a\nerror: b\r\x1b[31m {} {0}"));
  CHECK(std::count(line.begin(), line.end(), '\n') == 1);
  CHECK(absl::StrContains(line, "a error: b  [31m {} {0}"));
}

TEST_CASE("Protobuf does not write to stderr of its own at a client's bytes") {
  StartLogging("off", "stderr", std::nullopt);
  CHECK(google::protobuf::SetLogHandler(nullptr) == nullptr);
}

TEST_CASE("The journal is recognised by what systemd says of the stream") {
  std::FILE* file = std::tmpfile();
  REQUIRE(file != nullptr);
  struct stat info = {};
  REQUIRE(fstat(fileno(file), &info) == 0);
  const std::string right = absl::StrCat(info.st_dev, ":", info.st_ino);
  CHECK(LeadsToJournal(fileno(file), right));
  CHECK_FALSE(LeadsToJournal(fileno(file), absl::StrCat(info.st_dev, ":", info.st_ino + 1)));
  CHECK_FALSE(LeadsToJournal(fileno(file), ""));
  CHECK_FALSE(LeadsToJournal(fileno(file), std::nullopt));
  CHECK_FALSE(LeadsToJournal(-1, right));
  std::fclose(file);
}

}  // namespace
}  // namespace modeld
