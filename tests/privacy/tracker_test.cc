// A tracker in one partition tries to read a bit that another partition wrote by storing a model or not.
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <random>

#include "absl/strings/str_replace.h"
#include "engine/graph/canonical.h"
#include "engine/ops/validate.h"
#include "tests/privacy/observer.h"

namespace modeld {
namespace {

constexpr char kWriter[] = "web:https://writer.example|https://writer.example";
constexpr char kTracker[] = "web:https://tracker.example|https://tracker.example";

// Right guesses among `trials` that chance exceeds less than once in a million times (1 - Phi(4.9) is 5e-7).
int ByChance(int trials) {
  return static_cast<int>(std::ceil(trials / 2.0 + 4.9 * std::sqrt(trials / 4.0)));
}

// Learns from all trials so far which bit goes with which observation: no rule of the tracker's own, so none
// is forgotten.
class Tracker {
 public:
  explicit Tracker(uint64_t seed) : random_(seed) {}
  bool Guess(const std::string& observation) {
    const auto& [zeros, ones] = seen_[observation];
    return zeros == ones ? random_() % 2 == 0 : ones > zeros;
  }
  // Few enough to learn from: the same thing is seen again and again.
  size_t distinct() const { return seen_.size(); }
  void Learn(const std::string& observation, bool bit) {
    ++(bit ? seen_[observation].second : seen_[observation].first);
  }

 private:
  std::mt19937_64 random_;
  std::map<std::string, std::pair<int, int>> seen_;
};

// All that the tracker's partition can try with one model, as text in which this trial's own digests are
// masked.
class Prober {
 public:
  explicit Prober(const TestClient& client) : client_(client), context_(client.MakeContext()) {}

  std::string Probe(const Graph& graph, const std::string& model_id) {
    std::string seen = absl::StrCat("fetch ", SeenOfFetch(client_, context_, model_id));
    absl::StrAppend(&seen, "\nbuild ", Build(graph, nullptr));
    const std::string bytes(graph.operands[1].bytes.view());
    absl::StrAppend(&seen, "\nquery ", Query(bytes));
    // Begun wrongly, cut short, and sent whole.
    absl::StrAppend(&seen, "\nwrong offset ", Upload(bytes, 4));
    absl::StrAppend(&seen, "\nwrong bytes ", Upload(bytes, 0, "x"));
    absl::StrAppend(&seen, "\nwhole ", Upload(bytes, 0));
    absl::StrAppend(&seen, "\nquery ", Query(bytes), "\nlist ", List());
    uint64_t graph_id = 0;
    absl::StrAppend(&seen, "\nbuild ", Build(graph, &graph_id));
    absl::StrAppend(&seen, "\nfetch ", SeenOfFetch(client_, context_, model_id), "\nstore ", Store(graph_id));
    absl::StrAppend(&seen, "\nlist ", List(), "\nfetch ", SeenOfFetch(client_, context_, model_id));
    DeleteModel(client_, model_id);
    absl::StrAppend(&seen, "\nlist ", List());
    Destroy(graph_id);
    const std::string digest(Digest::Of(absl::string_view(bytes)).bytes());
    return absl::StrReplaceAll(seen, {{absl::BytesToHexString(model_id), "MODEL"},
                                      {absl::BytesToHexString(digest), "BLOB"},
                                      // In the details, which are in hexadecimal digits themselves.
                                      {absl::BytesToHexString(absl::BytesToHexString(model_id)), "MODEL"},
                                      {absl::BytesToHexString(absl::BytesToHexString(digest)), "BLOB"}});
  }

