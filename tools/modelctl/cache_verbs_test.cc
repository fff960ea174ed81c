// The verbs about disk space and what goes first, against a daemon that answers what the test wants.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "tools/data/file.h"
#include "tools/modelctl/app_testing.h"

namespace modeld::tools {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using nlohmann::ordered_json;
using Entry = v1::ListCacheResponse::Entry;

const std::string kUploadId = "99999999" + std::string(56, '0');

// A daemon with one thing of each kind on its disk.
struct Populated {
  client::FakeDaemon daemon;

  Populated() {
    auto& answers = daemon.cache_admin;
    Entry& model = *answers.cache.add_entries();
    model.set_kind(Entry::MODEL);
    model.set_id(IdBytes(kId));
    model.set_partition("app:a");
    model.set_size_bytes(1536);
    model.add_keys("digits");
    model.set_pinned(true);
    model.set_priority(v1::PRIORITY_HIGH);
    model.set_health("whole");
    Entry& plan = *answers.cache.add_entries();
    plan.set_kind(Entry::PLAN);
    plan.set_id(IdBytes(kOtherId));
    plan.set_size_bytes(512);
    plan.set_device("cpu");
    plan.add_models(IdBytes(kId));
    plan.set_in_use(true);
    Entry& upload = *answers.cache.add_entries();
    upload.set_kind(Entry::PARTIAL);
    upload.set_id(IdBytes(kUploadId));
    upload.set_partition("app:b");
    upload.set_size_bytes(1000);
    upload.set_committed_bytes(250);
    upload.set_state(v1::UPLOAD_STATE_STALLED);
    upload.set_quiet_seconds(3700);
    answers.deleted_upload.set_freed_bytes(250);
    *answers.pruned.add_removed() = upload;
    answers.pruned.set_freed_bytes(250);
    auto& usage = answers.usage;
    for (const char* name : {"app:a", "user:shared", "web:https://s|https://o"}) {
      auto* partition = usage.add_partitions();
      partition->set_name(name);
      partition->set_models(1);
      partition->set_physical_bytes(768);
    }
    usage.set_blob_bytes(1536);
    usage.set_plan_bytes(512);
    usage.set_staging_bytes(250);
    usage.set_physical_bytes(2298);
    auto* share = answers.shares.add_shares();
    share->set_model_id(IdBytes(kId));
    share->add_with("https://o");
    share->set_commonness(0.25);
    share->set_commonness_from("user");
    auto* decision = answers.why.add_decisions();
    decision->set_at(1700000000);
    decision->set_what("evicted");
    decision->set_partition("app:a");
    decision->set_text("made room for 3 GB");
    answers.why.add_now("app:a keeps it: pinned");
    auto* summary = daemon.admin.models.add_models();
    summary->set_model_id(IdBytes(kId));
    summary->set_partition("app:a");
    summary->set_pinned(true);
    auto* other = daemon.admin.models.add_models();
    other->set_model_id(IdBytes(kOtherId));
    other->set_partition("app:b");
    other->set_missing(true);
  }

  ordered_json Json(std::vector<std::string> arguments) const {
    arguments.push_back("--json");
    const Result result = Modelctl(daemon, arguments);
    CAPTURE(result.err);
    REQUIRE(result.code == 0);
    return ordered_json::parse(result.out);
  }
  // What CacheAdminService and its like were asked, without the looking around.
  std::vector<std::string> Done() const {
    std::vector<std::string> done;
    for (const std::string& request : daemon.seen().requests) {
      if (request.find("List") != 0 && request.find("GetUsage") != 0) done.push_back(request);
    }
    return done;
  }
};

// As protobuf prints it.
std::string Text(const std::string& hex) {
  v1::WhyRequest request;
  request.set_model_id(IdBytes(hex));
  return request.ShortDebugString();
}

TEST_CASE("cache ls lists everything, or what the filters leave", "[cache]") {
  const Populated populated;
  const Result all = Modelctl(populated.daemon, {"cache", "ls"});
  CHECK_THAT(all.out, StartsWith("KIND     ID ") && Contains("digits, pinned, priority high") &&
                          Contains("for cpu, 1 model, in use") && Contains("25 %, stalled 61m"));
  const auto ids = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"cache", "ls", "-q"});
    return Modelctl(populated.daemon, arguments).out;
  };
  CHECK(ids({}) == kId + "\n" + kOtherId + "\n" + kUploadId + "\n");
  CHECK(ids({"--partial"}) == kUploadId + "\n");
  CHECK(ids({"--filter", "pinned=true"}) == kId + "\n");
  CHECK(ids({"--filter", "state=stalled"}) == kUploadId + "\n");
  CHECK(ids({"--filter", "state=receiving"}).empty());
  CHECK(ids({"--filter", "keys=digits"}) == kId + "\n");
  CHECK(ids({"--filter", "partition="}) == kOtherId + "\n");
  CHECK(ids({"--filter", "kind=plan", "--filter", "in_use=false"}).empty());
  CHECK(
      populated.Json({"cache", "ls", "--partial"}).dump() ==
      R"({"entries":[{"kind":"partial","id":")" + kUploadId +
          R"(","partition":"app:b","size_bytes":1000,"committed_bytes":250,"created_at":0,"last_used_at":0,)"
          R"("keys":[],"pinned":false,"priority":"normal","health":null,"models":[],"device":null,"in_use":false,)"
          R"("state":"stalled","quiet_seconds":3700}]})");
}

