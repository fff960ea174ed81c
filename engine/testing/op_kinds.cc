#include "absl/strings/str_cat.h"
#include "engine/core/op_types.h"
#include "engine/testing/op_cases.h"

namespace modeld::testing {
namespace {

// `make(function)` for each function up to `last`.
template <typename Enum, typename Make>
void AddFunctions(std::vector<core::Op>& ops, Enum last, Make make) {
  for (int i = 0; i <= static_cast<int>(last); ++i) ops.push_back(make(static_cast<Enum>(i)));
}

std::vector<core::Op> EveryOp() {
  std::vector<core::Op> ops;
  AddFunctions(ops, core::UnaryFunction::kIsInfinite, [](auto f) { return core::Unary{f}; });
  AddFunctions(ops, core::BinaryFunction::kLogicalXor, [](auto f) { return core::Binary{f}; });
  AddFunctions(ops, core::Comparison::kLesserOrEqual, [](auto f) { return core::Compare{f}; });
  AddFunctions(ops, core::ReduceFunction::kMin, [](auto f) { return core::Reduce{f, {}}; });
  AddFunctions(ops, core::PoolFunction::kL2, [](auto f) { return core::Pool{.function = f}; });
  AddFunctions(ops, core::PadMode::kSymmetric, [](auto f) { return core::Pad{.mode = f}; });
  ops.insert(ops.end(),
             {core::Select{}, core::Cast{}, core::Contraction{}, core::Convolution{},
              core::Convolution{.transposed = true}, core::Gather{}, core::Scatter{}, core::Scan{},
              core::Slice{}, core::Concat{}, core::Transpose{}, core::Reshape{}, core::Broadcast{}});
  return ops;
}

std::vector<OpKind> MakeKinds() {
  std::vector<OpKind> kinds;
  for (const core::Op& op : EveryOp()) {
    for (DataType type : core::DataTypesOf(op)) {
      kinds.push_back(
          {.name = absl::StrCat(core::OpName(op), " ", DataTypeName(type)), .op = op, .type = type});
    }
  }
  return kinds;
}

}  // namespace

const std::vector<OpKind>& OpKinds() {
  static const std::vector<OpKind> kinds = MakeKinds();
  return kinds;
}

}  // namespace modeld::testing
