#include "tools/modelctl/man_page.h"

#include <CLI/CLI.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "base/version.h"
#include "tools/modelctl/exit_code.h"
#include "tools/modelctl/installation.h"

namespace modeld::tools {
namespace {

using Entry = std::pair<const char*, const char*>;

constexpr const char* kDescription[] = {
    "Data goes to standard output, talk to standard error. Verbs that list what goes before they remove it "
    "ask; where "
    "nobody can answer they want -y.",
    "MODEL is a key of the partition, an id, or a prefix of an id of at least 8 digits that is unique; "
    "key:NAME and "
    "id:HEX say which it is. Sizes are written 4096, 64M, 20G, time spans 90 (seconds), 12h, 30d.",
    "One interrupt cancels what is under way; what does not end within two seconds, or by a second one, is "
    "cut off.",
};

constexpr Entry kVariables[] = {
    {"MODELD_HOST", "The daemon's socket, unix:///path, where --host is not given."},
    {"MODELD_RUNTIME_DIR", "The folder of the daemon's sockets, where no socket is named."},
    {"XDG_RUNTIME_DIR", "Holds that folder, modeld, where it is not named."},
    {"MODELD_CONFIG", "The file of the daemon's settings."},
    {"MODELD_CACHE_DIR", "The folder of models and compiled plans."},
    {"MODELD_STATE_DIR", "The folder of what else the daemon remembers."},
    {"XDG_CONFIG_HOME", "Holds modeld/config.toml, where MODELD_CONFIG is not given."},
    {"XDG_CACHE_HOME", "Holds the cache, modeld, where nothing names it."},
    {"XDG_STATE_HOME", "Holds the state, modeld, where nothing names it."},
    {"HOME", "Holds all of these, where their variables are not given."},
    {"PATH", "Where doctor and info look for the programs."},
    {"NO_COLOR", "If it is not empty: no colours."},
};

constexpr Entry kExamples[] = {
    {"modelctl import digits.onnx --key digits", "Store a model under a key."},
    {"modelctl run digits --input image=three.png --top 3",
     "Run it on a picture; show the three best answers."},
    {"modelctl cache prune --older-than 90d --dry-run", "Tell what was not used for 90 days."},
    {"modelctl cache export backup.tar", "Back up all models, keys, pins and shares."},
};

// Text as roff prints it: each character as it is (roff would make hyphens and typographic quotes of some,
// which no shell takes), and no line a request.
std::string Escaped(absl::string_view text) {
  std::string roff = absl::StrReplaceAll(text, {{"\\", "\\e"},
                                                {"-", "\\-"},
                                                {"'", "\\(aq"},
                                                {"`", "\\(ga"},
                                                {"\"", "\\(dq"},
                                                {"^", "\\(ha"},
                                                {"~", "\\(ti"},
                                                {"\n.", "\n\\&."}});
  return absl::StartsWith(roff, ".") ? absl::StrCat("\\&", roff) : roff;
}

std::string Bold(absl::string_view text) {
  return absl::StrCat("\\fB", Escaped(text), "\\fR");
}

std::string Italic(absl::string_view text) {
  return text.empty() ? "" : absl::StrCat("\\fI", Escaped(text), "\\fR");
}

// A row of a list. `term` is roff, `text` is not.
void AddRow(absl::string_view term, absl::string_view text, std::string& page) {
  absl::StrAppend(&page, ".TP\n", term, "\n", Escaped(text), "\n");
}

bool IsOptionGroup(const CLI::App* app) {
  return app->get_name().empty();
}

bool IsVerb(const CLI::App* app) {
  return !IsOptionGroup(app);
}

// The same details of an option as --help shows, without what the heading of its verb tells.
class Details : public CLI::Formatter {
 public:
  std::string Of(const CLI::Option& option) const {
    const std::string details = make_option_opts(&option);
    return std::string(absl::StripPrefix(details, " "));
  }
  std::string Usage(const CLI::Option& positional) const { return make_option_usage(&positional); }
};

// Positionals, then options, then groups of options. --help, which all have, is the first's alone.
void AddOptions(const CLI::App& command, bool with_help, std::string& page) {
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_positional()) AddRow(Italic(option->get_name(true)), option->get_description(), page);
  }
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_positional() || (option == command.get_help_ptr() && !with_help)) continue;
    std::string term = Bold(absl::StrReplaceAll(option->get_name(false, true), {{",", ", "}}));
    if (const std::string details = Details().Of(*option); !details.empty()) {
      absl::StrAppend(&term, " ", Italic(details));
    }
    AddRow(term, option->get_description(), page);
  }
  for (const CLI::App* group : command.get_subcommands(IsOptionGroup)) {
    absl::StrAppend(&page, ".PP\n", Italic(group->get_group()), ": ", Escaped(group->get_description()),
                    "\n");
    AddOptions(*group, false, page);
  }
}

