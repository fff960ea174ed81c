#include "daemon/config/config_file.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"

// Errors come back as values.
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace modeld {
namespace {

absl::Status WrongLine(const toml::source_region& where, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat("line ", where.begin.line, ": ", message));
}

absl::StatusOr<std::string> ReadScalar(const toml::node& node, absl::string_view name) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return absl::StrCat(number->get());
  if (const auto* number = node.as_floating_point()) return absl::StrCat(number->get());
  if (const auto* yes = node.as_boolean()) return std::string(yes->get() ? "true" : "false");
  return WrongLine(node.source(), absl::StrCat(name, " is neither a text, a number, true nor false"));
}

absl::StatusOr<FileValue> ReadValue(const toml::node& node, absl::string_view name) {
  FileValue value;
  value.line = static_cast<int>(node.source().begin.line);
  const toml::array* array = node.as_array();
  if (array == nullptr) {
    MODELD_ASSIGN_OR_RETURN(std::string text, ReadScalar(node, name));
    value.values.push_back(std::move(text));
    return value;
  }
  for (const toml::node& element : *array) {
    if (!element.is_string())
      return WrongLine(element.source(), absl::StrCat(name, " holds something other than texts"));
    value.values.push_back(element.as_string()->get());
  }
  return value;
}

}  // namespace

absl::StatusOr<std::map<std::string, FileValue>> ParseConfigFile(absl::string_view toml_text) {
  const toml::parse_result result = toml::parse(std::string_view(toml_text.data(), toml_text.size()));
  if (!result) {
    const std::string_view why = result.error().description();
    return WrongLine(result.error().source(), absl::string_view(why.data(), why.size()));
  }
  std::map<std::string, FileValue> values;
  for (const auto& [section, node] : result.table()) {
    const toml::table* table = node.as_table();
    if (table == nullptr) {
      return WrongLine(node.source(),
                       absl::StrCat("\"", std::string(section.str()), "\" stands outside of a [section]"));
    }
    for (const auto& [key, element] : *table) {
      const std::string name = absl::StrCat(std::string(section.str()), ".", std::string(key.str()));
      MODELD_ASSIGN_OR_RETURN(FileValue value, ReadValue(element, name));
      values.emplace(name, std::move(value));
    }
  }
  return values;
}

}  // namespace modeld
