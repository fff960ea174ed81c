#include "tools/modelctl/completion.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace modeld::tools {
namespace {

// Groups of options are commands without a name.
bool IsOptionGroup(const CLI::App* app) {
  return app->get_name().empty();
}

std::vector<std::string> OptionNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back(absl::StrCat("--", name));
    for (const std::string& name : option->get_snames()) names.push_back(absl::StrCat("-", name));
  }
  for (const CLI::App* group : app.get_subcommands(IsOptionGroup)) {
    const std::vector<std::string> more = OptionNames(*group);
    names.insert(names.end(), more.begin(), more.end());
  }
  return names;
}

// One line for each verb and group: `path) words="subcommands and options" ;;`. `globals` go with all.
void AddCases(const CLI::App& app, const std::string& path, const std::vector<std::string>& globals,
              std::string& cases) {
  std::vector<std::string> words;
  const auto commands = app.get_subcommands([](const CLI::App* command) { return !IsOptionGroup(command); });
  for (const CLI::App* command : commands) words.push_back(command->get_name());
  for (const std::string& name : OptionNames(app)) {
    if (std::find(globals.begin(), globals.end(), name) == globals.end()) words.push_back(name);
  }
  words.insert(words.end(), globals.begin(), globals.end());
  absl::StrAppend(&cases, "    \"", path, "\") words=\"", absl::StrJoin(words, " "), "\" ;;\n");
  for (const CLI::App* command : commands) {
    AddCases(*command, absl::StrCat(path, path.empty() ? "" : " ", command->get_name()), globals, cases);
  }
}

}  // namespace

std::string BashCompletion(const CLI::App& app) {
  std::string cases;
  AddCases(app, "", OptionNames(app), cases);
  return absl::StrCat(R"sh(# bash completion of modelctl, made by `modelctl completion bash`.
_modelctl_words() {
  local words
  case $1 in
)sh",
                      cases, R"sh(    *) return 1 ;;
  esac
  echo "$words"
}

_modelctl() {
  local current=${COMP_WORDS[COMP_CWORD]} path="" word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ $word != -* ]] && _modelctl_words "${path:+$path }$word" > /dev/null; then
      path=${path:+$path }$word
    fi
  done
  COMPREPLY=($(compgen -W "$(_modelctl_words "$path")" -- "$current"))
}

complete -F _modelctl -o bashdefault -o default modelctl
)sh");
}

}  // namespace modeld::tools
