#include "daemon/services/admin_diagnosis.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "base/units.h"
#include "storage/integrity.h"
#include "storage/plan_store.h"

namespace modeld {
namespace {

// From these on, in percent of a bound, the user should know.
constexpr uint64_t kFullPercent = 95;
constexpr uint64_t kCrowdedPercent = 80;
// Fewer descriptors than these leave little for many clients at once.
constexpr uint64_t kEnoughDescriptors = 4'096;

Finding Make(Finding::Severity severity, absl::string_view area, std::string text, std::string remedy = "") {
  Finding finding;
  finding.set_severity(severity);
  finding.set_area(std::string(area));
  finding.set_text(std::move(text));
  finding.set_remedy(std::move(remedy));
  return finding;
}

// `value` is at least `percent` of `bound`. Both may be as large as they like.
bool Reaches(uint64_t value, uint64_t bound, uint64_t percent) {
  return bound != 0 &&
         static_cast<double>(value) >= static_cast<double>(bound) * static_cast<double>(percent) / 100;
}

std::string Percent(uint64_t value, uint64_t bound) {
  return absl::StrFormat("%.0f %%",
                         bound == 0 ? 0.0 : 100 * static_cast<double>(value) / static_cast<double>(bound));
}

// Owner and mode of what lstat() found; nothing when they are right.
std::optional<Finding> CheckOwner(absl::string_view what, const std::string& path, const struct stat& found) {
  if (found.st_uid != geteuid()) {
    return Make(Finding::ERROR, "permissions", absl::StrCat(what, " ", path, ": belongs to another user"),
                absl::StrCat("chown it back to user ", geteuid(), ", or name another place in config.toml"));
  }
  const bool is_folder = S_ISDIR(found.st_mode);
  if ((found.st_mode & 077) == 0) return std::nullopt;
  return Make(Finding::ERROR, "permissions",
              absl::StrFormat("%s %s: others may use it (mode %04o)", std::string(what), path,
                              static_cast<unsigned>(found.st_mode & 07777)),
              absl::StrCat("chmod ", is_folder ? "0700" : "0600", " ", path));
}

uint64_t CountOpenDescriptors() {
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  uint64_t count = 0;
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  // ".", "..", and the folder's own.
  return count > 3 ? count - 3 : 0;
}

uint64_t CountLines(const char* path) {
  std::ifstream file(path);
  return static_cast<uint64_t>(
      std::count(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>(), '\n'));
}

uint64_t ReadNumber(const char* path) {
  std::ifstream file(path);
  std::string line;
  uint64_t number = 0;
  std::getline(file, line);
  return absl::SimpleAtoi(line, &number) ? number : 0;
}

std::string FolderOf(const std::string& path) {
  return path.substr(0, path.find_last_of('/'));
}

}  // namespace

Finding CheckFolder(absl::string_view what, const std::string& path) {
  struct stat found;
  if (lstat(path.c_str(), &found) != 0) {
    return Make(Finding::ERROR, "paths", absl::StrCat(what, " ", path, ": ", strerror(errno)),
                "restart modeld, which makes it again: systemctl --user restart modeld");
  }
  if (!S_ISDIR(found.st_mode)) {
    return Make(Finding::ERROR, "paths", absl::StrCat(what, " ", path, ": is no folder"),
                "move it away and restart modeld");
  }
  if (const auto wrong = CheckOwner(what, path, found)) return *wrong;
  struct statvfs disk;
  const bool read_only = statvfs(path.c_str(), &disk) == 0 && (disk.f_flag & ST_RDONLY) != 0;
  if (read_only || faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK | X_OK, AT_EACCESS) != 0) {
    return Make(Finding::ERROR, "permissions",
                absl::StrCat(what, " ", path, read_only ? ": is on a read-only disk" : ": cannot be written"),
                read_only ? "mount it for writing, or name another place in config.toml"
                          : absl::StrCat("chmod 0700 ", path));
  }
  return Make(Finding::OK, "paths", absl::StrCat(what, " ", path, ": there, private and writable"));
}

Finding CheckPrivateFile(absl::string_view what, const std::string& path, absl::string_view absent) {
  struct stat found;
  if (lstat(path.c_str(), &found) != 0) {
    return Make(Finding::WARNING, "permissions", absl::StrCat(what, " ", path, ": ", strerror(errno)),
                std::string(absent));
  }
  if (!S_ISREG(found.st_mode)) {
    return Make(Finding::ERROR, "permissions", absl::StrCat(what, " ", path, ": is no plain file"),
                "move it away and restart modeld");
  }
  if (const auto wrong = CheckOwner(what, path, found)) return *wrong;
  return Make(Finding::OK, "permissions", absl::StrCat(what, " ", path, ": there and private"));
}

