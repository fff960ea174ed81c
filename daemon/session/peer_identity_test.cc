#include "daemon/session/peer_identity.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "catch2/catch.hpp"
#include "daemon/memory/shared_memory.h"

namespace modeld {
namespace {

namespace fs = std::filesystem;

constexpr pid_t kPid = 42;

// A /proc with one process, and executables.
class FakeProc {
 public:
  FakeProc() {
    std::string pattern = (fs::path(std::getenv("TEST_TMPDIR")) / "proc-XXXXXX").string();
    root_ = mkdtemp(pattern.data());
    fs::create_directories(process() / "root");
    fs::create_directories(process() / "attr");
    fs::create_directories(bin());
    for (const char* name : {"app", "browser", "modelctl"}) Write(bin() / name, name);
    Write(process() / "stat",
          "42 (a) name) with ) S 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 98765 1 1 1\n");
    RunAs("app");
  }
  ~FakeProc() { fs::remove_all(root_); }

  fs::path process() const { return root_ / std::to_string(kPid); }
  fs::path bin() const { return root_ / "bin"; }
  void RunAs(const std::string& name) {
    fs::remove(process() / "exe");
    fs::create_symlink(bin() / name, process() / "exe");
  }
  static void Write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

  absl::StatusOr<PeerIdentity> Identify(IdentityRules rules) const {
    return PeerIdentifier(std::move(rules), root_.string()).IdentifyProcess(kPid, 1000);
  }
  // Browser and modelctl are trusted.
  PeerIdentity Identify() const {
    return Identify({.brokers = {(bin() / "browser").string(), "app:org.mozilla.firefox"},
                     .admins = {(bin() / "modelctl").string()}})
        .value();
  }

