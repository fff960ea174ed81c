#include "tools/modelctl/completion.h"

#include <CLI/CLI.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace modeld::tools {
namespace {

std::vector<std::string> OptionNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back(absl::StrCat("--", name));
    for (const std::string& name : option->get_snames()) names.push_back(absl::StrCat("-", name));
  }
  return names;
}

// One line for each verb and group: `path) words="subcommands and options" ;;`.
void AddCases(const CLI::App& app, const std::string& path, const std::string& globals, std::string& cases) {
  std::vector<std::string> words;
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* command : commands) words.push_back(command->get_name());
  for (const std::string& name : OptionNames(app)) words.push_back(name);
  absl::StrAppend(&cases, "    \"", path, "\") words=\"", absl::StrJoin(words, " "),
                  path.empty() ? "" : globals, "\" ;;\n");
  for (const CLI::App* command : commands) {
    AddCases(*command, absl::StrCat(path, path.empty() ? "" : " ", command->get_name()), globals, cases);
  }
}

}  // namespace

std::string BashCompletion(const CLI::App& app) {
  std::string cases;
  AddCases(app, "", absl::StrCat(" ", absl::StrJoin(OptionNames(app), " ")), cases);
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
