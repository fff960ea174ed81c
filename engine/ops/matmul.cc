// Matrix products: matmul, gemm.
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/graph/broadcast.h"
#include "engine/ops/families.h"
#include "engine/ops/shared_rules.h"

namespace modeld {
namespace {

using core::ValueId;

absl::Status InnerSizesDiffer(const InferContext& c, uint32_t columns_of_a, uint32_t rows_of_b) {
  return c.Error("b",
                 absl::StrCat("has ", rows_of_b, " rows, expected ", columns_of_a, " like the columns of a"),
                 absl::StrCat(columns_of_a), absl::StrCat(rows_of_b));
}

InferResult InferMatmul(InferContext& c) {
  const Shape& a = c.input(0).shape;
  const Shape& b = c.input(1).shape;
  if (a.back() != b[b.size() - 2]) return InnerSizesDiffer(c, a.back(), b[b.size() - 2]);
  std::optional<Shape> output = BroadcastShapes(Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2));
  if (!output) {
    return c.Error("b",
                   absl::StrCat("has shape ", ShapeToString(b),
                                ", whose batch dimensions do not broadcast with ", ShapeToString(a)),
                   absl::StrCat("batch dimensions that broadcast with ", ShapeToString(a)), ShapeToString(b));
  }
  output->push_back(a[a.size() - 2]);
  output->push_back(b.back());
  return One({c.input(0).data_type, *std::move(output)});
}

Values DecomposeMatmul(DecomposeContext& c) {
  return {c.b.MatMul(c.input(0), c.input(1))};
}

InferResult InferGemm(InferContext& c) {
  Shape a = c.input(0).shape;
  Shape b = c.input(1).shape;
  if (c.Bool("aTranspose")) std::swap(a[0], a[1]);
  if (c.Bool("bTranspose")) std::swap(b[0], b[1]);
  if (a[1] != b[0]) return InnerSizesDiffer(c, a[1], b[0]);
  const Shape output = {a[0], b[1]};
  const TensorDescriptor* addend = c.OptionalInput("c");
  if (addend != nullptr && !CanBroadcastTo(addend->shape, output)) {
    return c.Error("c",
                   absl::StrCat("has shape ", ShapeToString(addend->shape), ", which does not broadcast to ",
                                ShapeToString(output)),
                   absl::StrCat("a shape that broadcasts to ", ShapeToString(output)),
                   ShapeToString(addend->shape));
  }
  return One({c.input(0).data_type, output});
}

// gemm = alpha * a' * b' + beta * c, where ' is the transposition asked for.
Values DecomposeGemm(DecomposeContext& c) {
  const double alpha = c.Float("alpha");
  const double beta = c.Float("beta");
  std::optional<ValueId> addend = c.OptionalInput("c");
  const bool one_rounding = alpha == 1 && !addend;
  ValueId a = one_rounding ? c.input(0) : Widened(c.b, c.input(0));
  ValueId b = one_rounding ? c.input(1) : Widened(c.b, c.input(1));
  if (c.Bool("aTranspose")) a = c.b.TransposeBy(a, {1, 0});
  if (c.Bool("bTranspose")) b = c.b.TransposeBy(b, {1, 0});
  ValueId result = c.b.MatMul(a, b);
  if (alpha != 1) result = c.b.MulScalar(result, alpha);
  if (addend) {
    ValueId scaled = Widened(c.b, *addend);
    if (beta != 1) scaled = c.b.MulScalar(scaled, beta);
    result = c.b.Add(result, scaled);
  }
  return {c.b.CastTo(result, c.output().data_type)};
}

}  // namespace

std::vector<OpSchema> MatmulOps() {
  return {
      {.type = "matmul",
       .operands = {{.name = "a", .types = kFloatTypes, .ranks = RankAtLeast(2)},
                    {.name = "b", .types = kFloatTypes, .ranks = RankAtLeast(2), .same_type_as = 0}},
       .formula = "a * b over the last two dimensions, the others broadcast",
       .infer = InferMatmul,
       .decompose = DecomposeMatmul},
      {.type = "gemm",
       .operands = {{.name = "a", .types = kFloatTypes, .ranks = Rank(2)},
                    {.name = "b", .types = kFloatTypes, .ranks = Rank(2), .same_type_as = 0}},
       .attributes = {OperandAttribute("c", kFloatTypes, {0, 2}), FloatAttribute("alpha", 1),
                      FloatAttribute("beta", 1), BoolAttribute("aTranspose", false),
                      BoolAttribute("bTranspose", false)},
       .formula = "alpha * a * b + beta * c",
       .infer = InferGemm,
       .decompose = DecomposeGemm},
  };
}

}  // namespace modeld
