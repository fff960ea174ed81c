#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/core/op_types.h"
#include "engine/core/verify.h"
#include "engine/graph/broadcast.h"

namespace modeld::core {
namespace {

using Descriptors = std::span<const TensorDescriptor* const>;

absl::Status Broken(absl::string_view rule) {
  return absl::InternalError(rule);
}

// OK when `holds`.
absl::Status Want(bool holds, absl::string_view rule) {
  return holds ? absl::OkStatus() : Broken(rule);
}

absl::Status WantShape(const Shape& found, const Shape& expected, absl::string_view what) {
  if (found == expected) return absl::OkStatus();
  return Broken(
      absl::StrCat(what, " has shape ", ShapeToString(found), ", expected ", ShapeToString(expected)));
}

// The window's reach in elements, or 0 when it does not fit int64.
int64_t Reach(uint32_t window, uint32_t dilation) {
  const auto reach = static_cast<unsigned __int128>(window - 1) * dilation + 1;
  return reach > (uint64_t{1} << 62) ? 0 : static_cast<int64_t>(reach);
}

// One spatial dimension of a convolution or a pool.
struct Window {
  uint32_t input;
  uint32_t output;
  uint32_t window;
  uint32_t stride;
  uint32_t dilation;
  uint32_t before;
  uint32_t after;

  // The number of positions, rounded down and up; 0 when the window does not fit.
  std::pair<int64_t, int64_t> Positions() const {
    if (window == 0 || stride == 0 || dilation == 0) return {0, 0};
    const int64_t reach = Reach(window, dilation);
    const int64_t room = int64_t{input} + before + after - reach;
    if (reach == 0 || room < 0) return {0, 0};
    return {room / stride + 1, (room + stride - 1) / stride + 1};
  }
};

Window WindowOf(const auto& op, uint32_t window, const Shape& input, const Shape& output, int dimension) {
  return {.input = input[2 + dimension],
          .output = output[2 + dimension],
          .window = window,
          .stride = op.strides[dimension],
          .dilation = op.dilations[dimension],
          .before = op.padding[2 * dimension],
          .after = op.padding[2 * dimension + 1]};
}

// The rules of each operation; counts and element types are checked before.
struct Rules {
  Descriptors in;
  Descriptors out;

  const Shape& input(size_t i) const { return in[i]->shape; }
  const Shape& output() const { return out[0]->shape; }

  absl::Status Elementwise() const {
    for (size_t i = 0; i < in.size(); ++i) {
      MODELD_RETURN_IF_ERROR(WantShape(input(i), output(), absl::StrCat("input ", i)));
    }
    return absl::OkStatus();
  }
  absl::Status operator()(const Unary&) const { return Elementwise(); }
  absl::Status operator()(const Binary&) const { return Elementwise(); }
  absl::Status operator()(const Compare&) const { return Elementwise(); }
  absl::Status operator()(const Select&) const { return Elementwise(); }
  absl::Status operator()(const Cast&) const {
    const DataType from = in[0]->data_type;
    const DataType to = out[0]->data_type;
    if (IsPacked(from) || IsPacked(to)) {
      MODELD_RETURN_IF_ERROR(Want(from == Unpacked(to) || to == Unpacked(from),
                                  "a packed type is converted to another than its 8-bit type"));
    }
    return Elementwise();
  }

  absl::Status operator()(const Reduce& op) const {
    MODELD_RETURN_IF_ERROR(Want(!op.axes.empty(), "has no axes"));
    Shape expected = input(0);
    for (size_t i = 0; i < op.axes.size(); ++i) {
      MODELD_RETURN_IF_ERROR(Want(op.axes[i] < expected.size() && (i == 0 || op.axes[i - 1] < op.axes[i]),
                                  "axes are not ascending dimensions of the input"));
      expected[op.axes[i]] = 1;
    }
    return WantShape(output(), expected, "output");
  }

  absl::Status operator()(const Contraction&) const {
    const size_t rank = output().size();
    MODELD_RETURN_IF_ERROR(Want(rank >= 2 && input(0).size() == rank && input(1).size() == rank,
                                "ranks are not equal and at least 2"));
    Shape left = output();
    Shape right = output();
    left[rank - 1] = input(0)[rank - 1];
    right[rank - 2] = left[rank - 1];
    MODELD_RETURN_IF_ERROR(WantShape(input(0), left, "input 0"));
    return WantShape(input(1), right, "input 1");
  }

