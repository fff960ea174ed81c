// modelctl's command lines against a daemon that answers what the test wants.
#include "tools/modelctl/app.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "client/cpp/fake_daemon.h"
#include "client/cpp/modeld.h"
#include "tools/data/file.h"
#include "tools/data/npy.h"
#include "tools/modelctl/app_testing.h"
#include "tools/modelctl/container.h"

namespace modeld::tools {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using nlohmann::ordered_json;

constexpr char kDigits[] = "tools/digits/model.onnx";

// A daemon with something to tell in every answer.
struct Populated {
  client::FakeDaemon daemon;
  Populated() {
    auto& admin = daemon.admin;
    admin.status.set_version("1.2.3");
    admin.status.set_pid(42);
    admin.status.set_started_at(1700000000);
    admin.status.set_cache_dir("/c");
    admin.status.set_state_dir("/s");
    admin.status.set_socket("/r/modeld.sock");
    admin.status.set_memory_socket("/r/memory.sock");
    admin.status.set_models(2);
    admin.status.set_physical_bytes(4096);
    auto* device = admin.status.add_devices();
    device->set_name("cpu");
    device->set_description("oneDNN");
    for (const auto& [id, key] : {std::pair(kId, "digits"), std::pair(kOtherId, "")}) {
      auto* model = admin.models.add_models();
      model->set_model_id(IdBytes(id));
      model->set_partition("app:modelctl");
      if (*key != '\0') model->add_keys(key);
      model->set_size_bytes(1536);
      model->set_created_at(1700000000);
      model->set_last_used_at(1700000001);
      model->set_damaged(id == kOtherId);
    }
    auto& model = admin.model[IdBytes(kId)];
    *model.add_entries() = admin.models.models(0);
    auto* input = model.add_inputs();
    input->set_name("x");
    input->mutable_tensor_descriptor()->set_data_type(v1::DATA_TYPE_FLOAT32);
    for (uint32_t size : {1, 2}) input->mutable_tensor_descriptor()->add_shape(size);
    auto* operation = model.add_operations();
    operation->set_type("gemm");
    operation->set_count(3);
    model.set_constants(2);
    model.set_parameters(17);
    auto* partition = admin.partitions.add_partitions();
    partition->set_name("web:https://s|https://o");
    partition->set_models(1);
    partition->set_logical_bytes(1536);
    auto* graph = admin.sessions.add_graphs();
    graph->set_model_id(IdBytes(kId));
    graph->set_partition("app:modelctl");
    graph->set_device("cpu");
    graph->set_packed_bytes(1024);
    graph->set_runs(5);
    auto* session = admin.sessions.add_sessions();
    session->set_session_id(9);
    session->set_role("admin");
    session->set_pid(77);
    auto* setting = admin.config.add_settings();
    setting->set_name("log.level");
    setting->set_value("info");
    setting->set_origin("default");
    admin.activity.emplace_back();
    admin.verify.emplace_back().set_progress(0.5);
    admin.verify.emplace_back().set_done(true);
  }
};

TEST_CASE("Wrong command lines are usage errors, on stderr", "[app]") {
  const std::vector<std::string> cases[] = {
      {},
      {"teleport"},
      {"ls", "--nonsense"},
      {"import"},
      {"show"},
      {"config"},
      {"partition", "rm"},
      {"run", "x", "--repeat", "0"},
      {"run", "x", "--repeat", "many"},
      {"run", "x", "--top", "-1"},
      {"run", "x", "--fit", "squeeze"},
      {"run", "x", "--mean", "a,b"},
      {"run", "x", "--mean", "1,2"},
      {"run", "x", "--mean", "1,2,3,4"},
      {"run", "x", "--mean", "1,,3"},
      {"run", "x", "--mean", "nan"},
      {"run", "x", "--mean", ""},
      {"run", "--mean", "1", "2", "3", "x"},
      {"run", "x", "--std", "0"},
      {"run", "x", "--std", "1,0,1"},
      {"run", "x", "--std", "-1"},
      {"stop"},
      {"stop", "x", "--all"},
      {"show", "a", "b"},
      {"--host", "tcp:1", "ls"},
      {"--host", "relative.sock", "status"},
      {"cache"},
      {"cache", "prune"},
      {"cache", "prune", "--older-than", "soon"},
      {"cache", "prune", "--older-than", "never"},
      {"cache", "clear"},
      {"cache", "clear", "--all", "--partition", "app:a"},
      {"cache", "priority", "x", "urgent"},
      {"cache", "ls", "--filter", "colour=red"},
      {"cache", "ls", "--filter", "pinned"},
      {"ls", "--filter", "size=1"},
      {"share", "x", "--commonness", "0"},
      {"share", "x", "--commonness", "1.5"},
      {"top", "--interval", "1ms"},
      {"top", "--interval", "never"},
      {"partition", "quota"},
  };
  for (const auto& arguments : cases) {
    const Result result = Modelctl(arguments);
    CAPTURE(result.err, arguments);
    CHECK(result.code == 2);
    CHECK(result.out.empty());
    CHECK_THAT(result.err, StartsWith("modelctl: "));
  }
}

TEST_CASE("Help is no error, and lists every verb and exit code", "[app]") {
  const Result result = Modelctl({"--help"});
  CHECK(result.code == 0);
  CHECK(result.err.empty());
  for (const char* word :
       {"status",         "import", "ls",      "show",   "run",       "ps",      "top",
        "stop",           "rm",     "export",  "verify", "cache",     "share",   "unshare",
        "shares",         "why",    "metrics", "config", "partition", "version", "completion",
        "130 interrupted"}) {
    CHECK_THAT(result.out, Contains(word));
  }
  CHECK(Modelctl({"run", "--help"}).code == 0);
}

TEST_CASE("Each failure of the daemon has its exit code", "[app]") {
  CHECK(Modelctl({"--host", "/nonexistent/modeld.sock", "ls"}).code == 4);
  CHECK_THAT(Modelctl({"--host", "unix:///nonexistent/m.sock", "status"}).err,
             StartsWith("modelctl: ") && Contains("--host"));
  Populated populated;
  const std::pair<absl::StatusCode, int> cases[] = {
      {absl::StatusCode::kInternal, 1},    {absl::StatusCode::kNotFound, 3},
      {absl::StatusCode::kUnavailable, 4}, {absl::StatusCode::kResourceExhausted, 5},
      {absl::StatusCode::kDataLoss, 6},    {absl::StatusCode::kPermissionDenied, 7},
      {absl::StatusCode::kAborted, 8},     {absl::StatusCode::kCancelled, 130},
  };
  for (const auto& [code, exit] : cases) {
    populated.daemon.Fail("GetStatus", static_cast<int>(code), "because");
    const Result result = Modelctl(populated.daemon, {"status"});
    CHECK(result.code == exit);
    CHECK(result.err == (exit == 130 ? "modelctl: interrupted\n" : "modelctl: because\n"));
    CHECK(result.out.empty());
  }
  v1::ErrorDetail full;
  full.set_reason(v1::ErrorDetail::REASON_QUEUE_FULL);
  populated.daemon.Fail("GetStatus", static_cast<int>(absl::StatusCode::kResourceExhausted), "queue", 1,
                        &full);
  CHECK(Modelctl(populated.daemon, {"status"}).code == 8);
}

TEST_CASE("JSON has a stable schema", "[app]") {
  const Populated populated;
  const std::pair<std::vector<std::string>, std::string> cases[] = {
      {{"status"},
       R"({"version":"1.2.3","pid":42,"started_at":1700000000,"socket":"/r/modeld.sock","memory_socket":"/r/memory.sock",)"
       R"("cache_dir":"/c","state_dir":"/s","models":2,"partitions":0,"physical_bytes":4096,"logical_bytes":0,)"
       R"("staged_bytes":0,"free_bytes":0,"sessions":0,"loaded_graphs":0,"loaded_programs":0,"resident_bytes":0,)"
       R"("devices":[{"name":"cpu","description":"oneDNN"}]})"},
      {{"ls", "--partition", "none"}, R"({"models":[]})"},
      {{"show", "12345678900"}, ""},
      {{"show", kId},
       R"({"model_id":")" + kId +
           R"(","inputs":[{"name":"x","data_type":"float32","shape":[1,2]}],"outputs":[],)"
           R"("operations":[{"type":"gemm","count":3}],"constants":2,"parameters":17,"constant_bytes":0,"graph_bytes":0,)"
           R"("entries":[{"model_id":")" +
           kId +
           R"(","partition":"app:modelctl","keys":["digits"],"size_bytes":1536,"exclusive_bytes":0,)"
           R"("created_at":1700000000,"last_used_at":1700000001,"frequency":0.0,"pinned":false,"shared":false,)"
           R"("priority":"normal","health":"whole","damaged":false}],"loaded":[],"plans":[]})"},
      {{"ps"},
       R"({"graphs":[{"model_id":")" + kId +
           R"(","partition":"app:modelctl","device":"cpu","weight_bytes":0,"packed_bytes":1024,)"
           R"("arena_bytes":0,"sessions":0,"runs":5,"last_run_at":0,"residency":"gone","idle_until":null}],"sessions":[{"session_id":9,"role":"admin",)"
           R"("partition":"","pid":77,"contexts":0,"graphs":0,"tensors":0,"tensor_bytes":0,"connected_at":0}]})"},
      {{"stop", "--all"}, R"({"stopped_graphs":3,"dropped_programs":2,"freed_bytes":4096})"},
      {{"stop", kId}, R"({"stopped_graphs":1,"dropped_programs":2,"freed_bytes":4096})"},
      {{"rm", "-y", kId},
       R"({"removed":[{"model_id":")" + kId +
           R"(","upload":null,"key":null,"key_only":false}],"freed_bytes":4096})"},
      {{"verify"}, R"({"rehash":false,"repair":false,"problems":[]})"},
      {{"config", "show"}, R"({"settings":[{"name":"log.level","value":"info","origin":"default"}]})"},
      {{"partition", "ls"},
       R"({"partitions":[{"name":"web:https://s|https://o","models":1,"keys":0,"logical_bytes":1536,"staged_bytes":0,)"
       R"("last_used_at":0,"quota_bytes":0,"own_quota":false,"keep_at_most":null,"max_age_seconds":null}]})"},
      {{"partition", "rm", "-y", "web:https://s|https://o"},
       R"({"partition":"web:https://s|https://o","freed_bytes":4096})"},
      {{"version"}, R"({"modelctl":"0.1.0","modeld":"fake"})"},
  };
  for (auto [arguments, expected] : cases) {
    arguments.push_back("--json");
    const Result result = Modelctl(populated.daemon, arguments);
    CAPTURE(arguments, result.err);
    if (expected.empty()) {
      CHECK(result.code == 3);
      CHECK(result.out.empty());
      continue;
    }
    CHECK(result.code == 0);
    CHECK(ordered_json::parse(result.out).dump() == expected);
  }
}