TEST_CASE("ls filters models by what its columns say", "[cache]") {
  const Populated populated;
  CHECK(Modelctl(populated.daemon, {"ls", "-q", "--filter", "health=missing"}).out == kOtherId + "\n");
  CHECK(Modelctl(populated.daemon, {"ls", "-q", "--filter", "pinned=true"}).out == kId + "\n");
  CHECK_THAT(Modelctl(populated.daemon, {"ls"}).out, Contains("PINNED  SHARED  PRIORITY  HEALTH"));
}

TEST_CASE("show tells the plans that serve the model, and no other's", "[cache]") {
  Populated populated;
  Entry& other = *populated.daemon.cache_admin.cache.add_entries();
  other.set_kind(Entry::PLAN);
  other.set_id(IdBytes(kUploadId));
  other.set_device("reference");
  other.add_models(IdBytes(kOtherId));
  static_cast<void>(populated.daemon.admin.model[IdBytes(kId)]);
  CHECK(populated.Json({"show", kId})["plans"].dump() ==
        R"([{"id":")" + kOtherId +
            R"(","device":"cpu","size_bytes":512,"created_at":0,"last_used_at":0,"in_use":true}])");
  CHECK_THAT(Modelctl(populated.daemon, {"show", kId}).out,
             Contains("plan        for cpu, 512 B, last used -, in use\n"));
}

TEST_CASE("cache du tells each partition and each kind", "[cache]") {
  const Populated populated;
  const ordered_json usage = populated.Json({"cache", "du"});
  CHECK(usage["partitions"].size() == 3);
  CHECK(usage["physical_bytes"] == 2298);
  for (const char* member :
       {"blob_bytes", "unreferenced_bytes", "plan_bytes", "staging_bytes", "quarantine_bytes", "disk_bytes",
        "logical_bytes", "reserved_bytes", "free_bytes", "limit_bytes", "min_free_bytes"}) {
    CHECK(usage[member].is_number());
  }
  CHECK_THAT(Modelctl(populated.daemon, {"cache", "du"}).out,
             Contains("web:https://s|https://o") && Contains("plans          512 B\n"));
}

TEST_CASE("cache prune lists, asks, and removes only then", "[cache]") {
  const Populated populated;
  const std::vector<std::string> prune = {"cache", "prune", "--older-than", "30d"};
  CHECK(Modelctl(populated.daemon, prune).code == 2);
  const Result no = Modelctl(populated.daemon, prune, "n\n");
  CHECK(no.code == 8);
  CHECK_THAT(no.err, Contains("999999990000") && Contains("Remove? [y/N]"));
  CHECK(populated.Json({"cache", "prune", "--partial", "--dry-run"})["dry_run"] == true);
  for (const std::string& request : populated.Done()) CHECK_THAT(request, Contains("dry_run: true"));
  const ordered_json done =
      populated.Json({"cache", "prune", "--older-than", "30d", "-y", "--partition", "app:b"});
  CHECK(done["removed"][0]["id"] == kUploadId);
  CHECK(done["freed_bytes"] == 250);
  CHECK(populated.Done().back() == "Prune: older_than_seconds: 2592000 partition: \"app:b\"");
}

