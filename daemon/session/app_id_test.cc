#include "daemon/session/app_id.h"

#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "catch2/catch.hpp"
#include "policy/partition.h"

namespace modeld {
namespace {

struct Case {
  std::string text;
  std::optional<std::string> id;
};

TEST_CASE("A flatpak is known by its instance's information") {
  const Case cases[] = {
      {"[Application]\nname=org.mozilla.firefox\nruntime=x\n", "org.mozilla.firefox"},
      {"[Instance]\nname=org.evil.app\n[Application]\r\n name=org.gnome.Epiphany.Web-1\n",
       "org.gnome.Epiphany.Web-1"},
      {"[Runtime]\nname=org.gnome.Platform\n", std::nullopt},
      {"[Application]\nname=no_periods\n", std::nullopt},
      {"[Application]\nname=../../etc/passwd\n", std::nullopt},
      {"[Application]\nname=org.a.b c\n", std::nullopt},
      {"[Application]\nname=\n", std::nullopt},
      {"", std::nullopt},
      {std::string(70'000, '['), std::nullopt},
  };
  for (const Case& c : cases) {
    INFO(c.text.substr(0, 60));
    CHECK(FlatpakAppId(c.text) == c.id);
  }
}

TEST_CASE("A snap is known by its AppArmor label") {
  const Case cases[] = {
      {"snap.firefox.firefox (enforce)\n", "snap.firefox"},
      {"snap.my-app_2.helper", "snap.my-app_2"},
      {"unconfined\n", std::nullopt},
      {"snap.", std::nullopt},
      {"snap.firefox", std::nullopt},
      {"snap..x", std::nullopt},
      {"snap.UPPER.x", std::nullopt},
      {"xsnap.firefox.firefox", std::nullopt},
      {"", std::nullopt},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    CHECK(SnapAppIdOfLabel(c.text) == c.id);
  }
}

TEST_CASE("A snap is known by its cgroup") {
  const std::string app = "/user.slice/user-1000.slice/user@1000.service/app.slice/";
  CHECK(SnapAppIdOfCgroup(absl::StrCat("0::", app, "snap.firefox.firefox-6ac6.scope\n")) == "snap.firefox");
  CHECK(SnapAppIdOfCgroup("12:pids:/x\n1:name=systemd:/system.slice/snap.lxd.daemon.service\n") ==
        "snap.lxd");
  CHECK(SnapAppIdOfCgroup(absl::StrCat("0::", app, "snap.firefox.firefox-6ac6\n")) == std::nullopt);
  CHECK(SnapAppIdOfCgroup(absl::StrCat("5:pids:", app, "snap.firefox.firefox-6ac6.scope\n")) == std::nullopt);
  CHECK(SnapAppIdOfCgroup("") == std::nullopt);
}

TEST_CASE("A desktop app is known by its systemd unit") {
  const std::string app = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/";
  const Case cases[] = {
      {"app-gnome-org.gnome.Maps-4711.scope", "org.gnome.Maps"},
      {"app-org.kde.okular-4711.scope", "org.kde.okular"},
      {"app-org.kde.okular@7f2b9c.service", "org.kde.okular"},
      {"app-gnome-org.gnome.Evolution@autostart.service", "org.gnome.Evolution"},
      {"app-org.kde.okular.service", "org.kde.okular"},
      {"app-flatpak-org.a.b-77.scope/inner.scope", "org.a.b"},
      {"app-gnome-code\\x2doss-4711.scope", "code-oss"},
      {"app-only.scope", std::nullopt},
      {"app-.service", std::nullopt},
      {"app-a-b-c-d.scope", std::nullopt},
      {"vte-spawn-1234.scope", std::nullopt},
      {"modeld.service", std::nullopt},
      {"", std::nullopt},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    CHECK(UnitAppId(absl::StrCat(app, c.text, "\n")) == c.id);
  }
  CHECK(UnitAppId("0::/\n") == std::nullopt);
  CHECK(UnitAppId("") == std::nullopt);
}

TEST_CASE("A unit's name with anything in it makes an id that a partition may have") {
  const auto id = UnitAppId("0::/app-gnome-a\\x2f..\\x2f\\x00\\xffb-1.scope\n");
  REQUIRE(id.has_value());
  CHECK(AppPartition(*id).ok());
  CHECK(absl::StartsWith(*id, "a_..___b-"));
}

TEST_CASE("Any other program is known by its executable's name and path") {
  const std::string id = ExecutableAppId("/usr/bin/modelctl");
  CHECK(absl::StartsWith(id, "modelctl-"));
  CHECK(id.size() == std::string("modelctl-").size() + 8);
  CHECK(ExecutableAppId("/usr/bin/modelctl (deleted)") == id);
  CHECK(ExecutableAppId("/tmp/modelctl") != id);
  for (const std::string& path :
       {std::string("/"), std::string(""), std::string("/a b/\xFF|\n"), "/" + std::string(4000, 'x')}) {
    INFO(path.substr(0, 40));
    CHECK(AppPartition(ExecutableAppId(path)).ok());
  }
}

TEST_CASE("Different texts stay different when they are made safe") {
  CHECK(SafeAppId("org.a.b") == "org.a.b");
  CHECK(SafeAppId("a b") != SafeAppId("a|b"));
  CHECK(SafeAppId(std::string(300, 'a')) != SafeAppId(std::string(301, 'a')));
}

}  // namespace
}  // namespace modeld
