// Statuses that more than one service gives, each worded once.
#ifndef MODELD_DAEMON_SERVICES_ERRORS_H_
#define MODELD_DAEMON_SERVICES_ERRORS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "daemon/session/session.h"

namespace modeld {

// All pure and thread-safe.

// NOT_FOUND for every model that is not there or may not be shown: always the very same status.
absl::Status ModelNotFound();

// NOT_FOUND: `graph 7: not found`, for a handle that the session does not have under this partition.
absl::Status HandleNotFound(absl::string_view kind, uint64_t id);

// RESOURCE_EXHAUSTED, REASON_SESSION_LIMIT: `graphs: this session has 256 already, the limit`.
absl::Status SessionLimit(absl::string_view things, uint64_t limit);

// RESOURCE_EXHAUSTED, REASON_SESSION_LIMIT: `tensor memory: 100 bytes do not fit, 10 of 64 are free`.
absl::Status ByteLimit(absl::string_view what, uint64_t wanted, uint64_t used, uint64_t limit);

// INVALID_ARGUMENT, REASON_TENSOR_MISMATCH: `input "image": expected float32[1,3], found float32[1,4]`.
// `role`: "input" or "output"; `name` is the graph's.
absl::Status TensorMismatch(absl::string_view role, absl::string_view name, absl::string_view expected,
                            absl::string_view found);

// INVALID_ARGUMENT, REASON_INVALID_ARGUMENT with the request's field: `offset_bytes: is 5, ...`.
absl::Status BadField(absl::string_view field, absl::string_view what);

// FAILED_PRECONDITION, REASON_UNCACHEABLE: the graph was built so that nothing of it is kept.
absl::Status Uncacheable(uint64_t graph_id);

// RESOURCE_EXHAUSTED, REASON_RATE_LIMITED.
absl::Status StoresTooOften();

// `status` of storage, with the reasons that programs look for: no room on disk, a digest that does not fit.
absl::Status FromStorage(absl::Status status);
// The same; admins are told how much room was wanted and how much there was.
absl::Status FromStorage(absl::Status status, Role role);

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_ERRORS_H_
