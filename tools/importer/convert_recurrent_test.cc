#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "tools/importer/testing/test_model.h"

namespace modeld::importer {
namespace {

using absl::StatusCode;
using testing::Tensor;
using testing::TensorOf;
using Vector = std::vector<double>;

constexpr int kSteps = 3;
constexpr int kBatch = 2;
constexpr int kInput = 3;
constexpr int kHidden = 2;

struct Case {
  std::string op;
  std::string direction = "forward";
  bool bias = false;
  bool initial = false;
  bool peephole = false;
  bool batch_first = false;
  bool input_forget = false;
  bool linear_before_reset = false;
  double clip = 0;
  std::vector<std::string> activations = {};
  std::vector<int> lengths = {};
  bool lengths_known = false;
  // What the import consists of, besides what moves data.
  std::string native = "";

  int directions() const { return direction == "bidirectional" ? 2 : 1; }
  int gates() const { return op == "LSTM" ? 4 : op == "GRU" ? 3 : 1; }
};

// Numbers within [-1, 1]; the same for every case.
Vector Random(size_t count, unsigned seed) {
  std::mt19937 engine(seed);
  Vector values(count);
  for (double& value : values) value = static_cast<float>(engine() % 2001) / 1000.0f - 1;
  return values;
}

struct Weights {
  explicit Weights(const Case& c)
      : x(Random(kSteps * kBatch * kInput, 1)),
        w(Random(c.directions() * c.gates() * kHidden * kInput, 2)),
        r(Random(c.directions() * c.gates() * kHidden * kHidden, 3)),
        b(Random(c.directions() * c.gates() * kHidden * 2, 4)),
        h0(Random(c.directions() * kBatch * kHidden, 5)),
        c0(Random(c.directions() * kBatch * kHidden, 6)),
        p(Random(c.directions() * 3 * kHidden, 7)) {
    if (!c.bias) std::fill(b.begin(), b.end(), 0);
    if (!c.initial) std::fill(h0.begin(), h0.end(), 0);
    if (!c.initial) std::fill(c0.begin(), c0.end(), 0);
    if (!c.peephole) std::fill(p.begin(), p.end(), 0);
  }
  Vector x, w, r, b, h0, c0, p;
};

double Apply(const std::string& f, double x, double clip) {
  if (clip > 0) x = std::clamp(x, -clip, clip);
  if (f == "Sigmoid") return 1 / (1 + std::exp(-x));
  if (f == "Relu") return std::max(0.0, x);
  if (f == "Softsign") return x / (1 + std::abs(x));
  if (f == "HardSigmoid") return std::clamp(0.2 * x + 0.5, 0.0, 1.0);
  if (f == "Affine") return 0.25 * x + 0.125;
  return std::tanh(x);
}

// The equations of ONNX's operators, unit by unit.
class Oracle {
 public:
  explicit Oracle(const Case& c) : c_(c), v_(c) {
    y.assign(kSteps * c.directions() * kBatch * kHidden, 0);
    h = v_.h0;
    cell = v_.c0;
    f_ = c.activations;
    for (int d = 0; f_.empty() && d < c.directions(); ++d) defaults_.push_back(d);
    for (size_t i = 0; i < defaults_.size(); ++i) {
      f_.push_back(c.op == "RNN" ? "Tanh" : "Sigmoid");
      if (c.op != "RNN") f_.push_back("Tanh");
      if (c.op == "LSTM") f_.push_back("Tanh");
    }
    for (int d = 0; d < c.directions(); ++d) {
      const bool back = c.direction == "reverse" || d == 1;
      for (int i = 0; i < kSteps; ++i) Step(d, back ? kSteps - 1 - i : i);
    }
  }
  Vector y, h, cell;

 private:
  // Share of the input and the state in gate `g` of unit `j`, without biases.
  double FromInput(int d, int t, int n, int g, int j) const {
    double sum = 0;
    for (int k = 0; k < kInput; ++k) {
      sum += v_.x[(t * kBatch + n) * kInput + k] * v_.w[((d * c_.gates() + g) * kHidden + j) * kInput + k];
    }
    return sum;
  }
  double FromState(int d, const Vector& state, int g, int j) const {
    double sum = 0;
    for (int k = 0; k < kHidden; ++k)
      sum += state[k] * v_.r[((d * c_.gates() + g) * kHidden + j) * kHidden + k];
    return sum;
  }
  double Wb(int d, int g, int j) const { return v_.b[d * 2 * c_.gates() * kHidden + g * kHidden + j]; }
  double Rb(int d, int g, int j) const { return v_.b[(d * 2 * c_.gates() + c_.gates() + g) * kHidden + j]; }
  double P(int d, int g, int j) const { return v_.p[(d * 3 + g) * kHidden + j]; }
  double F(int d, int which, double x) const {
    return Apply(f_[d * f_.size() / c_.directions() + which], x, c_.clip);
  }

