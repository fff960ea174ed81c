#include "daemon/logging.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/systemd_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"

namespace modeld {
namespace {

constexpr char kName[] = "modeld";

void TakeGrpcMessage(gpr_log_func_args* message) {
  // gRPC's own errors are the network's everyday: a peer that hangs up, bytes that are no HTTP/2.
  if (message->severity >= GPR_LOG_SEVERITY_ERROR) spdlog::debug("grpc: {}", message->message);
}

}  // namespace

bool LeadsToJournal(int fd, const std::optional<std::string>& journal_stream) {
  struct stat info = {};
  return journal_stream.has_value() && fstat(fd, &info) == 0 &&
         *journal_stream == absl::StrCat(info.st_dev, ":", info.st_ino);
}

void StartLogging(absl::string_view level, absl::string_view target,
                  const std::optional<std::string>& journal_stream) {
  const bool journal =
      target == "journal" || (target == "auto" && LeadsToJournal(STDERR_FILENO, journal_stream));
  std::shared_ptr<spdlog::sinks::sink> sink;
  if (journal) {
    sink = std::make_shared<spdlog::sinks::systemd_sink_mt>(kName);
  } else {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    sink->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l: %v");
  }
  auto logger = std::make_shared<spdlog::logger>(kName, sink);
  logger->set_error_handler(
      [](const std::string& error) { std::fprintf(stderr, "modeld: log: %s\n", error.c_str()); });
  logger->set_level(spdlog::level::from_str(std::string(level)));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
  gpr_set_log_function(TakeGrpcMessage);
  // It writes to stderr, whatever level and target are, at each string of a client's that is no UTF-8.
  google::protobuf::SetLogHandler(nullptr);
}

}  // namespace modeld
