#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>

#include "tools/importer/testing/test_model.h"

namespace modeld::importer {
namespace {

using absl::StatusCode;
using testing::Tensor;
using testing::TensorOf;
using Vector = std::vector<double>;

constexpr int kBatch = 2;
constexpr int kLength = 3;
constexpr int kHeads = 2;
constexpr int kSize = 2;
constexpr int kHidden = kHeads * kSize;

Vector Waves(size_t count, double phase) {
  Vector values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = static_cast<float>(std::sin(phase + 1.7 * static_cast<double>(i)));
  return values;
}

// Queries, keys and values as [batch, length, hidden]; `added(batch, head, query, key)` goes to the scores.
struct Oracle {
  int length = kLength;
  int total = kLength;
  double scale = 1 / std::sqrt(kSize);
  std::function<double(int, int, int, int)> added = [](int, int, int, int) { return 0.0; };

  Vector operator()(const Vector& q, const Vector& k, const Vector& v) const {
    Vector y(kBatch * length * kHidden, 0);
    for (int b = 0; b < kBatch; ++b) {
      for (int h = 0; h < kHeads; ++h) {
        for (int i = 0; i < length; ++i) {
          Vector weights(total);
          for (int j = 0; j < total; ++j) {
            double score = 0;
            for (int d = 0; d < kSize; ++d) score += At(q, length, b, i, h, d) * At(k, total, b, j, h, d);
            weights[j] = score * scale + added(b, h, i, j);
          }
          const double most = *std::max_element(weights.begin(), weights.end());
          double sum = 0;
          for (double& weight : weights) sum += weight = std::exp(weight - most);
          for (int j = 0; j < total; ++j) {
            for (int d = 0; d < kSize; ++d) {
              y[(b * length + i) * kHidden + h * kSize + d] += weights[j] / sum * At(v, total, b, j, h, d);
            }
          }
        }
      }
    }
    return y;
  }

