// ps, top: what is loaded and what it does.
#include <CLI/CLI.hpp>
#include <atomic>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "base/status.h"
#include "base/units.h"
#include "tools/modelctl/exit_code.h"
#include "tools/modelctl/loaded_models.h"
#include "tools/modelctl/output.h"
#include "tools/modelctl/terminal.h"
#include "tools/modelctl/verb.h"

namespace modeld::tools {
namespace {

using Active = v1::ActivityResponse::Model;

constexpr absl::Duration kShortestInterval = absl::Milliseconds(100);

Json GraphJson(const v1::LoadedGraph& graph) {
  return {{"model_id", graph.model_id().empty() ? Json() : Json(FullId(graph.model_id()))},
          {"partition", graph.partition()},
          {"device", graph.device()},
          {"weight_bytes", graph.weight_bytes()},
          {"packed_bytes", graph.packed_bytes()},
          {"arena_bytes", graph.arena_bytes()},
          {"sessions", graph.sessions()},
          {"runs", graph.runs()},
          {"last_run_at", graph.last_run_at()},
          {"residency", ResidencyName(graph.residency())},
          {"idle_until", IdleUntil(graph.residency(), graph.idle_seconds_left())}};
}

std::string IdName(const std::string& model_id) {
  return model_id.empty() ? "(not stored)" : ShortId(model_id);
}

Json SessionJson(const v1::ListSessionsResponse::Session& session) {
  return {{"session_id", session.session_id()},    {"role", session.role()},
          {"partition", session.partition()},      {"pid", session.pid()},
          {"contexts", session.contexts()},        {"graphs", session.graphs()},
          {"tensors", session.tensors()},          {"tensor_bytes", session.tensor_bytes()},
          {"connected_at", session.connected_at()}};
}

void PrintSessions(Environment& environment, const v1::ListSessionsResponse& listed) {
  Table table({"SESSION", "ROLE", "PID", "CONTEXTS", "GRAPHS", "TENSORS", "SINCE", "PARTITION"});
  for (const auto& session : listed.sessions()) {
    table.Add({absl::StrCat(session.session_id()), session.role(), absl::StrCat(session.pid()),
               absl::StrCat(session.contexts()), absl::StrCat(session.graphs()),
               absl::StrCat(session.tensors(), " (", HumanBytes(session.tensor_bytes()), ")"),
               HumanTime(session.connected_at()), session.partition()});
  }
  table.Print(environment);
}

absl::Status ListLoaded(Environment& environment, bool sessions) {
  MODELD_ASSIGN_OR_RETURN(const client::Admin admin, environment.ConnectAdmin());
  MODELD_ASSIGN_OR_RETURN(const v1::ListSessionsResponse listed, admin.ListSessions());
  if (sessions && !environment.options().json && !environment.options().quiet) {
    PrintSessions(environment, listed);
    return absl::OkStatus();
  }
  if (environment.options().json) {
    Json graphs = Json::array(), list = Json::array();
    for (const v1::LoadedGraph& graph : listed.graphs()) graphs.push_back(GraphJson(graph));
    for (const auto& session : listed.sessions()) list.push_back(SessionJson(session));
    PrintJson(environment, {{"graphs", graphs}, {"sessions", list}});
    return absl::OkStatus();
  }
  if (environment.options().quiet) {
    for (const v1::LoadedGraph& graph : listed.graphs()) {
      if (!graph.model_id().empty()) environment.out() << FullId(graph.model_id()) << "\n";
    }
    return absl::OkStatus();
  }
  Table table({"ID", "MEMORY", "DEVICE", "SESSIONS", "RUNS", "LAST RUN", "IDLES OUT", "PARTITION"});
  for (const v1::LoadedGraph& graph : listed.graphs()) {
    table.Add({IdName(graph.model_id()), HumanBytes(graph.weight_bytes() + graph.arena_bytes()),
               graph.device(), absl::StrCat(graph.sessions()), absl::StrCat(graph.runs()),
               HumanTime(graph.last_run_at()), ResidencyText(graph.residency(), graph.idle_seconds_left()),
               graph.partition()});
  }
  table.Print(environment);
  return absl::OkStatus();
}

Action DefinePs(CLI::App& command) {
  auto sessions = std::make_shared<bool>(false);
  command.add_flag("--sessions", *sessions, "List the connected clients instead of what is loaded");
  return [sessions](Environment& environment) { return ListLoaded(environment, *sessions); };
}

struct TopArguments {
  std::string interval = "1s";
  bool once = false;
};

Json ActivityJson(const v1::ActivityResponse& activity) {
  Json models = Json::array();
  for (const Active& model : activity.models()) {
    models.push_back({{"model_id", model.model_id().empty() ? Json() : Json(FullId(model.model_id()))},
                      {"partition", model.partition()},
                      {"device", model.device()},
                      {"weight_bytes", model.weight_bytes()},
                      {"packed_bytes", model.packed_bytes()},
                      {"arena_bytes", model.arena_bytes()},
                      {"sessions", model.sessions()},
                      {"runs_per_second", model.runs_per_second()},
                      {"residency", ResidencyName(model.residency())},
                      {"idle_seconds_left",
                       model.residency() == v1::RESIDENCY_IDLE ? Json(model.idle_seconds_left()) : Json()}});
  }
  return {{"models", models},
          {"runs_per_second", activity.runs_per_second()},
          {"running", activity.running()},
          {"queued", activity.queued()},
          {"sessions", activity.sessions()},
          {"resident_bytes", activity.resident_bytes()},
          {"memory_budget_bytes", activity.memory_budget_bytes()},
          {"rss_bytes", activity.rss_bytes()},
          {"disk_bytes", activity.disk_bytes()},
          {"staging_bytes", activity.staging_bytes()},
          {"free_bytes", activity.free_bytes()}};
}

std::string Memory(const v1::ActivityResponse& activity) {
  return absl::StrCat(
      HumanBytes(activity.resident_bytes()), " of ",
      activity.memory_budget_bytes() == 0 ? "any" : HumanBytes(activity.memory_budget_bytes()));
}

// For logs and pipes: everything in a line.
std::string ActivityLine(const v1::ActivityResponse& activity) {
  return absl::StrFormat(
      "%s  %s loaded  %.1f runs/s  %u running  %u queued  memory %s  process %s  disk %s  free %s",
      absl::FormatTime("%H:%M:%S", absl::Now(), absl::LocalTimeZone()),
      Counted(activity.models_size(), "model"), activity.runs_per_second(), activity.running(),
      activity.queued(), Memory(activity), HumanBytes(activity.rss_bytes()),
      HumanBytes(activity.disk_bytes()), HumanBytes(activity.free_bytes()));
}

std::vector<std::string> ActivityPicture(const v1::ActivityResponse& activity, bool colours) {
  std::vector<std::string> lines = {
      absl::StrFormat("runs    %.1f/s, %u running, %u queued, %s", activity.runs_per_second(),
                      activity.running(), activity.queued(), Counted(activity.sessions(), "session")),
      absl::StrCat("memory  models ", Memory(activity), ", process ", HumanBytes(activity.rss_bytes())),
      absl::StrCat("disk    ", HumanBytes(activity.disk_bytes()), ", of which ",
                   HumanBytes(activity.staging_bytes()), " unfinished, ", HumanBytes(activity.free_bytes()),
                   " free"),
      ""};
  Table table({"ID", "MEMORY", "DEVICE", "SESSIONS", "RUNS/S", "IDLES OUT", "PARTITION"});
  for (const Active& model : activity.models()) {
    table.Add({IdName(model.model_id()), HumanBytes(model.weight_bytes() + model.arena_bytes()),
               model.device(), absl::StrCat(model.sessions()),
               absl::StrFormat("%.1f", model.runs_per_second()),
               ResidencyText(model.residency(), model.idle_seconds_left()), model.partition()});
  }
  for (std::string& line : table.Lines()) lines.push_back(std::move(line));
  if (colours) lines[4] = absl::StrCat("\033[1m", lines[4], "\033[0m");
  return lines;
}

absl::Status WatchActivity(Environment& environment, const TopArguments& arguments) {
  const auto interval = ParseDuration(arguments.interval);
  if (!interval.ok()) return UsageError(absl::StrCat("--interval ", interval.status().message()));
  if (*interval < kShortestInterval || *interval > absl::Hours(24)) {
    return UsageError("--interval: expected 1s to 24h");
  }
  MODELD_ASSIGN_OR_RETURN(const client::Admin admin, environment.ConnectAdmin());
  const bool live = environment.streams().out_is_terminal && !environment.options().json && !arguments.once;
  const absl::Status enough = absl::OutOfRangeError("enough");
  std::atomic<bool> quit = false;
  LiveView view(environment);
  absl::Status status;
  {
    const KeyWatcher keys(live && environment.streams().in_is_terminal ? environment.streams().in_fd : -1,
                          'q', [&] {
                            quit = true;
                            environment.cancellation().Cancel();
                          });
    status = admin.WatchActivity(*interval, [&](const v1::ActivityResponse& activity) {
      if (environment.options().json) {
        environment.out() << ActivityJson(activity).dump() << "\n" << std::flush;
      } else if (live) {
        view.Show(ActivityPicture(activity, environment.Colours()));
      } else if (arguments.once) {
        for (const std::string& line : ActivityPicture(activity, environment.Colours())) {
          environment.out() << line << "\n";
        }
      } else {
        environment.out() << ActivityLine(activity) << "\n" << std::flush;
      }
      return arguments.once || !environment.out() ? enough : absl::OkStatus();
    });
  }
  return quit || status == enough ? absl::OkStatus() : status;
}

Action DefineTop(CLI::App& command) {
  auto arguments = std::make_shared<TopArguments>();
  command.add_option("--interval", arguments->interval, "Between two updates: 1s, 2m")->type_name("TIME");
  command.add_flag("--once", arguments->once, "One update, and end");
  return [arguments](Environment& environment) { return WatchActivity(environment, *arguments); };
}

constexpr Verb kVerbs[] = {
    {"ps", "List what is loaded, or sessions", DefinePs},
    {"top", "Show what runs, again and again; q ends it", DefineTop},
};

}  // namespace

std::span<const Verb> ActivityVerbs() {
  return kVerbs;
}

}  // namespace modeld::tools
