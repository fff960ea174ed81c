#include "tools/importer/reason.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace modeld::importer {
namespace {

constexpr char kReasonUrl[] = "modeld.importer/reason";
constexpr char kInputsUrl[] = "modeld.importer/inputs";
constexpr char kOptionUrl[] = "modeld.importer/option";
// No name of ONNX holds it.
constexpr char kSeparator = '\0';

constexpr absl::string_view kTexts[] = {
    "an operator that is not composed of WebNN's operations",
    "an option that is not composed of WebNN's operations",
    "a data type that WebNN or its operation does not have",
    "a value that is no tensor but a sequence, map or optional",
    "a value that must be known before running depends on the inputs",
    "a result whose shape depends on data",
    "an input without fixed sizes",
    "a tensor without elements",
    "more spatial dimensions than WebNN's operation has",
    "a loop, which is not unrolled",
    "random numbers",
    "training",
    "an operator set outside the supported range",
};

}  // namespace

absl::string_view ReasonText(Reason reason) {
  return kTexts[static_cast<size_t>(reason)];
}

absl::Status NotExpressible(Reason reason, absl::string_view message) {
  absl::Status status = absl::UnimplementedError(message);
  status.SetPayload(kReasonUrl, absl::Cord(absl::StrCat(static_cast<int>(reason))));
  return status;
}

std::optional<Reason> ReasonOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kReasonUrl);
  uint32_t number = 0;
  if (!payload || !absl::SimpleAtoi(std::string(*payload), &number) || number >= std::size(kTexts)) {
    return std::nullopt;
  }
  return static_cast<Reason>(number);
}

absl::Status MustBeKnown(const std::vector<std::string>& inputs, absl::string_view message) {
  absl::Status status = NotExpressible(Reason::kMustBeKnown, message);
  status.SetPayload(kInputsUrl, absl::Cord(absl::StrJoin(inputs, std::string(1, kSeparator))));
  return status;
}

std::vector<std::string> InputsToKnow(const absl::Status& status) {
  const auto payload = status.GetPayload(kInputsUrl);
  if (!payload || payload->empty()) return {};
  return absl::StrSplit(std::string(*payload), kSeparator);
}

absl::Status WrongOption(absl::string_view message) {
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kOptionUrl, absl::Cord());
  return status;
}

bool IsWrongOption(const absl::Status& status) {
  return status.GetPayload(kOptionUrl).has_value();
}

}  // namespace modeld::importer
