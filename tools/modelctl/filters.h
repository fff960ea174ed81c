// `--filter k=v` of the listing verbs.
#ifndef MODELD_TOOLS_MODELCTL_FILTERS_H_
#define MODELD_TOOLS_MODELCTL_FILTERS_H_

#include <CLI/App.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/modelctl/output.h"

namespace modeld::tools {

// Adds --filter, which may be given several times, to a verb.
void AddFilterOption(CLI::App& command, std::vector<std::string>& texts);

// Which rows of a listing are wanted. A plain value.
class Filters {
 public:
  // Reads "NAME=VALUE" texts. `names`: the members of a row that may be asked for. Usage error: another name,
  // or no '='.
  static absl::StatusOr<Filters> Parse(const std::vector<std::string>& texts,
                                       const std::vector<std::string>& names);

  // Whether a row, as --json shows it, has every value: texts and numbers as they are printed, "true" and
  // "false", one of a list's, "" for what is absent.
  bool Match(const Json& row) const;

 private:
  std::vector<std::pair<std::string, std::string>> wanted_;
};

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_FILTERS_H_
