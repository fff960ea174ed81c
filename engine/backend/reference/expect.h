// Hand-computed expectations, for the reference backend's tests.
#ifndef MODELD_ENGINE_BACKEND_REFERENCE_EXPECT_H_
#define MODELD_ENGINE_BACKEND_REFERENCE_EXPECT_H_

#include <catch2/catch.hpp>
#include <vector>

#include "engine/backend/reference/reference_backend.h"
#include "engine/testing/tensor.h"

namespace modeld::reference {

// Runs one operation and checks its elements; NaN equals NaN. Float results are compared after rounding
// `expected` to the output's type.
inline void Expect(core::Op op, const std::vector<testing::Tensor>& inputs, TensorDescriptor output,
                   const std::vector<double>& expected) {
  INFO(core::OpName(op) << " -> " << output.ToString());
  const ReferenceBackend backend;
  const auto results = testing::RunGraph(backend, testing::GraphOf(op, inputs, output), inputs);
  INFO(std::string(results.status().message()));
  REQUIRE(results.ok());
  const std::vector<double> found = testing::ValuesOf(results->at(0));
  const std::vector<double> wanted =
      testing::ValuesOf(testing::TensorOf(output.data_type, output.shape, expected));
  REQUIRE(found.size() == wanted.size());
  for (size_t i = 0; i < found.size(); ++i) {
    INFO("element " << i << ": found " << found[i] << ", expected " << wanted[i]);
    const bool both_nan = found[i] != found[i] && wanted[i] != wanted[i];
    CHECK((both_nan || found[i] == wanted[i]));
  }
}

}  // namespace modeld::reference

#endif  // MODELD_ENGINE_BACKEND_REFERENCE_EXPECT_H_
