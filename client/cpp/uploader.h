// Brings constants to the daemon. Internal to the client library.
#ifndef MODELD_CLIENT_CPP_UPLOADER_H_
#define MODELD_CLIENT_CPP_UPLOADER_H_

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "base/digest.h"
#include "base/region.h"
#include "client/cpp/options.h"
#include "client/cpp/session.h"
#include "engine/graph/graph.h"

namespace modeld::client::internal {

// Uploads constants of one graph: through sealed shared memory, many at a time, and where that does not work
// in chunks, from where an earlier upload was cut off. Not thread-safe.
class Uploader {
 public:
  // Constants are put together up to this many bytes for one hand-over; a larger one goes alone.
  static constexpr uint64_t kBatchBytes = uint64_t{64} << 20;
  // Bytes of one UploadConstant call, after which progress is known and a cut costs nothing.
  static constexpr uint64_t kStreamBytes = uint64_t{16} << 20;

  // All must outlive this. `progress` may be empty.
  Uploader(const Caller& caller, const modeld::Graph& graph, const CallScope& scope,
           const std::function<void(const UploadProgress&)>& progress);

  // Uploads these. FAILED_PRECONDITION: one of them is not a constant whose bytes the graph holds. Else the
  // daemon's errors, see InferenceService; what was committed stays, and a later call goes on from there.
  absl::Status Upload(const google::protobuf::RepeatedPtrField<v1::BlobRef>& missing);

 private:
  struct Blob {
    v1::BlobRef ref;
    Region bytes;
  };
  absl::StatusOr<std::vector<Blob>> Find(
      const google::protobuf::RepeatedPtrField<v1::BlobRef>& missing) const;
  absl::Status SendBatch(std::span<const Blob> batch);
  absl::Status SendChunks(const Blob& blob);
  absl::StatusOr<uint64_t> SendStream(const Blob& blob, uint64_t offset_bytes);
  // `bytes` of the whole are now kept, beside those of blobs that are done.
  void Report(uint64_t bytes);

  const Caller& caller_;
  const CallScope& scope_;
  const std::function<void(const UploadProgress&)>& progress_;
  // Of the graph's constants.
  absl::flat_hash_map<Digest, Region> constants_;
  UploadProgress state_;
  uint64_t done_bytes_ = 0;
  // False from the first time that handing over memory failed.
  bool shared_memory_;
};

}  // namespace modeld::client::internal

#endif  // MODELD_CLIENT_CPP_UPLOADER_H_