Finding CheckSocket(absl::string_view what, const std::string& path) {
  if (path.empty()) {
    return Make(Finding::WARNING, "sockets", absl::StrCat(what, ": there is none"),
                "systemctl --user restart modeld.socket modeld-memory.socket");
  }
  struct stat found;
  if (lstat(path.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) {
    return Make(Finding::ERROR, "sockets",
                absl::StrCat(what, " ", path, ": no new client can connect, the socket is gone"),
                "systemctl --user restart modeld.socket modeld-memory.socket, or restart modeld");
  }
  if (auto wrong = CheckOwner(what, path, found)) {
    wrong->set_area("sockets");
    return *wrong;
  }
  return Make(Finding::OK, "sockets", absl::StrCat(what, " ", path, ": there and private"));
}

std::vector<Finding> CheckSpace(const storage::SpaceUsage& usage) {
  std::vector<Finding> findings;
  const std::string disk = absl::StrCat("disk: ", HumanBytes(usage.free_bytes), " are free, modeld leaves ",
                                        HumanBytes(usage.min_free_bytes));
  const std::string make_room =
      "free some: modelctl cache prune --older-than 30d; or lower storage.min_free_bytes";
  if (usage.free_bytes < usage.min_free_bytes) {
    findings.push_back(Make(Finding::ERROR, "space", disk + ": nothing can be stored", make_room));
  } else if (usage.free_bytes - usage.min_free_bytes < usage.min_free_bytes / 4) {
    findings.push_back(Make(Finding::WARNING, "space", disk + ": little more can be stored", make_room));
  } else {
    findings.push_back(Make(Finding::OK, "space", disk));
  }

  const std::string cache = absl::StrCat("cache: ", HumanBytes(usage.physical_bytes), " of ",
                                         HumanBytes(usage.limit_bytes), " are used");
  const bool bounded = usage.limit_bytes != 0 && usage.limit_bytes != UINT64_MAX;
  const std::string lift = "modelctl cache prune --older-than 30d; or raise storage.limit_bytes";
  if (!bounded) {
    findings.push_back(
        Make(Finding::OK, "space",
             absl::StrCat("cache: ", HumanBytes(usage.physical_bytes), " are used, without a limit")));
  } else if (usage.physical_bytes >= usage.limit_bytes) {
    findings.push_back(Make(Finding::ERROR, "space", cache + ": nothing can be stored", lift));
  } else if (Reaches(usage.physical_bytes, usage.limit_bytes, kFullPercent)) {
    findings.push_back(Make(Finding::WARNING, "space", cache + ": nearly full", lift));
  } else {
    findings.push_back(Make(Finding::OK, "space", cache));
  }

  for (const storage::SpaceUsage::ByPartition& part : usage.partitions) {
    if (!Reaches(part.logical_bytes + part.staged_bytes, part.quota_bytes, kFullPercent)) continue;
    findings.push_back(
        Make(Finding::WARNING, "space",
             absl::StrCat("partition ", part.partition, ": ",
                          Percent(part.logical_bytes + part.staged_bytes, part.quota_bytes),
                          " of its quota are used; its next store takes the place of what it uses least"),
             absl::StrCat("modelctl partition quota '", part.partition, "' SIZE, if it deserves more")));
  }
  return findings;
}

Finding CheckDescriptors(uint64_t open, uint64_t limit) {
  const std::string text = absl::StrCat("descriptors: ", open, " of ", limit, " are open");
  const std::string remedy = "set LimitNOFILE=65536 in the unit (systemctl --user edit modeld), or ulimit -n";
  if (Reaches(open, limit, kCrowdedPercent)) return Make(Finding::ERROR, "limits", text, remedy);
  if (limit < kEnoughDescriptors)
    return Make(Finding::WARNING, "limits", text + ", few for many clients", remedy);
  return Make(Finding::OK, "limits", text);
}

Finding CheckMappings(uint64_t mapped, uint64_t limit) {
  const std::string text = absl::StrCat("mappings of memory: ", mapped, " of ", limit, " are in use");
  if (!Reaches(mapped, limit, kCrowdedPercent)) return Make(Finding::OK, "limits", text);
  return Make(Finding::WARNING, "limits", text, "sysctl vm.max_map_count=262144");
}

void Diagnosis::CheckPlaces(std::vector<Finding>& findings) const {
  const DaemonInfo& info = parts_.info;
  findings.push_back(CheckFolder("cache folder", info.cache_dir));
  findings.push_back(CheckFolder("state folder", info.state_dir));
  findings.push_back(CheckFolder("runtime folder", FolderOf(info.socket)));
  findings.push_back(CheckSocket("socket", info.socket));
  findings.push_back(CheckSocket("memory socket", info.memory_socket));
  // systemd gives every unit that it starts an identity.
  findings.push_back(Make(Finding::OK, "sockets",
                          getenv("INVOCATION_ID") != nullptr
                              ? "unit: modeld was started by systemd"
                              : "unit: modeld was started by hand; to have it at every login: "
                                "systemctl --user enable --now modeld.socket modeld-memory.socket"));
}

void Diagnosis::CheckProcess(std::vector<Finding>& findings) const {
  struct rlimit descriptors;
  if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
    findings.push_back(CheckDescriptors(CountOpenDescriptors(), descriptors.rlim_cur));
  }
  if (const uint64_t limit = ReadNumber("/proc/sys/vm/max_map_count"); limit != 0) {
    findings.push_back(CheckMappings(CountLines("/proc/self/maps"), limit));
  }
}

