// The one translator between absl::Status inside and gRPC status outside.
#ifndef MODELD_DAEMON_GRPC_STATUS_H_
#define MODELD_DAEMON_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include <cstddef>

#include "absl/status/status.h"
#include "modeld/v1/error.pb.h"

namespace modeld {

// What a status message is cut to, in bytes, at a border between characters.
inline constexpr size_t kMaxMessageBytes = 1024;
// The same for each text of an ErrorDetail, so that the trailers stay within gRPC's 8 KiB of metadata.
inline constexpr size_t kMaxDetailTextBytes = 256;

// `status` with `reason` for programs; ToGrpcStatus() sends it. Replaces the reason that was there. OK stays
// OK.
absl::Status WithReason(absl::Status status, v1::ErrorDetail::Reason reason);

// As WithReason(), with the request's field that is at fault: "tensor_id".
absl::Status WithReason(absl::Status status, v1::ErrorDetail::Reason reason, absl::string_view field);

// As WithReason(), with all that is to be told: texts are cut to kMaxDetailTextBytes.
absl::Status WithDetail(absl::Status status, v1::ErrorDetail detail);

// The detail that ToGrpcStatus() would send: what WithReason() set and what ErrorSiteOf()
// (engine/graph/graph_error.h) knows. Without WithReason() the code decides: INVALID_ARGUMENT and
// UNIMPLEMENTED of an operation are the graph's fault, INVALID_ARGUMENT else the request's. A detail without
// a reason and a site is empty.
v1::ErrorDetail DetailOf(const absl::Status& status);

// What the client gets: the same code and message, cut to kMaxMessageBytes, bytes that are not UTF-8 replaced
// by '?', and a StatusDetails (proto/modeld/v1/error.proto) with DetailOf(status) unless that is empty.
// NOT_FOUND never has details: all misses look alike. A code that gRPC does not know becomes UNKNOWN.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace modeld

#endif  // MODELD_DAEMON_GRPC_STATUS_H_
