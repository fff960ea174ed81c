// cumulativeSum.
#include "base/status.h"
#include "engine/ops/families.h"
#include "engine/ops/shared_rules.h"

namespace modeld {
namespace {

InferResult InferCumulativeSum(InferContext& c) {
  MODELD_RETURN_IF_ERROR(CheckAxis(c, "axis", c.Uint("axis")));
  return SameAsInput(c);
}

// One Scan.
Values DecomposeCumulativeSum(DecomposeContext& c) {
  return {c.b.ScanAlong(
      {.axis = c.Uint("axis"), .exclusive = c.Bool("exclusive"), .reversed = c.Bool("reversed")}, c.input())};
}

}  // namespace

std::vector<OpSchema> CumulativeOps() {
  return {
      {.type = "cumulativeSum",
       .operands = {{.name = "input", .types = kFloatAndWideIntegerTypes, .ranks = RankAtLeast(1)}},
       .attributes = {RequiredUint("axis"), BoolAttribute("exclusive", false),
                      BoolAttribute("reversed", false)},
       .formula = "output[i] = sum(x[j], j <= i) along axis; exclusive: j < i; reversed: j >= i, j > i",
       .infer = InferCumulativeSum,
       .decompose = DecomposeCumulativeSum},
  };
}

}  // namespace modeld
