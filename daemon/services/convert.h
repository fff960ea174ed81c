// Parts of requests and replies that several services have.
#ifndef MODELD_DAEMON_SERVICES_CONVERT_H_
#define MODELD_DAEMON_SERVICES_CONVERT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/digest.h"
#include "daemon/services/objects.h"
#include "engine/graph/limits.h"
#include "modeld/v1/graph.pb.h"
#include "modeld/v1/inference.pb.h"
#include "storage/store_types.h"

namespace modeld {

// All pure and thread-safe. `field` names the request's field in errors.

v1::GraphHandle ToMessage(const LoadedGraph& graph);
v1::BlobRef ToMessage(const storage::BlobRef& ref);
// INVALID_ARGUMENT: DecodeBlobRef's (client/codec/graph_codec.h).
absl::StatusOr<storage::BlobRef> ParseBlob(const v1::BlobRef& blob, const GraphLimits& limits,
                                           absl::string_view field);
// INVALID_ARGUMENT: not 32 bytes.
absl::StatusOr<Digest> ParseModelId(const std::string& bytes, absl::string_view field);

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_CONVERT_H_
