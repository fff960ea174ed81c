// Einsum: each operand's repeated labels become diagonals, labels that nobody else has are summed, and then
// operands are contracted pairwise from the left.
#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "tools/importer/converters.h"
#include "tools/importer/emitter.h"

namespace modeld::importer {
namespace {

// One dimension's name: a letter, or for those that "..." stands for a number below 0, counted from the last.
using Label = int;
using Labels = std::vector<Label>;

bool Contains(const Labels& labels, Label label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

struct Term {
  OperandId x;
  Labels labels;  // one per dimension of x
};

struct Equation {
  std::vector<Labels> operands;
  Labels output;
};

// Labels of one term. `ellipsis` is how many dimensions "..." stands for.
absl::StatusOr<Labels> ParseTerm(const NodeContext& node, absl::string_view term, int ellipsis) {
  Labels labels;
  bool seen = false;
  while (!term.empty()) {
    if (absl::StartsWith(term, "...")) {
      if (seen) return node.Invalid("a term has two ellipses");
      seen = true;
      for (int i = ellipsis; i > 0; --i) labels.push_back(-i);
      term.remove_prefix(3);
      continue;
    }
    if (!absl::ascii_isalpha(static_cast<unsigned char>(term[0]))) {
      return node.Invalid(absl::StrCat("equation holds the character '", term.substr(0, 1), "'"));
    }
    labels.push_back(term[0]);
    term.remove_prefix(1);
  }
  return labels;
}

// Without "->": the ellipsis, then the labels that come once, sorted.
Labels ImplicitOutput(const std::vector<Labels>& operands, int ellipsis) {
  std::map<Label, int> counts;
  for (const Labels& labels : operands) {
    for (Label label : labels) ++counts[label];
  }
  Labels output;
  for (int i = ellipsis; i > 0; --i) output.push_back(-i);
  for (const auto& [label, count] : counts) {
    if (label > 0 && count == 1) output.push_back(label);
  }
  return output;
}

absl::StatusOr<Equation> Parse(const NodeContext& node, const std::vector<Term>& terms, const Emitter& e) {
  std::string text = node.String("equation", "");
  std::erase(text, ' ');
  const std::vector<std::string> sides = absl::StrSplit(text, "->");
  if (sides.size() > 2) return node.Invalid("equation has more than one \"->\"");
  const std::vector<std::string> left = absl::StrSplit(sides[0], ',');
  if (left.size() != terms.size()) {
    return node.Invalid(
        absl::StrCat("equation has ", left.size(), " terms, the node ", terms.size(), " inputs"));
  }
  Equation equation;
  int widest = 0;
  for (size_t i = 0; i < left.size(); ++i) {
    const bool dots = absl::StrContains(left[i], "...");
    const auto letters = static_cast<int>(left[i].size()) - (dots ? 3 : 0);
    const int spare = static_cast<int>(e.rank(terms[i].x)) - letters;
    if (dots ? spare < 0 : spare != 0) {
      return node.Invalid(
          absl::StrCat("term \"", left[i], "\" does not fit an input of rank ", e.rank(terms[i].x)));
    }
    MODELD_ASSIGN_OR_RETURN(Labels labels, ParseTerm(node, left[i], spare));
    equation.operands.push_back(std::move(labels));
    widest = std::max(widest, dots ? spare : 0);
  }
  if (sides.size() == 1) {
    equation.output = ImplicitOutput(equation.operands, widest);
    return equation;
  }
  MODELD_ASSIGN_OR_RETURN(equation.output, ParseTerm(node, sides[1], widest));
  if (std::set<Label>(equation.output.begin(), equation.output.end()).size() != equation.output.size()) {
    return node.Invalid("a label comes twice in the output");
  }
  for (Label label : equation.output) {
    const auto has = [&](const Labels& labels) { return Contains(labels, label); };
    if (std::none_of(equation.operands.begin(), equation.operands.end(), has)) {
      return node.Invalid("a label of the output is in no input");
    }
  }
  return equation;
}

// Dimensions in the order of `wanted`, which names all of the term's labels.
void Arrange(Emitter& e, Term& term, const Labels& wanted) {
  if (term.labels == wanted) return;
  std::vector<int64_t> permutation;
  for (Label label : wanted) {
    permutation.push_back(std::find(term.labels.begin(), term.labels.end(), label) - term.labels.begin());
  }
  term.x = e.Transpose(term.x, permutation);
  term.labels = wanted;
}

// A label that comes twice in one term stands for the diagonal: with both dimensions last, of size n, every
// (n + 1)-th of their n * n elements.
void TakeDiagonals(Emitter& e, Term& term) {
  for (size_t i = 0; i < term.labels.size() && e.ok(); ++i) {
    const auto second =
        std::find(term.labels.begin() + static_cast<int64_t>(i) + 1, term.labels.end(), term.labels[i]);
    if (second == term.labels.end()) continue;
    const size_t j = static_cast<size_t>(second - term.labels.begin());
    const Shape shape = e.shape(term.x);
    if (!e.Require(shape[i] == shape[j], "dimensions of one label differ in size")) return;
    const uint32_t n = shape[i];
    const Label label = term.labels[i];
    std::vector<int64_t> permutation;
    Labels labels;
    Shape flat;
    for (size_t k = 0; k < shape.size(); ++k) {
      if (k == i || k == j) continue;
      permutation.push_back(static_cast<int64_t>(k));
      labels.push_back(term.labels[k]);
      flat.push_back(shape[k]);
    }
    permutation.push_back(static_cast<int64_t>(i));
    permutation.push_back(static_cast<int64_t>(j));
    labels.push_back(label);
    flat.push_back(n * n);
    const OperandId square = e.Reshape(e.Transpose(term.x, permutation), flat);
    std::vector<int64_t> strides(flat.size(), 1);
    strides.back() = int64_t{n} + 1;
    term.x = e.Op(
        "slice", {square},
        {{"starts", std::vector<int64_t>(flat.size(), 0)}, {"sizes", ToList(flat)}, {"strides", strides}});
    term.labels = labels;
    i = static_cast<size_t>(-1);
  }
}

// Labels whose dimension is 1 here and more elsewhere broadcast: they go.
void DropBroadcast(Emitter& e, Term& term, const std::map<Label, uint32_t>& sizes) {
  Labels labels;
  Shape shape;
  for (size_t i = 0; i < term.labels.size(); ++i) {
    const uint32_t size = e.size(term.x, i);
    if (size == 1 && sizes.at(term.labels[i]) != 1) continue;
    labels.push_back(term.labels[i]);
    shape.push_back(size);
  }
  if (labels.size() == term.labels.size()) return;
  term.x = e.Reshape(term.x, shape);
  term.labels = labels;
}

void SumOut(Emitter& e, Term& term, const std::set<Label>& kept) {
  std::vector<int64_t> axes;
  Labels labels;
  for (size_t i = 0; i < term.labels.size(); ++i) {
    if (kept.contains(term.labels[i])) {
      labels.push_back(term.labels[i]);
    } else {
      axes.push_back(static_cast<int64_t>(i));
    }
  }
  if (axes.empty()) return;
  term.x = e.Reduce("reduceSum", term.x, axes, false);
  term.labels = labels;
}

// Labels of two terms by their part in a product.
struct Parts {
  Labels batch;
  Labels free_a;
  Labels free_b;
  Labels summed;
};

Parts Divide(const Term& a, const Term& b, const std::set<Label>& kept) {
  Parts parts;
  for (Label label : a.labels) {
    if (!Contains(b.labels, label)) {
      parts.free_a.push_back(label);
    } else {
      (kept.contains(label) ? parts.batch : parts.summed).push_back(label);
    }
  }
  for (Label label : b.labels) {
    if (!Contains(a.labels, label)) parts.free_b.push_back(label);
  }
  return parts;
}

Labels Join(const Labels& a, const Labels& b, const Labels& c) {
  Labels all = a;
  all.insert(all.end(), b.begin(), b.end());
  all.insert(all.end(), c.begin(), c.end());
  return all;
}

Shape SizesOf(const std::map<Label, uint32_t>& sizes, const Labels& labels) {
  Shape shape;
  for (Label label : labels) shape.push_back(sizes.at(label));
  return shape;
}

uint32_t Product(const Shape& shape) {
  uint32_t product = 1;
  for (uint32_t size : shape) product *= size;
  return product;
}

// [batch, free a, summed] times [batch, summed, free b].
Term Multiply(Emitter& e, Term a, Term b, const Parts& parts, const std::map<Label, uint32_t>& sizes) {
  Arrange(e, a, Join(parts.batch, parts.free_a, parts.summed));
  Arrange(e, b, Join(parts.batch, parts.summed, parts.free_b));
  const Shape batch = SizesOf(sizes, parts.batch);
  const Shape free_a = SizesOf(sizes, parts.free_a);
  const Shape free_b = SizesOf(sizes, parts.free_b);
  const uint32_t summed = Product(SizesOf(sizes, parts.summed));
  const OperandId x = e.Reshape(a.x, {Product(batch), Product(free_a), summed});
  const OperandId y = e.Reshape(b.x, {Product(batch), summed, Product(free_b)});
  Shape shape = batch;
  shape.insert(shape.end(), free_a.begin(), free_a.end());
  shape.insert(shape.end(), free_b.begin(), free_b.end());
  return {.x = e.Reshape(e.MatMul(x, y), shape), .labels = Join(parts.batch, parts.free_a, parts.free_b)};
}

// The product of all elements that meet, as a tensor of all labels: for types that WebNN's matmul does not
// take, and where nothing is summed.
Term MultiplyElements(Emitter& e, Term a, Term b, const Parts& parts,
                      const std::map<Label, uint32_t>& sizes) {
  const Labels shared = Join(parts.batch, parts.summed, {});
  Arrange(e, a, Join(shared, parts.free_a, {}));
  Arrange(e, b, Join(shared, parts.free_b, {}));
  Shape shape = SizesOf(sizes, a.labels);
  shape.insert(shape.end(), parts.free_b.size(), 1);
  Term product{.x = e.Reshape(a.x, shape), .labels = Join(shared, parts.free_a, parts.free_b)};
  Shape other = SizesOf(sizes, shared);
  other.insert(other.end(), parts.free_a.size(), 1);
  const Shape free_b = SizesOf(sizes, parts.free_b);
  other.insert(other.end(), free_b.begin(), free_b.end());
  product.x = e.Mul(product.x, e.Reshape(b.x, other));
  return product;
}

absl::StatusOr<std::map<Label, uint32_t>> SizesOfLabels(const Emitter& e, const NodeContext& node,
                                                        const std::vector<Term>& terms) {
  std::map<Label, uint32_t> sizes;
  for (const Term& term : terms) {
    for (size_t i = 0; i < term.labels.size(); ++i) {
      uint32_t& size = sizes.try_emplace(term.labels[i], 1).first->second;
      const uint32_t here = e.size(term.x, i);
      if (size != here && size != 1 && here != 1) {
        return node.Invalid(absl::StrCat("dimensions of one label have sizes ", size, " and ", here));
      }
      size = std::max(size, here);
    }
  }
  return sizes;
}

absl::Status ConvertEinsum(NodeContext& node) {
  Emitter e(node);
  std::vector<Term> terms;
  for (int i = 0; i < node.input_count(); ++i) terms.push_back({.x = e.Input(i), .labels = {}});
  MODELD_RETURN_IF_ERROR(e.status());
  if (terms.empty()) return node.Invalid("has no inputs");
  MODELD_ASSIGN_OR_RETURN(const Equation equation, Parse(node, terms, e));
  for (size_t i = 0; i < terms.size(); ++i) {
    terms[i].labels = equation.operands[i];
    TakeDiagonals(e, terms[i]);
  }
  MODELD_RETURN_IF_ERROR(e.status());
  MODELD_ASSIGN_OR_RETURN(const auto sizes, SizesOfLabels(e, node, terms));
  for (Term& term : terms) DropBroadcast(e, term, sizes);
  // What the output and the terms after `index` still need.
  const auto needed_after = [&](size_t index) {
    std::set<Label> kept(equation.output.begin(), equation.output.end());
    for (size_t i = index + 1; i < terms.size(); ++i)
      kept.insert(terms[i].labels.begin(), terms[i].labels.end());
    return kept;
  };
  Term result = terms[0];
  SumOut(e, result, needed_after(0));
  for (size_t i = 1; i < terms.size() && e.ok(); ++i) {
    const std::set<Label> kept = needed_after(i);
    std::set<Label> of_pair = kept;
    of_pair.insert(result.labels.begin(), result.labels.end());
    SumOut(e, terms[i], of_pair);
    std::set<Label> of_result = kept;
    of_result.insert(terms[i].labels.begin(), terms[i].labels.end());
    SumOut(e, result, of_result);
    const Parts parts = Divide(result, terms[i], kept);
    const bool product = !parts.summed.empty() && IsFloat(e.type(result.x));
    result = (product ? Multiply : MultiplyElements)(e, result, terms[i], parts, sizes);
    SumOut(e, result, kept);
  }
  if (e.ok()) Arrange(e, result, equation.output);
  e.Output(0, result.x);
  return e.Finish();
}

constexpr Converter kTable[] = {{"Einsum", ConvertEinsum}};

}  // namespace

std::span<const Converter> EinsumConverters() {
  return kTable;
}

}  // namespace modeld::importer
