// Random tensors and short ways to compile and run graphs, for this folder's tests.
#ifndef MODELD_ENGINE_BACKEND_CPU_TEST_PROGRAMS_H_
#define MODELD_ENGINE_BACKEND_CPU_TEST_PROGRAMS_H_

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/engine.h"
#include "engine/graph/limits.h"
#include "engine/ops/test_graph.h"
#include "engine/ops/validate.h"
#include "engine/runtime/executor.h"
#include "engine/testing/tensor.h"

namespace modeld::cpu {

// Values in [-2, 2); every seventh is special when `special` is set.
inline testing::Tensor RandomTensor(Shape shape, uint32_t seed, bool special = false) {
  std::mt19937 random(seed);
  testing::Tensor tensor{.descriptor = {DataType::kFloat32, std::move(shape)}};
  const float specials[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 1e-40f, 3e38f, -3e38f};
  std::vector<float> values(tensor.descriptor.ElementCount());
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] =
        special && i % 7 == 3 ? specials[i / 7 % 8] : std::uniform_real_distribution<float>(-2, 2)(random);
  }
  tensor.bytes.resize(values.size() * sizeof(float));
  std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  return tensor;
}

inline OperandId ConstantOf(TestGraph& g, const testing::Tensor& tensor) {
  return g.Constant(tensor.descriptor.data_type, tensor.descriptor.shape,
                    std::string(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()));
}

inline OperandId RandomConstant(TestGraph& g, Shape shape, uint32_t seed) {
  return ConstantOf(g, RandomTensor(std::move(shape), seed));
}

inline std::shared_ptr<const Program> Compiled(const TestGraph& g, const Backend& backend,
                                               const CompileOptions& options = {}) {
  TestGraph copy = g;
  auto graph = Validate(copy.graph(), GraphLimits{});
  INFO(std::string(graph.status().message()));
  REQUIRE(graph.ok());
  auto program = CompileGraph(*graph, backend, options);
  INFO(std::string(program.status().message()));
  REQUIRE(program.ok());
  return *program;
}

// Runs once. No Catch2 assertion, so that any thread may call it.
inline absl::StatusOr<std::vector<testing::Tensor>> Run(const Program& program,
                                                        const std::vector<testing::Tensor>& inputs) {
  std::vector<testing::Tensor> results;
  for (const TensorDescriptor& output : program.outputs) {
    results.push_back({.descriptor = output, .bytes = std::vector<std::byte>(*output.ByteSize())});
  }
  std::vector<std::span<const std::byte>> in;
  std::vector<std::span<std::byte>> out;
  for (const testing::Tensor& input : inputs) in.push_back(input.bytes);
  for (testing::Tensor& result : results) out.push_back(result.bytes);
  auto arena = Arena::Create(program);
  if (!arena.ok()) return arena.status();
  const absl::Status status = Execute(program, in, out, *arena, nullptr);
  if (!status.ok()) return status;
  return results;
}

}  // namespace modeld::cpu

#endif  // MODELD_ENGINE_BACKEND_CPU_TEST_PROGRAMS_H_
