// Writes the seeds of tests/fuzz/corpus/plan_decoding: the plan of each test graph for each backend.
// bazel run //tests/fuzz:make_plan_corpus -- $PWD/tests/fuzz/corpus/plan_decoding
#include <fstream>
#include <iostream>
#include <memory>
#include <string>

#include "engine/backend/cpu/cpu_backend.h"
#include "engine/backend/reference/reference_backend.h"
#include "engine/plan/test_plans.h"

int main(int argc, char** argv) {
  using namespace modeld;
  if (argc != 2) {
    std::cerr << "usage: make_plan_corpus DIR\n";
    return 2;
  }
  // As plan_decoding_fuzzer.cc has it: what it puts before the bytes, and the order of its targets.
  constexpr size_t kHeaderBytes = 8 + 1 + Digest::kSize;
  const ReferenceBackend reference;
  const std::unique_ptr<Backend> cpu = MakeCpuBackend();
  char target = 0;
  for (const testing::NamedGraph& named : testing::PlanGraphs()) {
    for (const Backend* backend : std::initializer_list<const Backend*>{&reference, cpu.get()}) {
      const auto compiled = CompileForPlan(named.graph, *backend, {.num_threads = 1});
      if (!compiled.ok()) {
        std::cerr << named.name << ": " << compiled.status() << "\n";
        return 1;
      }
      std::string file = named.name + "." + backend->Describe().name;
      for (char& c : file) c = c == ' ' ? '_' : c;
      std::ofstream(std::string(argv[1]) + "/" + file, std::ios::binary)
          << target++ << compiled->plan.metadata.substr(kHeaderBytes);
    }
  }
  return 0;
}
