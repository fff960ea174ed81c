#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "catch2/catch.hpp"
#include "daemon/sockets/runtime_dir.h"
#include "daemon/sockets/unix_listener.h"

namespace modeld {
namespace {

namespace fs = std::filesystem;

// A folder with a short path.
class Scratch {
 public:
  Scratch() {
    std::string pattern = "/tmp/sockets-XXXXXX";
    path_ = mkdtemp(pattern.data());
    umask(077);
  }
  ~Scratch() { fs::remove_all(path_); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

bool CanConnect(const std::string& path) {
  const UniqueFd client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

void CheckRefused(const absl::Status& status, const std::string& why) {
  INFO(status);
  CHECK(status.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(absl::StrContains(std::string(status.message()), why));
}

TEST_CASE("The runtime folder is made for its user alone") {
  const Scratch scratch;
  const auto dir = RuntimeDir::Open(scratch / "run");
  REQUIRE(dir.ok());
  struct stat info = {};
  REQUIRE(stat((scratch / "run").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
  CHECK(dir->SocketPath("modeld.sock").value() == scratch / "run/modeld.sock");
}

TEST_CASE("A runtime folder that others could have shaped is refused") {
  const Scratch scratch;
  SECTION("a link") {
    fs::create_directory(scratch / "real");
    fs::create_directory_symlink(scratch / "real", scratch / "run");
    CheckRefused(RuntimeDir::Open(scratch / "run").status(), "not a folder");
  }
  SECTION("a file") {
    std::ofstream(scratch / "run") << "x";
    CheckRefused(RuntimeDir::Open(scratch / "run").status(), "not a folder");
  }
  SECTION("open to others") {
    fs::create_directory(scratch / "run");
    fs::permissions(scratch / "run", fs::perms(0750));
    CheckRefused(RuntimeDir::Open(scratch / "run").status(), "chmod 700");
  }
  SECTION("another user's") {
    fs::create_directory(scratch / "run");
    // Only root can make one, and not in a user namespace that has no such user.
    if (chown((scratch / "run").c_str(), 12345, 12345) != 0) return;
    CheckRefused(RuntimeDir::Open(scratch / "run").status(), "belongs to user 12345");
  }
  SECTION("without its parent") {
    CheckRefused(RuntimeDir::Open(scratch / "a/b").status(), "cannot be made");
  }
}

TEST_CASE("Two daemons cannot have one runtime folder, one after the other can") {
  const Scratch scratch;
  {
    const auto first = RuntimeDir::Open(scratch / "run");
    REQUIRE(first.ok());
    CheckRefused(RuntimeDir::Open(scratch / "run").status(), "another modeld runs there");
  }
  CHECK(RuntimeDir::Open(scratch / "run").ok());
}

TEST_CASE("A path that is too long for a socket is refused") {
  const Scratch scratch;
  const auto dir = RuntimeDir::Open(scratch / std::string(90, 'x'));
  REQUIRE(dir.ok());
  CHECK(dir->SocketPath("modeld.sock").status().code() == absl::StatusCode::kInvalidArgument);
  CheckRefused(UnixListener::Bind(scratch / std::string(120, 'x')).status(), "too long");
}

TEST_CASE("A bound socket is its user's alone, and its file goes with it") {
  const Scratch scratch;
  const std::string path = scratch / "s";
  {
    auto listener = UnixListener::Bind(path).value();
    CHECK(listener.path() == path);
    struct stat info = {};
    REQUIRE(stat(path.c_str(), &info) == 0);
    CHECK((info.st_mode & 077) == 0);
    CHECK(CanConnect(path));
    // Moving it does not remove it.
    const UnixListener moved = std::move(listener);
    CHECK(CanConnect(path));
  }
  CHECK_FALSE(fs::exists(path));
}

TEST_CASE("A file that somebody else has put there since is left alone") {
  const Scratch scratch;
  const std::string path = scratch / "s";
  {
    const auto listener = UnixListener::Bind(path).value();
    fs::rename(path, path + ".old");
    std::ofstream(path) << "another's";
  }
  CHECK(fs::exists(path));
}

TEST_CASE("A stale socket file is replaced, a live one is not") {
  const Scratch scratch;
  const std::string path = scratch / "s";
  auto first = UnixListener::Bind(path).value();
  CheckRefused(UnixListener::Bind(path).status(), "another modeld");
  CHECK(CanConnect(path));
  first.TakeFd();  // nobody listens any more, the file stays
  CHECK_FALSE(CanConnect(path));
  const auto second = UnixListener::Bind(path).value();
  CHECK(CanConnect(path));
}

TEST_CASE("What is no socket is not replaced") {
  const Scratch scratch;
  std::ofstream(scratch / "s") << "precious";
  CheckRefused(UnixListener::Bind(scratch / "s").status(), "no socket");
  CHECK(fs::exists(scratch / "s"));
}

// Runs `check` in a child that has `fds` as systemd hands them down, with their names; whether it returned
// true.
template <typename Check>
bool InActivatedChild(const std::vector<int>& fds, const std::string& names, Check check) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::vector<int> high;
    for (const int fd : fds) high.push_back(fcntl(fd, F_DUPFD, 100));
    for (size_t i = 0; i < high.size(); ++i) dup2(high[i], static_cast<int>(3 + i));
    setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
    setenv("LISTEN_FDS", std::to_string(fds.size()).c_str(), 1);
    if (!names.empty()) setenv("LISTEN_FDNAMES", names.c_str(), 1);
    _exit(check() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_CASE("systemd's sockets are taken by name, or by file name") {
  const Scratch scratch;
  auto modeld = UnixListener::Bind(scratch / "modeld.sock").value();
  auto memory = UnixListener::Bind(scratch / "memory.sock").value();
  const UniqueFd modeld_fd = modeld.TakeFd();
  const UniqueFd memory_fd = memory.TakeFd();
  const auto both_are_right = [&] {
    const auto sockets = TakeActivatedSockets();
    return sockets.ok() && sockets->modeld.has_value() && sockets->memory.has_value() &&
           sockets->modeld->path() == scratch / "modeld.sock" &&
           sockets->memory->path() == scratch / "memory.sock" && getenv("LISTEN_FDS") == nullptr;
  };
  const auto refused = [] {
    return TakeActivatedSockets().status().code() == absl::StatusCode::kFailedPrecondition;
  };
  CHECK(InActivatedChild({modeld_fd.get(), memory_fd.get()}, "modeld:memory", both_are_right));
  CHECK(InActivatedChild({memory_fd.get(), modeld_fd.get()}, "memory:modeld", both_are_right));
  CHECK(InActivatedChild({modeld_fd.get(), memory_fd.get()}, "", both_are_right));
  CHECK(InActivatedChild({modeld_fd.get()}, "modeld.socket", [] {
    const auto sockets = TakeActivatedSockets();
    return sockets.ok() && sockets->modeld.has_value() && !sockets->memory.has_value();
  }));
  CHECK(InActivatedChild({modeld_fd.get(), memory_fd.get()}, "modeld:modeld", refused));
  const UniqueFd no_socket(open("/dev/null", O_RDONLY | O_CLOEXEC));
  CHECK(InActivatedChild({no_socket.get()}, "modeld", refused));
  // The files are systemd's.
  CHECK(fs::exists(scratch / "modeld.sock"));
}

TEST_CASE("Without activation there are no sockets") {
  const auto sockets = TakeActivatedSockets();
  REQUIRE(sockets.ok());
  CHECK_FALSE(sockets->modeld.has_value());
  CHECK_FALSE(sockets->memory.has_value());
}

}  // namespace
}  // namespace modeld