TEST_CASE("cache prune with nothing to remove asks nobody", "[cache]") {
  const client::FakeDaemon daemon;
  const Result result = Modelctl(daemon, {"cache", "prune", "--partial"});
  CHECK(result.code == 0);
  CHECK(result.err == "nothing to remove\n");
}

TEST_CASE("cache clear takes one partition, or all with what is shared", "[cache]") {
  const Populated populated;
  CHECK(Modelctl(populated.daemon, {"cache", "clear", "--all"}).code == 2);
  CHECK(Modelctl(populated.daemon, {"cache", "clear", "--partition", "app:none", "-y"}).code == 3);
  CHECK(populated.Done().empty());
  CHECK(Modelctl(populated.daemon, {"cache", "clear", "--partition", "app:a", "-y"}).code == 0);
  CHECK(populated.Done() == std::vector<std::string>{"ClearPartition: app:a"});
  const ordered_json all = populated.Json({"cache", "clear", "--all", "-y"});
  CHECK(all.dump() ==
        R"({"partitions":["app:a","web:https://s|https://o"],"models":2,"unshared":1,"freed_bytes":0,)"
        R"("left_bytes":2298})");
  CHECK(populated.Done() == std::vector<std::string>{"ClearPartition: app:a", "Unshare: " + Text(kId),
                                                     "ClearPartition: app:a",
                                                     "ClearPartition: web:https://s|https://o", "Prune: "});
}

TEST_CASE("rm removes an unfinished upload by its digest or a prefix", "[cache]") {
  const Populated populated;
  CHECK(Modelctl(populated.daemon, {"rm", "99999999"}).code == 2);
  const Result removed = Modelctl(populated.daemon, {"rm", "99999999", "-y"});
  CHECK(removed.code == 0);
  CHECK_THAT(removed.err, Contains("the unfinished upload 999999990000") && Contains("freed 250 B"));
  CHECK(populated.Json({"rm", kUploadId, "-y"})["removed"][0]["upload"] == kUploadId);
  CHECK(Modelctl(populated.daemon, {"rm", std::string(64, 'a'), "-y"}).code == 3);
  CHECK(populated.Done().size() == 2);
}

TEST_CASE("Wishes, shares and bounds are sent as they are said", "[cache]") {
  const Populated populated;
  CHECK(Modelctl(populated.daemon, {"cache", "pin", kId}).code == 0);
  CHECK(Modelctl(populated.daemon, {"cache", "unpin", kId}).code == 0);
  CHECK(populated.Json({"cache", "priority", kId, "high"}).dump() ==
        R"({"model_id":")" + kId + R"(","pinned":null,"priority":"high"})");
  CHECK(Modelctl(populated.daemon, {"share", kId}).code == 0);
  CHECK(Modelctl(populated.daemon, {"share", kId, "--with", "https://o", "--commonness", "0.5"}).code == 0);
  CHECK(Modelctl(populated.daemon, {"unshare", kId, "--with", "https://o"}).code == 0);
  const std::string id = Text(kId);
  CHECK(populated.Done() == std::vector<std::string>{"SetModelWish: " + id + " pinned: true",
                                                     "SetModelWish: " + id + " pinned: false",
                                                     "SetModelWish: " + id + " priority: PRIORITY_HIGH",
                                                     "Share: " + id,
                                                     "Share: " + id + " with: \"https://o\" commonness: 0.5",
                                                     "Unshare: " + id + " with: \"https://o\""});
  CHECK(
      populated.Json({"shares"}).dump() ==
      R"({"shares":[{"model_id":")" + kId +
          R"(","everybody":false,"with":["https://o"],"commonness":0.25,"commonness_from":"user","size_bytes":0}]})");
  CHECK_THAT(Modelctl(populated.daemon, {"shares"}).out, Contains("0.25 (user)  https://o"));
}

TEST_CASE("A malformed --with is a usage error, an unknown model is not found", "[cache]") {
  Populated populated;
  populated.daemon.Fail("Share", static_cast<int>(absl::StatusCode::kInvalidArgument), "with: no site");
  CHECK(Modelctl(populated.daemon, {"share", kId, "--with", "nonsense"}).code == 2);
  populated.daemon.Fail("SetModelWish", static_cast<int>(absl::StatusCode::kNotFound), "model: not found");
  CHECK(Modelctl(populated.daemon, {"cache", "pin", kId}).code == 3);
  populated.daemon.Fail("Why", static_cast<int>(absl::StatusCode::kInvalidArgument), "partition: malformed");
  CHECK(Modelctl(populated.daemon, {"why", kId}).code == 2);
}

