#include "tools/modelctl/app.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/version.h"
#include "tools/modelctl/completion.h"
#include "tools/modelctl/man_page.h"
#include "tools/modelctl/verb.h"

namespace modeld::tools {
namespace {

constexpr char kDescription[] = "Shows and controls modeld, the local model-management daemon.";
constexpr size_t kFooterWidth = 100;

// All exit codes, for the end of each help.
std::string Footer() {
  std::string footer = "Exit codes:";
  size_t line_start = 0;
  for (const ExitMeaning& row : ExitMeanings()) {
    const std::string text = absl::StrCat(static_cast<int>(row.code), " ", row.meaning);
    if (row.code != ExitCode::kOk) footer += ';';
    const bool full = footer.size() - line_start + text.size() >= kFooterWidth;
    absl::StrAppend(&footer, full ? "\n" : " ", text);
    if (full) line_start = footer.size() - text.size();
  }
  return footer + ".";
}

absl::Status PrintAboutItself(std::string (*make)(const CLI::App&), Environment& environment);

Action DefineCompletion(CLI::App&) {
  return [](Environment& environment) { return PrintAboutItself(BashCompletion, environment); };
}

Action DefineMan(CLI::App&) {
  return [](Environment& environment) { return PrintAboutItself(ManPage, environment); };
}

constexpr Verb kOwnVerbs[] = {
    {"completion bash", "Print a completion script: source <(modelctl completion bash)", DefineCompletion},
    {"man", "Print the manual page: modelctl man | man -l -", DefineMan},
};

// The groups, for their help.
constexpr std::pair<const char*, const char*> kGroups[] = {
    {"config", "The daemon's settings"},
    {"cache", "What takes disk space, and your say in it"},
    {"partition", "Whose models there are, and how much they may hold"},
    {"completion", "Scripts that complete modelctl's command line"},
};

// Adds global options and all verbs; parsing puts the chosen verb's action into `chosen`.
void Define(CLI::App& app, GlobalOptions& options, Action& chosen) {
  app.name("modelctl");
  app.require_subcommand(1);
  app.footer(Footer());
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return absl::StrCat("modelctl: ", error.what(), "\nmodelctl --help and modelctl VERB --help tell more\n");
  });
  app.set_version_flag("--version", absl::StrCat("modelctl ", kVersion));
  app.add_option("--host", options.host,
                 "The daemon's socket: unix:///path (else MODELD_HOST, else the usual place)");
  app.add_option("--partition", options.partition, "Act on this partition: app:<id> or web:<site>|<origin>");
  app.add_flag("--json", options.json, "Print one JSON object");
  app.add_flag("-q,--quiet", options.quiet, "Say nothing beside data; lists are ids only");
  for (const auto& [name, help] : kGroups) {
    app.add_subcommand(name, help)->require_subcommand(1)->fallthrough();
  }
  for (const auto& family : {DaemonVerbs(), TransferVerbs(), ModelVerbs(), RemovalVerbs(), RunVerbs(),
                             ActivityVerbs(), CacheVerbs(), CleaningVerbs(), WishVerbs(), PartitionVerbs(),
                             BackupVerbs(), MoveVerbs(), DoctorVerbs(), std::span<const Verb>(kOwnVerbs)}) {
    for (const Verb& verb : family) {
      const std::vector<std::string> words = absl::StrSplit(verb.name, ' ');
      CLI::App* parent = words.size() == 1 ? &app : app.get_subcommand(words[0]);
      CLI::App* command = parent->add_subcommand(words.back(), verb.help);
      command->fallthrough();
      command->callback([&chosen, action = verb.define(*command)] { chosen = action; });
    }
  }
}

// Prints what `make` makes of modelctl's whole command line.
absl::Status PrintAboutItself(std::string (*make)(const CLI::App&), Environment& environment) {
  CLI::App app(kDescription);
  GlobalOptions options;
  Action chosen;
  Define(app, options, chosen);
  environment.out() << make(app);
  return absl::OkStatus();
}

}  // namespace

ExitCode RunCommandLine(const std::vector<std::string>& arguments, Environment& environment) {
  CLI::App app(kDescription);
  Action chosen;
  Define(app, environment.options(), chosen);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    const std::vector<std::string> words = app.remaining();
    if (app.get_subcommands().empty() && !words.empty()) {
      environment.err() << "modelctl: there is no verb \"" << words.front()
                        << "\"; modelctl --help lists them\n";
      return ExitCode::kUsage;
    }
    // Help is an "error" of CLI11 with exit code 0.
    return app.exit(error, environment.out(), environment.err()) == 0 ? ExitCode::kOk : ExitCode::kUsage;
  }
  const absl::Status status = chosen(environment);
  environment.out() << std::flush;
  if (absl::IsCancelled(status)) {
    environment.err() << "modelctl: interrupted\n";
  } else if (absl::IsUnimplemented(status) && status.message().empty()) {
    environment.err() << "modelctl: the running daemon is older than this modelctl; restart it\n";
  } else if (!status.ok()) {
    environment.err() << "modelctl: " << status.message() << "\n";
  }
  return ExitCodeOf(status);
}

}  // namespace modeld::tools
