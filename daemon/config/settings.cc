#include "daemon/config/settings.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "base/units.h"

namespace modeld {
namespace {

using K = SettingKind;

// The lambdas have no state: each decays to the function pointer that SettingPlace holds.
#define PLACE(type, member) [](Config& c) -> type& { return c.member; }

const Setting kSettings[] = {
    {"paths.cache_dir", "MODELD_CACHE_DIR", "--cache-dir", K::kPath, PLACE(std::string, store.cache_dir),
     "folder of the models' bytes; may be wiped at any time"},
    {"paths.state_dir", "MODELD_STATE_DIR", "--state-dir", K::kPath, PLACE(std::string, store.state_dir),
     "folder of the catalogue"},
    {"paths.runtime_dir", "MODELD_RUNTIME_DIR", "--runtime-dir", K::kPath, PLACE(std::string, runtime_dir),
     "folder of the sockets, the user's alone (0700)"},

    {"log.level", "MODELD_LOG", "--log", K::kChoice, PLACE(std::string, log_level),
     "what is logged; only debug and trace may hold private things (keys, web origins)",
     "trace,debug,info,warning,error,off"},
    {"log.target", "MODELD_LOG_TARGET", "--log-target", K::kChoice, PLACE(std::string, log_target),
     "where the log goes; auto: the journal when that is where stderr leads, else stderr",
     "auto,stderr,journal"},

    {"identity.brokers", "MODELD_BROKERS", "--brokers", K::kList,
     PLACE(std::vector<std::string>, identity.brokers),
     "programs that speak for web partitions: paths of executables, or app:ID of a flatpak or snap"},
    {"identity.admins", "MODELD_ADMINS", "--admins", K::kList,
     PLACE(std::vector<std::string>, identity.admins),
     "programs that may see and control everything: paths of executables"},

    {"daemon.idle_exit", "MODELD_IDLE_EXIT", "--idle-exit", K::kDuration, PLACE(absl::Duration, idle_exit),
     "end when nobody was connected for so long (at least a second); -1: never"},
    {"daemon.shutdown_grace", "MODELD_SHUTDOWN_GRACE", "--shutdown-grace", K::kDuration,
     PLACE(absl::Duration, shutdown_grace), "when told to end, let running calls finish for so long"},

    {"engine.device", "MODELD_DEVICE", "--device", K::kText, PLACE(std::string, device),
     "device of contexts that name none; empty: the best"},
    {"engine.runs", "MODELD_MAX_RUNS", "--max-runs", K::kCount, PLACE(uint32_t, limits.max_concurrent_runs),
     "executions at once; 0: one per core"},
    {"engine.compiles", "MODELD_MAX_COMPILES", "--max-compiles", K::kCount,
     PLACE(uint32_t, limits.max_concurrent_compiles), "compilations at once; 0: half of the cores"},
    {"engine.queue", "MODELD_MAX_QUEUE", "--max-queue", K::kCount, PLACE(uint32_t, limits.max_queued_runs),
     "executions that may wait; past it calls are refused", "", 1},
    {"engine.arena_bytes", "MODELD_MAX_ARENA_BYTES", "--max-arena-bytes", K::kBytes,
     PLACE(uint64_t, limits.max_arena_bytes), "intermediate memory of one execution"},
    {"engine.keep_alive", "MODELD_KEEP_ALIVE", "--keep-alive", K::kDuration,
     PLACE(absl::Duration, residency.keep_alive),
     "models that nothing runs leave memory after so long; 0: at once, -1: never"},
    {"engine.resident_bytes", "MODELD_RESIDENT_BYTES", "--resident-bytes", K::kBytes,
     PLACE(uint64_t, residency.budget_bytes),
     "what models in memory may take together, those that run excepted; 0: half of the machine's memory"},
    {"engine.min_residence", "MODELD_MIN_RESIDENCE", "--min-residence", K::kDuration,
     PLACE(absl::Duration, residency.min_residence),
     "so long after its load a model does not make room for others in memory; one that finds no room leaves "
     "after its run; 0: the longest unused always goes, -1: the last to come"},
    {"engine.claim", "MODELD_CLAIM", "--claim", K::kSwitch, PLACE(bool, compile.claim),
     "for testing: false runs every operation as the core operations that it decomposes into"},
    {"engine.fuse", "MODELD_FUSE", "--fuse", K::kSwitch, PLACE(bool, compile.fuse),
     "for testing: false runs every core operation alone"},

    {"limits.sessions", "MODELD_MAX_SESSIONS", "--max-sessions", K::kCount,
     PLACE(uint32_t, sessions.max_sessions), "connections at once", "", 1},
    {"limits.sessions_per_app", "MODELD_MAX_SESSIONS_PER_APP", "--max-sessions-per-app", K::kCount,
     PLACE(uint32_t, sessions.max_sessions_per_app), "connections of one app at once", "", 1},
    {"limits.contexts", "MODELD_MAX_CONTEXTS", "--max-contexts", K::kCount,
     PLACE(uint32_t, limits.max_contexts), "contexts of one session", "", 1},
    {"limits.graphs", "MODELD_MAX_GRAPHS", "--max-graphs", K::kCount, PLACE(uint32_t, limits.max_graphs),
     "graphs of one session", "", 1},
    {"limits.tensors", "MODELD_MAX_TENSORS", "--max-tensors", K::kCount, PLACE(uint32_t, limits.max_tensors),
     "tensors of one session", "", 1},
    {"limits.tensor_bytes", "MODELD_MAX_TENSOR_BYTES", "--max-tensor-bytes", K::kBytes,
     PLACE(uint64_t, limits.graph.max_tensor_bytes), "bytes of one tensor"},
    {"limits.session_tensor_bytes", "MODELD_MAX_SESSION_TENSOR_BYTES", "--max-session-tensor-bytes",
     K::kBytes, PLACE(uint64_t, limits.max_session_tensor_bytes), "bytes of one session's tensors together"},
    {"limits.session_uncacheable_bytes", "MODELD_MAX_SESSION_UNCACHEABLE_BYTES",
     "--max-session-uncacheable-bytes", K::kBytes, PLACE(uint64_t, limits.max_session_uncacheable_bytes),
     "bytes of one session's constants that must not be written to disk, in memory together"},
    {"limits.uploads", "MODELD_MAX_UPLOADS", "--max-uploads", K::kCount, PLACE(uint32_t, limits.max_uploads),
     "open uploads of one session", "", 1},
    {"limits.partition_models", "MODELD_MAX_PARTITION_MODELS", "--max-partition-models", K::kCount,
     PLACE(uint32_t, store.max_models_per_partition), "models of one partition", "", 1},
    {"limits.partition_keys", "MODELD_MAX_PARTITION_KEYS", "--max-partition-keys", K::kCount,
     PLACE(uint32_t, store.max_keys_per_partition), "keys of one partition", "", 1},
    {"limits.calls", "MODELD_MAX_CALLS", "--max-calls", K::kCount, PLACE(uint32_t, limits.max_calls),
     "calls of one session in flight", "", 1},

    {"storage.min_free_bytes", "MODELD_MIN_FREE_BYTES", "--min-free-bytes", K::kBytes,
     PLACE(uint64_t, store.min_free_bytes),
     "uploads are refused when the disk would have less room than this left"},
    {"storage.quota_bytes", "MODELD_QUOTA_BYTES", "--quota-bytes", K::kBytes,
     PLACE(uint64_t, space.quota_bytes),
     "what one partition may take, unless the user gave it a quota of its own; 0: storage.quota_share"},
    {"storage.quota_share", "MODELD_QUOTA_SHARE", "--quota-share", K::kFraction,
     PLACE(double, space.quota_share), "the same as a share of the disk"},
    {"storage.limit_bytes", "MODELD_LIMIT_BYTES", "--limit-bytes", K::kBytes,
     PLACE(uint64_t, space.limit_bytes),
     "what all partitions together may take; what nobody used for long is removed before; 0: "
     "storage.limit_share"},
    {"storage.limit_share", "MODELD_LIMIT_SHARE", "--limit-share", K::kFraction,
     PLACE(double, space.limit_share), "the same as a share of the disk"},
    {"storage.keep_at_most", "MODELD_KEEP_AT_MOST", "--keep-at-most", K::kCount,
     PLACE(uint32_t, keep_at_most), "models of one partition; the least valuable go first; 0: any number"},
    {"storage.max_age", "MODELD_MAX_AGE", "--max-age", K::kDuration, PLACE(absl::Duration, max_age),
     "models that were not used for longer go; -1: none"},
    {"storage.max_plan_bytes", "MODELD_MAX_PLAN_BYTES", "--max-plan-bytes", K::kBytes,
     PLACE(uint64_t, store.max_plan_bytes),
     "what compiled plans may take on the disk together; 0: none are kept"},
    {"storage.staged_bytes", "MODELD_MAX_STAGED_BYTES", "--max-staged-bytes", K::kBytes,
     PLACE(uint64_t, store.max_staged_bytes_per_partition),
     "uploads that one partition may hold without storing a model"},
    {"storage.stall_after", "MODELD_STALL_AFTER", "--stall-after", K::kDuration,
     PLACE(absl::Duration, stall_after),
     "an upload that somebody sends and that gets no byte for longer is shown as stalled; -1: never"},
    {"storage.staged_max_age", "MODELD_STAGED_MAX_AGE", "--staged-max-age", K::kDuration,
     PLACE(absl::Duration, store.staged_max_age),
     "unfinished uploads that nobody goes on with are kept for so long"},
    {"storage.presented_max_age", "MODELD_PRESENTED_MAX_AGE", "--presented-max-age", K::kDuration,
     PLACE(absl::Duration, store.presented_max_age),
     "finished uploads that no model names are kept for so long"},
    {"storage.scrub_bytes_per_second", "MODELD_SCRUB_BYTES_PER_SECOND", "--scrub-bytes-per-second", K::kBytes,
     PLACE(uint64_t, scrub_bytes_per_second),
     "how fast stored bytes are read again in the background to find damage; 0: never"},
    {"storage.scrub_interval", "MODELD_SCRUB_INTERVAL", "--scrub-interval", K::kDuration,
     PLACE(absl::Duration, scrub_interval),
     "from the end of reading all stored bytes again to the next time"},
    {"storage.stores_per_hour", "MODELD_STORES_PER_HOUR", "--stores-per-hour", K::kCount,
     PLACE(uint32_t, privacy.stores_per_hour), "models that one partition may store; 0: any number"},
    {"storage.store_burst", "MODELD_STORE_BURST", "--store-burst", K::kCount,
     PLACE(uint32_t, privacy.store_burst), "of these at once, after a pause", "", 1},

    {"privacy.probe_budget", "MODELD_PROBE_BUDGET", "--probe-budget", K::kCount,
     PLACE(uint32_t, privacy.probe_budget),
     "distinct models that one top-level site may ask for beyond its own in a window; past it, it finds only "
     "its own"},
    {"privacy.probe_window", "MODELD_PROBE_WINDOW", "--probe-window", K::kDuration,
     PLACE(absl::Duration, privacy.probe_window),
     "after so long a model that was asked for counts no more; -1: never"},
    {"privacy.bits_budget", "MODELD_BITS_BUDGET", "--bits-budget", K::kCount,
     PLACE(uint32_t, privacy.bits_budget),
     "what one top-level site may learn about the user from shared models, in bits"},
    {"privacy.bits_window", "MODELD_BITS_WINDOW", "--bits-window", K::kDuration,
     PLACE(absl::Duration, privacy.bits_window), "after so long what was learnt counts no more; -1: never"},
    {"privacy.first_build", "MODELD_FIRST_BUILD", "--first-build", K::kChoice,
     PLACE(std::string, first_build),
     "how a partition first builds what was compiled for another: compile: as if alone; wait: as long as "
     "compiling took then, cheaper, but a clock may tell; share: at once, which tells that somebody has it",
     "compile,wait,share"},
    {"privacy.plan_write_delay", "MODELD_PLAN_WRITE_DELAY", "--plan-write-delay", K::kDuration,
     PLACE(absl::Duration, plan_write_delay),
     "what was compiled is written at a random time between so long and twice so long after it, so that no "
     "call nearby tells who compiled; 0: at once; a minute at most"},
    {"privacy.commonness", "MODELD_COMMONNESS", "--commonness", K::kFraction,
     PLACE(double, privacy.commonness),
     "part of all users that has a shared model of which nobody says how common it is"},
    {"privacy.commonness_lists", "MODELD_COMMONNESS_LISTS", "--commonness-lists", K::kList,
     PLACE(std::vector<std::string>, privacy.commonness_lists),
     "files of signed lists that say how common models are"},
    {"privacy.commonness_keys", "MODELD_COMMONNESS_KEYS", "--commonness-keys", K::kWords,
     PLACE(std::vector<std::string>, privacy.commonness_keys),
     "Ed25519 public keys, in hexadecimal digits, whose signatures such lists may have"},
};
#undef PLACE

absl::Status Wrong(absl::string_view text, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" ", message));
}

