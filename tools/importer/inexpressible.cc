#include "tools/importer/inexpressible.h"

namespace modeld::importer {
namespace {

struct Row {
  absl::string_view op_type;
  Reason reason;
};

constexpr Row kRows[] = {
    // WebNN does not select by data.
    {"NonMaxSuppression", Reason::kOutputShape},
    {"NonZero", Reason::kOutputShape},
    {"Unique", Reason::kOutputShape},
    {"Loop", Reason::kControlFlow},
    {"Scan", Reason::kControlFlow},
    {"ConcatFromSequence", Reason::kNotATensor},
    {"Optional", Reason::kNotATensor},
    {"OptionalGetElement", Reason::kNotATensor},
    {"OptionalHasElement", Reason::kNotATensor},
    {"SequenceAt", Reason::kNotATensor},
    {"SequenceConstruct", Reason::kNotATensor},
    {"SequenceEmpty", Reason::kNotATensor},
    {"SequenceErase", Reason::kNotATensor},
    {"SequenceInsert", Reason::kNotATensor},
    {"SequenceLength", Reason::kNotATensor},
    {"SequenceMap", Reason::kNotATensor},
    {"SplitToSequence", Reason::kNotATensor},
    {"ImageDecoder", Reason::kOperator},
    {"RegexFullMatch", Reason::kDataType},
    {"StringConcat", Reason::kDataType},
    {"StringNormalizer", Reason::kDataType},
    {"StringSplit", Reason::kDataType},
    {"TfIdfVectorizer", Reason::kOperator},
    {"Bernoulli", Reason::kRandom},
    {"Multinomial", Reason::kRandom},
    {"RandomNormal", Reason::kRandom},
    {"RandomNormalLike", Reason::kRandom},
    {"RandomUniform", Reason::kRandom},
    {"RandomUniformLike", Reason::kRandom},
    // Windows that each box places anew.
    {"MaxRoiPool", Reason::kOperator},
    {"RoiAlign", Reason::kOperator},
    // WebNN has no operations on bits.
    {"BitwiseAnd", Reason::kOperator},
    {"BitwiseNot", Reason::kOperator},
    {"BitwiseOr", Reason::kOperator},
    {"BitwiseXor", Reason::kOperator},
};

}  // namespace

std::optional<Reason> WhyInexpressible(absl::string_view domain, absl::string_view op_type) {
  if (domain == "ai.onnx.preview.training" || domain == "ai.onnx.training") return Reason::kTraining;
  if (!domain.empty() && domain != "ai.onnx") return Reason::kOperator;
  for (const Row& row : kRows) {
    if (row.op_type == op_type) return row.reason;
  }
  return std::nullopt;
}

}  // namespace modeld::importer
