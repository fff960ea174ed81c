// From gRPC's errors to Abseil's: the only place in the client that knows both.
#ifndef MODELD_CLIENT_CPP_STATUS_H_
#define MODELD_CLIENT_CPP_STATUS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace grpc {
class Status;
}

namespace modeld::client {

// Where and why a call failed, for programs; the meaning of each is modeld.v1.ErrorDetail's.
struct ErrorDetail {
  // As modeld.v1.ErrorDetail.Reason: "REASON_INVALID_GRAPH". A reason that this library does not know is "".
  std::string reason;
  std::optional<uint32_t> operation_index;
  std::string label;
  std::string field;
  std::string expected;
  std::string found;
};

// The same code and message; the daemon's ErrorDetail, if it sent one that can be read, becomes a payload.
absl::Status FromGrpcStatus(const grpc::Status& status);

// What the daemon, or a GraphBuilder's call, attached to an error. Nothing when there is nothing.
std::optional<ErrorDetail> ErrorDetailOf(const absl::Status& status);

// What a call on an object of a session is answered that ended before the call was sent: FAILED_PRECONDITION.
absl::Status SessionEndedError();

// Whether an error is that one: the daemon has gone, or the connection was lost, between two calls.
bool IsSessionEnded(const absl::Status& status);

}  // namespace modeld::client

#endif  // MODELD_CLIENT_CPP_STATUS_H_
