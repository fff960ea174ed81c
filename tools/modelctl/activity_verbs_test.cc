// The verbs about what is loaded and running, against a daemon that answers what the test wants.
#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "tools/modelctl/app_testing.h"

namespace modeld::tools {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using nlohmann::ordered_json;

TEST_CASE("stop --all with nothing loaded is no failure, one model that is not loaded is", "[activity]") {
  client::FakeDaemon daemon;
  daemon.Fail("StopModel", static_cast<int>(absl::StatusCode::kNotFound), "not loaded", 2);
  const Result all = Modelctl(daemon, {"stop", "--all"});
  CHECK(all.code == 0);
  CHECK(all.err == "stopped 0 graphs, dropped 0 programs, 0 B of memory freed\n");
  const Result one = Modelctl(daemon, {"stop", "id:" + kId});
  CHECK(one.code == 3);
  CHECK(one.err == "modelctl: id:" + kId + ": not loaded\n");
}

TEST_CASE("ps, show and top tell when a model leaves memory", "[activity]") {
  const auto [residency, left, name, text] = GENERATE(table<v1::Residency, double, std::string, std::string>(
      {{v1::RESIDENCY_IDLE, 290.9, "idle", "idle, 4m50s left"},
       {v1::RESIDENCY_IDLE, 0.4, "idle", "idle, 0s left"},
       {v1::RESIDENCY_RUNNING, 0, "running", "running"},
       {v1::RESIDENCY_KEPT, 0, "kept", "never"},
       {v1::RESIDENCY_GONE, 0, "gone", "gone"}}));
  CAPTURE(text);
  client::FakeDaemon daemon;
  v1::LoadedGraph* graph = daemon.admin.sessions.add_graphs();
  graph->set_model_id(IdBytes(kId));
  graph->set_device("cpu");
  graph->set_partition("app:a");
  graph->set_weight_bytes(3 << 20);
  graph->set_arena_bytes(1 << 20);
  graph->set_residency(residency);
  graph->set_idle_seconds_left(left);
  *daemon.admin.model[IdBytes(kId)].add_loaded() = *graph;
  v1::ActivityResponse::Model* model = daemon.admin.activity.emplace_back().add_models();
  model->set_model_id(IdBytes(kId));
  model->set_weight_bytes(3 << 20);
  model->set_arena_bytes(1 << 20);
  model->set_residency(residency);
  model->set_idle_seconds_left(left);

  const bool idles = residency == v1::RESIDENCY_IDLE;
  for (const std::vector<std::string>& verb : {std::vector<std::string>{"ps"}, {"top", "--once"}}) {
    const Result shown = Modelctl(daemon, verb);
    CHECK_THAT(shown.out, Contains("IDLES OUT") && Contains("4.0 MiB") && Contains(text));
  }
  CHECK_THAT(Modelctl(daemon, {"show", kId}).out, Contains("leaves memory: " + text + "\n"));

  const auto listed = ordered_json::parse(Modelctl(daemon, {"ps", "--json"}).out)["graphs"][0];
  CHECK(listed["residency"] == name);
  CHECK(listed["weight_bytes"] == 3 << 20);
  CHECK(listed["idle_until"].is_number() == idles);
  const auto top = ordered_json::parse(Modelctl(daemon, {"top", "--json"}).out)["models"][0];
  CHECK(top["residency"] == name);
  CHECK(top["idle_seconds_left"].is_number() == idles);
  const auto loaded = ordered_json::parse(Modelctl(daemon, {"show", kId, "--json"}).out)["loaded"][0];
  CHECK(loaded["partition"] == "app:a");
  CHECK(loaded["residency"] == name);
  CHECK(loaded["idle_until"].is_number() == idles);
}

TEST_CASE("top prints a line or an object for each update, and one with --once", "[activity]") {
  client::FakeDaemon daemon;
  for (int i = 0; i < 3; ++i) {
    auto& activity = daemon.admin.activity.emplace_back();
    activity.set_runs_per_second(i);
    activity.add_models()->set_model_id(IdBytes(kId));
  }
  const Result lines = Modelctl(daemon, {"top"});
  CHECK(lines.code == 0);
  CHECK(std::count(lines.out.begin(), lines.out.end(), '\n') == 3);
  CHECK_THAT(lines.out, Contains("1 model loaded  2.0 runs/s") && !Contains("\033"));
  CHECK_THAT(Modelctl(daemon, {"top", "--once"}).out,
             StartsWith("runs    0.0/s") && Contains("1234567890ab"));
  const Result objects = Modelctl(daemon, {"top", "--json"});
  CHECK(std::count(objects.out.begin(), objects.out.end(), '\n') == 3);
  CHECK(ordered_json::parse(objects.out.substr(0, objects.out.find('\n')))["models"][0]["model_id"] == kId);
}

TEST_CASE("metrics are passed on word for word", "[activity]") {
  client::FakeDaemon daemon;
  daemon.admin.metrics.set_text("modeld_evictions_total{cause=\"quota\"} 3\n");
  CHECK(Modelctl(daemon, {"metrics"}).out == "modeld_evictions_total{cause=\"quota\"} 3\n");
  CHECK(ordered_json::parse(Modelctl(daemon, {"metrics", "--json"}).out)["prometheus"] ==
        "modeld_evictions_total{cause=\"quota\"} 3\n");
}

}  // namespace
}  // namespace modeld::tools