  static double At(const Vector& x, int length, int b, int i, int h, int d) {
    return x[(b * length + i) * kHidden + h * kSize + d];
  }
};

// x [rows, inner] times w [inner, width], plus the bias, of which `columns` from `first` on.
Vector Projected(const Vector& x, const Vector& w, const Vector& bias, int inner, int width, int first,
                 int columns) {
  Vector y;
  for (size_t row = 0; row < x.size() / inner; ++row) {
    for (int c = first; c < first + columns; ++c) {
      double sum = bias[c];
      for (int i = 0; i < inner; ++i) sum += x[row * inner + i] * w[i * width + c];
      y.push_back(sum);
    }
  }
  return y;
}

TEST_CASE("attention projects its input, and masks what it is told to") {
  constexpr int kInput = 3;
  constexpr int kWidth = 3 * kHidden;
  const Vector x = Waves(kBatch * kLength * kInput, 0.1);
  const Vector w = Waves(kInput * kWidth, 0.2);
  const Vector bias = Waves(kWidth, 0.3);
  TestModel model(13);
  model.Input("x", {kBatch, kLength, kInput});
  model.Constant("w", {kInput, kWidth}, w);
  model.Constant("bias", {kWidth}, bias);
  model.Output("y");
  std::vector<Tensor> inputs = {Floats({kBatch, kLength, kInput}, x)};
  Oracle oracle;
  const auto ints = [](Shape shape, const Vector& v) {
    return TensorOf(DataType::kInt32, std::move(shape), v);
  };
  SECTION("without a mask") {
    model.Node("Attention", {"x", "w", "bias"}, {"y"}).Microsoft().Int("num_heads", kHeads);
  }
  SECTION("with another scale") {
    model.Node("Attention", {"x", "w", "bias"}, {"y"})
        .Microsoft()
        .Int("num_heads", kHeads)
        .Float("scale", 0.25f);
    oracle.scale = 0.25;
  }
  SECTION("only what came before") {
    model.Node("Attention", {"x", "w", "bias"}, {"y"})
        .Microsoft()
        .Int("num_heads", kHeads)
        .Int("unidirectional", 1);
    oracle.added = [](int, int, int i, int j) { return j > i ? -10000.0 : 0.0; };
  }
  SECTION("a mask of keys") {
    model.Input("mask", {kBatch, kLength}, onnx::TensorProto::INT32);
    model.Node("Attention", {"x", "w", "bias", "mask"}, {"y"}).Microsoft().Int("num_heads", kHeads);
    inputs.push_back(ints({kBatch, kLength}, {1, 0, 1, 1, 1, 0}));
    oracle.added = [](int b, int, int, int j) { return j == (b == 0 ? 1 : 2) ? -10000.0 : 0.0; };
  }
  SECTION("a mask of queries and keys, with another filler") {
    model.Input("mask", {kBatch, kLength, kLength}, onnx::TensorProto::INT32);
    model.Node("Attention", {"x", "w", "bias", "mask"}, {"y"})
        .Microsoft()
        .Int("num_heads", kHeads)
        .Float("mask_filter_value", -2);
    inputs.push_back(
        ints({kBatch, kLength, kLength}, {1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0}));
    oracle.added = [](int b, int, int i, int j) {
      return (b == 0 && i == 1 && j == 0) || (b == 1 && i == 2 && j == 2) ? -2.0 : 0.0;
    };
  }
  SECTION("lengths of the sequences") {
    model.Input("mask", {kBatch}, onnx::TensorProto::INT32);
    model.Node("Attention", {"x", "w", "bias", "mask"}, {"y"}).Microsoft().Int("num_heads", kHeads);
    inputs.push_back(ints({kBatch}, {2, 3}));
    oracle.added = [](int b, int, int, int j) { return b == 0 && j == 2 ? -10000.0 : 0.0; };
  }
  const auto part = [&](int index) {
    return Projected(x, w, bias, kInput, kWidth, index * kHidden, kHidden);
  };
  CheckClose(Results(model, inputs), oracle(part(0), part(1), part(2)));
}

TEST_CASE("queries, keys and values of their own attend, with biases, masks and a past") {
  constexpr int kTotal = 5;
  const Vector q = Waves(kBatch * kLength * kHidden, 0.1);
  const Vector k = Waves(kBatch * kTotal * kHidden, 0.2);
  const Vector v = Waves(kBatch * kTotal * kHidden, 0.3);
  TestModel model(13);
  model.Input("q", {kBatch, kLength, kHidden});
  model.Input("k", {kBatch, kTotal, kHidden});
  model.Input("v", {kBatch, kTotal, kHidden});
  model.Output("y");
  std::vector<Tensor> inputs = {Floats({kBatch, kLength, kHidden}, q), Floats({kBatch, kTotal, kHidden}, k),
                                Floats({kBatch, kTotal, kHidden}, v)};
  Oracle oracle{.total = kTotal};
  const auto node = [&](const std::vector<std::string>& names) {
    return model.Node("MultiHeadAttention", names, {"y", "present_k"}).Microsoft().Int("num_heads", kHeads);
  };
  SECTION("alone") {
    node({"q", "k", "v"});
    CheckClose(Results(model, inputs), oracle(q, k, v));
  }
  SECTION("with a bias for all three") {
    const Vector bias = Waves(3 * kHidden, 0.4);
    model.Constant("bias", {3 * kHidden}, bias);
    node({"q", "k", "v", "bias"});
    const auto add = [&](Vector x, int part) {
      for (size_t i = 0; i < x.size(); ++i) x[i] += bias[part * kHidden + i % kHidden];
      return x;
    };
    CheckClose(Results(model, inputs), oracle(add(q, 0), add(k, 1), add(v, 2)));
  }
  SECTION("with a padding mask and a bias for the scores") {
    const Vector added = Waves(kHeads * kLength * kTotal, 0.5);
    model.Constant("mask", {kBatch, kTotal}, {1, 1, 0, 1, 1, 1, 1, 1, 1, 0}, onnx::TensorProto::INT32);
    model.Constant("added", {1, kHeads, kLength, kTotal}, added);
    node({"q", "k", "v", "", "mask", "added"});
    oracle.added = [&](int b, int h, int i, int j) {
      return added[(h * kLength + i) * kTotal + j] + (j == (b == 0 ? 2 : 4) ? -10000 : 0);
    };
    CheckClose(Results(model, inputs), oracle(q, k, v));
  }
  SECTION("with a past, that comes before") {
    // One position of the past, by head.
    const Vector past = Waves(kBatch * kHeads * kSize, 0.6);
    model.Constant("past_k", {kBatch, kHeads, 1, kSize}, past);
    model.Constant("past_v", {kBatch, kHeads, 1, kSize}, past);
    node({"q", "k", "v", "", "", "", "past_k", "past_v"});
    model.Output("present_k");
    const auto after = [&](const Vector& x) {
      Vector all;
      for (int b = 0; b < kBatch; ++b) {
        all.insert(all.end(), past.begin() + b * kHidden, past.begin() + (b + 1) * kHidden);
        all.insert(all.end(), x.begin() + b * kTotal * kHidden, x.begin() + (b + 1) * kTotal * kHidden);
      }
      return all;
    };
    oracle.total = kTotal + 1;
    CheckClose(Results(model, inputs), oracle(q, after(k), after(v)));
    CHECK(Results(model, inputs, 1).size() == kBatch * kHidden * (kTotal + 1));
  }
}

TEST_CASE("rotary embeddings turn pairs by the angle of their position") {
  // One head of four elements at positions 1 and 0; angles of position p: p and p / 2.
  const Vector x = {1, 2, 3, 4, 5, 6, 7, 8};
  const auto turned = [&](bool interleaved, bool partial) {
    Vector y = x;
    const int pairs = partial ? 1 : 2;
    for (int pair = 0; pair < pairs; ++pair) {
      const double angle = pair == 0 ? 1 : 0.5;  // of the first row; the second stays
      const int a = interleaved ? 2 * pair : pair;
      const int b = interleaved ? a + 1 : pair + pairs;
      y[a] = x[a] * std::cos(angle) - x[b] * std::sin(angle);
      y[b] = x[a] * std::sin(angle) + x[b] * std::cos(angle);
    }
    return y;
  };
  for (const bool interleaved : {false, true}) {
    for (const bool partial : {false, true}) {
      for (const bool by_head : {false, true}) {
        INFO("interleaved " << interleaved << ", partial " << partial << ", by head " << by_head);
        TestModel model(13);
        if (by_head) {
          model.Input("x", {1, 1, 2, 4});
        } else {
          model.Input("x", {1, 2, 4});
        }
        model.Input("ids", {1, 2}, onnx::TensorProto::INT64);
        const int64_t half = partial ? 1 : 2;
        Vector cos = {1, 1, std::cos(1), std::cos(0.5)};
        Vector sin = {0, 0, std::sin(1), std::sin(0.5)};
        if (partial) cos = {1, std::cos(1)}, sin = {0, std::sin(1)};
        model.Constant("cos", {2, half}, cos);
        model.Constant("sin", {2, half}, sin);
        TestNode node = model.Node("RotaryEmbedding", {"x", "ids", "cos", "sin"}, {"y"});
        node.Microsoft().Int("interleaved", interleaved);
        if (partial) node.Int("rotary_embedding_dim", 2).Int("num_heads", 1);
        model.Output("y");
        const Shape shape = by_head ? Shape{1, 1, 2, 4} : Shape{1, 2, 4};
        CheckClose(Results(model, {Floats(shape, x), TensorOf(DataType::kInt64, {1, 2}, {1, 0})}),
                   turned(interleaved, partial));
      }
    }
  }
}

TEST_CASE("rotary embeddings of consecutive positions start where they are told") {
  TestModel model(13);
  model.Input("x", {1, 1, 2, 2});
  model.Constant("first", {1}, {1}, onnx::TensorProto::INT64);
  model.Constant("cos", {3, 1}, {1, 0, -1});
  model.Constant("sin", {3, 1}, {0, 1, 0});
  model.Node("RotaryEmbedding", {"x", "first", "cos", "sin"}, {"y"}).Microsoft();
  model.Output("y");
  CheckClose(Results(model, {Floats({1, 1, 2, 2}, {1, 2, 3, 4})}), {-2, 1, -3, -4});
}

// Heads split by shapes that are computed from the input's, a causal mask from Range or ConstantOfShape, as
// exporters of PyTorch write it: nothing of that is left in the graph.
TEST_CASE("the shape arithmetic of an exported attention folds away") {
  TestModel model(14);
  model.Input("x", {kBatch, kLength, kHidden});
  const auto ints = [&](const std::string& name, const Vector& values) {
    model.Constant(name, {static_cast<int64_t>(values.size())}, values, onnx::TensorProto::INT64);
  };
  const auto scalar = [&](const std::string& name, double value) {
    model.Constant(name, {}, {value}, onnx::TensorProto::INT64);
  };
  ints("0d", {0});
  ints("1d", {1});
  ints("heads", {kHeads});
  scalar("0", 0);
  scalar("1", 1);
  scalar("2", 2);
  scalar("kHeads", kHeads);
  // batch, length and hidden / heads, by Gather, Unsqueeze and Div.
  model.Node("Shape", {"x"}, {"shape"});
  for (const char* i : {"0", "1", "2"}) {
    const std::string size = std::string("size") + i;
    model.Node("Gather", {"shape", i}, {size});
    model.Node("Unsqueeze", {size, "0d"}, {size + "d"});
  }
  model.Node("Div", {"size2", "kHeads"}, {"width"});
  model.Node("Cast", {"width"}, {"width_float"}).Int("to", onnx::TensorProto::FLOAT);
  model.Node("Sqrt", {"width_float"}, {"root"});
  model.Node("Unsqueeze", {"width", "0d"}, {"widthd"});
  model.Node("Concat", {"size0d", "size1d", "heads", "widthd"}, {"split"}).Int("axis", 0);
  model.Node("Reshape", {"x", "split"}, {"by_head"});
  model.Node("Transpose", {"by_head"}, {"q"}).Ints("perm", {0, 2, 1, 3});
  model.Node("Transpose", {"by_head"}, {"k"}).Ints("perm", {0, 2, 3, 1});
  model.Node("MatMul", {"q", "k"}, {"products"});
  model.Node("Div", {"products", "root"}, {"scores"});
  // The mask: positions of keys beyond those of queries.
  model.Node("Range", {"0", "size1", "1"}, {"positions"});
  model.Node("Unsqueeze", {"positions", "1d"}, {"rows"});
  model.Node("Unsqueeze", {"positions", "0d"}, {"columns"});
  model.Node("Greater", {"columns", "rows"}, {"hidden"});
  model.Node("Concat", {"size0d", "1d", "size1d", "size1d"}, {"mask_shape"}).Int("axis", 0);
  model.Node("Expand", {"hidden", "mask_shape"}, {"mask"});
  model.Constant("least", {}, {-10000});
  model.Node("Where", {"mask", "least", "scores"}, {"masked"});
  model.Node("Softmax", {"masked"}, {"weights"}).Int("axis", -1);
  model.Node("MatMul", {"weights", "q"}, {"context"});
  model.Node("Transpose", {"context"}, {"merged"}).Ints("perm", {0, 2, 1, 3});
  model.Node("Concat", {"size0d", "size1d", "size2d"}, {"join"}).Int("axis", 0);
  model.Node("Reshape", {"merged", "join"}, {"y"});
  model.Output("y");

  const Vector x = Waves(kBatch * kLength * kHidden, 0.7);
  Oracle oracle;
  oracle.added = [](int, int, int i, int j) { return j > i ? -1e9 : 0.0; };
  CheckClose(Results(model, {Floats({kBatch, kLength, kHidden}, x)}), oracle(x, x, x));
  const auto imported = model.Import();
  REQUIRE(imported.ok());
  const std::vector<std::string> types = OperationTypes(*imported);
  CHECK(std::count(types.begin(), types.end(), "gather") == 0);
  CHECK(std::count(types.begin(), types.end(), "concat") == 0);
  CHECK(std::count(types.begin(), types.end(), "matmul") == 2);
}

TEST_CASE("attention that does not fit together is refused, with the reason") {
  TestModel model(13);
  model.Input("x", {2, 3, 4});
  model.Input("w", {4, 12});
  model.Output("y");
  constexpr StatusCode kInvalid = StatusCode::kInvalidArgument;
  constexpr StatusCode kUnsupported = StatusCode::kUnimplemented;
  const auto attention = [&](const std::vector<std::string>& inputs, int64_t heads) {
    return model.Node("Attention", inputs, {"y"}).Microsoft().Int("num_heads", heads);
  };
  SECTION("no heads") {
    attention({"x", "w"}, 0);
    CheckRefused(model, kInvalid, "num_heads is 0");
  }
  SECTION("heads that do not divide") {
    attention({"x", "w"}, 3);
    CheckRefused(model, kInvalid, "does not divide the hidden size");
  }
  SECTION("an input of another rank") {
    model.Input("flat", {3, 4});
    attention({"flat", "w"}, 2);
    CheckRefused(model, kInvalid, "not of rank 3");
  }
  SECTION("sizes that are not the weights'") {
    attention({"x", "w"}, 2).Ints("qkv_hidden_sizes", {4, 4, 8});
    CheckRefused(model, kInvalid, "qkv_hidden_sizes");
  }
  SECTION("sizes that overflow") {
    attention({"x", "w"}, 2).Ints("qkv_hidden_sizes", {INT64_MAX, INT64_MAX, 14});
    CheckRefused(model, kInvalid, "qkv_hidden_sizes");
  }
  SECTION("a mask of a shape that nobody knows") {
    model.Input("mask", {7, 7}, onnx::TensorProto::INT32);
    attention({"x", "w", "", "mask"}, 2);
    CheckRefused(model, kUnsupported, "a mask of shape [7,7]");
  }
  SECTION("a past of another rank") {
    model.Input("past", {2, 3});
    attention({"x", "w", "", "", "past"}, 2);
    CheckRefused(model, kInvalid, "past is not of shape");
  }
  SECTION("packed queries, keys and values") {
    model.Node("MultiHeadAttention", {"x"}, {"y"}).Microsoft().Int("num_heads", 2);
    CheckRefused(model, kUnsupported, "packed");
  }
  SECTION("a bias of another size") {
    model.Constant("bias", {5}, Vector(5, 1));
    model.Node("MultiHeadAttention", {"x", "x", "x", "bias"}, {"y"}).Microsoft().Int("num_heads", 2);
    CheckRefused(model, kInvalid, "bias does not fit");
  }
  SECTION("a bias without dimensions, for keys that come by head") {
    model.Constant("bias", {}, {1});
    model.Input("k", {2, 2, 3, 2});
    model.Node("MultiHeadAttention", {"x", "k", "k", "bias"}, {"y"}).Microsoft().Int("num_heads", 2);
    CheckRefused(model, kInvalid, "too few dimensions");
  }
  SECTION("caches that do not fit the heads") {
    model.Constant("ids", {1}, {0}, onnx::TensorProto::INT64);
    model.Constant("cos", {9, 3}, Vector(27, 1));
    model.Node("RotaryEmbedding", {"x", "ids", "cos", "cos"}, {"y"}).Microsoft().Int("num_heads", 1);
    CheckRefused(model, kInvalid, "caches do not fit the head size");
  }
  SECTION("positions outside the caches") {
    model.Constant("ids", {1}, {7}, onnx::TensorProto::INT64);
    model.Constant("cos", {9, 2}, Vector(18, 1));
    model.Node("RotaryEmbedding", {"x", "ids", "cos", "cos"}, {"y"}).Microsoft().Int("num_heads", 1);
    CheckRefused(model, kInvalid, "outside the caches");
  }
}

}  // namespace
}  // namespace modeld::importer