absl::StatusOr<std::string> ReadPath(const std::string& text, const std::string& home) {
  if (absl::StartsWith(text, "~/") && !home.empty()) return absl::StrCat(home, text.substr(1));
  if (!absl::StartsWith(text, "/")) return Wrong(text, "is not an absolute path");
  return text;
}

absl::StatusOr<std::string> ReadString(const Setting& setting, const std::string& text,
                                       const std::string& home) {
  if (setting.kind == K::kPath) return ReadPath(text, home);
  if (setting.kind == K::kChoice) {
    const std::vector<absl::string_view> choices = absl::StrSplit(setting.choices, ',');
    if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
      return Wrong(text, absl::StrCat("is none of ", absl::StrJoin(choices, ", ")));
    }
  }
  return text;
}

absl::StatusOr<bool> ReadSwitch(const std::string& text) {
  if (text != "true" && text != "false") return Wrong(text, "is neither true nor false");
  return text == "true";
}

absl::StatusOr<uint32_t> ReadCount(const Setting& setting, const std::string& text) {
  uint32_t count = 0;
  if (!absl::SimpleAtoi(text, &count)) return Wrong(text, "is not a whole number from 0 to 4294967295");
  if (count < setting.at_least) return Wrong(text, absl::StrCat("is less than ", setting.at_least));
  return count;
}

