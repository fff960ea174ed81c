// Clients that store, fetch, run and delete for a long time: memory, descriptors and mappings of the daemon
// must stay flat.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status.h"
#include "tests/campaign/small_models.h"
#include "tests/support/process_memory.h"
#include "tests/support/scratch_daemon.h"

namespace modeld::campaign {
namespace {

namespace ml = modeld::client;

constexpr size_t kModels = 12;
constexpr int kClients = 3;
// Growth between the second and the last quarter of the run that is still called flat.
constexpr double kMemoryGrowth = 1.05;
constexpr double kMemorySlackKiB = 4096;
constexpr double kCountSlack = 4;

// The daemon at one moment.
struct Sample {
  double memory_kib = 0;
  double descriptors = 0;
  double mappings = 0;
};

Sample Measure(pid_t pid) {
  Sample sample;
  const std::string folder = absl::StrCat("/proc/", pid);
  sample.memory_kib = static_cast<double>(testing::MemoryOf(pid).sum() >> 10);
  std::error_code error;
  for (const auto& unused : std::filesystem::directory_iterator(folder + "/fd", error)) {
    (void)unused;
    ++sample.descriptors;
  }
  std::ifstream maps(folder + "/maps");
  for (std::string line; std::getline(maps, line);) ++sample.mappings;
  return sample;
}

// One session after the other until the deadline, each with a random number of calls. Ends early with the
// first error that a healthy daemon does not give.
absl::Status Work(const std::string& host, const std::string& partition, uint64_t seed, absl::Time deadline,
                  uint64_t& calls) {
  std::mt19937_64 random(seed);
  while (absl::Now() < deadline) {
    MODELD_ASSIGN_OR_RETURN(
        const ml::Client client,
        ml::Client::Connect({.host = host, .partition = partition, .shared_memory = random() % 2 == 0}));
    MODELD_ASSIGN_OR_RETURN(const ml::Context context, client.CreateContext());
    for (uint64_t i = random() % 40; i > 0 && absl::Now() < deadline; --i, ++calls) {
      const size_t number = random() % kModels;
      MODELD_ASSIGN_OR_RETURN(const ml::Graph graph, BuildModel(context, number));
      MODELD_RETURN_IF_ERROR(CheckRun(graph, number));
      MODELD_ASSIGN_OR_RETURN(const Digest id, client.Cache().Save(graph, absl::StrCat("key ", number % 4)));
      auto fetched = client.Cache().Fetch(context, {&id, 1});
      // Another client of the partition may have deleted it, or given the key away.
      if (fetched.ok()) {
        MODELD_RETURN_IF_ERROR(CheckRun(fetched->graph, number));
      } else if (!absl::IsNotFound(fetched.status())) {
        return fetched.status();
      }
      if (random() % 3 == 0) MODELD_RETURN_IF_ERROR(client.Cache().Delete(id));
    }
  }
  return absl::OkStatus();
}

double Median(const std::vector<Sample>& samples, size_t begin, size_t end, double Sample::*member) {
  std::vector<double> values;
  for (size_t i = begin; i < end; ++i) values.push_back(samples[i].*member);
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

// Prints one figure; whether it stayed flat.
bool CheckFlat(const char* name, const std::vector<Sample>& samples, double Sample::*member, double factor,
               double slack) {
  const size_t quarter = samples.size() / 4;
  const double before = Median(samples, quarter, 2 * quarter, member);
  const double after = Median(samples, 3 * quarter, samples.size(), member);
  const bool flat = after <= before * factor + slack;
  std::printf("%s: median %.0f in the second quarter, %.0f in the last: %s\n", name, before, after,
              flat ? "flat" : "GROWS");
  return flat;
}

int Soak(double minutes, uint64_t seed) {
  auto daemon = testing::ScratchDaemon::Start(
      {"--admins", std::filesystem::read_symlink("/proc/self/exe").string(), "--log", "off"});
  if (!daemon.ok()) {
    std::fprintf(stderr, "soak: %s\n", daemon.status().ToString().c_str());
    return 1;
  }
  const absl::Time begin = absl::Now(), deadline = begin + absl::Minutes(minutes);
  std::vector<absl::Status> results(kClients);
  std::vector<uint64_t> calls(kClients);
  std::vector<std::thread> threads;
  for (int i = 0; i < kClients; ++i) {
    threads.emplace_back([&, i] {
      results[i] = Work((*daemon)->host(), absl::StrCat("app:soak", i / 2), seed + i, deadline, calls[i]);
    });
  }
  std::vector<Sample> samples;
  const absl::Duration interval = absl::Minutes(minutes) / 200;
  while (absl::Now() < deadline) {
    absl::SleepFor(interval);
    samples.push_back(Measure((*daemon)->pid()));
    if (isatty(STDERR_FILENO) == 0) continue;
    std::fprintf(stderr, "\r%3.0f %%  %.0f KiB  %.0f descriptors  %.0f mappings ",
                 100 * std::min(1.0, absl::FDivDuration(absl::Now() - begin, absl::Minutes(minutes))),
                 samples.back().memory_kib, samples.back().descriptors, samples.back().mappings);
  }
  if (isatty(STDERR_FILENO) != 0) std::fprintf(stderr, "\n");
  for (std::thread& thread : threads) thread.join();
  int passed = 0, failed = 0;
  uint64_t sum = 0;
  for (int i = 0; i < kClients; ++i) {
    sum += calls[i];
    if (!results[i].ok()) std::printf("client %d: %s\n", i, results[i].ToString().c_str());
    ++(results[i].ok() ? passed : failed);
  }
  std::printf("seed %llu: %llu models built, saved, fetched and run in %.1f minutes\n",
              static_cast<unsigned long long>(seed), static_cast<unsigned long long>(sum), minutes);
  ++(CheckFlat("memory in KiB", samples, &Sample::memory_kib, kMemoryGrowth, kMemorySlackKiB) ? passed
                                                                                              : failed);
  ++(CheckFlat("descriptors", samples, &Sample::descriptors, 1, kCountSlack) ? passed : failed);
  ++(CheckFlat("mappings", samples, &Sample::mappings, 1, 8 * kCountSlack) ? passed : failed);
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace modeld::campaign

int main(int argc, char** argv) {
  CLI::App app("Soaks a daemon of its own with clients; memory, descriptors and mappings must stay flat.");
  double minutes = 30;
  uint64_t seed = std::random_device()();
  app.add_option("--minutes", minutes, "How long")->check(CLI::Range(0.2, 1e4))->capture_default_str();
  app.add_option("--seed", seed, "Repeats a run");
  CLI11_PARSE(app, argc, argv);
  return modeld::campaign::Soak(minutes, seed);
}