TEST_CASE("why tells the present first, then what was decided", "[cache]") {
  const Populated populated;
  const Result why = Modelctl(populated.daemon, {"why", kId});
  CHECK_THAT(why.out, StartsWith("now  app:a keeps it: pinned\n") &&
                          Contains("evicted  app:a      made room for 3 GB"));
  CHECK(
      populated.Json({"why", kId}).dump() ==
      R"({"model_id":")" + kId +
          R"(","decisions":[{"at":1700000000,"what":"evicted","partition":"app:a","text":"made room for 3 GB"}],)"
          R"("now":["app:a keeps it: pinned"]})");
}

TEST_CASE("partition quota changes what is said and keeps the rest", "[cache]") {
  Populated populated;
  auto* partition = populated.daemon.admin.partitions.add_partitions();
  partition->set_name("app:a");
  partition->set_quota_bytes(uint64_t{20} << 30);
  partition->mutable_limits()->set_keep_at_most(3);
  CHECK(Modelctl(populated.daemon, {"partition", "quota", "app:a"}).out == "20.0 GiB, at most 3 models\n");
  CHECK(Modelctl(populated.daemon, {"partition", "quota", "app:none"}).code == 3);
  CHECK(populated.Done().empty());
  const auto set = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"partition", "quota", "app:a"});
    const Result result = Modelctl(populated.daemon, arguments);
    CAPTURE(result.err);
    REQUIRE(result.code == 0);
    return populated.Done().back();
  };
  const std::string begin = "SetPartitionLimits: partition: \"app:a\" limits { ";
  CHECK(set({"5G"}) == begin + "quota_bytes: 5368709120 keep_at_most: 3 }");
  CHECK(set({"--max-age", "90d"}) == begin + "keep_at_most: 3 max_age_seconds: 7776000 }");
  CHECK(set({"--default", "--keep-at-most", "1"}) == begin + "keep_at_most: 1 }");
  CHECK(set({"--default"}) == begin + "}");
  for (const auto& wrong : {std::vector<std::string>{"much"},
                            {"--max-age", "0"},
                            {"--max-age", "old"},
                            {"--keep-at-most", "0"}}) {
    std::vector<std::string> arguments = {"partition", "quota", "app:a"};
    arguments.insert(arguments.end(), wrong.begin(), wrong.end());
    CHECK(Modelctl(populated.daemon, arguments).code == 2);
  }
  CHECK(
      populated.Json({"partition", "quota", "app:a"}).dump() ==
      R"({"partition":"app:a","quota_bytes":21474836480,"own_quota":false,"keep_at_most":3,"max_age_seconds":null})");
}

TEST_CASE("verify --repair is content when everything was mended", "[cache]") {
  client::FakeDaemon daemon;
  auto& mended = daemon.admin.verify.emplace_back();
  mended.set_problem("a stray file");
  mended.set_repaired(true);
  daemon.admin.verify.emplace_back().set_done(true);
  for (const auto& verb : {std::vector<std::string>{"verify"}, {"cache", "verify"}}) {
    std::vector<std::string> arguments = verb;
    arguments.push_back("--repair");
    const Result result = Modelctl(daemon, arguments);
    CHECK(result.code == 0);
    CHECK(result.out == "a stray file (mended)\n");
    CHECK(result.err == "1 problem, all mended\n");
  }
  CHECK(daemon.seen().requests.back() == "Verify: repair: true");
  daemon.admin.verify.front().set_repaired(false);
  CHECK(Modelctl(daemon, {"cache", "verify", "--repair"}).code == 6);
}

// The configuration of a daemon that this test plays; its process is none.
struct Movable {
  client::FakeDaemon daemon;
  const std::string config = TempFile("config.toml");
  const std::string target = TempFile("new-cache");

