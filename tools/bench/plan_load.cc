// Measures what a compiled plan saves: bazel run -c opt //tools/bench:plan_load -- MODEL.onnx
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/backend/cpu/cpu_backend.h"
#include "engine/plan/plan.h"
#include "tools/importer/onnx_importer.h"

namespace {

constexpr int kRounds = 15;

// The median of some rounds, in milliseconds.
template <typename F>
double MedianMs(F run) {
  std::vector<double> times;
  for (int i = 0; i < kRounds; ++i) {
    const absl::Time start = absl::Now();
    run();
    times.push_back(absl::ToDoubleMilliseconds(absl::Now() - start));
  }
  std::nth_element(times.begin(), times.begin() + kRounds / 2, times.end());
  return times[kRounds / 2];
}

int Fail(const absl::Status& status) {
  std::cerr << "plan_load: " << status << "\n";
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace modeld;
  if (argc != 2) {
    std::cerr << "usage: plan_load MODEL.onnx\n";
    return 2;
  }
  // Else the second compilation would find the first one's primitives.
  setenv("DNNL_PRIMITIVE_CACHE_CAPACITY", "0", 1);
  const auto model = importer::ImportOnnx(argv[1]);
  if (!model.ok()) return Fail(model.status());
  const Graph& graph = model->graph;
  std::map<Digest, Region> constants;
  uint64_t weights = 0;
  for (const Operand& operand : graph.operands) {
    if (operand.kind == OperandKind::kConstant && constants.emplace(operand.digest, operand.bytes).second) {
      weights += operand.bytes.size();
    }
  }
  uint64_t asked = 0;
  const auto source = [&](const Digest& digest, uint64_t) -> absl::StatusOr<Region> {
    asked += constants.at(digest).size();
    return constants.at(digest);
  };
  const std::unique_ptr<Backend> cpu = MakeCpuBackend();
  const auto compiled = CompileForPlan(graph, *cpu, {});
  if (!compiled.ok()) return Fail(compiled.status());
  const PlanImage& plan = compiled->plan;
  const auto load = [&] { return LoadPlan(graph, plan.metadata, plan.segments, *cpu, {}, source); };
  if (const auto first = load(); !first.ok()) return Fail(first.status());
  const uint64_t asked_once = asked;

  const double compile_ms = MedianMs([&] { static_cast<void>(CompileForPlan(graph, *cpu, {})); });
  const double load_ms = MedianMs([&] { static_cast<void>(load()); });
  uint64_t segment_bytes = 0;
  for (const Region& segment : plan.segments) segment_bytes += segment.size();
  std::cout << absl::StrFormat(
      "compile %.1f ms, load %.1f ms (medians of %d; oneDNN keeps no primitives)\n"
      "weights %.1f MB, of which %.2f MB are read when the plan is loaded\n"
      "metadata %d bytes, %d segments of %.1f MB\n",
      compile_ms, load_ms, kRounds, weights / 1e6, asked_once / 1e6, plan.metadata.size(),
      plan.segments.size(), segment_bytes / 1e6);
  return 0;
}
