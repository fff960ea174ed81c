// The manual page tells what the command line takes, and man can show it.
#include "tools/modelctl/man_page.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tools/data/file.h"
#include "tools/modelctl/app_testing.h"
#include "tools/modelctl/exit_code.h"

namespace modeld::tools {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

std::string Page() {
  const Result result = Modelctl({"man"});
  REQUIRE(result.code == 0);
  CHECK(result.err.empty());
  return result.out;
}

std::vector<std::string> Parts(const std::string& text, const std::string& between) {
  return absl::StrSplit(text, between);
}

std::string Literal(const std::string& text) {
  return absl::StrReplaceAll(text, {{"-", "\\-"}});
}

// The first column of the list in a section, without its font.
std::vector<std::string> TermsOf(const std::string& page, const std::string& section) {
  const size_t start = page.find(absl::StrCat(".SH ", section, "\n"));
  REQUIRE(start != std::string::npos);
  const std::string text = page.substr(start, page.find("\n.SH ", start) - start);
  const std::vector<std::string> rows = Parts(text, "\n.TP\n");
  std::vector<std::string> terms;
  for (size_t i = 1; i < rows.size(); ++i) {
    terms.push_back(absl::StrReplaceAll(rows[i].substr(0, rows[i].find('\n')),
                                        {{"\\fB", ""}, {"\\fI", ""}, {"\\fR", ""}, {"\\-", "-"}}));
  }
  return terms;
}

// No line is a request but for the page's own, nothing is left for roff to change, and all of it is ASCII.
void CheckRoff(const std::string& page) {
  constexpr absl::string_view kRequests[] = {".TH ", ".SH ", ".SS ", ".TP", ".PP", ".BR "};
  for (const std::string& line : Parts(page, "\n")) {
    CAPTURE(line);
    const bool request = std::any_of(std::begin(kRequests), std::end(kRequests),
                                     [&](absl::string_view name) { return absl::StartsWith(line, name); });
    if (!request) CHECK_FALSE((absl::StartsWith(line, ".") || absl::StartsWith(line, "'")));
    CHECK(std::all_of(line.begin(), line.end(), [](char c) { return absl::ascii_isprint(c); }));
    CHECK(line.find_first_of("'`^~") == std::string::npos);
    for (size_t at = line.find('-'); at != std::string::npos; at = line.find('-', at + 1)) {
      CHECK((at > 0 && line[at - 1] == '\\'));
    }
  }
}

// A command line that modelctl does not have, with what roff takes amiss.
std::string OddPage() {
  CLI::App app("Does odd things.", "odd");
  bool flag = false;
  app.add_flag("-l,--loud", flag, "'Loud' \\o/");
  CLI::App* group = app.add_subcommand("farm", ".cows and\n.sheep\n'goats'");
  CLI::App* verb = group->add_subcommand("milk-all", "Milk ~all~ `of` \"them\" ^ -- now");
  std::string cow;
  int litres = 7;
  std::vector<std::string> pails;
  verb->add_option("COW", cow, "Which one")->required();
  verb->add_option("PAIL", pails, "Into these");
  verb->add_option("--up-to", litres, "Litres")->capture_default_str()->type_name("N");
  verb->add_option_group("Feed", "What it eats")->add_flag("--hay", flag, "Hay");
  return ManPage(app);
}

TEST_CASE("The page walks whatever command line there is", "[man]") {
  const std::string page = OddPage();
  CHECK_THAT(page, StartsWith(".TH ODD 1 "));
  for (const char* part : {"odd \\- does odd things\n", "\\fB\\-l, \\-\\-loud\\fR\n\\(aqLoud\\(aq \\eo/\n",
                           ".SS \"farm \\fIVERB\\fR\"\n", "\\&.cows and\n\\&.sheep\n\\(aqgoats\\(aq\n",
                           ".SS \"farm milk\\-all \\fICOW\\fR \\fI[PAIL...]\\fR\"\n",
                           "Milk \\(tiall\\(ti \\(gaof\\(ga \\(dqthem\\(dq \\(ha \\-\\- now\n",
                           ".TP\n\\fICOW\\fR\nWhich one\n", "\\fB\\-\\-up\\-to\\fR \\fIN=7\\fR\nLitres\n",
                           "\\fIFeed\\fR: What it eats\n.TP\n\\fB\\-\\-hay\\fR\nHay\n"}) {
    CHECK_THAT(page, Contains(part));
  }
  CheckRoff(page);
}

TEST_CASE("The page has every verb and option that completion knows", "[man]") {
  const std::string page = Page();
  CheckRoff(page);
  int verbs = 0;
  for (const std::string& line : Parts(Modelctl({"completion", "bash"}).out, "\n")) {
    const std::vector<std::string> parts = Parts(line, "\"");
    if (parts.size() != 5) continue;
    // A case of the script: the verb's words, and what may follow them.
    CAPTURE(line);
    if (!parts[1].empty()) {
      ++verbs;
      CHECK((absl::StrContains(page, absl::StrCat(".SS \"", Literal(parts[1]), "\"\n")) ||
             absl::StrContains(page, absl::StrCat(".SS \"", Literal(parts[1]), " \\fI"))));
    }
    for (const std::string& word : Parts(parts[3], " ")) CHECK_THAT(page, Contains(Literal(word)));
  }
  CHECK(verbs > 30);
}

TEST_CASE("Every exit code is in the page, and in README.md in the same words", "[man]") {
  const std::vector<std::string> codes = TermsOf(Page(), "EXIT STATUS");
  std::vector<std::string> expected;
  const std::string readme = *ReadWholeFile("tools/modelctl/README.md", 1 << 20);
  for (const ExitMeaning& row : ExitMeanings()) {
    expected.push_back(std::to_string(static_cast<int>(row.code)));
    CHECK_THAT(readme, Contains(absl::StrCat("| ", expected.back(), " | ", row.meaning, row.more, " |\n")));
    CHECK_THAT(Modelctl({"--help"}).out, Contains(absl::StrCat(expected.back(), " ", row.meaning)));
  }
  CHECK(codes == expected);
  for (int code = 0; code <= static_cast<int>(absl::StatusCode::kUnauthenticated); ++code) {
    const ExitCode exit = ExitCodeOf(absl::Status(static_cast<absl::StatusCode>(code), "because"));
    CHECK(std::count(codes.begin(), codes.end(), std::to_string(static_cast<int>(exit))) == 1);
  }
}

TEST_CASE("Each variable in the page is read", "[man]") {
  std::vector<std::string> variables = TermsOf(Page(), "ENVIRONMENT");
  REQUIRE(variables.size() > 5);
  const auto info = [] {
    return nlohmann::json::parse(Modelctl({"--host", "/nonexistent/modeld.sock", "info", "--json"}).out)
        .dump();
  };
  for (const std::string& variable : variables) {
    // The colours of a terminal, and programs: the machine's own matter here.
    if (variable == "NO_COLOR" || variable == "PATH") continue;
    CAPTURE(variable);
    for (const std::string& other : variables) {
      if (other != "PATH") unsetenv(other.c_str());
    }
    setenv(variable.c_str(), variable == "MODELD_HOST" ? "no/socket" : "/nonexistent/of-this-variable", 1);
    if (variable == "MODELD_HOST") {
      CHECK(Modelctl({"status"}).code == 2);
    } else {
      CHECK_THAT(info(), Contains("/nonexistent/of-this-variable"));
    }
  }
}

TEST_CASE("The page's examples are right command lines", "[man]") {
  const std::vector<std::string> examples = TermsOf(Page(), "EXAMPLES");
  CHECK(examples.size() >= 2);
  for (const std::string& example : examples) {
    std::vector<std::string> words = Parts(example, " ");
    CAPTURE(example);
    REQUIRE(words.front() == "modelctl");
    words.front() = "--host=/nonexistent/modeld.sock";
    // The file is not there, or the daemon; but the words are understood.
    const int code = Modelctl(words).code;
    CHECK((code == 3 || code == 4));
  }
}

TEST_CASE("man shows the page without a warning, and what it shows can be typed", "[man]") {
  if (std::system("command -v groff > /dev/null") != 0) {
    std::cout << "skipped: groff is not installed\n";
    return;
  }
  const std::pair<std::string, std::vector<std::string>> cases[] = {
      {Page(), {"--older-than", "~/.cache/modeld"}},
      {OddPage(), {".cows", ".sheep", "'goats'", "'Loud' \\o/", "~all~ `of` \"them\" ^ -- now"}},
  };
  for (const auto& [page, parts] : cases) {
    const std::string source = TempFile("page.1"), text = TempFile("page.txt"), talk = TempFile("warnings");
    REQUIRE(WriteWholeFile(source, page) == absl::OkStatus());
    const std::string command =
        absl::StrCat("groff -man -ww -Tutf8 -P-cbou ", source, " > ", text, " 2> ", talk);
    CHECK(std::system(command.c_str()) == 0);
    CHECK(*ReadWholeFile(talk, 1 << 20) == "");
    const std::string shown = *ReadWholeFile(text, 1 << 20);
    for (const std::string& part : parts) {
      CHECK_THAT(shown, Contains(part));
    }
  }
}

}  // namespace
}  // namespace modeld::tools
