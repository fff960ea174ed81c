#include "engine/ops/run_op.h"

#include <catch2/catch.hpp>

#include "engine/backend/reference/reference_backend.h"
#include "engine/ops/op_cases.h"

namespace modeld {

std::vector<testing::Tensor> RunOp(const std::string& type, const std::vector<testing::Tensor>& operands,
                                   const Attributes& attributes, const std::vector<testing::Tensor>& extras) {
  OpCase op_case(type, {}, attributes);
  std::vector<testing::Tensor> inputs;
  for (const testing::Tensor& operand : operands) {
    op_case.operands.push_back(operand.descriptor);
    inputs.push_back(operand);
  }
  for (const testing::Tensor& extra : extras) {
    op_case.extras.push_back(extra.descriptor);
    inputs.push_back(extra);
  }
  const core::Graph graph = CoreGraphOf(op_case);
  absl::StatusOr<std::vector<testing::Tensor>> outputs = testing::RunGraph(ReferenceBackend(), graph, inputs);
  INFO(outputs.status());
  REQUIRE(outputs.ok());
  return *std::move(outputs);
}

}  // namespace modeld
