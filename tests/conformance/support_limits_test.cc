// WebNN's opSupportLimits, as an app sees it: what a context tells is what it keeps.
#include <catch2/catch.hpp>

#include "client/cpp/modeld.h"
#include "engine/graph/data_type.h"
#include "engine/ops/table.h"
#include "tests/support/scratch_daemon.h"

namespace modeld {
namespace {

// The limits of `type`'s member, which there must be.
const TensorLimits& MemberOf(const OpSupportLimits& limits, absl::string_view type, absl::string_view name) {
  for (const OperationLimits& operation : limits.operations) {
    if (operation.type != type) continue;
    for (const OperationLimits::Member& member : operation.members) {
      if (member.name == name) return member.limits;
    }
  }
  FAIL(std::string(type) + " has no " + std::string(name));
  return limits.input;
}

// Whether y = relu(x) can be built.
bool Builds(const client::Context& context, DataType type, uint32_t rank) {
  client::GraphBuilder builder(context);
  const auto x = builder.Input("x", {type, Shape(rank, 1)});
  return builder.Build({{"y", builder.Relu(x)}}).ok();
}

TEST_CASE("A context tells which types and ranks an operation may have, builds these, and no others") {
  const auto daemon = testing::ScratchDaemon::Start();
  INFO(daemon.status());
  REQUIRE(daemon.ok());
  const auto client = client::Client::Connect({.host = (*daemon)->host()});
  REQUIRE(client.ok());
  const auto context = client->CreateContext({.device = GENERATE("cpu", "reference")});
  INFO(context.status());
  REQUIRE(context.ok());
  const auto limits = context->OpSupportLimits();
  INFO(limits.status());
  REQUIRE(limits.ok());

  CHECK(limits->preferred_input_layout == "nchw");
  CHECK(limits->max_tensor_bytes == context->limits().max_tensor_bytes);
  REQUIRE(limits->operations.size() == AllOps().size());
  for (size_t i = 0; i < AllOps().size(); ++i) CHECK(limits->operations[i].type == AllOps()[i].type);

  const TensorLimits& relu = MemberOf(*limits, "relu", "input");
  const TypeSet outputs = MemberOf(*limits, "relu", "output").data_types;
  int built = 0;
  for (const DataType type :
       {DataType::kFloat32, DataType::kFloat16, DataType::kInt32, DataType::kUint32, DataType::kInt64,
        DataType::kUint64, DataType::kInt8, DataType::kUint8, DataType::kInt4, DataType::kUint4}) {
    INFO(std::string(DataTypeName(type)));
    CHECK(relu.data_types.Contains(type) == outputs.Contains(type));
    CHECK(Builds(*context, type, relu.max_rank) == relu.data_types.Contains(type));
    built += relu.data_types.Contains(type);
  }
  CHECK(built > 0);
  CHECK(built < 10);
  CHECK(Builds(*context, DataType::kFloat32, relu.min_rank));
  CHECK_FALSE(Builds(*context, DataType::kFloat32, relu.max_rank + 1));

  (*daemon)->Kill();
  CHECK_FALSE(context->OpSupportLimits().ok());
}

}  // namespace
}  // namespace modeld