TEST_CASE("Tables, ids only, and what a person reads", "[app]") {
  const Populated populated;
  const Result ls = Modelctl(populated.daemon, {"ls"});
  CHECK_THAT(ls.out, StartsWith("ID            KEYS"));
  CHECK_THAT(ls.out, Contains("1234567890ab  digits") && Contains("1.5 KiB") && Contains("damaged"));
  CHECK(Modelctl(populated.daemon, {"ls", "-q"}).out == kId + "\n" + kOtherId + "\n");
  CHECK(Modelctl(populated.daemon, {"ps", "-q"}).out == kId + "\n");
  CHECK_THAT(Modelctl(populated.daemon, {"ps", "--sessions"}).out, Contains("admin"));
  CHECK(Modelctl(populated.daemon, {"partition", "ls", "-q"}).out == "web:https://s|https://o\n");
  CHECK_THAT(Modelctl(populated.daemon, {"status"}).out,
             Contains("1.2.3, process 42") && Contains("cpu: oneDNN"));
  CHECK_THAT(Modelctl(populated.daemon, {"show", kId}).out, Contains("input       x: float32[1,2]\n") &&
                                                                Contains("operations  gemm 3\n") &&
                                                                Contains("as digits"));
  CHECK(Modelctl(populated.daemon, {"config", "show"}).out == "SETTING    VALUE\nlog.level  info\n");
  CHECK(Modelctl(populated.daemon, {"config", "show", "--origin"}).out ==
        "SETTING    VALUE  FROM\nlog.level  info   default\n");
  CHECK(Modelctl(populated.daemon, {"version"}).out == "modelctl 0.1.0\nmodeld   fake\n");
  CHECK(Modelctl({"--host", "/nonexistent/x.sock", "version"}).code == 0);
}

