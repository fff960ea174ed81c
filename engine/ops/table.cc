#include "engine/ops/table.h"

#include <iterator>

#include "absl/container/flat_hash_map.h"
#include "engine/ops/families.h"

namespace modeld {
namespace {

using Index = absl::flat_hash_map<absl::string_view, const OpSchema*>;

std::vector<OpSchema> Collect() {
  std::vector<OpSchema> all;
  for (auto* family : {ElementwiseBinaryOps, ElementwiseLogicalOps, ElementwiseUnaryOps, ActivationOps,
                       MatmulOps, ConvolutionOps, PoolingOps, ResamplingOps, NormalizationOps, ReductionOps,
                       ArgMinMaxOps, CumulativeOps, ShapeOps, MovementOps, GatherScatterOps, QuantizationOps,
                       GruOps, LstmOps, CompositeOps}) {
    std::vector<OpSchema> rows = family();
    all.insert(all.end(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
  }
  return all;
}

Index* MakeIndex() {
  auto* index = new Index;
  for (const OpSchema& row : AllOps()) index->emplace(row.type, &row);
  return index;
}

}  // namespace

const std::vector<OpSchema>& AllOps() {
  // Never freed: rows live as long as the process.
  static const auto* all = new std::vector<OpSchema>(Collect());
  return *all;
}

const OpSchema* FindOp(absl::string_view type) {
  static const Index* index = MakeIndex();
  const auto entry = index->find(type);
  return entry == index->end() ? nullptr : entry->second;
}

}  // namespace modeld
