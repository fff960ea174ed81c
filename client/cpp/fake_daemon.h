// A daemon for tests of the client: it speaks the whole contract over real sockets, keeps everything in
// memory, and "runs" a graph by copying its first input to every output of the same size.
#ifndef MODELD_CLIENT_CPP_FAKE_DAEMON_H_
#define MODELD_CLIENT_CPP_FAKE_DAEMON_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "client/cpp/fake_constants.h"
#include "modeld/v1/admin.pb.h"
#include "modeld/v1/cache_admin.pb.h"
#include "modeld/v1/context.pb.h"
#include "modeld/v1/error.pb.h"

namespace modeld::client {

// Serves from construction to destruction. Thread-safe, but for `options`, `admin` and `cache_admin`, which
// are for before the first call.
class FakeDaemon {
 public:
  struct Options {
    // A folder of its own when empty; else one that outlives this (for restarts).
    std::string folder = {};
    bool memory_socket = true;
    // Takes its client for a broker, which has to name a partition on each call.
    bool broker = false;
    uint64_t max_message_bytes = 4 << 20;
    uint64_t max_chunk_bytes = 1 << 20;
  };
  // What calls did, to be looked at by tests.
  struct Seen {
    std::map<std::string, int> calls;     // by method name
    std::vector<std::string> partitions;  // metadata of each CreateContext, "" where there was none
    std::vector<uint64_t> chunk_bytes;    // of UploadConstant messages
    // Offset and digest of each of these messages' bytes.
    std::vector<std::pair<uint64_t, Digest>> chunks;
    std::vector<uint64_t> stream_offsets;  // of the first message of each UploadConstant call
    std::vector<int> imported;             // ranges of each ImportConstants
    v1::CreateContextRequest last_context;
    // "Method: fields" of each call of CacheAdminService, of Verify and of ClearPartition (there: the
    // partition's name).
    std::vector<std::string> requests;
  };

  explicit FakeDaemon(Options options);
  FakeDaemon() : FakeDaemon(Options()) {}
  ~FakeDaemon();

  // "unix:///...": for ConnectOptions::host.
  std::string host() const;
  Seen seen() const;

  // The next calls of this method answer with this error; `times` of them.
  void Fail(const std::string& method, int code, const std::string& message, int times = 1,
            const v1::ErrorDetail* detail = nullptr);
  // Dispatch and Run do not return until the call is cancelled.
  void Hang();
  // Uploads do not return until they are let, or cancelled; meanwhile WatchUploads tells `news`, each once.
  void HoldUploads(std::vector<v1::UploadProgress> news);
  void LetUploads();
  // The memory socket refuses every ticket.
  void RefuseMemory();
  // Pretends that an earlier upload left these bytes of a constant.
  void Preload(const std::string& sha256, const std::string& bytes);
  // Pretends that of a constant only some ranges are missing; see FakeConstants::Lack().
  void Lack(const std::string& sha256, FakeUploadState now, FakeUploadState then = {});

  // What AdminService answers.
  struct Admin {
    v1::GetStatusResponse status;
    v1::ListModelsResponse models;
    std::map<std::string, v1::GetModelResponse> model;  // by model id, 32 bytes
    v1::ListPartitionsResponse partitions;
    v1::ListSessionsResponse sessions;
    v1::GetConfigResponse config;
    std::vector<v1::VerifyResponse> verify;
    std::vector<v1::ExportModelResponse> exported;
    v1::GetMetricsResponse metrics;
    v1::DiagnoseResponse findings;
    // The stream ends after these.
    std::vector<v1::ActivityResponse> activity;
  };
  Admin admin;

  // What CacheAdminService answers.
  struct CacheAdmin {
    v1::ListCacheResponse cache;
    v1::GetUsageResponse usage;
    v1::PruneResponse pruned;
    v1::DeleteUploadResponse deleted_upload;
    v1::ListSharesResponse shares;
    v1::WhyResponse why;
    std::vector<v1::MoveCacheResponse> move;
  };
  CacheAdmin cache_admin;

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace modeld::client

#endif  // MODELD_CLIENT_CPP_FAKE_DAEMON_H_