TEST_CASE("Ids may be shortened where that is unambiguous", "[app]") {
  const Populated populated;
  CHECK(Modelctl(populated.daemon, {"show", "1234567890"}).code == 0);
  CHECK(Modelctl(populated.daemon, {"show", "id:1234567890"}).code == 0);
  const Result several = Modelctl(populated.daemon, {"show", "12345678"});
  CHECK(several.code == 2);
  CHECK_THAT(several.err, Contains(kId) && Contains(kOtherId));
  CHECK(Modelctl(populated.daemon, {"show", "1234567"}).code == 3);
  CHECK(Modelctl(populated.daemon, {"show", "id:1234567"}).code == 2);
  CHECK(Modelctl(populated.daemon, {"show", "abcdabcd"}).code == 3);
  CHECK(Modelctl(populated.daemon, {"show", "key:1234567890"}).code == 3);
}

TEST_CASE("What cannot be undone is asked for", "[app]") {
  const Populated populated;
  const std::vector<std::string> rm = {"rm", kId};
  const auto deletions = [&] { return populated.daemon.seen().calls["DeleteModel"]; };
  const Result nobody = Modelctl(populated.daemon, rm);
  CHECK(nobody.code == 2);
  CHECK_THAT(nobody.err, Contains("from every partition") && Contains("-y"));
  const Result no = Modelctl(populated.daemon, rm, "n\n");
  CHECK(no.code == 8);
  CHECK_THAT(no.err, Contains("Remove? [y/N]"));
  CHECK(Modelctl(populated.daemon, rm, "").code == 8);
  CHECK(Modelctl(populated.daemon, {"rm", "-y", kId, "absent"}).code == 3);
  CHECK(deletions() == 0);
  CHECK(Modelctl(populated.daemon, rm, "yes\n").code == 0);
  CHECK(Modelctl(populated.daemon, {"rm", "-y", kId}).code == 0);
  CHECK(deletions() == 2);
  CHECK(Modelctl(populated.daemon, {"partition", "rm", "web:https://s|https://o"}).code == 2);
  CHECK(Modelctl(populated.daemon, {"partition", "rm", "-y", "app:none"}).code == 3);
  CHECK(populated.daemon.seen().calls["RemovePartition"] == 0);
}