// A verb and what is beneath it. `path`: the words before and with it.
void AddVerb(const CLI::App& verb, const std::string& path, std::string& page) {
  const auto beneath = verb.get_subcommands(IsVerb);
  std::string heading = Escaped(path);
  for (const CLI::Option* option : verb.get_options()) {
    if (option->get_positional()) absl::StrAppend(&heading, " ", Italic(Details().Usage(*option)));
  }
  if (!beneath.empty()) absl::StrAppend(&heading, " ", Italic("VERB"));
  absl::StrAppend(&page, ".SS \"", heading, "\"\n", Escaped(verb.get_description()), "\n");
  AddOptions(verb, false, page);
  for (const CLI::App* next : beneath) AddVerb(*next, absl::StrCat(path, " ", next->get_name()), page);
}

void AddFiles(std::string& page) {
  // Where all is without any settings. The configuration of this machine is not asked.
  const Surroundings usual = {.environment = {{"HOME", "~"}, {"XDG_RUNTIME_DIR", "/run/user/UID"}}};
  Surroundings unset = usual;
  unset.environment["MODELD_CONFIG"] = "/dev/null";
  absl::StrAppend(&page, ".SH FILES\nUnless the environment or the settings say otherwise; ",
                  Bold("modelctl info"), " tells.\n");
  AddRow(Italic(ConfigFile(usual)), "The daemon's settings.", page);
  AddRow(Italic(CacheFolder(unset)), "Models, compiled plans and unfinished uploads.", page);
  AddRow(Italic(StateFolder(unset)), "The catalogue: keys, pins, quotas and budgets.", page);
  AddRow(Italic(RuntimeFolder(unset)), "The daemon's sockets.", page);
}

}  // namespace

std::string ManPage(const CLI::App& app) {
  const std::string name = app.get_name();
  std::string summary(absl::StripSuffix(app.get_description(), "."));
  if (!summary.empty()) summary[0] = absl::ascii_tolower(summary[0]);
  std::string page =
      absl::StrCat(".TH ", Escaped(absl::AsciiStrToUpper(name)), " 1 \"\" \"modeld ", Escaped(kVersion),
                   "\" \"User Commands\"\n.SH NAME\n", Escaped(name), " \\- ", Escaped(summary),
                   "\n.SH SYNOPSIS\n", Bold(name), " [", Italic("OPTION"), "...] ", Italic("VERB"), " [",
                   Italic("ARGUMENT"), "...]\n.SH DESCRIPTION\n", Escaped(app.get_description()), "\n");
  for (const char* text : kDescription) absl::StrAppend(&page, ".PP\n", Escaped(text), "\n");
  absl::StrAppend(&page, ".SH OPTIONS\nThey may stand before or behind the verb.\n");
  AddOptions(app, true, page);
  absl::StrAppend(&page, ".SH VERBS\n");
  for (const CLI::App* verb : app.get_subcommands(IsVerb)) AddVerb(*verb, verb->get_name(), page);
  absl::StrAppend(&page, ".SH EXIT STATUS\n");
  for (const ExitMeaning& row : ExitMeanings()) {
    AddRow(Bold(absl::StrCat(static_cast<int>(row.code))), absl::StrCat(row.meaning, row.more), page);
  }
  absl::StrAppend(&page,
                  ".SH ENVIRONMENT\nWhile the daemon does not answer, its files are looked for by these ",
                  "variables, as it does itself. ", Bold("modeld --help"), " lists its others.\n");
  for (const auto& [variable, text] : kVariables) AddRow(Bold(variable), text, page);
  AddFiles(page);
  absl::StrAppend(&page, ".SH EXAMPLES\n");
  for (const auto& [command, text] : kExamples) AddRow(Bold(command), text, page);
  absl::StrAppend(&page, ".SH SEE ALSO\n", Bold("modeld --help"), " for the settings of the daemon, ",
                  Bold(absl::StrCat(name, " VERB --help")), " for one verb,\n.BR systemctl (1),\n",
                  ".BR systemd.socket (5)\n");
  return page;
}

}  // namespace modeld::tools
