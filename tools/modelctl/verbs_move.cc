// cache move.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/units.h"
#include "tools/modelctl/config_edit.h"
#include "tools/modelctl/exit_code.h"
#include "tools/modelctl/installation.h"
#include "tools/modelctl/output.h"
#include "tools/modelctl/verb.h"

namespace modeld::tools {
namespace {

const ConfigKey kCacheDir = {"paths", "cache_dir"};

// Fails where the file has no say: a flag or a variable sets the folder.
absl::Status CheckFileDecides(const client::Admin& admin) {
  MODELD_ASSIGN_OR_RETURN(const v1::GetConfigResponse config, admin.GetConfig());
  for (const auto& setting : config.settings()) {
    if (setting.name() != "paths.cache_dir") continue;
    if (setting.origin() == "flag" || setting.origin() == "environment") {
      return absl::FailedPreconditionError(
          absl::StrCat("cache move: the daemon was started with the folder in ",
                       setting.origin() == "flag" ? "its flag --cache-dir" : "the variable MODELD_CACHE_DIR",
                       ", which goes before the configuration file; start it without that first"));
    }
  }
  return absl::OkStatus();
}

// An absolute path without "." and ".."; a usage error for what cannot be one.
absl::StatusOr<std::string> Target(const std::string& text) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(text, error);
  if (text.empty() || error) return UsageError("cache move: expected a folder");
  std::string path = absolute.lexically_normal().string();
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

// Copies, with a bar; the bytes that the cache has.
absl::StatusOr<uint64_t> Copy(Environment& environment, const std::string& target) {
  MODELD_ASSIGN_OR_RETURN(const client::CacheAdmin admin, environment.ConnectCacheAdmin());
  uint64_t total = 0;
  bool done = false;
  ProgressBar bar(environment, "copying");
  MODELD_RETURN_IF_ERROR(admin.MoveCache(target, [&](const v1::MoveCacheResponse& progress) {
    bar.Update(progress.fraction(),
               absl::StrCat(HumanBytes(progress.copied_bytes()), " of ", HumanBytes(progress.total_bytes())));
    total = progress.total_bytes();
    done = progress.done();
    return absl::OkStatus();
  }));
  if (!done) return absl::InternalError("cache move: the daemon ended early; say it again to go on");
  return total;
}

std::string HowToRestart(const Surroundings& daemon, uint64_t pid) {
  if (!daemon.unit.empty()) return absl::StrCat("systemctl --user restart ", daemon.unit);
  return absl::StrCat("kill ", pid, ", then start modeld again");
}

absl::Status Move(Environment& environment, const std::string& folder) {
  MODELD_ASSIGN_OR_RETURN(const std::string target, Target(folder));
  MODELD_ASSIGN_OR_RETURN(const client::Admin admin, environment.ConnectAdmin());
  MODELD_RETURN_IF_ERROR(CheckFileDecides(admin));
  MODELD_ASSIGN_OR_RETURN(const v1::GetStatusResponse status, admin.GetStatus());
  if (std::error_code error; std::filesystem::equivalent(target, status.cache_dir(), error)) {
    return UsageError(absl::StrCat("cache move: ", target, " is where the cache is already"));
  }
  const std::optional<Surroundings> found = SurroundingsOf(status.pid());
  const Surroundings daemon = found ? *found : OwnSurroundings();
  // Whether the file can be changed is known before anything is copied.
  const std::string file = ConfigFile(daemon);
  const std::string text = ReadSmallFile(file).value_or("");
  const auto changed = WithValue(text, kCacheDir, target);
  if (!changed.ok()) return Annotate(changed.status(), file);
  MODELD_ASSIGN_OR_RETURN(const uint64_t bytes, Copy(environment, target));
  if (*changed != text) MODELD_RETURN_IF_ERROR(ReplaceFile(file, *changed));
  if (environment.options().json) {
    PrintJson(environment, {{"directory", target},
                            {"copied_bytes", bytes},
                            {"config_file", file},
                            {"restart", HowToRestart(daemon, status.pid())}});
    return absl::OkStatus();
  }
  environment.Say(absl::StrCat("copied ", HumanBytes(bytes), " to ", target, "\nset paths.cache_dir in ",
                               file, "\nNow restart the daemon: ", HowToRestart(daemon, status.pid()),
                               "\nIt then takes over what came meanwhile and removes the old files."));
  return absl::OkStatus();
}

Action DefineMove(CLI::App& command) {
  auto folder = std::make_shared<std::string>();
  command.add_option("DIR", *folder, "The new folder: empty, or of an earlier attempt")->required();
  return [folder](Environment& environment) { return Move(environment, *folder); };
}

constexpr Verb kVerbs[] = {
    {"cache move", "Move the cache into another folder; safe to repeat", DefineMove},
};

}  // namespace

std::span<const Verb> MoveVerbs() {
  return kVerbs;
}

}  // namespace modeld::tools