TEST_CASE("verify tells problems and exits with 6", "[app]") {
  Populated populated;
  auto& finding = populated.daemon.admin.verify.front();
  finding.set_problem("a blob has a flipped bit");
  finding.add_affected_models(IdBytes(kId));
  const Result text = Modelctl(populated.daemon, {"verify", "--rehash"});
  CHECK(text.code == 6);
  CHECK(text.out == "a blob has a flipped bit\n  " + kId + "\n");
  const Result json = Modelctl(populated.daemon, {"--json", "verify", "--rehash"});
  CHECK(json.code == 6);
  CHECK(ordered_json::parse(json.out).dump() ==
        R"({"rehash":true,"repair":false,"problems":[{"problem":"a blob has a flipped bit","models":[")" +
            kId + R"("],"repaired":false}]})");
  populated.daemon.admin.verify.pop_back();
  populated.daemon.admin.verify.front().clear_problem();
  CHECK(Modelctl(populated.daemon, {"verify"}).code == 1);
}

TEST_CASE("A model is imported, found by its key, run and removed", "[app]") {
  const client::FakeDaemon daemon;
  const Result imported = Modelctl(daemon, {"import", kDigits, "--key", "digits"});
  REQUIRE(imported.code == 0);
  REQUIRE(imported.out.size() == 65);
  CHECK_THAT(imported.err, Contains("imported"));
  CHECK(Modelctl(daemon, {"import", kDigits, "-q"}).err.empty());
  const auto json =
      ordered_json::parse(Modelctl(daemon, {"import", kDigits, "--key", "again", "--json"}).out);
  CHECK(json["model_id"].get<std::string>() + "\n" == imported.out);
  CHECK(json["key"] == "again");

  const auto inputs = Modelctl(daemon, {"run", "digits"});
  CHECK(inputs.code == 2);
  CHECK_THAT(inputs.err, Contains("=FILE is missing: float32["));

  // One of two keys goes alone; the last one takes the model with it.
  CHECK_THAT(Modelctl(daemon, {"rm", "again", "-y"}).err, Contains("the key again of"));
  CHECK(Modelctl(daemon, {"rm", "again", "-y"}).code == 3);
  CHECK_THAT(Modelctl(daemon, {"rm", "digits", "-y"}).err, Contains("the model"));
  CHECK(Modelctl(daemon, {"run", imported.out.substr(0, 64)}).code == 3);
  CHECK(daemon.seen().calls["DeleteModel"] == 0);
}