  void Step(int d, int t) {
    for (int n = 0; n < kBatch; ++n) {
      if (!c_.lengths.empty() && t >= c_.lengths[n]) continue;
      double* state = &h[(d * kBatch + n) * kHidden];
      double* cells = &cell[(d * kBatch + n) * kHidden];
      const Vector before(state, state + kHidden);
      Vector reset(kHidden);
      const auto sum = [&](int g, int j) {
        return FromInput(d, t, n, g, j) + FromState(d, before, g, j) + Wb(d, g, j) + Rb(d, g, j);
      };
      if (c_.op == "GRU") {
        for (int j = 0; j < kHidden; ++j) reset[j] = F(d, 0, sum(1, j)) * before[j];
      }
      for (int j = 0; j < kHidden; ++j) {
        if (c_.op == "RNN") state[j] = F(d, 0, sum(0, j));
        if (c_.op == "GRU") {
          const double z = F(d, 0, sum(0, j));
          const double r = F(d, 0, sum(1, j));
          const double late = r * (FromState(d, before, 2, j) + Rb(d, 2, j));
          const double early = FromState(d, reset, 2, j) + Rb(d, 2, j);
          const double candidate =
              F(d, 1, FromInput(d, t, n, 2, j) + Wb(d, 2, j) + (c_.linear_before_reset ? late : early));
          state[j] = (1 - z) * candidate + z * before[j];
        }
        if (c_.op == "LSTM") {
          const double i = F(d, 0, sum(0, j) + P(d, 0, j) * cells[j]);
          const double f = c_.input_forget ? 1 - i : F(d, 0, sum(2, j) + P(d, 2, j) * cells[j]);
          cells[j] = f * cells[j] + i * F(d, 1, sum(3, j));
          const double o = F(d, 0, sum(1, j) + P(d, 1, j) * cells[j]);
          state[j] = o * F(d, 2, cells[j]);
        }
        y[((t * c_.directions() + d) * kBatch + n) * kHidden + j] = state[j];
      }
    }
  }

