// What is large enough for a team of threads: the same results as on one thread by the reference, and the
// same bits each time.
#include <catch2/catch.hpp>
#include <optional>

#include "engine/backend/cpu/cpu_backend.h"
#include "engine/backend/cpu/test_programs.h"
#include "engine/backend/reference/reference_backend.h"
#include "engine/testing/compare.h"

namespace modeld::cpu {
namespace {

using testing::FirstDifference;
using testing::Tensor;
using testing::TensorOf;

const Backend& Cpu() {
  static const Backend* const backend = MakeCpuBackend().release();
  return *backend;
}

// `count` whole numbers in [0, below) in no order.
std::vector<double> Scattered(size_t count, uint32_t below) {
  std::vector<double> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<double>((i * 7919 + 31) % below);
  return values;
}

Tensor RandomOf(Shape shape, uint32_t seed) {
  return RandomTensor(std::move(shape), seed);
}

// Runs on 1, 2 and 3 threads, each compiled and run twice.
void CheckLarge(const core::Op& op, const std::vector<Tensor>& inputs, const TensorDescriptor& output,
                double tolerance = 0) {
  const core::Graph graph = testing::GraphOf(op, inputs, output);
  const auto expected = testing::RunGraph(ReferenceBackend(), graph, inputs);
  REQUIRE(expected.ok());
  for (const uint32_t threads : {1u, 2u, 3u}) {
    const auto first = testing::RunGraph(Cpu(), graph, inputs, {.num_threads = threads});
    const auto second = testing::RunGraph(Cpu(), graph, inputs, {.num_threads = threads});
    INFO(core::OpName(op) << ", threads " << threads);
    REQUIRE(first.ok());
    REQUIRE(second.ok());
    const auto difference =
        FirstDifference(first->at(0), expected->at(0), {.absolute = tolerance, .relative = tolerance});
    INFO(difference.value_or(""));
    CHECK(!difference.has_value());
    CHECK(first->at(0).bytes == second->at(0).bytes);
  }
}

TEST_CASE("running sums of large tensors, along every axis") {
  const Tensor x = RandomOf({70, 90, 11}, 1);
  for (const uint32_t axis : {0u, 1u, 2u}) {
    CheckLarge(core::Scan{.axis = axis}, {x}, x.descriptor, 1e-5);
    CheckLarge(core::Scan{.axis = axis, .exclusive = true, .reversed = true}, {x}, x.descriptor, 1e-5);
  }
  const Tensor integers = TensorOf(DataType::kInt32, {300, 200}, Scattered(60000, 100000));
  CheckLarge(core::Scan{.axis = 0}, {integers}, integers.descriptor);
}

TEST_CASE("a large scatter: of many updates of a row the last one wins") {
  const Tensor data = RandomOf({500, 40}, 2);
  // Each row several times.
  const Tensor indices = TensorOf(DataType::kInt64, {2000}, Scattered(2000, 400));
  CheckLarge(core::Scatter{}, {data, indices, RandomOf({2000, 40}, 3)}, data.descriptor);
  const Tensor list = TensorOf(DataType::kUint8, {50000}, Scattered(50000, 256));
  CheckLarge(core::Scatter{},
             {list, TensorOf(DataType::kUint32, {30000}, Scattered(30000, 50000)),
              TensorOf(DataType::kUint8, {30000}, Scattered(30000, 255))},
             list.descriptor);
}

TEST_CASE("large packed tensors of an odd number of elements") {
  constexpr uint32_t kCount = 51'201;
  std::vector<double> values = Scattered(kCount, 16);
  CheckLarge(core::Cast{}, {TensorOf(DataType::kUint4, {kCount}, values)}, {DataType::kUint8, {kCount}});
  CheckLarge(core::Cast{}, {TensorOf(DataType::kUint8, {kCount}, values)}, {DataType::kUint4, {kCount}});
  for (double& value : values) value -= 8;
  CheckLarge(core::Cast{}, {TensorOf(DataType::kInt4, {kCount}, values)}, {DataType::kInt8, {kCount}});
  CheckLarge(core::Cast{}, {TensorOf(DataType::kInt8, {kCount}, values)}, {DataType::kInt4, {kCount}});
}

TEST_CASE("large symmetric paddings, gathers, reductions and products") {
  const Tensor x = RandomOf({60, 70, 9}, 4);
  CheckLarge(core::Pad{core::PadMode::kSymmetric, {60, 3, 0}, {2, 70, 9}, 0}, {x},
             {DataType::kFloat32, {122, 143, 18}});
  CheckLarge(core::Gather{1}, {x, TensorOf(DataType::kInt32, {80}, Scattered(80, 70))},
             {DataType::kFloat32, {60, 80, 9}});
  CheckLarge(core::Reduce{core::ReduceFunction::kSum, {0, 2}}, {x}, {DataType::kFloat32, {1, 70, 1}}, 1e-5);
  CheckLarge(core::Reduce{core::ReduceFunction::kSum, {0, 1, 2}}, {x}, {DataType::kFloat32, {1, 1, 1}}, 1e-4);
  CheckLarge(core::Contraction{}, {RandomOf({130, 200}, 5), RandomOf({200, 150}, 6)},
             {DataType::kFloat32, {130, 150}}, 2e-4);
}

TEST_CASE("a graph of many kinds gives the same bits for one number of threads") {
  TestGraph g;
  const OperandId x = g.Float("x", {2, 16, 30, 30});
  const OperandId y = g.Op("conv2d", {x, RandomConstant(g, {24, 16, 3, 3}, 7)});
  const OperandId z = g.Op("relu", {g.Op("instanceNormalization", {y})});
  g.Output("softmax", g.Op("softmax", {z}, {{"axis", int64_t{1}}}));
  g.Output("mean", g.Op("reduceMean", {z}));
  g.Output("sum", g.Op("cumulativeSum", {z}, {{"axis", int64_t{2}}}));
  const Tensor input = RandomOf({2, 16, 30, 30}, 8);
  for (const uint32_t threads : {1u, 2u, 3u}) {
    const auto program = Compiled(g, Cpu(), {.num_threads = threads});
    const auto expected = Run(*program, {input});
    REQUIRE(expected.ok());
    const auto again = Compiled(g, Cpu(), {.num_threads = threads});
    for (const auto& compiled : {program, again, program}) {
      const auto found = Run(*compiled, {input});
      REQUIRE(found.ok());
      for (size_t i = 0; i < expected->size(); ++i) CHECK(found->at(i).bytes == expected->at(i).bytes);
    }
  }
}

}  // namespace
}  // namespace modeld::cpu