void Diagnosis::CheckStore(std::vector<Finding>& findings) const {
  const auto usage = parts_.store.space().Usage();
  if (usage.ok()) {
    for (Finding& finding : CheckSpace(*usage)) findings.push_back(std::move(finding));
  } else {
    findings.push_back(
        Make(Finding::ERROR, "store",
             absl::StrCat("cache folder: cannot be read: ", std::string(usage.status().message())),
             "look at the system's log for the disk's errors, and restore from a backup if need be"));
  }

  uint64_t damaged = 0, missing = 0, models = 0;
  for (const storage::ModelInfo& model : parts_.store.ListModels()) {
    ++models;
    damaged += model.health == storage::Health::kDamaged;
    missing += model.health == storage::Health::kMissing;
  }
  if (damaged + missing == 0) {
    findings.push_back(
        Make(Finding::OK, "store", absl::StrCat("models: ", models, ", none known to be damaged")));
  } else {
    findings.push_back(
        Make(Finding::WARNING, "store",
             absl::StrCat("models: ", damaged, " of ", models, " are damaged, ", missing, " lack files"),
             "modelctl ls shows which; their apps mend them by storing them again, or remove them: modelctl "
             "rm ID"));
  }

  const storage::RecoveryReport& recovery = parts_.store.recovery();
  if (recovery.unreadable_records != 0) {
    findings.push_back(
        Make(Finding::ERROR, "store",
             absl::StrCat("catalogue: ", recovery.unreadable_records, " records cannot be read"),
             "modelctl cache verify --repair"));
  }
  const std::vector<std::string> drift = parts_.store.space().Recount();
  for (const std::string& sentence : drift) {
    findings.push_back(Make(Finding::ERROR, "store", sentence, "modelctl cache verify --repair"));
  }
  if (recovery.unreadable_records == 0 && drift.empty()) {
    findings.push_back(Make(Finding::OK, "store", "catalogue: whole, and its sums agree with its records"));
  }

  if (const auto target = parts_.store.integrity().move_target()) {
    const bool here = *target == parts_.info.cache_dir;
    findings.push_back(Make(Finding::WARNING, "store", absl::StrCat("cache: is being moved to ", *target),
                            here ? "restart modeld when the old folder is there, writable and in nobody's use"
                                 : "start modeld with that folder as paths.cache_dir to complete it"));
  }
}

void Diagnosis::CheckPlans(std::vector<Finding>& findings) const {
  findings.push_back(CheckPrivateFile("key of the plans", parts_.info.state_dir + "/plans.key",
                                      "restart modeld, which makes a new one and compiles anew"));
  const auto quarantined = parts_.store.ListQuarantined();
  if (!quarantined.ok() || !quarantined->empty()) {
    uint64_t bytes = 0;
    if (quarantined.ok()) {
      for (const storage::QuarantinedInfo& file : *quarantined) bytes += file.blob.size_bytes;
    }
    findings.push_back(
        quarantined.ok()
            ? Make(Finding::WARNING, "store",
                   absl::StrCat("quarantine: ", quarantined->size(), " damaged files of ", HumanBytes(bytes)),
                   "they go when their models are stored again or removed; if there are more each day, check "
                   "the disk")
            : Make(Finding::ERROR, "store", "quarantine: cannot be read", "check the disk"));
  }
  uint64_t failures = 0;
  for (const absl::string_view cause :
       CounterRows()[static_cast<size_t>(CounterName::kPlanFailures)].labels[0].values) {
    failures += parts_.metrics.counter(CounterName::kPlanFailures, {cause}).value();
  }
  findings.push_back(Make(Finding::OK, "plans",
                          absl::StrCat("plans: ", parts_.store.plans().List().size(), " of ",
                                       HumanBytes(parts_.store.plans().Bytes()), "; ", failures,
                                       " could not be used since the start and were compiled anew")));
}

void Diagnosis::CheckLists(std::vector<Finding>& findings) const {
  for (const absl::Status& refused : parts_.refused_lists) {
    findings.push_back(Make(Finding::WARNING, "privacy",
                            absl::StrCat("commonness list refused: ", std::string(refused.message())),
                            "mend or remove it in privacy.commonness_lists or privacy.commonness_keys; until "
                            "then its models cost a site as many bits as rare ones"));
  }
}

v1::DiagnoseResponse Diagnosis::Run() const {
  std::vector<Finding> findings;
  CheckPlaces(findings);
  CheckProcess(findings);
  CheckStore(findings);
  CheckPlans(findings);
  CheckLists(findings);
  std::stable_sort(findings.begin(), findings.end(),
                   [](const Finding& a, const Finding& b) { return a.area() < b.area(); });
  v1::DiagnoseResponse response;
  for (Finding& finding : findings) *response.add_findings() = std::move(finding);
  return response;
}

}  // namespace modeld