absl::StatusOr<double> ReadFraction(const std::string& text) {
  double value = 0;
  if (!absl::SimpleAtod(text, &value) || !(value >= 0 && value <= 1)) {
    return Wrong(text, "is not a number from 0 to 1");
  }
  return value;
}

absl::StatusOr<std::vector<std::string>> ReadList(const Setting& setting,
                                                  const std::vector<std::string>& values,
                                                  const std::string& home) {
  if (setting.kind == K::kWords) return values;
  std::vector<std::string> list;
  for (const std::string& value : values) {
    if (absl::StartsWith(value, "app:")) {
      list.push_back(value);
    } else {
      MODELD_ASSIGN_OR_RETURN(std::string path, ReadPath(value, home));
      list.push_back(std::move(path));
    }
  }
  return list;
}

template <typename T>
absl::Status Set(T& place, absl::StatusOr<T> value) {
  if (!value.ok()) return value.status();
  place = *std::move(value);
  return absl::OkStatus();
}

template <typename... F>
struct Overload : F... {
  using F::operator()...;
};

}  // namespace

std::span<const Setting> AllSettings() {
  return kSettings;
}

const Setting* FindSetting(absl::string_view name) {
  const auto* row = std::find_if(std::begin(kSettings), std::end(kSettings),
                                 [&](const Setting& s) { return s.name == name; });
  return row == std::end(kSettings) ? nullptr : row;
}