  const Case& c_;
  Weights v_;
  std::vector<std::string> f_;
  std::vector<int> defaults_;
};

// [a, b, rest] to [b, a, rest].
Vector Swap(const Vector& x, int a, int b) {
  const size_t rest = x.size() / (a * b);
  Vector result(x.size());
  for (int i = 0; i < a; ++i) {
    for (int j = 0; j < b; ++j) {
      std::copy_n(x.begin() + (i * b + j) * rest, rest, result.begin() + (j * a + i) * rest);
    }
  }
  return result;
}

void Build(const Case& c, const Weights& v, TestModel& model) {
  const int d = c.directions();
  const int packed = c.gates() * kHidden;
  const auto in_layout = [&](const Vector& x, int a, int b) { return c.batch_first ? Swap(x, a, b) : x; };
  if (c.batch_first) {
    model.Input("x", {kBatch, kSteps, kInput});
  } else {
    model.Input("x", {kSteps, kBatch, kInput});
  }
  model.Constant("w", {d, packed, kInput}, v.w);
  model.Constant("r", {d, packed, kHidden}, v.r);
  if (c.bias) model.Constant("b", {d, 2 * packed}, v.b);
  const std::vector<int64_t> state =
      c.batch_first ? std::vector<int64_t>{kBatch, d, kHidden} : std::vector<int64_t>{d, kBatch, kHidden};
  if (c.initial) {
    model.Constant("h0", state, in_layout(v.h0, d, kBatch));
    model.Constant("c0", state, in_layout(v.c0, d, kBatch));
  }
  if (c.peephole) model.Constant("p", {d, 3 * kHidden}, v.p);
  if (!c.lengths.empty()) {
    if (c.lengths_known) {
      model.Constant("lengths", {kBatch}, {c.lengths.begin(), c.lengths.end()}, onnx::TensorProto::INT32);
    } else {
      model.Input("lengths", {kBatch}, onnx::TensorProto::INT32);
    }
  }
  std::vector<std::string> inputs = {
      "x", "w", "r", c.bias ? "b" : "", c.lengths.empty() ? "" : "lengths", c.initial ? "h0" : ""};
  std::vector<std::string> outputs = {"y", "h"};
  if (c.op == "LSTM") {
    inputs.push_back(c.initial ? "c0" : "");
    inputs.push_back(c.peephole ? "p" : "");
    outputs.push_back("c");
  }
  TestNode node = model.Node(c.op, inputs, outputs);
  node.Int("hidden_size", kHidden).String("direction", c.direction);
  if (c.batch_first) node.Int("layout", 1);
  if (c.input_forget) node.Int("input_forget", 1);
  if (c.linear_before_reset) node.Int("linear_before_reset", 1);
  if (c.clip > 0) node.Float("clip", static_cast<float>(c.clip));
  if (!c.activations.empty()) {
    node.Strings("activations", c.activations);
    // Consumed in order: by HardSigmoid, then by Affine.
    if (std::count(c.activations.begin(), c.activations.end(), "Affine") > 0) {
      node.Floats("activation_alpha", {0.2f, 0.25f}).Floats("activation_beta", {0.5f, 0.125f});
    }
  }
  for (const std::string& output : outputs) model.Output(output);
}

void Check(const Case& c) {
  INFO(c.op << " " << c.direction << " bias " << c.bias << " layout " << c.batch_first << " clip " << c.clip);
  const Weights v(c);
  TestModel model(14);
  Build(c, v, model);
  const auto imported = model.Import();
  INFO(std::string(imported.status().message()));
  REQUIRE(imported.ok());
  const std::vector<std::string> types = OperationTypes(*imported);
  const std::string wanted = c.native;
  CHECK((std::count(types.begin(), types.end(), "lstm") == 1) == (wanted == "lstm"));
  CHECK((std::count(types.begin(), types.end(), "gru") == 1) == (wanted == "gru"));
  const Shape shape = c.batch_first ? Shape{kBatch, kSteps, kInput} : Shape{kSteps, kBatch, kInput};
  std::vector<Tensor> inputs = {Floats(shape, c.batch_first ? Swap(v.x, kSteps, kBatch) : v.x)};
  if (!c.lengths.empty() && !c.lengths_known) {
    inputs.push_back(TensorOf(DataType::kInt32, {kBatch}, {c.lengths.begin(), c.lengths.end()}));
  }
  const auto results = model.Run(inputs);
  INFO(std::string(results.status().message()));
  REQUIRE(results.ok());
  const Oracle oracle(c);
  Vector y = oracle.y;
  Vector h = oracle.h;
  Vector cell = oracle.cell;
  const int d = c.directions();
  if (c.batch_first) {
    // [steps, directions, batch, hidden] to [batch, steps, directions, hidden].
    y = Swap(y, kSteps * d, kBatch);
    h = Swap(h, d, kBatch);
    cell = Swap(cell, d, kBatch);
  }
  CheckClose(ValuesOf((*results)[0]), y);
  CheckClose(ValuesOf((*results)[1]), h);
  if (c.op == "LSTM") CheckClose(ValuesOf((*results)[2]), cell);
}

TEST_CASE("what WebNN's lstm and gru express becomes one of these") {
  for (const std::string direction : {"forward", "reverse", "bidirectional"}) {
    Check({.op = "LSTM", .direction = direction, .native = "lstm"});
    Check({.op = "GRU", .direction = direction, .native = "gru"});
    Check({.op = "LSTM", .direction = direction, .bias = true, .initial = true, .native = "lstm"});
    Check({.op = "GRU", .direction = direction, .bias = true, .initial = true, .native = "gru"});
  }
  Check({.op = "LSTM", .bias = true, .initial = true, .batch_first = true, .native = "lstm"});
  Check({.op = "GRU",
         .direction = "bidirectional",
         .bias = true,
         .initial = true,
         .batch_first = true,
         .native = "gru"});
  Check({.op = "GRU", .bias = true, .linear_before_reset = true, .native = "gru"});
  Check({.op = "GRU", .bias = true, .activations = {"Relu", "Sigmoid"}, .native = "gru"});
  Check({.op = "LSTM", .bias = true, .activations = {"Relu", "Tanh", "Sigmoid"}, .native = "lstm"});
}

TEST_CASE("an RNN is unrolled") {
  for (const std::string direction : {"forward", "reverse", "bidirectional"}) {
    Check({.op = "RNN", .direction = direction});
    Check({.op = "RNN", .direction = direction, .bias = true, .initial = true});
  }
  Check({.op = "RNN", .bias = true, .initial = true, .batch_first = true});
  Check({.op = "RNN", .activations = {"Relu"}});
}

TEST_CASE("what lstm and gru do not express is unrolled") {
  Check({.op = "LSTM", .bias = true, .initial = true, .clip = 0.25});
  Check({.op = "GRU", .bias = true, .initial = true, .clip = 0.25});
  Check({.op = "LSTM", .bias = true, .peephole = true, .input_forget = true});
  Check({.op = "LSTM", .direction = "bidirectional", .bias = true, .initial = true, .peephole = true});
  Check({.op = "LSTM", .bias = true, .activations = {"HardSigmoid", "Softsign", "Affine"}});
  Check({.op = "GRU", .direction = "bidirectional", .activations = {"Sigmoid", "Tanh", "Relu", "Tanh"}});
  Check({.op = "GRU",
         .bias = true,
         .initial = true,
         .linear_before_reset = true,
         .activations = {"Sigmoid", "Softsign"}});
}

TEST_CASE("sequences of various lengths end where they end") {
  for (const std::string op : {"LSTM", "GRU", "RNN"}) {
    for (const std::string direction : {"forward", "reverse", "bidirectional"}) {
      Check({.op = op, .direction = direction, .bias = true, .initial = true, .lengths = {3, 1}});
    }
    Check({.op = op, .lengths = {0, 2}, .lengths_known = true});
  }
  Check({.op = "LSTM", .lengths = {kSteps, kSteps}, .lengths_known = true, .native = "lstm"});
}

// A GRU that is right but for what a test changes.
struct Wrong {
  std::vector<int64_t> x = {3, 2, 4};
  std::vector<int64_t> w = {1, 6, 4};
  std::vector<int64_t> r = {1, 6, 2};
  std::string direction = "forward";
  std::vector<std::string> activations = {};
  int64_t hidden_size = 2;
  float clip = 0;
};

void CheckWrong(const Wrong& wrong, StatusCode code, const std::string& part) {
  TestModel model(14);
  model.Input("x", wrong.x);
  model.Input("w", wrong.w);
  model.Input("r", wrong.r);
  TestNode node = model.Node("GRU", {"x", "w", "r"}, {"y"});
  node.Int("hidden_size", wrong.hidden_size).String("direction", wrong.direction);
  node.Float("clip", wrong.clip);
  if (!wrong.activations.empty()) node.Strings("activations", wrong.activations);
  model.Output("y");
  CheckRefused(model, code, part);
}

TEST_CASE("a recurrent node that does not fit together is refused, with the reason") {
  constexpr StatusCode kInvalid = StatusCode::kInvalidArgument;
  CheckWrong({.x = {3, 2}}, kInvalid, "X is not of rank 3");
  CheckWrong({.r = {6, 2}}, kInvalid, "R is not of rank 3");
  CheckWrong({.w = {1, 8, 4}}, kInvalid, "W has shape [1,8,4], [1,6,4] is wanted");
  CheckWrong({.r = {2, 6, 2}}, kInvalid, "R has shape");
  CheckWrong({.direction = "sideways"}, kInvalid, "direction \"sideways\" is unknown");
  CheckWrong({.direction = "bidirectional"}, kInvalid, "W has shape [1,6,4], [2,6,4] is wanted");
  CheckWrong({.hidden_size = 3}, kInvalid, "hidden_size is 3, R says 2");
  CheckWrong({.activations = {"Tanh"}}, kInvalid, "has 1 activations, 2 are wanted");
  CheckWrong({.activations = {"Tanh", "Wobble"}}, StatusCode::kUnimplemented, "activation \"Wobble\"");
  CheckWrong({.clip = -1}, kInvalid, "clip -1 is negative");
  CheckWrong({.clip = NAN}, kInvalid, "clip");
  CheckWrong({.x = {5000, 2, 4}, .clip = 1}, StatusCode::kUnimplemented, "5000 steps");
}

TEST_CASE("a recurrent node without its weights is refused") {
  TestModel model(14);
  model.Input("x", {3, 2, 4});
  model.Node("LSTM", {"x"}, {"y"});
  model.Output("y");
  CheckRefused(model, StatusCode::kInvalidArgument, "input 1 is missing");
}

}  // namespace
}  // namespace modeld::importer
