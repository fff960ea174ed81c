// Brings constants to the daemon. Internal to the client library.
#ifndef MODELD_CLIENT_CPP_UPLOADER_H_
#define MODELD_CLIENT_CPP_UPLOADER_H_

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/digest.h"
#include "base/region.h"
#include "client/cpp/options.h"
#include "client/cpp/session.h"
#include "engine/graph/graph.h"

namespace modeld::client::internal {

// Uploads constants of one graph: through sealed shared memory, many at a time; and where that does not work,
// or a part of a constant is there already, in chunks: only the ranges that the daemon lacks, with digests by
// which it refuses a wrong piece alone. Not thread-safe.
class Uploader {
 public:
  // Constants are put together up to this many bytes for one hand-over; a larger one goes alone.
  static constexpr uint64_t kBatchBytes = uint64_t{64} << 20;
  // Bytes of the first UploadConstant call of a constant, after which the daemon's answer is looked at; each
  // further call takes twice as many, as the daemon reads anew what it has.
  static constexpr uint64_t kStreamBytes = uint64_t{16} << 20;

  // All must outlive this. `uncacheable`: into the daemon's memory, in chunks alone. `progress` may be empty;
  // it is called from the thread that calls Upload(), and, in between, from one that this starts; never twice
  // at once.
  Uploader(const Caller& caller, const modeld::Graph& graph, const CallScope& scope,
           const std::function<void(const UploadProgress&)>& progress, bool uncacheable);

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
  absl::Status UploadAll(std::span<const Blob> blobs);
  // Sends all of each from its start.
  absl::Status UploadToMemory(std::span<const Blob> blobs);
  // What the daemon has of a constant.
  absl::StatusOr<v1::QueryUploadResponse> Query(const Blob& blob) const;
  // Sends what `known` says is missing; begins with asking when it is null.
  absl::Status SendChunks(const Blob& blob, const v1::QueryUploadResponse* known);
  // Sends up to `limit` bytes of the missing ranges; returns what the daemon then has.
  absl::StatusOr<v1::UploadConstantResponse> SendStream(
      const Blob& blob, const google::protobuf::RepeatedPtrField<v1::ByteRange>& missing, uint64_t limit);
  // Digests for the daemon to check pieces by; nothing when it takes none or the constant is one piece.
  const v1::ChunkDigests* DigestsOf(const Blob& blob);
  // `bytes` of the whole are now kept, and no more have come for the time `stalled`.
  void Report(uint64_t bytes, absl::Duration stalled = absl::ZeroDuration()) ABSL_LOCKS_EXCLUDED(mu_);

  const Caller& caller_;
  const CallScope& scope_;
  const std::function<void(const UploadProgress&)>& progress_;
  const bool uncacheable_;
  // Of the graph's constants.
  absl::flat_hash_map<Digest, Region> constants_;
  // Of the constant that goes in chunks at the moment.
  Digest digests_of_;
  v1::ChunkDigests digests_;
  uint64_t done_bytes_ = 0;
  // False from the first time that handing over memory failed.
  bool shared_memory_;

  // Under mu_, which is held while the callback runs.
  absl::Mutex mu_;
  UploadProgress state_ ABSL_GUARDED_BY(mu_);
};

}  // namespace modeld::client::internal

#endif  // MODELD_CLIENT_CPP_UPLOADER_H_
