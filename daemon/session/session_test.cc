#include "daemon/session/session.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "catch2/catch.hpp"

namespace modeld {
namespace {

Session MakeSession() {
  return Session(1, PeerIdentity{.app_id = "a"}, absl::FromUnixSeconds(0));
}

TEST_CASE("Closing runs each callback once, in the order they came") {
  Session session = MakeSession();
  std::vector<int> calls;
  session.OnClose([&] { calls.push_back(1); });
  session.OnClose([&] { calls.push_back(2); });
  CHECK_FALSE(session.closed());
  session.Close();
  session.Close();
  CHECK(session.closed());
  CHECK(calls == std::vector<int>{1, 2});
}

TEST_CASE("A callback that comes after the end runs at once") {
  Session session = MakeSession();
  session.Close();
  bool called = false;
  CHECK(session.OnClose([&] { called = true; }) == 0);
  CHECK(called);
  session.RemoveOnClose(0);
}

TEST_CASE("A callback that was taken back does not run") {
  Session session = MakeSession();
  bool called = false;
  const uint64_t id = session.OnClose([&] { called = true; });
  session.RemoveOnClose(id);
  session.RemoveOnClose(id);
  session.RemoveOnClose(4711);
  session.Close();
  CHECK_FALSE(called);
}

TEST_CASE("Taking back a callback that runs waits until it is done") {
  Session session = MakeSession();
  absl::Notification started;
  absl::Notification go_on;
  std::atomic<bool> done = false;
  const uint64_t id = session.OnClose([&] {
    started.Notify();
    go_on.WaitForNotification();
    done = true;
  });
  std::thread closer([&] { session.Close(); });
  started.WaitForNotification();
  bool done_before_return = false;
  std::thread remover([&] {
    session.RemoveOnClose(id);
    done_before_return = done;
  });
  go_on.Notify();
  remover.join();
  closer.join();
  CHECK(done_before_return);
}

TEST_CASE("Roles have names") {
  CHECK(RoleName(Role::kApp) == "app");
  CHECK(RoleName(Role::kBroker) == "broker");
  CHECK(RoleName(Role::kAdmin) == "admin");
}

}  // namespace
}  // namespace modeld
