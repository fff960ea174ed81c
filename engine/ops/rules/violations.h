// Calls that break one rule of a row of the specification's tables each, made from the row's valid call.
#ifndef MODELD_ENGINE_OPS_RULES_VIOLATIONS_H_
#define MODELD_ENGINE_OPS_RULES_VIOLATIONS_H_

#include <vector>

#include "engine/ops/rules/specified.h"

namespace modeld::rules {

// Too few and too many operands; operands and operands of the options that the graph does not have.
std::vector<OpCase> BrokenCounts(const Specified& row);
// Each operand with each data type that it may not have, and with one that differs from that of its leader.
std::vector<OpCase> BrokenTypes(const Specified& row);
// Each operand with each rank that it may not have.
std::vector<OpCase> BrokenRanks(const Specified& row);
// Unknown attributes, missing ones, each attribute with each wrong kind of value.
std::vector<OpCase> BrokenKinds(const Specified& row);
// Each attribute with values out of range, lists of a wrong length, choices that are none.
std::vector<OpCase> BrokenRanges(const Specified& row);

// The valid call with each data type of each leading operand, and what it gives then.
std::vector<OpCase> AllowedTypes(const Specified& row);

}  // namespace modeld::rules

#endif  // MODELD_ENGINE_OPS_RULES_VIOLATIONS_H_