  absl::Status operator()(const Convolution& op) const {
    MODELD_RETURN_IF_ERROR(
        Want(input(0).size() == 4 && input(1).size() == 4 && output().size() == 4, "ranks are not 4"));
    MODELD_RETURN_IF_ERROR(Want(op.groups >= 1, "groups is 0"));
    const Shape& filter = input(1);
    // Seen from the convolution whose gradient a transposed one is, input and output change places.
    const Shape& wide = op.transposed ? output() : input(0);
    const Shape& narrow = op.transposed ? input(0) : output();
    MODELD_RETURN_IF_ERROR(Want(wide[0] == narrow[0], "batch sizes differ"));
    MODELD_RETURN_IF_ERROR(Want(wide[1] % op.groups == 0 && wide[1] / op.groups == filter[1] &&
                                    narrow[1] == filter[0] && narrow[1] % op.groups == 0,
                                "channels, groups and filter do not fit"));
    for (int d = 0; d < 2; ++d) {
      const Window window = WindowOf(op, filter[2 + d], wide, narrow, d);
      MODELD_RETURN_IF_ERROR(
          Want(window.Positions().first == window.output, "spatial sizes do not fit the window"));
    }
    return absl::OkStatus();
  }

  absl::Status operator()(const Pool& op) const {
    MODELD_RETURN_IF_ERROR(Want(input(0).size() == 4 && output().size() == 4, "ranks are not 4"));
    MODELD_RETURN_IF_ERROR(
        Want(input(0)[0] == output()[0] && input(0)[1] == output()[1], "batch size or channels differ"));
    for (int d = 0; d < 2; ++d) {
      const Window window = WindowOf(op, op.window[d], input(0), output(), d);
      const auto [floor, ceil] = window.Positions();
      MODELD_RETURN_IF_ERROR(Want(floor >= 1 && (window.output == floor || window.output == ceil),
                                  "spatial sizes do not fit the window"));
    }
    return absl::OkStatus();
  }

  absl::Status operator()(const Gather& op) const {
    MODELD_RETURN_IF_ERROR(Want(op.axis < input(0).size(), "axis is no dimension of the input"));
    Shape expected(input(0).begin(), input(0).begin() + op.axis);
    expected.insert(expected.end(), input(1).begin(), input(1).end());
    expected.insert(expected.end(), input(0).begin() + op.axis + 1, input(0).end());
    return WantShape(output(), expected, "output");
  }

  absl::Status operator()(const Scatter&) const {
    MODELD_RETURN_IF_ERROR(Want(!output().empty() && input(1).size() == 1, "ranks do not fit"));
    MODELD_RETURN_IF_ERROR(WantShape(input(0), output(), "input 0"));
    Shape updates = output();
    updates[0] = input(1)[0];
    return WantShape(input(2), updates, "input 2");
  }

  absl::Status operator()(const Scan& op) const {
    MODELD_RETURN_IF_ERROR(Want(op.axis < output().size(), "axis is no dimension of the output"));
    return WantShape(input(0), output(), "input 0");
  }

  absl::Status operator()(const Pad& op) const {
    const size_t rank = input(0).size();
    MODELD_RETURN_IF_ERROR(
        Want(op.before.size() == rank && op.after.size() == rank && output().size() == rank, "ranks differ"));
    for (size_t d = 0; d < rank; ++d) {
      const uint32_t size = input(0)[d];
      MODELD_RETURN_IF_ERROR(
          Want(uint64_t{op.before[d]} + size + op.after[d] == output()[d], "sizes do not add up"));
      MODELD_RETURN_IF_ERROR(
          Want(op.mode != PadMode::kReflection || (op.before[d] < size && op.after[d] < size),
               "a reflection reaches past the input"));
      MODELD_RETURN_IF_ERROR(
          Want(op.mode != PadMode::kSymmetric || (op.before[d] <= size && op.after[d] <= size),
               "a reflection reaches past the input"));
    }
    return absl::OkStatus();
  }

  absl::Status operator()(const Slice& op) const {
    const size_t rank = input(0).size();
    MODELD_RETURN_IF_ERROR(Want(
        op.starts.size() == rank && op.strides.size() == rank && output().size() == rank, "ranks differ"));
    for (size_t d = 0; d < rank; ++d) {
      const uint64_t last = op.starts[d] + uint64_t{output()[d] - 1} * op.strides[d];
      MODELD_RETURN_IF_ERROR(Want(op.strides[d] >= 1 && last < input(0)[d], "reads outside the input"));
    }
    return absl::OkStatus();
  }