 private:
  std::string Build(const Graph& graph, uint64_t* graph_id) {
    CallContext call(kTracker);
    v1::BuildRequest request;
    v1::BuildResponse response;
    request.set_context_id(context_);
    *request.mutable_graph() = EncodeGraph(graph);
    const grpc::Status status = client_.inference->Build(&call, request, &response);
    if (graph_id != nullptr) *graph_id = response.graph().graph_id();
    return absl::StrCat(Seen(status, call), " missing ", response.missing_size(), " inputs ",
                        response.graph().inputs_size());
  }
  std::string Query(const std::string& bytes) {
    CallContext call(kTracker);
    v1::QueryUploadRequest request;
    v1::QueryUploadResponse response;
    *request.mutable_blob() = EncodeBlobRef(Digest::Of(bytes), bytes.size());
    const grpc::Status status = client_.inference->QueryUpload(&call, request, &response);
    return absl::StrCat(Seen(status, call), " ", absl::BytesToHexString(response.SerializeAsString()));
  }
  std::string Upload(const std::string& bytes, uint64_t offset, const std::string& prefix = "") {
    CallContext call(kTracker);
    v1::UploadConstantResponse response;
    auto writer = client_.inference->UploadConstant(&call, &response);
    v1::UploadConstantRequest request;
    *request.mutable_blob() = EncodeBlobRef(Digest::Of(bytes), bytes.size());
    request.set_offset_bytes(offset);
    request.set_data(prefix.empty() ? bytes.substr(offset) : prefix + bytes.substr(prefix.size()));
    writer->Write(request);
    writer->WritesDone();
    const grpc::Status status = writer->Finish();
    return absl::StrCat(Seen(status, call), " ", absl::BytesToHexString(response.SerializeAsString()));
  }
  std::string List() {
    CallContext call(kTracker);
    v1::ListResponse response;
    const grpc::Status status = client_.cache->List(&call, {}, &response);
    std::string seen = Seen(status, call);
    for (const auto& model : response.models()) absl::StrAppend(&seen, " ", model.size_bytes());
    return seen;
  }
  std::string Store(uint64_t graph_id) {
    CallContext call(kTracker);
    v1::StoreRequest request;
    v1::StoreResponse response;
    request.set_graph_id(graph_id);
    return Seen(client_.cache->Store(&call, request, &response), call);
  }
  void Destroy(uint64_t graph_id) {
    CallContext call(kTracker);
    v1::DestroyGraphRequest request;
    v1::DestroyGraphResponse response;
    request.set_graph_id(graph_id);
    REQUIRE(client_.inference->DestroyGraph(&call, request, &response).ok());
  }

  const TestClient& client_;
  const uint64_t context_;
};

struct Trials {
  int count = 1'000;
  PrivacyOptions privacy;
  // Shared with everybody when it was stored; nothing: not shared.
  std::optional<double> commonness;
};

// How often the tracker was right.
int RightGuesses(const Trials& trials) {
  constexpr uint64_t kSeed = 20'260'729;
  WARN("seed " << kSeed);
  std::mt19937_64 random(kSeed);
  TestFolder folder;
  PrivacyOptions privacy = trials.privacy;
  privacy.stores_per_hour = 0;
  TestDaemon daemon(folder.path(), {}, privacy);
  const TestClient admin = daemon.Connect(Role::kAdmin, "org.example.admin");
  const TestClient writer = daemon.Connect(Role::kBroker, "org.example.browser", kWriter);
  const TestClient reader = daemon.Connect(Role::kBroker, "org.example.browser", kTracker);
  const uint64_t writer_context = writer.MakeContext();
  Prober prober(reader);
  Tracker tracker(kSeed + 1);
  int right = 0;
  for (int trial = 0; trial < trials.count; ++trial) {
    const Graph graph = AddGraph({static_cast<float>(trial), 1, 2});
    const std::string id(ModelIdOf(Validate(graph, {}).value()).bytes());
    const bool bit = random() % 2 == 0;
    if (bit) {
      const uint64_t built = writer.BuildWhole(writer_context, graph);
      REQUIRE(writer.Store(built) == id);
      CallContext call(kWriter);
      v1::DestroyGraphRequest destroy;
      v1::DestroyGraphResponse destroyed;
      destroy.set_graph_id(built);
      REQUIRE(writer.inference->DestroyGraph(&call, destroy, &destroyed).ok());
      if (trials.commonness) REQUIRE(Share(admin, id, "", *trials.commonness).ok());
    }
    const std::string observation = prober.Probe(graph, id);
    if (tracker.Guess(observation) == bit) ++right;
    tracker.Learn(observation, bit);
    if (bit && trials.commonness) REQUIRE(Unshare(admin, id).ok());
    if (bit) DeleteModel(writer, id);
  }
  CHECK(tracker.distinct() <= 20);
  return right;
}

TEST_CASE("over a thousand trials a tracker does no better than chance") {
  const int right = RightGuesses({.privacy = {.probe_budget = 10'000}});
  INFO(right);
  CHECK(right <= ByChance(1'000));
}

TEST_CASE("nor when its budget is spent, though the user shares the models") {
  const int right = RightGuesses({.count = 300, .privacy = {.probe_budget = 0}, .commonness = 1.0});
  INFO(right);
  CHECK(right <= ByChance(300));
}

TEST_CASE("nor when the models are shared and too rare to be confirmed") {
  const int right = RightGuesses({.count = 300, .privacy = {.probe_budget = 10'000}, .commonness = 1e-9});
  INFO(right);
  CHECK(right <= ByChance(300));
}

TEST_CASE("the same tracker reads nearly every bit where the user lets it") {
  CHECK(RightGuesses({.count = 100, .privacy = {.probe_budget = 10'000}, .commonness = 1.0}) >= 90);
}

}  // namespace
}  // namespace modeld