TEST_CASE("Sizes on the command line must fit the model", "[app]") {
  const client::FakeDaemon daemon;
  const auto refused = [&](const std::string& option, const std::string& value) {
    const Result result = Modelctl(daemon, {"import", kDigits, option, value});
    CHECK(result.code == 2);
    return result.err;
  };
  CHECK_THAT(refused("--shape", "nobody=1x2"), Contains("\"nobody\", which is no input"));
  CHECK_THAT(refused("--shape", "1x2"), Contains("NAME=SIZE"));
  CHECK_THAT(refused("--shape", "nobody=1x2y"), Contains("sizes like 1x3x224x224"));
  CHECK_THAT(refused("--dim", "nothing=2"), Contains("\"nothing\", which no input has"));
  CHECK_THAT(refused("--dim", "nothing=many"), Contains("a number of 1 or more is wanted"));
  CHECK_THAT(refused("--dim", "nothing=0"), Contains("a number of 1 or more is wanted"));
  CHECK_THAT(refused("--dim", "batch"), Contains("NAME=SIZE"));
  CHECK_THAT(refused("--shape", "image=1x2"), Contains("the given shape 2"));
  CHECK_THAT(refused("--known", "rows"), Contains("NAME=FILE.npy"));
  const Result container = Modelctl(daemon, {"import", TempFile("any.modeld"), "--dim", "batch=1"});
  CHECK(container.code == 2);
  CHECK_THAT(container.err, Contains("are for ONNX models"));
  const Result stored = Modelctl(daemon, {"run", "digits", "--shape", "image=1x1x28x28"});
  CHECK(stored.code == 2);
  CHECK_THAT(stored.err, Contains("digits is stored with its shapes"));
}

TEST_CASE("Import says what is wrong with a file", "[app]") {
  const client::FakeDaemon daemon;
  CHECK(Modelctl(daemon, {"import", TempFile("absent.onnx")}).code == 3);
  const std::string path = TempFile("wrong.onnx");
  REQUIRE(WriteWholeFile(path, "no model") == absl::OkStatus());
  CHECK(Modelctl(daemon, {"import", path}).code == 1);
  const std::string container = TempFile("wrong.modeld");
  REQUIRE(WriteWholeFile(container, std::string(100, 'x')) == absl::OkStatus());
  CHECK(Modelctl(daemon, {"import", container}).code == 1);
}

// Three floats in, the same out: what the fake daemon does with every graph.
Graph Copying() {
  client::GraphBuilder b;
  auto x = b.Input("x", {DataType::kFloat32, {1, 3}});
  auto graph = b.Finish({{"y", b.Add(x, b.Constant<float>({3}, {0, 0, 0}))}});
  REQUIRE(graph.status() == absl::OkStatus());
  return *graph;
}

// What the daemon sends for Copying().
std::vector<v1::ExportModelResponse> Exported(const Graph& graph) {
  std::vector<v1::ExportModelResponse> messages(1);
  messages[0].set_canonical_graph(EncodeCanonical(graph));
  for (const Operand& operand : graph.operands) {
    if (operand.kind != OperandKind::kConstant) continue;
    auto& message = messages.emplace_back();
    message.mutable_blob()->set_sha256(std::string(operand.digest.bytes()));
    message.mutable_blob()->set_size_bytes(operand.bytes.size());
    message.set_data(std::string(operand.bytes.view()));
  }
  return messages;
}

