#include "daemon/grpc_status.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "catch2/catch.hpp"
#include "engine/graph/graph_error.h"

namespace modeld {
namespace {

v1::ErrorDetail SentDetail(const grpc::Status& status) {
  v1::StatusDetails details;
  REQUIRE(details.ParseFromString(status.error_details()));
  CHECK(details.code() == status.error_code());
  CHECK(details.message() == status.error_message());
  REQUIRE(details.details_size() == 1);
  v1::ErrorDetail detail;
  REQUIRE(details.details(0).UnpackTo(&detail));
  return detail;
}

TEST_CASE("An OK status stays OK and has nothing attached") {
  const grpc::Status status = ToGrpcStatus(absl::OkStatus());
  CHECK(status.ok());
  CHECK(status.error_details().empty());
  CHECK(WithReason(absl::OkStatus(), v1::ErrorDetail::REASON_NO_SPACE).ok());
}

TEST_CASE("Every canonical code keeps its number, and an unknown one becomes UNKNOWN") {
  for (int code = 1; code <= 16; ++code) {
    const grpc::Status status = ToGrpcStatus(absl::Status(static_cast<absl::StatusCode>(code), "why"));
    CHECK(status.error_code() == code);
    CHECK(status.error_message() == "why");
  }
  CHECK(ToGrpcStatus(absl::Status(static_cast<absl::StatusCode>(77), "why")).error_code() ==
        grpc::StatusCode::UNKNOWN);
}

TEST_CASE("A message is cut to 1 KiB between two characters") {
  std::string long_message(kMaxMessageBytes - 1, 'a');
  long_message += "\xC3\xA9 and more";  // an e with an accent would straddle the limit
  const grpc::Status status = ToGrpcStatus(absl::InternalError(long_message));
  CHECK(status.error_message() == std::string(kMaxMessageBytes - 1, 'a'));
}

TEST_CASE("Bytes that are not UTF-8 become question marks") {
  const grpc::Status status =
      ToGrpcStatus(absl::InvalidArgumentError("key \xFF\xC0\xAF\xED\xA0\x80 \xE2\x82\xAC"));
  CHECK(status.error_message() == "key ?????? \xE2\x82\xAC");
  CHECK(SentDetail(status).reason() == v1::ErrorDetail::REASON_INVALID_ARGUMENT);
}

TEST_CASE("An operation's error carries its place in the graph, also through Annotate") {
  Operation operation;
  operation.type = "conv2d";
  operation.label = "stem";
  const absl::Status error = OperationError(
      absl::StatusCode::kInvalidArgument, operation, 7, "groups 3 does not divide 64 input channels",
      ErrorSite{.field = "groups", .expected = "a divisor of 64", .found = "3"});
  const v1::ErrorDetail detail = SentDetail(ToGrpcStatus(Annotate(error, "graph")));
  CHECK(detail.reason() == v1::ErrorDetail::REASON_INVALID_GRAPH);
  CHECK(detail.operation_index() == 7);
  CHECK(detail.label() == "stem");
  CHECK(detail.field() == "groups");
  CHECK(detail.expected() == "a divisor of 64");
  CHECK(detail.found() == "3");
}

TEST_CASE("An operation that no device runs is UNSUPPORTED_OPERATION") {
  Operation operation;
  operation.type = "lstm";
  const absl::Status error =
      OperationError(absl::StatusCode::kUnimplemented, operation, 0, "no device runs it");
  CHECK(SentDetail(ToGrpcStatus(error)).reason() == v1::ErrorDetail::REASON_UNSUPPORTED_OPERATION);
}

TEST_CASE("A service's reason and field win over the default") {
  const absl::Status error = WithReason(absl::ResourceExhaustedError("the queue is full"),
                                        v1::ErrorDetail::REASON_QUEUE_FULL, "graph_id");
  const v1::ErrorDetail detail = SentDetail(ToGrpcStatus(error));
  CHECK(detail.reason() == v1::ErrorDetail::REASON_QUEUE_FULL);
  CHECK(detail.field() == "graph_id");
  CHECK_FALSE(detail.has_operation_index());
}

TEST_CASE("NOT_FOUND never has details, so that all misses look alike") {
  const absl::Status plain = absl::NotFoundError("no such model");
  const absl::Status with_reason = WithReason(plain, v1::ErrorDetail::REASON_INVALID_ARGUMENT);
  CHECK(ToGrpcStatus(plain).error_details().empty());
  CHECK(ToGrpcStatus(with_reason).error_details().empty());
  CHECK(ToGrpcStatus(plain).error_message() == ToGrpcStatus(with_reason).error_message());
}

TEST_CASE("The trailers of the longest possible error stay within gRPC's metadata limit") {
  Operation operation;
  operation.type = "add";
  operation.label = std::string(100'000, 'l');
  const std::string text(100'000, 'x');
  const grpc::Status status =
      ToGrpcStatus(OperationError(absl::StatusCode::kInvalidArgument, operation, 1, text,
                                  {.field = text, .expected = text, .found = text}));
  CHECK(status.error_message().size() == kMaxMessageBytes);
  // Base64 makes four bytes of three; a message of '%' would be escaped to three bytes each.
  CHECK(status.error_details().size() * 4 / 3 + status.error_message().size() * 3 < 8000);
}

TEST_CASE("a detail that is attached whole comes back, its texts cut") {
  v1::ErrorDetail detail;
  detail.set_reason(v1::ErrorDetail::REASON_TENSOR_MISMATCH);
  detail.set_expected("float32[1,3]");
  detail.set_found(std::string(2 * kMaxDetailTextBytes, 'x'));
  const v1::ErrorDetail told = DetailOf(WithDetail(absl::InvalidArgumentError("input: wrong"), detail));
  CHECK(told.reason() == v1::ErrorDetail::REASON_TENSOR_MISMATCH);
  CHECK(told.expected() == "float32[1,3]");
  CHECK(told.found().size() == kMaxDetailTextBytes);
  CHECK(WithDetail(absl::OkStatus(), detail).ok());
}

}  // namespace
}  // namespace modeld