 private:
  fs::path root_;
};

TEST_CASE("A program that nothing is known of is an app named after its executable") {
  const FakeProc proc;
  const PeerIdentity identity = proc.Identify();
  CHECK(identity.role == Role::kApp);
  CHECK(absl::StartsWith(identity.app_id, "app-"));
  CHECK(identity.pid == kPid);
  CHECK(identity.uid == 1000);
}

TEST_CASE("Roles are given to the very files that the user named") {
  FakeProc proc;
  proc.RunAs("browser");
  CHECK(proc.Identify().role == Role::kBroker);
  proc.RunAs("modelctl");
  CHECK(proc.Identify().role == Role::kAdmin);
  // Another file of the same name and content.
  fs::create_directories(proc.bin() / "evil");
  FakeProc::Write(proc.bin() / "evil" / "modelctl", "modelctl");
  proc.RunAs("evil/modelctl");
  CHECK(proc.Identify().role == Role::kApp);
  // A name that begins like a trusted one.
  FakeProc::Write(proc.bin() / "modelctl2", "x");
  proc.RunAs("modelctl2");
  CHECK(proc.Identify().role == Role::kApp);
}

TEST_CASE("A trusted path that is a link, and one that does not exist") {
  FakeProc proc;
  fs::create_symlink(proc.bin() / "browser", proc.bin() / "x-www-browser");
  proc.RunAs("browser");
  const auto linked = proc.Identify({.brokers = {(proc.bin() / "x-www-browser").string()}, .admins = {}});
  CHECK(linked->role == Role::kBroker);
  const auto missing =
      proc.Identify({.brokers = {"/nonexistent", "", "browser", "."}, .admins = {"/nonexistent"}});
  CHECK(missing->role == Role::kApp);
}

TEST_CASE("An executable that was replaced on disk has lost its role") {
  FakeProc proc;
  proc.RunAs("modelctl");
  // The process keeps the old file; another has its name.
  fs::rename(proc.bin() / "modelctl", proc.bin() / "old");
  proc.RunAs("old");
  FakeProc::Write(proc.bin() / "modelctl", "new");
  CHECK(proc.Identify().role == Role::kApp);
}

TEST_CASE("A systemd app unit names an app, but not a trusted program") {
  FakeProc proc;
  FakeProc::Write(proc.process() / "cgroup",
                  "0::/user.slice/app.slice/app-gnome-org.gnome.Terminal-7.scope\n");
  CHECK(proc.Identify().app_id == "org.gnome.Terminal");
  proc.RunAs("modelctl");
  CHECK(proc.Identify().role == Role::kAdmin);
  CHECK(absl::StartsWith(proc.Identify().app_id, "modelctl-"));
}

TEST_CASE("A sandbox's id goes before all else, and gives no role by path") {
  FakeProc proc;
  FakeProc::Write(proc.process() / "cgroup", "0::/app.slice/app-flatpak-org.other.app-7.scope\n");
  FakeProc::Write(proc.process() / "root" / ".flatpak-info", "[Application]\nname=org.example.app\n");
  proc.RunAs("modelctl");
  CHECK(proc.Identify().app_id == "org.example.app");
  CHECK(proc.Identify().role == Role::kApp);
  SECTION("unless the user named that id") {
    FakeProc::Write(proc.process() / "root" / ".flatpak-info", "[Application]\nname=org.mozilla.firefox\n");
    CHECK(proc.Identify().role == Role::kBroker);
  }
  SECTION("and a snap's label before a flatpak's file") {
    FakeProc::Write(proc.process() / "attr" / "current", "snap.some.app (enforce)\n");
    CHECK(proc.Identify().app_id == "snap.some");
    CHECK(proc.Identify().role == Role::kApp);
  }
}

TEST_CASE("What a peer put into its root cannot lead astray") {
  FakeProc proc;
  const fs::path info = proc.process() / "root" / ".flatpak-info";
  SECTION("a link") {
    FakeProc::Write(proc.bin() / "info", "[Application]\nname=org.example.app\n");
    fs::create_symlink(proc.bin() / "info", info);
  }
  SECTION("a pipe") {
    REQUIRE(mkfifo(info.c_str(), 0600) == 0);
  }
  SECTION("a folder") {
    fs::create_directory(info);
  }
  SECTION("an endless file") {
    FakeProc::Write(info, std::string(1 << 20, '\n') + "[Application]\nname=org.example.app\n");
  }
  CHECK(absl::StartsWith(proc.Identify().app_id, "app-"));
}

TEST_CASE("A process that has ended is UNAVAILABLE, one that hides itself PERMISSION_DENIED") {
  FakeProc proc;
  SECTION("ended") {
    fs::remove(proc.process() / "stat");
    CHECK(proc.Identify(IdentityRules{}).status().code() == absl::StatusCode::kUnavailable);
  }
  SECTION("hidden") {
    fs::remove(proc.process() / "exe");
    CHECK(proc.Identify(IdentityRules{}).status().code() == absl::StatusCode::kPermissionDenied);
  }
}

TEST_CASE("The peer of a real socket is found") {
  int pair[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  const UniqueFd one(pair[0]);
  const UniqueFd other(pair[1]);
  const std::string self = fs::read_symlink("/proc/self/exe").string();
  const PeerIdentity identity = PeerIdentifier({.brokers = {}, .admins = {self}}).Identify(one.get()).value();
  CHECK(identity.pid == getpid());
  CHECK(identity.uid == geteuid());
  CHECK(identity.role == Role::kAdmin);
  CHECK_FALSE(identity.app_id.empty());
}

TEST_CASE("A peer that has ended is not identified") {
  const UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr address{};
  address.sa_family = AF_UNIX;
  char name[110] = {};
  socklen_t length = sizeof(name);
  REQUIRE(bind(listener.get(), &address, sizeof(sa_family_t)) == 0);
  REQUIRE(getsockname(listener.get(), reinterpret_cast<sockaddr*>(name), &length) == 0);
  REQUIRE(listen(listener.get(), 1) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const int s = socket(AF_UNIX, SOCK_STREAM, 0);
    _exit(connect(s, reinterpret_cast<sockaddr*>(name), length) == 0 ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  const UniqueFd connection(accept(listener.get(), nullptr, nullptr));
  REQUIRE(connection.valid());
  CHECK(PeerIdentifier({}).Identify(connection.get()).status().code() == absl::StatusCode::kUnavailable);
}

TEST_CASE("What is no connected unix socket has no peer") {
  CHECK(PeerIdentifier({}).Identify(-1).status().code() == absl::StatusCode::kPermissionDenied);
  const UniqueFd lonely(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  CHECK(PeerIdentifier({}).Identify(lonely.get()).status().code() == absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace modeld