TEST_CASE("An export can be imported again, and run", "[app]") {
  client::FakeDaemon daemon;
  const Graph graph = Copying();
  daemon.admin.exported = Exported(graph);
  const std::string file = TempFile("copy.modeld"), id = ModelIdOf(graph).ToHex();
  const Result exported = Modelctl(daemon, {"export", id, file, "--json"});
  CHECK(exported.err.empty());
  REQUIRE(exported.code == 0);
  CHECK(ordered_json::parse(exported.out)["model_id"] == id);
  CHECK(Modelctl(daemon, {"export", id, file}).code == 1);
  CHECK(Modelctl(daemon, {"export", id, file, "-f"}).code == 0);
  CHECK(Modelctl(daemon, {"export", std::string(64, '0'), file, "-f"}).code == 6);
  CHECK(Modelctl(daemon, {"import", file, "--key", "copy"}).code == 0);

  const std::string in = TempFile("in.npy"), out = TempFile("out.npy"), labels = TempFile("labels.txt");
  const float values[] = {0.25f, -1, 7};
  const auto bytes = std::as_bytes(std::span(values));
  REQUIRE(WriteNpyFile(in, {{DataType::kFloat32, {3}}, {bytes.begin(), bytes.end()}}) == absl::OkStatus());
  REQUIRE(WriteWholeFile(labels, "zero\none\n") == absl::OkStatus());
  for (const std::string& model : {file, std::string("copy")}) {
    const Result run = Modelctl(daemon, {"run", model, "--input", in, "--output", "y=" + out, "--top", "2",
                                         "--labels", labels, "--repeat", "3"});
    CAPTURE(run.err);
    REQUIRE(run.code == 0);
    CHECK_THAT(run.out, StartsWith("y: float32[1,3]\n           7  2\n        0.25  zero\nload "));
    CHECK_THAT(run.out, Contains("runs   3: min ") && Contains("median") && Contains("p95"));
    const auto array = ReadNpyFile(out);
    REQUIRE(array.ok());
    CHECK(array->bytes == std::vector<std::byte>(bytes.begin(), bytes.end()));
    ::unlink(out.c_str());
  }
  const Result shown = Modelctl(daemon, {"run", "copy", "--input", "x=" + in, "-q"});
  CHECK(shown.out == "y: float32[1,3] = 0.25 -1 7\n");
  const auto json =
      ordered_json::parse(Modelctl(daemon, {"run", "copy", "--input", in, "--top", "1", "--json"}).out);
  CHECK(
      json["outputs"].dump() ==
      R"([{"name":"y","data_type":"float32","shape":[1,3],"file":null,"top":[{"index":2,"label":null,"value":7.0}]}])");
  CHECK(json["runs"] == 1);
  for (const char* series : {"latency", "engine"}) {
    for (const char* figure : {"first_ms", "min_ms", "median_ms", "p95_ms", "max_ms"}) {
      CHECK(json[series][figure].is_number());
    }
  }
  CHECK(Modelctl(daemon, {"run", "copy", "--input", "z=" + in}).code == 2);
  CHECK(Modelctl(daemon, {"run", "copy", "--input", in, "--input", in}).code == 2);
  CHECK(Modelctl(daemon, {"run", "copy", "--input", in, "--output", "z=" + out}).code == 2);
  CHECK(Modelctl(daemon, {"run", "copy", "--input", labels}).code == 1);
}

TEST_CASE("--partition goes with every call", "[app]") {
  const client::FakeDaemon daemon;
  CHECK(Modelctl(daemon, {"--partition", "web:https://s|https://o", "import", kDigits}).code == 0);
  CHECK(daemon.seen().partitions == std::vector<std::string>{"web:https://s|https://o"});
}

TEST_CASE("Completion knows every verb and option", "[app]") {
  const Result script = Modelctl({"completion", "bash"});
  REQUIRE(script.code == 0);
  const std::string path = TempFile("completion.bash");
  REQUIRE(WriteWholeFile(path, script.out) == absl::OkStatus());
  const auto complete = [&](const std::string& words, int word) {
    const std::string output = TempFile("reply");
    const std::string command = "bash -c 'source " + path + "; COMP_WORDS=(" + words +
                                "); COMP_CWORD=" + std::to_string(word) +
                                "; _modelctl; echo \"${COMPREPLY[*]}\"' > " + output;
    REQUIRE(std::system(command.c_str()) == 0);
    return *ReadWholeFile(output, 1 << 16);
  };
  CHECK_THAT(complete("modelctl", 1), Contains("status") && Contains("import") && Contains("--json"));
  CHECK(complete("modelctl st", 1) == "status stop\n");
  CHECK(complete("modelctl config sh", 2) == "show\n");
  CHECK(complete("modelctl --json partition r", 3) == "rm\n");
  CHECK(complete("modelctl run x --rep", 3) == "--repeat\n");
  CHECK(complete("modelctl config show --o", 3) == "--origin\n");
  CHECK(complete("modelctl run --me", 2) == "--mean\n");
  CHECK(complete("modelctl ls --he", 2) == "--help\n");
  CHECK_THAT(complete("modelctl ls --", 2), Contains("--partition"));
}

}  // namespace
}  // namespace modeld::tools
