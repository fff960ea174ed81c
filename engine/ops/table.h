// The table of graph-level operations.
#ifndef MODELD_ENGINE_OPS_TABLE_H_
#define MODELD_ENGINE_OPS_TABLE_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "engine/ops/schema.h"

namespace modeld {

// The row of this type, or null. Thread-safe; rows live as long as the process.
const OpSchema* FindOp(absl::string_view type);

// All rows, by family. Thread-safe.
const std::vector<OpSchema>& AllOps();

}  // namespace modeld

#endif  // MODELD_ENGINE_OPS_TABLE_H_
