#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/core/core_graph.h"

namespace modeld::core {
namespace {

// In the order of the enumerators.
constexpr absl::string_view kUnary[] = {
    "identity", "abs", "neg", "sign", "ceil", "floor",   "round_even",  "sqrt",   "reciprocal", "exp", "log",
    "sin",      "cos", "tan", "tanh", "erf",  "sigmoid", "logical_not", "is_nan", "is_infinite"};
constexpr absl::string_view kBinary[] = {"add", "sub", "mul",         "div",        "max",
                                         "min", "pow", "logical_and", "logical_or", "logical_xor"};
constexpr absl::string_view kCompare[] = {"equal",  "not_equal",      "greater", "greater_or_equal",
                                          "lesser", "lesser_or_equal"};
constexpr absl::string_view kReduce[] = {"sum", "product", "max", "min"};
constexpr absl::string_view kPool[] = {"average", "max", "l2"};
constexpr absl::string_view kPad[] = {"constant", "edge", "reflection", "symmetric"};

template <typename Enum, size_t n>
std::string Join(absl::string_view family, const absl::string_view (&names)[n], Enum value) {
  const auto index = static_cast<size_t>(value);
  return absl::StrCat(family, " ", index < n ? names[index] : absl::string_view("?"));
}

struct Name {
  std::string operator()(const Unary& op) const { return Join("unary", kUnary, op.function); }
  std::string operator()(const Binary& op) const { return Join("binary", kBinary, op.function); }
  std::string operator()(const Compare& op) const { return Join("compare", kCompare, op.comparison); }
  std::string operator()(const Select&) const { return "select"; }
  std::string operator()(const Cast&) const { return "cast"; }
  std::string operator()(const Reduce& op) const { return Join("reduce", kReduce, op.function); }
  std::string operator()(const Contraction&) const { return "contraction"; }
  std::string operator()(const Convolution& op) const {
    return op.transposed ? "convolution transposed" : "convolution";
  }
  std::string operator()(const Pool& op) const { return Join("pool", kPool, op.function); }
  std::string operator()(const Gather&) const { return "gather"; }
  std::string operator()(const Scatter&) const { return "scatter"; }
  std::string operator()(const Scan&) const { return "scan"; }
  std::string operator()(const Pad& op) const { return Join("pad", kPad, op.mode); }
  std::string operator()(const Slice&) const { return "slice"; }
  std::string operator()(const Concat&) const { return "concat"; }
  std::string operator()(const Transpose&) const { return "transpose"; }
  std::string operator()(const Reshape&) const { return "reshape"; }
  std::string operator()(const Broadcast&) const { return "broadcast"; }
  std::string operator()(const Native& op) const { return absl::StrCat("native ", op.operation.type); }
};

}  // namespace

std::string OpName(const Op& op) {
  return std::visit(Name{}, op);
}

}  // namespace modeld::core
