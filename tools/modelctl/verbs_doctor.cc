// doctor, info: what modeld looks like from outside.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "base/version.h"
#include "tools/modelctl/checks.h"
#include "tools/modelctl/installation.h"
#include "tools/modelctl/output.h"
#include "tools/modelctl/verb.h"

namespace modeld::tools {
namespace {

// The daemon as far as it answers.
struct Daemon {
  absl::Status reached;
  v1::GetStatusResponse status;
  // Of its process; this one's where that is not to be had.
  Surroundings surroundings = OwnSurroundings();
};

Daemon LookAtDaemon(Environment& environment) {
  Daemon daemon;
  const auto admin = environment.ConnectAdmin();
  daemon.reached = admin.status();
  if (!admin.ok()) return daemon;
  auto status = admin->GetStatus();
  daemon.reached = status.status();
  if (!status.ok()) return daemon;
  daemon.status = *std::move(status);
  if (auto found = SurroundingsOf(daemon.status.pid())) daemon.surroundings = *std::move(found);
  return daemon;
}

std::string SeverityName(Finding::Severity severity) {
  return severity == Finding::OK ? "ok" : severity == Finding::WARNING ? "warning" : "error";
}

void Append(std::vector<Finding>& findings, std::vector<Finding> more) {
  std::move(more.begin(), more.end(), std::back_inserter(findings));
}

Finding CheckAnswer(const Daemon& daemon) {
  if (absl::IsPermissionDenied(daemon.reached)) {
    return MakeFinding(
        Finding::ERROR, "daemon", "the daemon answers, but not as an administrator's",
        "use the modelctl that is installed beside modeld, or name this one in identity.admins");
  }
  if (!daemon.reached.ok()) {
    return MakeFinding(
        Finding::ERROR, "daemon", "no daemon answers",
        "systemctl --user start modeld.socket, or run modeld; journalctl --user -u modeld tells why "
        "it ended");
  }
  if (daemon.status.version() != kVersion) {
    return MakeFinding(
        Finding::WARNING, "daemon",
        absl::StrCat("the daemon is version ", daemon.status.version(), ", modelctl ", kVersion),
        "install both anew, and restart the daemon: systemctl --user restart modeld.service");
  }
  return MakeFinding(Finding::OK, "daemon", absl::StrCat("version ", daemon.status.version(), " answers"));
}

std::vector<Finding> Examine(Environment& environment, const Daemon& daemon) {
  std::vector<Finding> findings = {CheckAnswer(daemon)};
  const Surroundings own = OwnSurroundings();
  Append(findings, CheckPrograms(own, OwnExecutable()));
  Append(findings, CheckUnits(own));
  Append(findings, CheckConfiguration(daemon.surroundings));
  const bool answers = daemon.reached.ok();
  const std::string runtime = answers ? std::filesystem::path(daemon.status.socket()).parent_path().string()
                                      : RuntimeFolder(daemon.surroundings);
  Append(findings, CheckSockets(runtime));
  // A daemon that answers knows its folders better than anybody else.
  if (!answers) {
    Append(findings, CheckFolders(daemon.surroundings));
    return findings;
  }
  const auto admin = environment.ConnectAdmin();
  if (!admin.ok()) return findings;
  const auto told = admin->Diagnose();
  if (told.ok()) {
    findings.insert(findings.end(), told->findings().begin(), told->findings().end());
  } else {
    findings.push_back(MakeFinding(Finding::ERROR, "daemon", std::string(told.status().message()),
                                   "the daemon could not examine itself; its log may tell more"));
  }
  return findings;
}

absl::Status Diagnose(Environment& environment) {
  const Daemon daemon = LookAtDaemon(environment);
  if (absl::IsInvalidArgument(daemon.reached) || absl::IsCancelled(daemon.reached)) return daemon.reached;
  const std::vector<Finding> findings = Examine(environment, daemon);
  const auto bad = static_cast<uint64_t>(std::count_if(
      findings.begin(), findings.end(), [](const Finding& f) { return f.severity() != Finding::OK; }));
  if (environment.options().json) {
    Json list = Json::array();
    for (const Finding& finding : findings) {
      list.push_back({{"severity", SeverityName(finding.severity())},
                      {"area", finding.area()},
                      {"text", finding.text()},
                      {"remedy", finding.remedy().empty() ? Json() : Json(finding.remedy())}});
    }
    PrintJson(environment, {{"ok", bad == 0}, {"findings", list}});
  } else {
    for (const Finding& finding : findings) {
      if (environment.options().quiet && finding.severity() == Finding::OK) continue;
      environment.out() << absl::StrFormat("%-8s %-14s %s\n", SeverityName(finding.severity()),
                                           Printable(finding.area()), Printable(finding.text()));
      if (finding.remedy().empty()) continue;
      environment.out() << std::string(24, ' ') << "-> " << Printable(finding.remedy()) << "\n";
    }
  }
  if (bad == 0) {
    environment.Say("all is well");
    return absl::OkStatus();
  }
  return absl::UnknownError(absl::StrCat("doctor: ", Counted(bad, "thing"), " to mend"));
}

Action DefineDoctor(CLI::App&) {
  return Diagnose;
}

absl::Status ShowInfo(Environment& environment) {
  const Daemon daemon = LookAtDaemon(environment);
  if (absl::IsInvalidArgument(daemon.reached) || absl::IsCancelled(daemon.reached)) return daemon.reached;
  const bool answers = daemon.reached.ok();
  const std::string runtime = RuntimeFolder(daemon.surroundings);
  const std::vector<std::string> modeld = InPath(OwnSurroundings(), "modeld");
  const std::string beside = (std::filesystem::path(OwnExecutable()).parent_path() / "modeld").string();
  std::error_code error;
  const std::string program = std::filesystem::exists(beside, error) ? beside
                              : modeld.empty()                       ? ""
                                                                     : modeld[0];
  const std::string cache = answers ? daemon.status.cache_dir() : CacheFolder(daemon.surroundings);
  const std::tuple<const char*, const char*, std::string> paths[] = {
      {"modelctl", "modelctl", OwnExecutable()},
      {"modeld", "modeld", program},
      {"config_file", "configuration", ConfigFile(daemon.surroundings)},
      {"cache_dir", "cache", cache},
      {"state_dir", "state", answers ? daemon.status.state_dir() : StateFolder(daemon.surroundings)},
      {"socket", "socket", answers ? daemon.status.socket() : runtime + "/modeld.sock"},
      {"memory_socket", "memory socket", answers ? daemon.status.memory_socket() : runtime + "/memory.sock"},
  };
  Json json = {{"version", kVersion}, {"daemon_answers", answers}};
  for (const auto& [name, title, path] : paths) {
    json[name] = path.empty() ? Json() : Json(path);
    if (!environment.options().json) PrintLine(environment, title, path.empty() ? "-" : path);
  }
  if (environment.options().json) {
    PrintJson(environment, json);
  } else if (!answers) {
    environment.Say("no daemon answers: folders are where one would look by environment and configuration");
  }
  return absl::OkStatus();
}

Action DefineInfo(CLI::App&) {
  return ShowInfo;
}

constexpr Verb kVerbs[] = {
    {"doctor", "Check that all is well, and say how to mend what is not", DefineDoctor},
    {"info", "Print every path that modeld uses", DefineInfo},
};

}  // namespace

std::span<const Verb> DoctorVerbs() {
  return kVerbs;
}

}  // namespace modeld::tools
