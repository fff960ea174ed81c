#include "daemon/services/admin_diagnosis.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <map>

#include "absl/strings/match.h"
#include "daemon/services/test_daemon.h"

namespace modeld {
namespace {

void CheckSound(const Finding& finding) {
  INFO(finding.text());
  CHECK(finding.severity() == Finding::OK);
  CHECK(finding.remedy().empty());
}

void CheckWrong(const Finding& finding, const std::string& area, const std::string& text,
                const std::string& remedy) {
  INFO(finding.text() << " / " << finding.remedy());
  CHECK(finding.severity() != Finding::OK);
  CHECK(finding.area() == area);
  CHECK(absl::StrContains(finding.text(), text));
  CHECK(absl::StrContains(finding.remedy(), remedy));
}

// A socket file at which nobody need listen.
void Bind(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  REQUIRE(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  close(fd);
}

TEST_CASE("a folder is sound when it is there, the user's own, private and writable") {
  TestFolder folder;
  const std::string path = folder.path() + "/cache";
  CheckWrong(CheckFolder("cache folder", path), "paths", "No such file", "restart");
  REQUIRE(mkdir(path.c_str(), 0700) == 0);
  CheckSound(CheckFolder("cache folder", path));
  REQUIRE(chmod(path.c_str(), 0755) == 0);
  CheckWrong(CheckFolder("cache folder", path), "permissions", "0755", "chmod 0700");
  if (geteuid() != 0) {
    REQUIRE(chmod(path.c_str(), 0500) == 0);
    CheckWrong(CheckFolder("cache folder", path), "permissions", "cannot be written", "chmod 0700");
  } else if (chown(path.c_str(), 12345, static_cast<gid_t>(-1)) == 0) {
    // Root may write everywhere, and give things away but in a namespace of its own.
    CheckWrong(CheckFolder("cache folder", path), "permissions", "another user", "chown");
  }
  std::ofstream(folder.path() + "/file") << "x";
  CheckWrong(CheckFolder("cache folder", folder.path() + "/file"), "paths", "no folder", "move it");
  REQUIRE(symlink(folder.path().c_str(), (folder.path() + "/link").c_str()) == 0);
  CheckWrong(CheckFolder("cache folder", folder.path() + "/link"), "paths", "no folder", "move it");
}

TEST_CASE("a private file is sound when nobody else may read it") {
  TestFolder folder;
  const std::string path = folder.path() + "/plans.key";
  CheckWrong(CheckPrivateFile("key", path, "make one"), "permissions", "No such file", "make one");
  std::ofstream(path) << "secret";
  REQUIRE(chmod(path.c_str(), 0600) == 0);
  CheckSound(CheckPrivateFile("key", path, "make one"));
  REQUIRE(chmod(path.c_str(), 0640) == 0);
  CheckWrong(CheckPrivateFile("key", path, "make one"), "permissions", "0640", "chmod 0600");
  CheckWrong(CheckPrivateFile("key", folder.path(), "make one"), "permissions", "no plain file", "move it");
}

TEST_CASE("a socket is sound when it is there and private") {
  TestFolder folder;
  const std::string path = folder.path() + "/modeld.sock";
  CheckWrong(CheckSocket("socket", ""), "sockets", "none", "systemctl");
  CheckWrong(CheckSocket("socket", path), "sockets", "gone", "restart");
  std::ofstream(path) << "no socket";
  CheckWrong(CheckSocket("socket", path), "sockets", "gone", "restart");
  REQUIRE(unlink(path.c_str()) == 0);
  Bind(path);
  REQUIRE(chmod(path.c_str(), 0600) == 0);
  CheckSound(CheckSocket("socket", path));
  REQUIRE(chmod(path.c_str(), 0666) == 0);
  CheckWrong(CheckSocket("socket", path), "sockets", "0666", "chmod 0600");
}

// The worst finding that speaks of a subject.
Finding About(const std::vector<Finding>& findings, const std::string& subject) {
  for (const Finding& finding : findings) {
    if (absl::StartsWith(finding.text(), subject)) return finding;
  }
  return {};
}

TEST_CASE("space is judged by the disk's floor, the limit and the quotas") {
  struct Row {
    uint64_t free, floor, used, limit;
    Finding::Severity disk, cache;
  };
  constexpr uint64_t kNone = UINT64_MAX;
  for (const Row& row : std::initializer_list<Row>{
           {1000, 100, 10, 100, Finding::OK, Finding::OK},
           {125, 100, 10, 100, Finding::OK, Finding::OK},
           {124, 100, 94, 100, Finding::WARNING, Finding::OK},
           {100, 100, 95, 100, Finding::WARNING, Finding::WARNING},
           {99, 100, 99, 100, Finding::ERROR, Finding::WARNING},
           {0, 100, 100, 100, Finding::ERROR, Finding::ERROR},
           {0, 0, 101, 100, Finding::OK, Finding::ERROR},
           {kNone, 0, kNone, 0, Finding::OK, Finding::OK},
           {1000, 100, 10, kNone, Finding::OK, Finding::OK},
       }) {
    storage::SpaceUsage usage;
    usage.free_bytes = row.free;
    usage.min_free_bytes = row.floor;
    usage.physical_bytes = row.used;
    usage.limit_bytes = row.limit;
    const auto findings = CheckSpace(usage);
    INFO(row.free << " free, floor " << row.floor << ", " << row.used << " of " << row.limit);
    CHECK(About(findings, "disk").severity() == row.disk);
    CHECK(About(findings, "cache").severity() == row.cache);
    for (const Finding& finding : findings) {
      CHECK(finding.area() == "space");
      CHECK(finding.remedy().empty() == (finding.severity() == Finding::OK));
    }
  }
  storage::SpaceUsage usage;
  usage.free_bytes = 1000;
  usage.partitions = {{"app:full", 90, 0, 0, 5, 1, 100}, {"app:half", 50, 0, 0, 0, 1, 100}, {"app:none", 5}};
  const auto findings = CheckSpace(usage);
  CHECK(About(findings, "partition app:full").severity() == Finding::WARNING);
  CHECK(absl::StrContains(About(findings, "partition app:full").text(), "95 %"));
  CHECK(About(findings, "partition app:half").text().empty());
  CHECK(About(findings, "partition app:none").text().empty());
}

TEST_CASE("descriptors and mappings are judged by what is left") {
  CheckSound(CheckDescriptors(100, 65536));
  CheckWrong(CheckDescriptors(10, 1024), "limits", "few", "LimitNOFILE");
  CheckWrong(CheckDescriptors(60'000, 65'536), "limits", "60000 of 65536", "LimitNOFILE");
  CheckSound(CheckMappings(500, 65'530));
  CheckWrong(CheckMappings(60'000, 65'530), "limits", "60000", "vm.max_map_count");
}

// A folder, a daemon and the user.
struct Fixture {
  TestFolder folder;
  TestDaemon daemon{folder.path()};
  TestClient admin = daemon.Connect(Role::kAdmin, "modelctl");

  std::vector<Finding> Diagnose() {
    CallContext call;
    v1::DiagnoseResponse response;
    REQUIRE(admin.admin->Diagnose(&call, {}, &response).ok());
    return {response.findings().begin(), response.findings().end()};
  }
};

TEST_CASE("a healthy daemon's folders, limits and store are found to be well") {
  Fixture f;
  std::map<std::string, int> areas;
  for (const Finding& finding : f.Diagnose()) {
    ++areas[finding.area()];
    CHECK_FALSE(finding.text().empty());
    // This one has no sockets in files, and its disk may be full.
    if (finding.area() == "paths" && absl::StrContains(finding.text(), f.folder.path())) CheckSound(finding);
    if (finding.area() == "store" || finding.area() == "plans") CheckSound(finding);
    CHECK(finding.remedy().empty() == (finding.severity() == Finding::OK));
  }
  for (const char* area : {"paths", "space", "sockets", "limits", "store", "plans"}) {
    INFO(area);
    CHECK(areas[area] > 0);
  }
  const TestClient app = f.daemon.App();
  CallContext call;
  v1::DiagnoseResponse response;
  CHECK(app.admin->Diagnose(&call, {}, &response).error_code() == grpc::StatusCode::PERMISSION_DENIED);
}

TEST_CASE("damaged models, open folders and a readable key are found") {
  Fixture f;
  const TestClient app = f.daemon.App();
  app.Store(app.BuildWhole(app.MakeContext(), AddGraph({1, 2, 3})));
  const Digest weights = Digest::Of(FloatBytes({1, 2, 3}));
  const std::string hex = weights.ToHex();
  const std::string path = f.folder.path() + "/cache/blobs/" + hex.substr(0, 2) + "/" + hex;
  REQUIRE(chmod(path.c_str(), 0600) == 0);
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.put('!');
  }
  REQUIRE(absl::IsDataLoss(f.daemon.store().VerifyBlob(weights)));
  REQUIRE(chmod((f.folder.path() + "/state").c_str(), 0755) == 0);
  REQUIRE(chmod((f.folder.path() + "/state/plans.key").c_str(), 0644) == 0);

  const auto findings = f.Diagnose();
  CheckWrong(About(findings, "models"), "store", "1 of 1 are damaged", "modelctl");
  CheckWrong(About(findings, "quarantine"), "store", "1 damaged files of 12 B", "disk");
  CheckWrong(About(findings, "state folder"), "permissions", "0755", "chmod 0700");
  CheckWrong(About(findings, "key of the plans"), "permissions", "0644", "chmod 0600");
}

TEST_CASE("a list of how common models are that cannot be used is found") {
  TestFolder folder;
  TestDaemon daemon(folder.path(), {}, {}, [&](ServicesOptions& options) {
    const std::vector<std::string> paths = {folder.path() + "/none.list"};
    options.commonness = LoadCommonness(paths, {});
  });
  const TestClient admin = daemon.Connect(Role::kAdmin, "modelctl");
  CallContext call;
  v1::DiagnoseResponse response;
  REQUIRE(admin.admin->Diagnose(&call, {}, &response).ok());
  const std::vector<Finding> findings(response.findings().begin(), response.findings().end());
  CheckWrong(About(findings, "commonness list"), "privacy", "none.list", "privacy.commonness_lists");
}

}  // namespace
}  // namespace modeld