absl::Status AssignSetting(const Setting& setting, const std::vector<std::string>& values,
                           const std::string& home, Config& config) {
  if (!IsList(setting.kind) && values.size() != 1) return absl::InvalidArgumentError("one value is wanted");
  return std::visit(
      Overload{
          [&](std::string& (*at)(Config&)) { return Set(at(config), ReadString(setting, values[0], home)); },
          [&](bool& (*at)(Config&)) { return Set(at(config), ReadSwitch(values[0])); },
          [&](uint32_t& (*at)(Config&)) { return Set(at(config), ReadCount(setting, values[0])); },
          [&](uint64_t& (*at)(Config&)) { return Set(at(config), ParseBytes(values[0])); },
          [&](double& (*at)(Config&)) { return Set(at(config), ReadFraction(values[0])); },
          [&](absl::Duration& (*at)(Config&)) { return Set(at(config), ParseDuration(values[0])); },
          [&](std::vector<std::string>& (*at)(Config&)) {
            return Set(at(config), ReadList(setting, values, home));
          },
      },
      setting.place);
}

std::string ShowSetting(const Setting& setting, const Config& config) {
  Config copy = config;  // the places are of a Config that may be written
  return std::visit(
      Overload{
          [&](std::string& (*at)(Config&)) { return at(copy); },
          [&](bool& (*at)(Config&)) { return std::string(at(copy) ? "true" : "false"); },
          [&](uint32_t& (*at)(Config&)) { return absl::StrCat(at(copy)); },
          [&](uint64_t& (*at)(Config&)) { return PrintBytes(at(copy)); },
          [&](double& (*at)(Config&)) { return absl::StrCat(at(copy)); },
          [&](absl::Duration& (*at)(Config&)) { return PrintDuration(at(copy)); },
          [&](std::vector<std::string>& (*at)(Config&)) { return absl::StrJoin(at(copy), ","); },
      },
      setting.place);
}

}  // namespace modeld
