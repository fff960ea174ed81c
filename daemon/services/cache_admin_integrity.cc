// Deleting uploads, and moving the cache folder.
#include <algorithm>
#include <cmath>

#include "base/status.h"
#include "daemon/services/cache_admin_service.h"
#include "daemon/services/convert.h"
#include "daemon/services/errors.h"
#include "daemon/services/rpc.h"
#include "storage/integrity.h"

namespace modeld {
namespace {

constexpr auto kAdmin = CallGate::Door::kAdmin;
// Between two messages; copying reports every MiB.
constexpr absl::Duration kReportInterval = absl::Milliseconds(100);

}  // namespace

grpc::Status CacheAdminService::DeleteUpload(grpc::ServerContext* context,
                                             const v1::DeleteUploadRequest* request,
                                             v1::DeleteUploadResponse* response) {
  return Serve(parts_.gate, kAdmin, *context, "CacheAdminService/DeleteUpload", [&](Call&) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(const Digest digest, ParseModelId(request->digest(), "digest"));
    const auto freed = parts_.store.integrity().DeleteUpload(digest);
    if (!freed.ok()) return FromStorage(freed.status());
    response->set_freed_bytes(*freed);
    // Only sooner than the next upkeep would.
    (void)parts_.store.Collect(absl::Now());
    return absl::OkStatus();
  });
}

grpc::Status CacheAdminService::MoveCache(grpc::ServerContext* context, const v1::MoveCacheRequest* request,
                                          grpc::ServerWriter<v1::MoveCacheResponse>* writer) {
  return Serve(parts_.gate, kAdmin, *context, "CacheAdminService/MoveCache", [&](Call& call) -> absl::Status {
    v1::MoveCacheResponse news;
    absl::Time last = absl::InfinitePast();
    const auto report = [&](const storage::MoveProgress& progress) {
      const double share = progress.total_bytes == 0 ? 0.0
                                                     : static_cast<double>(progress.copied_bytes) /
                                                           static_cast<double>(progress.total_bytes);
      // 1 is for the last message; a file that grew or went meanwhile must not turn it back.
      news.set_fraction(std::max(news.fraction(), std::min(share, std::nextafter(1.0, 0.0))));
      news.set_copied_bytes(std::max(news.copied_bytes(), progress.copied_bytes));
      news.set_total_bytes(progress.total_bytes);
      if (!call.cancellation().Check().ok()) return false;
      if (absl::Now() - last < kReportInterval) return true;
      last = absl::Now();
      return writer->Write(news);
    };
    if (auto moved = parts_.store.integrity().Move(request->directory(), report); !moved.ok()) {
      return FromStorage(moved);
    }
    news.set_fraction(1.0);
    news.set_done(true);
    return writer->Write(news) ? absl::OkStatus() : absl::CancelledError("the call: cancelled");
  });
}

}  // namespace modeld
