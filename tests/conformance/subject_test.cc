#include "tests/conformance/subject.h"

#include <signal.h>

#include <catch2/catch.hpp>

#include "absl/strings/match.h"

namespace modeld::conformance {
namespace {

absl::Status MakeTensor(const client::Context& context) {
  return context.CreateTensor({DataType::kFloat32, {2}}).status();
}

TEST_CASE("A daemon that ends fails the use that it ended in, and the next one finds another") {
  const auto subject = Subject::Start({});
  INFO(subject.status());
  REQUIRE(subject.ok());
  CHECK((*subject)->Use(MakeTensor).ok());
  const absl::Status ended = (*subject)->Use([&](const client::Context& context) {
    kill((*subject)->pid(), SIGKILL);
    absl::Status status;
    while (status.ok()) status = MakeTensor(context);
    return status;
  });
  INFO(ended);
  CHECK(ended.code() == absl::StatusCode::kInternal);
  CHECK(absl::StrContains(std::string(ended.message()), "signal 9"));
  CHECK((*subject)->Use(MakeTensor).ok());
}

TEST_CASE("An error of the use comes back as it is") {
  const auto subject = Subject::Start({.device = "reference", .decompose = true, .fuse = false});
  INFO(subject.status());
  REQUIRE(subject.ok());
  const absl::Status error = absl::InvalidArgumentError("wrong");
  CHECK((*subject)->Use([&](const client::Context&) { return error; }) == error);
  CHECK(Subject::Start({.device = "abacus"}).status().code() == absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace modeld::conformance
