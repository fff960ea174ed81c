#include "policy/plan_verdict.h"

#include <string>

#include "catch2/catch.hpp"

namespace modeld::policy {
namespace {

const PlanTraits kHere{.device = "cpu",
                       .build = "1/2.6.0",
                       .options = "fuse,claim",
                       .instruction_sets = {"sse41", "avx2", "fma"},
                       .threads = 8};

PlanTraits With(auto change) {
  PlanTraits traits = kHere;
  change(traits);
  return traits;
}

TEST_CASE("A plan is optimal, works, or is unusable here") {
  struct Case {
    std::string name;
    PlanTraits plan;
    PlanVerdict verdict;
  };
  const Case cases[] = {
      {"the same", kHere, PlanVerdict::kOptimal},
      {"instruction sets in another order, one twice", With([](auto& t) {
         t.instruction_sets = {"fma", "avx2", "sse41", "fma"};
       }),
       PlanVerdict::kOptimal},
      {"fewer instruction sets", With([](auto& t) { t.instruction_sets = {"sse41"}; }), PlanVerdict::kWorks},
      {"none", With([](auto& t) { t.instruction_sets = {}; }), PlanVerdict::kWorks},
      {"one that is not here", With([](auto& t) { t.instruction_sets.push_back("avx512_core"); }),
       PlanVerdict::kUnusable},
      {"another number of threads", With([](auto& t) { t.threads = 4; }), PlanVerdict::kWorks},
      {"another device", With([](auto& t) { t.device = "reference"; }), PlanVerdict::kUnusable},
      {"another build", With([](auto& t) { t.build = "1/2.7.0"; }), PlanVerdict::kUnusable},
      {"other options", With([](auto& t) { t.options = "claim"; }), PlanVerdict::kUnusable},
      {"nothing known", {}, PlanVerdict::kUnusable},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    REQUIRE(JudgePlan(c.plan, kHere) == c.verdict);
  }
  REQUIRE(PlanVerdictName(PlanVerdict::kOptimal) == "optimal");
  REQUIRE(PlanVerdictName(PlanVerdict::kWorks) == "works");
  REQUIRE(PlanVerdictName(PlanVerdict::kUnusable) == "unusable");
}

TEST_CASE("The best fit is taken") {
  const PlanTraits other = With([](auto& t) { t.device = "opencl:0"; });
  const PlanTraits old_cpu = With([](auto& t) { t.instruction_sets = {"sse41"}; });
  const PlanTraits newer_cpu = With([](auto& t) { t.instruction_sets = {"sse41", "avx2"}; });
  const PlanTraits few = With([](auto& t) { t.threads = 2; });
  const PlanTraits near = With([](auto& t) { t.threads = 9; });
  const absl::Time t = absl::FromUnixSeconds(1'800'000'000);
  struct Case {
    std::string name;
    std::vector<PlanCandidate> candidates;
    std::optional<size_t> best;
    PlanVerdict verdict;
  };
  const Case cases[] = {
      {"none", {}, std::nullopt, {}},
      {"all for others", {{other}, {other}}, std::nullopt, {}},
      {"optimal before works", {{near}, {old_cpu}, {kHere}}, 2, PlanVerdict::kOptimal},
      {"more instruction sets first", {{old_cpu}, {newer_cpu}, {other}}, 1, PlanVerdict::kWorks},
      {"then the nearer number of threads", {{few}, {near}}, 1, PlanVerdict::kWorks},
      {"then the newer", {{near, false, t}, {near, false, t + absl::Seconds(1)}}, 1, PlanVerdict::kWorks},
      {"then the earlier position", {{kHere, false, t}, {kHere, false, t}}, 0, PlanVerdict::kOptimal},
      {"never a distrusted one", {{kHere, true}, {old_cpu}}, 1, PlanVerdict::kWorks},
      {"distrusted alone", {{kHere, true}}, std::nullopt, {}},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const auto choice = BestPlan(c.candidates, kHere);
    REQUIRE(choice.has_value() == c.best.has_value());
    if (!choice.has_value()) continue;
    REQUIRE(choice->index == *c.best);
    REQUIRE(choice->verdict == c.verdict);
  }
}

}  // namespace
}  // namespace modeld::policy