  explicit Movable(const char* origin) {
    ::setenv("MODELD_CONFIG", config.c_str(), 1);
    auto* setting = daemon.admin.config.add_settings();
    setting->set_name("paths.cache_dir");
    setting->set_origin(origin);
    daemon.admin.status.set_pid(uint64_t{1} << 40);
    daemon.admin.status.set_cache_dir("/nonexistent/cache");
    auto& half = daemon.cache_admin.move.emplace_back();
    half.set_fraction(0.5);
    auto& whole = daemon.cache_admin.move.emplace_back();
    whole.set_fraction(1);
    whole.set_total_bytes(4096);
    whole.set_done(true);
  }
  ~Movable() { ::unsetenv("MODELD_CONFIG"); }
};

TEST_CASE("cache move copies, then changes the one line, and may be said again", "[cache]") {
  const Movable movable("file");
  REQUIRE(WriteWholeFile(movable.config, "[log]\nlevel = \"info\"\n") == absl::OkStatus());
  const std::string after = "[log]\nlevel = \"info\"\n\n[paths]\ncache_dir = \"" + movable.target + "\"\n";
  for (int i = 0; i < 2; ++i) {
    const Result moved = Modelctl(movable.daemon, {"cache", "move", movable.target + "/"});
    CHECK(moved.code == 0);
    CHECK_THAT(moved.err, Contains("4.0 KiB") && Contains(movable.config) && Contains("start modeld again"));
    CHECK(*ReadWholeFile(movable.config, 1 << 12) == after);
  }
  CHECK(movable.daemon.seen().requests.back() == "MoveCache: directory: \"" + movable.target + "\"");
}

TEST_CASE("cache move changes nothing when it cannot end well", "[cache]") {
  for (const char* origin : {"flag", "environment"}) {
    const Movable movable(origin);
    CHECK(Modelctl(movable.daemon, {"cache", "move", movable.target}).code == 1);
    CHECK(movable.daemon.seen().calls["MoveCache"] == 0);
  }
  Movable movable("default");
  movable.daemon.Fail("MoveCache", static_cast<int>(absl::StatusCode::kResourceExhausted), "no room");
  CHECK(Modelctl(movable.daemon, {"cache", "move", movable.target}).code == 5);
  movable.daemon.cache_admin.move.pop_back();
  CHECK(Modelctl(movable.daemon, {"cache", "move", movable.target}).code == 1);
  CHECK_FALSE(ReadWholeFile(movable.config, 1 << 12).ok());
  REQUIRE(WriteWholeFile(movable.config, "paths = { cache_dir = \"/x\" }\n") == absl::OkStatus());
  const Result inline_table = Modelctl(movable.daemon, {"cache", "move", movable.target});
  CHECK(inline_table.code == 1);
  CHECK_THAT(inline_table.err, Contains("edit it by hand"));
}

TEST_CASE("doctor tells what is wrong, with the daemon up and down", "[cache]") {
  client::FakeDaemon daemon;
  auto* finding = daemon.admin.findings.add_findings();
  finding->set_severity(v1::DiagnoseResponse::Finding::WARNING);
  finding->set_area("space");
  finding->set_text("little is free");
  finding->set_remedy("prune");
  const Result up = Modelctl(daemon, {"doctor"});
  CHECK(up.code == 1);
  CHECK_THAT(up.out, Contains("little is free") && Contains("-> prune") && !Contains("no daemon answers"));
  const Result down = Modelctl({"--host", "/nonexistent/modeld.sock", "doctor"});
  CHECK(down.code == 1);
  CHECK_THAT(down.out, Contains("no daemon answers") && Contains("systemctl --user start modeld.socket"));
  const auto json = ordered_json::parse(Modelctl(daemon, {"doctor", "--json"}).out);
  CHECK(json["ok"] == false);
  for (const auto& one : json["findings"]) {
    CHECK((one["severity"] == "ok") == one["remedy"].is_null());
  }
}

TEST_CASE("info prints every path, with the daemon up and down", "[cache]") {
  client::FakeDaemon daemon;
  daemon.admin.status.set_cache_dir("/the/cache");
  daemon.admin.status.set_pid(uint64_t{1} << 40);
  CHECK_THAT(Modelctl(daemon, {"info"}).out, Contains("cache          /the/cache\n"));
  const auto down = ordered_json::parse(Modelctl({"--host", "/nonexistent/m.sock", "info", "--json"}).out);
  CHECK(down["daemon_answers"] == false);
  for (const char* member :
       {"modelctl", "config_file", "cache_dir", "state_dir", "socket", "memory_socket"}) {
    CHECK(down[member].is_string());
  }
}

}  // namespace
}  // namespace modeld::tools
