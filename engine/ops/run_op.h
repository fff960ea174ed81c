// Values of operations: runs one on the reference backend, decomposed.
#ifndef MODELD_ENGINE_OPS_RUN_OP_H_
#define MODELD_ENGINE_OPS_RUN_OP_H_

#include <string>
#include <vector>

#include "engine/graph/graph.h"
#include "engine/testing/tensor.h"

namespace modeld {

// The outputs of one call, checked inside the calling TEST_CASE to be valid. An OperandId{i} among the
// attributes stands for extras[i].
std::vector<testing::Tensor> RunOp(const std::string& type, const std::vector<testing::Tensor>& operands,
                                   const Attributes& attributes = {},
                                   const std::vector<testing::Tensor>& extras = {});

}  // namespace modeld

#endif  // MODELD_ENGINE_OPS_RUN_OP_H_
