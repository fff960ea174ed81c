// The options of WebNN's operations. Members are WebNN's, in our spelling; what is not set has WebNN's
// default. Lists of enumeration values are strings with WebNN's values ("nhwc"). Each struct lists its
// attributes once, in Visit, by WebNN's name; the table of operations (engine/ops) checks kinds and values.
#ifndef MODELD_CLIENT_CPP_OPERATION_OPTIONS_H_
#define MODELD_CLIENT_CPP_OPERATION_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/cpp/operand.h"

namespace modeld::client {

// Sizes or indices of dimensions. In the structs below an empty one is not set.
using Uints = std::vector<uint32_t>;
// An operand that may be absent.
using OptionalOperand = std::optional<MaybeOperand>;

// Of operations that have no options of their own. `label` is the caller's name for the operation: error
// messages repeat it, and it is a part of the model id.
struct OperationOptions {
  std::string label = {};
  template <typename F>
  void Visit(F&&) const {}
};

// Of elu and leakyRelu.
struct AlphaOptions {
  std::optional<double> alpha = {};
  std::string label = {};
  template <typename F>
  void Visit(F&& f) const {
    f("alpha", alpha);
  }
};

// Of hardSigmoid and linear.
struct AlphaBetaOptions {
  std::optional<double> alpha = {};
  std::optional<double> beta = {};
  std::string label = {};
  template <typename F>
  void Visit(F&& f) const {
    f("alpha", alpha);
    f("beta", beta);
  }
};

struct ClampOptions {
  std::optional<Number> min_value = {};
  std::optional<Number> max_value = {};
  std::string label = {};
  template <typename F>
  void Visit(F&& f) const {
    f("minValue", min_value);
    f("maxValue", max_value);
  }
};

struct GemmOptions {
  OptionalOperand c = {};
  std::optional<double> alpha = {};
  std::optional<double> beta = {};
  std::optional<bool> a_transpose = {};
  std::optional<bool> b_transpose = {};
  std::string label = {};
  template <typename F>
  void Visit(F&& f) const {
    f("c", c);
    f("alpha", alpha);
    f("beta", beta);
    f("aTranspose", a_transpose);
    f("bTranspose", b_transpose);
  }
};

// Padding is [beginning height, ending height, beginning width, ending width]; strides and dilations [height,
// width].
struct Conv2dOptions {
  OptionalOperand bias = {};
  Uints padding = {};
  Uints strides = {};
  Uints dilations = {};
  std::optional<uint32_t> groups = {};
  std::string input_layout = {};
  std::string filter_layout = {};
  std::string label = {};
  template <typename F>
  void Visit(F&& f) const {
    f("bias", bias);
    f("padding", padding);
    f("strides", strides);
    f("dilations", dilations);
    f("groups", groups);
    f("inputLayout", input_layout);
    f("filterLayout", filter_layout);
  }
};

// As Conv2dOptions; output_padding and output_sizes are [height, width].
struct ConvTranspose2dOptions {
  OptionalOperand bias = {};
  Uints padding = {};
  Uints strides = {};
  Uints dilations = {};
  Uints output_padding = {};
  Uints output_sizes = {};
  std::optional<uint32_t> groups = {};
  std::string input_layout = {};
  std::string filter_layout = {};
  std::string label = {};
  template <typename F>
  void Visit(F&& f) const {
    f("bias", bias);
    f("padding", padding);
    f("strides", strides);
    f("dilations", dilations);
    f("outputPadding", output_padding);
    f("outputSizes", output_sizes);
    f("groups", groups);
    f("inputLayout", input_layout);
    f("filterLayout", filter_layout);
  }
};

// Lists as in Conv2dOptions; window_dimensions not set: the whole picture.
struct Pool2dOptions {
  Uints window_dimensions = {};
  Uints padding = {};
  Uints strides = {};
  Uints dilations = {};
  std::string layout = {};
  std::string output_shape_rounding = {};
  Uints output_sizes = {};
  std::string label = {};
  template <typename F>
  void Visit(F&& f) const {
    f("windowDimensions", window_dimensions);
    f("padding", padding);
    f("strides", strides);
    f("dilations", dilations);
    f("layout", layout);
    f("outputShapeRounding", output_shape_rounding);
    f("outputSizes", output_sizes);
  }
};

struct BatchNormalizationOptions {
  OptionalOperand scale = {};
  OptionalOperand bias = {};
  std::optional<uint32_t> axis = {};
  std::optional<double> epsilon = {};
  std::string label = {};
  template <typename F>
  void Visit(F&& f) const {
    f("scale", scale);
    f("bias", bias);
    f("axis", axis);
    f("epsilon", epsilon);
  }
};

struct InstanceNormalizationOptions {
  OptionalOperand scale = {};
  OptionalOperand bias = {};
  std::optional<double> epsilon = {};
  std::string layout = {};
  std::string label = {};
  template <typename F>
  void Visit(F&& f) const {
    f("scale", scale);
    f("bias", bias);
    f("epsilon", epsilon);
    f("layout", layout);
  }
};

// An empty list of axes is a choice here, and not the same as none.
struct LayerNormalizationOptions {
  OptionalOperand scale = {};
  OptionalOperand bias = {};
  std::optional<Uints> axes = {};
  std::optional<double> epsilon = {};
  std::string label = {};
  template <typename F>
  void Visit(F&& f) const {
    f("scale", scale);
    f("bias", bias);
    f("axes", axes);
    f("epsilon", epsilon);
  }
};

// `axes` not set: all; an empty list: none.
struct ReduceOptions {
  std::optional<Uints> axes = {};
  std::optional<bool> keep_dimensions = {};
  std::string label = {};
  template <typename F>
  void Visit(F&& f) const {
    f("axes", axes);
    f("keepDimensions", keep_dimensions);
  }
};

struct TransposeOptions {
  std::optional<Uints> permutation = {};
  std::string label = {};
  template <typename F>
  void Visit(F&& f) const {
    f("permutation", permutation);
  }
};

// `output_data_type`: int32 or int64.
struct ArgMinMaxOptions {
  std::optional<bool> keep_dimensions = {};
  std::optional<DataType> output_data_type = {};
  std::string label = {};
  template <typename F>
  void Visit(F&& f) const {
    f("keepDimensions", keep_dimensions);
    f("outputDataType", output_data_type);
  }
};

struct CumulativeSumOptions {
  std::optional<bool> exclusive = {};
  std::optional<bool> reversed = {};
  std::string label = {};
  template <typename F>
  void Visit(F&& f) const {
    f("exclusive", exclusive);
    f("reversed", reversed);
  }
};

// `sizes`, where set, wins over `scales`; both are in the order of `axes`.
struct Resample2dOptions {
  std::string mode = {};
  std::vector<double> scales = {};
  Uints sizes = {};
  Uints axes = {};
  std::string label = {};
  template <typename F>
  void Visit(F&& f) const {
    f("mode", mode);
    f("scales", scales);
    f("sizes", sizes);
    f("axes", axes);
  }
};

// `axes` not set: all; an empty list: none.
struct ReverseOptions {
  std::optional<Uints> axes = {};
  std::string label = {};
  template <typename F>
  void Visit(F&& f) const {
    f("axes", axes);
  }
};

struct TriangularOptions {
  std::optional<bool> upper = {};
  std::optional<int32_t> diagonal = {};
  std::string label = {};
  template <typename F>
  void Visit(F&& f) const {
    f("upper", upper);
    f("diagonal", diagonal);
  }
};

// Of gather, gatherElements, scatterElements and split.
struct AxisOptions {
  std::optional<uint32_t> axis = {};
  std::string label = {};
  template <typename F>
  void Visit(F&& f) const {
    f("axis", axis);
  }
};

struct PadOptions {
  std::string mode = {};
  std::optional<Number> value = {};
  std::string label = {};
  template <typename F>
  void Visit(F&& f) const {
    f("mode", mode);
    f("value", value);
  }
};

struct SliceOptions {
  Uints strides = {};
  std::string label = {};
  template <typename F>
  void Visit(F&& f) const {
    f("strides", strides);
  }
};

}  // namespace modeld::client

#endif  // MODELD_CLIENT_CPP_OPERATION_OPTIONS_H_
