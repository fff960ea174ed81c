#include "tools/modelctl/filters.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/modelctl/exit_code.h"

namespace modeld::tools {
namespace {

bool Equals(const Json& value, const std::string& text) {
  if (value.is_null()) return text.empty();
  if (value.is_string()) return value.get<std::string>() == text;
  if (value.is_array()) {
    return std::any_of(value.begin(), value.end(), [&](const Json& one) { return Equals(one, text); });
  }
  return value.dump() == text;
}

}  // namespace

void AddFilterOption(CLI::App& command, std::vector<std::string>& texts) {
  command
      .add_option("--filter", texts, "Only rows whose member has this value: pinned=true, partition=app:x")
      ->type_name("NAME=VALUE")
      ->take_all()
      ->expected(1);
}

absl::StatusOr<Filters> Filters::Parse(const std::vector<std::string>& texts,
                                       const std::vector<std::string>& names) {
  Filters filters;
  for (const std::string& text : texts) {
    const size_t at = text.find('=');
    const std::string name = text.substr(0, at);
    if (at == std::string::npos || std::find(names.begin(), names.end(), name) == names.end()) {
      return UsageError(absl::StrCat("--filter \"", Printable(text), "\": expected NAME=VALUE, with one of ",
                                     absl::StrJoin(names, ", ")));
    }
    filters.wanted_.emplace_back(name, text.substr(at + 1));
  }
  return filters;
}

bool Filters::Match(const Json& row) const {
  return std::all_of(wanted_.begin(), wanted_.end(), [&](const auto& wanted) {
    const auto member = row.find(wanted.first);
    return member != row.end() && Equals(*member, wanted.second);
  });
}

}  // namespace modeld::tools
