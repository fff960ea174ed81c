// Compares the policy of evictions with textbook ones on synthetic traces.
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/bench/eviction_replay.h"
#include "tools/bench/eviction_traces.h"
#include "tools/bench/eviction_verdict.h"

namespace modeld::bench {
namespace {

constexpr char kAbout[] =
    "Replays synthetic traces of model uses through the daemon's eviction policy (modeld), LRU, LFU, "
    "GreedyDual-Size-Frequency\n"
    "for hits and for bytes, and two clairvoyants (belady, belady-size); 'unbeatable' is a bound that no "
    "policy passes.\n"
    "Prints for each the hit rate and the bytes that had to be fetched again. Ends with 1 when modeld "
    "fetched more again\n"
    "than some online policy on some trace, or had fewer hits than one other than gdsf-hits, which buys its "
    "hits with bytes.";

struct Row {
  std::string name;
  Outcome outcome;
};

void PrintTable(const Trace& trace, const std::vector<Row>& rows) {
  std::cout << absl::StrFormat("\n%s: %s\n%d uses, cache of %.1f GB\n", trace.name, trace.what,
                               trace.uses.size(), static_cast<double>(trace.capacity_bytes) / 1e9);
  std::cout << "  policy         hit rate   refetched GB\n";
  for (const Row& row : rows) {
    std::cout << absl::StrFormat("  %-12s %9.2f%% %14.1f\n", row.name, 100 * row.outcome.HitRate(),
                                 static_cast<double>(row.outcome.refetched_bytes) / 1e9);
  }
}

std::string JsonOf(const Trace& trace, const std::vector<Row>& rows) {
  std::string text = absl::StrFormat(R"({"trace":"%s","uses":%d,"capacity_bytes":%d,"policies":[)",
                                     trace.name, trace.uses.size(), trace.capacity_bytes);
  for (size_t i = 0; i < rows.size(); ++i) {
    absl::StrAppendFormat(&text, R"(%s{"policy":"%s","hits":%d,"hit_rate":%.6f,"refetched_bytes":%d})",
                          i == 0 ? "" : ",", rows[i].name, rows[i].outcome.hits, rows[i].outcome.HitRate(),
                          rows[i].outcome.refetched_bytes);
  }
  return absl::StrCat(text, "]}");
}

int Main(int argc, char** argv) {
  TraceOptions options;
  bool json = false;
  CLI::App app(kAbout, "eviction_simulator");
  app.add_option("--seed", options.seed, "of the traces")->capture_default_str();
  app.add_option("--uses", options.uses, "of models, in each trace")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  app.add_option("--models", options.models, "that come again, in each trace")
      ->check(CLI::Range(2, 100'000))
      ->capture_default_str();
  app.add_option("--cache-share", options.cache_share, "of the models' bytes that fit the cache")
      ->check(CLI::Range(0.001, 1.0))
      ->capture_default_str();
  app.add_flag("--json", json, "one object, on one line");
  CLI11_PARSE(app, argc, argv);

  std::vector<std::string> objects;
  std::vector<std::string> losses;
  if (!json) std::cout << "seed " << options.seed << "\n";
  for (const Trace& trace : MakeTraces(options)) {
    std::vector<Row> rows;
    for (Evictor evictor : AllEvictors()) rows.push_back({NameOf(evictor), Replay(trace, evictor)});
    for (const std::string& loss : LossesOn(trace, rows[0].outcome)) losses.push_back(loss);
    rows.push_back({"unbeatable", Unbeatable(trace)});
    if (json) {
      objects.push_back(JsonOf(trace, rows));
    } else {
      PrintTable(trace, rows);
    }
  }
  if (json) {
    std::string all = absl::StrCat(R"({"seed":)", options.seed, R"(,"traces":[)");
    for (size_t i = 0; i < objects.size(); ++i) absl::StrAppend(&all, i == 0 ? "" : ",", objects[i]);
    std::cout << all << R"(],"passed":)" << (losses.empty() ? "true" : "false") << "}\n";
  } else {
    std::cout << "\n";
  }
  for (const std::string& loss : losses) std::cerr << loss << "\n";
  if (!json) std::cout << (losses.empty() ? "modeld is at least as good everywhere\n" : "modeld is worse\n");
  return losses.empty() ? 0 : 1;
}

}  // namespace
}  // namespace modeld::bench

int main(int argc, char** argv) {
  return modeld::bench::Main(argc, argv);
}
