#include <catch2/catch.hpp>
#include <map>
#include <numeric>

#include "tools/importer/testing/test_model.h"

namespace modeld::importer {
namespace {

using absl::StatusCode;
using testing::Tensor;
using testing::TensorOf;
using Vector = std::vector<double>;
using Shapes = std::vector<Shape>;

Vector Counting(const Shape& shape, double first) {
  size_t count = 1;
  for (uint32_t size : shape) count *= size;
  Vector values(count);
  // Small numbers with both signs, so that sums stay exact.
  for (size_t i = 0; i < count; ++i)
    values[i] = static_cast<double>(static_cast<int>(i * 7 + first) % 11) - 5;
  return values;
}

std::unique_ptr<TestModel> Build(const std::string& equation, const Shapes& shapes,
                                 int type = onnx::TensorProto::FLOAT) {
  auto model = std::make_unique<TestModel>(12);
  std::vector<std::string> names;
  for (const Shape& shape : shapes) {
    names.push_back("x" + std::to_string(names.size()));
    model->Input(names.back(), {shape.begin(), shape.end()}, type);
  }
  model->Node("Einsum", names, {"y"}).String("equation", equation);
  model->Output("y");
  return model;
}

// Sums over every assignment of the labels; `terms` and `output` have one letter per dimension, capitals for
// the ellipsis. Dimensions of size 1 broadcast.
Vector Oracle(const std::vector<std::string>& terms, const std::string& output, const Shapes& shapes) {
  std::map<char, uint32_t> sizes;
  std::vector<Vector> values;
  for (size_t i = 0; i < terms.size(); ++i) {
    values.push_back(Counting(shapes[i], static_cast<double>(i)));
    for (size_t k = 0; k < terms[i].size(); ++k) {
      sizes[terms[i][k]] = std::max(sizes[terms[i][k]], shapes[i][k]);
    }
  }
  size_t total = 1;
  size_t elements = 1;
  for (const auto& [label, size] : sizes) total *= size;
  for (char label : output) elements *= sizes[label];
  Vector result(elements, 0);
  for (size_t n = 0; n < total; ++n) {
    std::map<char, uint32_t> at;
    size_t rest = n;
    for (const auto& [label, size] : sizes) {
      at[label] = static_cast<uint32_t>(rest % size);
      rest /= size;
    }
    double product = 1;
    for (size_t i = 0; i < terms.size(); ++i) {
      size_t index = 0;
      for (size_t k = 0; k < terms[i].size(); ++k) {
        index = index * shapes[i][k] + (shapes[i][k] == 1 ? 0 : at[terms[i][k]]);
      }
      product *= values[i][index];
    }
    size_t index = 0;
    for (char label : output) index = index * sizes[label] + at[label];
    result[index] += product;
  }
  return result;
}

void Check(const std::string& equation, const std::vector<std::string>& terms, const std::string& output,
           const Shapes& shapes, DataType type = DataType::kFloat32) {
  INFO(equation);
  const auto model = Build(equation, shapes,
                           type == DataType::kFloat32 ? onnx::TensorProto::FLOAT : onnx::TensorProto::INT32);
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < shapes.size(); ++i) {
    inputs.push_back(TensorOf(type, shapes[i], Counting(shapes[i], static_cast<double>(i))));
  }
  CheckClose(Results(*model, inputs), Oracle(terms, output, shapes), 1e-4);
}

TEST_CASE("einsum contracts, transposes, sums, broadcasts and takes diagonals") {
  Check("ij,jk->ik", {"ij", "jk"}, "ik", {{2, 3}, {3, 4}});
  Check("ij,jk", {"ij", "jk"}, "ik", {{2, 3}, {3, 4}});
  Check("ba,ca", {"ba", "ca"}, "bc", {{2, 3}, {4, 3}});
  Check("ij->ji", {"ij"}, "ji", {{2, 3}});
  Check("ji", {"ji"}, "ij", {{2, 3}});
  Check("ij->i", {"ij"}, "i", {{2, 3}});
  Check("ij->", {"ij"}, "", {{2, 3}});
  Check("i,i", {"i", "i"}, "", {{5}, {5}});
  Check("i,j->ij", {"i", "j"}, "ij", {{5}, {3}});
  Check("ij,ij->ij", {"ij", "ij"}, "ij", {{2, 3}, {2, 3}});
  Check("bij, bjk -> bik", {"bij", "bjk"}, "bik", {{2, 3, 4}, {2, 4, 5}});
  Check("bhid,bhjd->bhij", {"bhid", "bhjd"}, "bhij", {{2, 2, 3, 4}, {2, 2, 5, 4}});
  Check("abc,cd,de->abe", {"abc", "cd", "de"}, "abe", {{2, 3, 4}, {4, 5}, {5, 2}});
  Check("ab,b,bc,c->a", {"ab", "b", "bc", "c"}, "a", {{2, 3}, {3}, {3, 4}, {4}});
  Check("ii->i", {"ii"}, "i", {{4, 4}});
  Check("ii", {"ii"}, "", {{4, 4}});
  Check("iji->ji", {"iji"}, "ji", {{3, 2, 3}});
  Check("iii->i", {"iii"}, "i", {{3, 3, 3}});
  Check("bii,bi->b", {"bii", "bi"}, "b", {{2, 3, 3}, {2, 3}});
}

TEST_CASE("an ellipsis stands for dimensions that broadcast") {
  Check("...ij,...jk->...ik", {"Aij", "Ajk"}, "Aik", {{2, 3, 4}, {2, 4, 2}});
  Check("...ij,...jk", {"Aij", "jk"}, "Aik", {{2, 3, 4}, {4, 2}});
  Check("...ij,jk->ik...", {"ABij", "jk"}, "ikAB", {{2, 3, 3, 4}, {4, 2}});
  Check("...i,...i->...", {"ABi", "Bi"}, "AB", {{2, 3, 4}, {3, 4}});
  Check("...ii->...i", {"Aii"}, "Ai", {{2, 3, 3}});
  Check("i...->...", {"iA"}, "A", {{2, 3}});
  Check("...i,...j->...ij", {"Ai", "Aj"}, "Aij", {{1, 3}, {4, 2}});
}

TEST_CASE("labels of size 1 broadcast") {
  Check("ij,jk->ik", {"ij", "jk"}, "ik", {{2, 1}, {3, 4}});
  Check("ij,ij->i", {"ij", "ij"}, "i", {{2, 3}, {1, 3}});
}

TEST_CASE("integers contract too") {
  Check("ij,jk->ik", {"ij", "jk"}, "ik", {{2, 3}, {3, 4}}, DataType::kInt32);
}

TEST_CASE("equations that say nothing, or contradict the shapes, are refused") {
  const auto refused = [](const std::string& equation, const Shapes& shapes, const std::string& part) {
    INFO(equation);
    CheckRefused(*Build(equation, shapes), StatusCode::kInvalidArgument, part);
  };
  refused("ij,jk->ik", {{2, 3}}, "2 terms, the node 1 inputs");
  refused("ij->ij", {{2, 3, 4}}, "does not fit an input of rank 3");
  refused("...ijk->i", {{2, 3}}, "does not fit an input of rank 2");
  refused("ij,jk->ik", {{2, 3}, {4, 5}}, "sizes 3 and 4");
  refused("ii->i", {{2, 3}}, "one label differ");
  refused("ij->ii", {{2, 3}}, "twice in the output");
  refused("ij->ik", {{2, 3}}, "in no input");
  refused("i1->i", {{2, 3}}, "character '1'");
  refused("i->j->i", {{2}}, "more than one \"->\"");
  refused("......->", {{2, 2, 2}}, "two ellipses");
  refused("i.", {{2, 3}}, "character '.'");
}

}  // namespace
}  // namespace modeld::importer
