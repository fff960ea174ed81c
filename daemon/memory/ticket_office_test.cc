#include "daemon/memory/ticket_office.h"

#include <memory>
#include <set>
#include <string>

#include "catch2/catch.hpp"

namespace modeld {
namespace {

constexpr uint64_t kSession = 7;

class Office {
 public:
  std::string Receive(uint64_t session = kSession) {
    return tickets.IssueReceive(session, SharedMemory::Create(16).value()).value();
  }
  absl::StatusCode Redeem(absl::string_view ticket) { return tickets.Redeem(ticket).status().code(); }

  FakeClock clock;
  TicketOffice tickets{clock, 4};
};

TEST_CASE("A ticket is 32 random bytes and good once") {
  Office office;
  const std::string ticket = office.Receive();
  CHECK(ticket.size() == TicketOffice::kTicketBytes);
  CHECK(ticket != office.Receive());
  const TicketOffice::Redeemed what = office.tickets.Redeem(ticket).value();
  CHECK(what.receive != nullptr);
  CHECK(what.deliver == nullptr);
  CHECK(what.size_bytes == 16);
  CHECK(office.Redeem(ticket) == absl::StatusCode::kNotFound);
}

TEST_CASE("A sending ticket delivers") {
  Office office;
  int delivered = 0;
  const std::string ticket = office.tickets.IssueSend(kSession, 99, [&](UniqueFd) { ++delivered; }).value();
  const TicketOffice::Redeemed what = office.tickets.Redeem(ticket).value();
  CHECK(what.receive == nullptr);
  CHECK(what.size_bytes == 99);
  what.deliver(UniqueFd());
  CHECK(delivered == 1);
}

TEST_CASE("Tickets that were never issued, are cut, or have expired all look alike") {
  Office office;
  const std::string ticket = office.Receive();
  const absl::Status unknown = office.tickets.Redeem(std::string(32, 'x')).status();
  CHECK(unknown.code() == absl::StatusCode::kNotFound);
  CHECK(office.tickets.Redeem("").status() == unknown);
  CHECK(office.tickets.Redeem(ticket.substr(0, 31)).status() == unknown);
  CHECK(office.tickets.Redeem(ticket + "x").status() == unknown);
  office.clock.Advance(absl::Seconds(61));
  CHECK(office.tickets.Redeem(ticket).status() == unknown);
}

TEST_CASE("A session has a number of open tickets, and redeemed or expired ones do not count") {
  Office office;
  const std::string first = office.Receive();
  for (int i = 0; i < 3; ++i) office.Receive();
  const auto refused = office.tickets.IssueSend(kSession, 1, [](UniqueFd) {});
  CHECK(refused.status().code() == absl::StatusCode::kResourceExhausted);
  office.Receive(/*session=*/8);
  CHECK(office.Redeem(first) == absl::StatusCode::kOk);
  office.Receive();
  office.clock.Advance(absl::Minutes(2));
  for (int i = 0; i < 4; ++i) office.Receive();
}

TEST_CASE("Revoking ends one session's tickets and lets go of their memory") {
  Office office;
  auto memory = SharedMemory::Create(16).value();
  const std::weak_ptr<SharedMemory> watched = memory;
  const std::string mine = office.tickets.IssueReceive(kSession, std::move(memory)).value();
  const std::string other = office.Receive(/*session=*/8);
  office.tickets.Revoke(kSession);
  CHECK(watched.expired());
  CHECK(office.Redeem(mine) == absl::StatusCode::kNotFound);
  CHECK(office.Redeem(other) == absl::StatusCode::kOk);
}

TEST_CASE("Expired tickets let go of their memory when the next is issued") {
  Office office;
  auto memory = SharedMemory::Create(16).value();
  const std::weak_ptr<SharedMemory> watched = memory;
  REQUIRE(office.tickets.IssueReceive(kSession, std::move(memory)).ok());
  office.clock.Advance(absl::Minutes(2));
  office.Receive(/*session=*/8);
  CHECK(watched.expired());
}

}  // namespace
}  // namespace modeld