  absl::Status operator()(const Concat& op) const {
    MODELD_RETURN_IF_ERROR(Want(op.axis < output().size(), "axis is no dimension of the output"));
    uint64_t sum = 0;
    for (size_t i = 0; i < in.size(); ++i) {
      MODELD_RETURN_IF_ERROR(Want(input(i).size() == output().size(), "ranks differ"));
      Shape expected = output();
      expected[op.axis] = input(i)[op.axis];
      sum += expected[op.axis];
      MODELD_RETURN_IF_ERROR(WantShape(input(i), expected, absl::StrCat("input ", i)));
    }
    return Want(sum == output()[op.axis], "sizes do not add up");
  }

  absl::Status operator()(const Transpose& op) const {
    std::vector<uint32_t> sorted = op.permutation;
    std::sort(sorted.begin(), sorted.end());
    std::vector<uint32_t> all(input(0).size());
    std::iota(all.begin(), all.end(), 0);
    MODELD_RETURN_IF_ERROR(Want(sorted == all, "permutation is none of the input's dimensions"));
    Shape expected;
    for (uint32_t d : op.permutation) expected.push_back(input(0)[d]);
    return WantShape(output(), expected, "output");
  }

  absl::Status operator()(const Reshape&) const {
    return Want(in[0]->ElementCount() == out[0]->ElementCount(), "element counts differ");
  }
  absl::Status operator()(const Broadcast&) const {
    return Want(CanBroadcastTo(input(0), output()), "the input does not broadcast to the output");
  }
  absl::Status operator()(const Native&) const { return absl::OkStatus(); }
};

// Inputs that an operation takes; 0: one or more.
struct InputCount {
  size_t operator()(const Binary&) const { return 2; }
  size_t operator()(const Compare&) const { return 2; }
  size_t operator()(const Select&) const { return 3; }
  size_t operator()(const Contraction&) const { return 2; }
  size_t operator()(const Convolution&) const { return 2; }
  size_t operator()(const Gather&) const { return 2; }
  size_t operator()(const Scatter&) const { return 3; }
  size_t operator()(const Concat&) const { return 0; }
  template <typename Any>
  size_t operator()(const Any&) const {
    return 1;
  }
};

bool Contains(std::span<const DataType> types, DataType type) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

absl::Status CheckTypes(const Op& op, Descriptors in, Descriptors out) {
  const size_t data = std::holds_alternative<Select>(op) ? 1 : 0;
  const DataType type = in[data]->data_type;
  if (!Contains(DataTypesOf(op), type)) return Broken(absl::StrCat("takes no ", DataTypeName(type)));
  for (size_t i = 0; i < in.size(); ++i) {
    const DataType found = in[i]->data_type;
    if (i == 0 && data == 1) {
      MODELD_RETURN_IF_ERROR(Want(found == DataType::kUint8, "the condition is not uint8"));
    } else if (i == 1 && (std::holds_alternative<Gather>(op) || std::holds_alternative<Scatter>(op))) {
      MODELD_RETURN_IF_ERROR(
          Want(Contains(GatherIndexTypes(), found), "the indices have a type that is no index"));
    } else {
      MODELD_RETURN_IF_ERROR(Want(found == type, "input types differ"));
    }
  }
  if (std::holds_alternative<Cast>(op)) return absl::OkStatus();
  return Want(out[0]->data_type == OutputTypeOf(op, type),
              "the output's type does not follow from the input's");
}

}  // namespace

absl::Status VerifyOp(const Op& op, Descriptors inputs, Descriptors outputs) {
  if (std::holds_alternative<Native>(op)) return absl::OkStatus();
  const size_t count = std::visit(InputCount{}, op);
  MODELD_RETURN_IF_ERROR(
      Want(count == 0 ? !inputs.empty() : inputs.size() == count, "has a wrong number of inputs"));
  MODELD_RETURN_IF_ERROR(Want(outputs.size() == 1, "has a wrong number of outputs"));
  MODELD_RETURN_IF_ERROR(CheckTypes(op, inputs, outputs));
  return std::visit(Rules{inputs, outputs}, op);
}

}  // namespace modeld::core
