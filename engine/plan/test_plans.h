// Graphs whose plans have everything that plans may have, and short ways to make, load and run plans, for
// tests.
#ifndef MODELD_ENGINE_PLAN_TEST_PLANS_H_
#define MODELD_ENGINE_PLAN_TEST_PLANS_H_

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/plan/plan.h"

namespace modeld::testing {

// A graph that came out of Validate, by name.
struct NamedGraph {
  std::string name;
  Graph graph;
};

// Convolutions, a matrix product, folded and packed constants, a constant that is read in several forms,
// fused and native operations, a composite, movements, several outputs whose names are not in order.
const std::vector<NamedGraph>& PlanGraphs();

// A copy of the graph with other labels and without constants' bytes.
Graph Relabelled(Graph graph);

// Gives a graph's constants as a store does; counts. Not thread-safe.
class Constants {
 public:
  // `graph` has its constants' bytes and must outlive this.
  explicit Constants(const Graph& graph);
  // For LoadPlan; must not outlive this.
  auto Source() {
    return [this](const Digest& digest, uint64_t size) { return Get(digest, size); };
  }
  // The digests asked for, and how often.
  const std::map<Digest, int>& asked() const { return asked_; }

 private:
  absl::StatusOr<Region> Get(const Digest& digest, uint64_t size);

  std::map<Digest, Region> regions_;
  std::map<Digest, int> asked_;
};

// LoadPlan for a graph with its constants' bytes.
absl::StatusOr<std::shared_ptr<const Program>> Load(const Graph& graph, const PlanImage& plan,
                                                    const Backend& backend,
                                                    const CompileOptions& options = {});

// Runs once on inputs that depend on their place only; the outputs' bytes, in the graph's order.
absl::StatusOr<std::vector<std::vector<std::byte>>> RunOnce(const Program& program);

}  // namespace modeld::testing

#endif  // MODELD_ENGINE_PLAN_TEST_PLANS_H_
