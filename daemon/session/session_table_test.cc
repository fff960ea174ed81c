#include "daemon/session/session_table.h"

#include <string>

#include "catch2/catch.hpp"

namespace modeld {
namespace {

PeerIdentity App(const std::string& id) {
  return PeerIdentity{.role = Role::kApp, .app_id = id};
}
PeerIdentity Admin() {
  return PeerIdentity{.role = Role::kAdmin, .app_id = "modelctl"};
}

TEST_CASE("A call's peer leads to its session, until the connection ends") {
  FakeClock clock;
  SessionTable table(clock, {});
  const auto session = table.Add(4100, App("a")).value();
  CHECK(session->id() != 0);
  CHECK(session->connected_at() == clock.Now());
  CHECK(table.Find("fd:4100").value() == session);
  table.Remove(4100);
  CHECK(session->closed());
  CHECK(table.Find("fd:4100").status().code() == absl::StatusCode::kUnavailable);
  table.Remove(4100);
}

TEST_CASE("Peers that are no connection of ours are UNAVAILABLE") {
  FakeClock clock;
  SessionTable table(clock, {});
  table.Add(4100, App("a")).value();
  for (const char* peer : {"", "fd:", "fd:4101", "fd:4100x", "fd:-1", "ipv4:127.0.0.1:4100", "unix:4100",
                           "4100", "fd:99999999999999999999"}) {
    INFO(peer);
    CHECK(table.Find(peer).status().code() == absl::StatusCode::kUnavailable);
  }
}

TEST_CASE("A number that comes again is another session") {
  FakeClock clock;
  SessionTable table(clock, {});
  const auto first = table.Add(4100, App("a")).value();
  const auto second = table.Add(4100, App("b")).value();
  CHECK(first->closed());
  CHECK_FALSE(second->closed());
  CHECK(first->id() != second->id());
  CHECK(table.Find("fd:4100").value() == second);
}

TEST_CASE("One app cannot take all sessions, and an admin still gets in") {
  FakeClock clock;
  SessionTable table(clock, {.max_sessions = 4, .max_sessions_per_app = 2, .admin_reserve = 1});
  int number = 0;
  for (int i = 0; i < 2; ++i) CHECK(table.Add(number++, App("a")).ok());
  CHECK(table.Add(number, App("a")).status().code() == absl::StatusCode::kResourceExhausted);
  for (int i = 0; i < 2; ++i) CHECK(table.Add(number++, App("b")).ok());
  CHECK(table.Add(number, App("c")).status().code() == absl::StatusCode::kResourceExhausted);
  CHECK(table.Add(number++, Admin()).ok());
  CHECK(table.Add(number, Admin()).status().code() == absl::StatusCode::kResourceExhausted);
  table.Remove(0);
  CHECK_FALSE(table.Add(number, App("c")).ok());
  table.Remove(1);
  CHECK(table.Add(number, App("c")).ok());
}

TEST_CASE("Sessions are listed in the order they came, and all end with the table's clearing") {
  FakeClock clock;
  SessionTable table(clock, {});
  const auto first = table.Add(9, App("a")).value();
  const auto second = table.Add(5, App("b")).value();
  const auto sessions = table.List();
  REQUIRE(sessions.size() == 2);
  CHECK(sessions[0] == first);
  CHECK(sessions[1] == second);
  int ended = 0;
  first->OnClose([&] { ++ended; });
  second->OnClose([&] { ++ended; });
  table.Clear();
  CHECK(ended == 2);
  CHECK(table.ever() == 2);
  CHECK(table.List().empty());
}

}  // namespace
}  // namespace modeld
