#include "policy/transfer.h"

#include <vector>

#include "catch2/catch.hpp"

namespace modeld::policy {
namespace {

using S = TransferState;
const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr absl::Duration kNone = absl::ZeroDuration();
const absl::Duration kNever = absl::InfiniteDuration();

Transfer Open(absl::Duration ago) {
  return {.open = true, .last_bytes = kNow - ago};
}
Transfer Left(absl::Duration ago) {
  return {.last_bytes = kNow - ago};
}
const Transfer kWhole{.complete = true};
const Transfer kUnheardOf;

TEST_CASE("An upload's state follows from who sends it and when the last byte came") {
  struct Case {
    Transfer transfer;
    absl::Duration stall_after;
    TransferVerdict want;
  };
  const absl::Duration deadline = absl::Seconds(30);
  const Case cases[] = {
      {Open(kNone), deadline, {S::kReceiving, kNone}},
      {Open(absl::Seconds(30)), deadline, {S::kReceiving, kNone}},
      {Open(absl::Seconds(30) + absl::Nanoseconds(1)),
       deadline,
       {S::kStalled, absl::Seconds(30) + absl::Nanoseconds(1)}},
      {Open(absl::Hours(5)), deadline, {S::kStalled, absl::Hours(5)}},
      {Open(absl::Hours(5)), kNever, {S::kReceiving, kNone}},
      {Open(kNone), kNone, {S::kReceiving, kNone}},
      {Open(absl::Milliseconds(1)), kNone, {S::kStalled, absl::Milliseconds(1)}},
      // The clock was set back.
      {Open(-absl::Hours(1)), deadline, {S::kReceiving, kNone}},
      {Open(-absl::Hours(1)), kNone, {S::kReceiving, kNone}},
      {Left(kNone), deadline, {S::kInterrupted, kNone}},
      {Left(absl::Seconds(3)), deadline, {S::kInterrupted, absl::Seconds(3)}},
      {Left(absl::Hours(9)), deadline, {S::kInterrupted, absl::Hours(9)}},
      {Left(absl::Hours(9)), kNever, {S::kInterrupted, absl::Hours(9)}},
      {Left(-absl::Hours(1)), deadline, {S::kInterrupted, kNone}},
      {kUnheardOf, deadline, {S::kInterrupted, kNever}},
      {kWhole, deadline, {S::kComplete, kNone}},
      {{.complete = true, .open = true, .last_bytes = kNow - absl::Hours(1)},
       deadline,
       {S::kComplete, kNone}},
  };
  for (const Case& c : cases) {
    INFO("open " << c.transfer.open << ", last bytes " << absl::FormatDuration(kNow - c.transfer.last_bytes)
                 << " ago, stalled after " << absl::FormatDuration(c.stall_after));
    const TransferVerdict got = JudgeTransfer(c.transfer, c.stall_after, kNow);
    CHECK(got.state == c.want.state);
    CHECK(got.quiet == c.want.quiet);
  }
}

TEST_CASE("Several uploads together are as well off as the best of them that is open") {
  struct Case {
    std::vector<Transfer> transfers;
    TransferVerdict want;
  };
  const absl::Duration fresh = absl::Seconds(2), old = absl::Seconds(42), ancient = absl::Hours(3);
  const Case cases[] = {
      {{}, {S::kComplete, kNone}},
      {{kWhole, kWhole}, {S::kComplete, kNone}},
      {{kWhole, Open(fresh)}, {S::kReceiving, kNone}},
      {{Open(old), Open(fresh)}, {S::kReceiving, kNone}},
      {{Open(fresh), Open(old)}, {S::kReceiving, kNone}},
      {{Open(old), kUnheardOf, Open(ancient)}, {S::kStalled, old}},
      // That another was left a moment ago does not make bytes come.
      {{Left(fresh), Open(old)}, {S::kStalled, old}},
      {{Open(old), Left(fresh)}, {S::kStalled, old}},
      {{Left(ancient), kUnheardOf, Left(old), kWhole}, {S::kInterrupted, old}},
      {{kWhole, kUnheardOf}, {S::kInterrupted, kNever}},
  };
  for (size_t i = 0; i < std::size(cases); ++i) {
    INFO("case " << i);
    const TransferVerdict got = JudgeTransfer(TogetherAsOne(cases[i].transfers), absl::Seconds(30), kNow);
    CHECK(got.state == cases[i].want.state);
    CHECK(got.quiet == cases[i].want.quiet);
  }
}

}  // namespace
}  // namespace modeld::policy
