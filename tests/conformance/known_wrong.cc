#include "tests/conformance/known_wrong.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace modeld::conformance {
namespace {

const std::vector<KnownWrong>& Table() {
  static const auto* const kTable = new std::vector<KnownWrong>{
      {"l2Pool2d float32 4D tensor options.outputSizes ignores options.roundingType=floor",
       "l2Pool2dOutput",
       "4 of the 18 expected values are the window's sum of squares: they lack the square root",
       {{2, 90.67686184047513}, {8, 26.61993281474433}, {11, 72.42569496091976}, {17, 90.6460121917353}}},
  };
  return *kTable;
}

}  // namespace

const KnownWrong* FindKnownWrong(absl::string_view case_name) {
  const auto entry = std::find_if(Table().begin(), Table().end(),
                                  [&](const KnownWrong& known) { return known.case_name == case_name; });
  return entry == Table().end() ? nullptr : &*entry;
}

absl::Status Correct(const KnownWrong& entry, Case& parsed) {
  const auto output = parsed.expected.find(std::string(entry.output));
  if (output == parsed.expected.end()) {
    return absl::InvalidArgumentError(absl::StrCat("known wrong: there is no output \"", entry.output, "\""));
  }
  CaseTensor& tensor = output->second;
  for (const Correction& correction : entry.corrections) {
    if (correction.index >= tensor.elements.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("known wrong: \"", entry.output, "\" has no element ", correction.index));
    }
    MODELD_ASSIGN_OR_RETURN(tensor.elements[correction.index],
                            ReadElement(tensor.descriptor.data_type, correction.value));
  }
  return absl::OkStatus();
}

}  // namespace modeld::conformance
