#include "daemon/cache/commonness_list.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace modeld {
namespace {

const std::string kSeed(32, 's');

PublicKey Key(const std::string& seed = kSeed) {
  return Sign(seed, "")->key;
}

std::string Hex(const PublicKey& key) {
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(key.bytes.data()), key.bytes.size()));
}

std::string Id(const std::string& of) {
  return Digest::Of(absl::string_view(of)).ToHex();
}

std::string SignedList(const std::string& lines, const std::string& seed = kSeed) {
  const std::string text = absl::StrCat("modeld-commonness 1\n", lines);
  return absl::StrCat(text, "signature ", absl::BytesToHexString(Sign(seed, text)->signature), "\n");
}

absl::StatusOr<CommonnessTable> Parse(const std::string& text) {
  const PublicKey key = Key();
  return ParseCommonnessList(text, {&key, 1});
}

TEST_CASE("a signed list gives the models that it names") {
  const auto table = Parse(SignedList(absl::StrCat("# comment\n\n", Id("a"), " 0.25\n", Id("b"), " 1\n")));
  REQUIRE(table.ok());
  CHECK(*table == CommonnessTable{{Digest::Of("a"), 0.25}, {Digest::Of("b"), 1.0}});
  CHECK(Parse(SignedList(""))->empty());
}

TEST_CASE("a list is refused unless one of the keys signed exactly these bytes") {
  const std::string good = SignedList(absl::StrCat(Id("a"), " 0.25\n"));
  REQUIRE(Parse(good).ok());
  for (size_t at = 0; at < good.size(); ++at) {
    std::string changed = good;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    INFO(at);
    // Hexadecimal digits of the signature may differ in nothing but their case, which one flipped bit does
    // not do.
    CHECK_FALSE(Parse(changed).ok());
  }
  for (const std::string& text :
       {std::string(), std::string("\n"), good.substr(0, good.size() - 1), good + "x", good + "\n",
        good + Id("b") + " 1\n", SignedList("", std::string(32, 't')), std::string("signature \n")}) {
    INFO(text);
    CHECK(Parse(text).status().code() == absl::StatusCode::kPermissionDenied);
  }
  CHECK(ParseCommonnessList(good, {}).status().code() == absl::StatusCode::kPermissionDenied);
  const std::vector<PublicKey> keys = {Key(std::string(32, 't')), Key()};
  CHECK(ParseCommonnessList(good, keys).ok());
}

TEST_CASE("a signed list that breaks the format is refused whole, with its line") {
  for (const std::string& line :
       {std::string("x 0.5"), Id("a"), Id("a") + "  0.5", Id("a") + " 0.5 ", Id("a") + " 0", Id("a") + " -1",
        Id("a") + " 1.01", Id("a") + " nan", Id("a") + " x", Id("A").substr(1) + "G 0.5", Id("b") + " 0.5"}) {
    INFO(line);
    const auto table = Parse(SignedList(absl::StrCat(Id("b"), " 0.5\n", line, "\n")));
    REQUIRE(table.status().code() == absl::StatusCode::kInvalidArgument);
    CHECK(absl::StrContains(std::string(table.status().message()), "line 3"));
  }
  const std::string other = "modeld-commonness 2\n";
  CHECK(Parse(absl::StrCat(other, "signature ", absl::BytesToHexString(Sign(kSeed, other)->signature), "\n"))
            .status()
            .code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("a list has a bounded number of bytes and entries") {
  std::string lines;
  for (size_t i = 0; i <= kMaxCommonnessEntries; ++i) absl::StrAppend(&lines, Id(absl::StrCat(i)), " 1\n");
  CHECK(Parse(SignedList(lines)).status().code() == absl::StatusCode::kInvalidArgument);
  lines.resize(lines.size() - 67);
  CHECK(Parse(SignedList(lines))->size() == kMaxCommonnessEntries);
  CHECK(Parse(SignedList("#" + std::string(kMaxCommonnessListBytes, 'x') + "\n")).status().code() ==
        absl::StatusCode::kInvalidArgument);
}

class Folder {
 public:
  Folder() {
    std::string pattern = absl::StrCat(std::getenv("TEST_TMPDIR"), "/lists-XXXXXX");
    path_ = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string Write(const std::string& name, const std::string& text, mode_t mode = 0644) const {
    const std::string path = absl::StrCat(path_, "/", name);
    std::ofstream(path, std::ios::binary) << text;
    REQUIRE(chmod(path.c_str(), mode) == 0);
    return path;
  }

 private:
  std::string path_;
};

TEST_CASE("a list's file must be a plain file that others cannot write to") {
  const Folder folder;
  const PublicKey key = Key();
  const std::string text = SignedList(absl::StrCat(Id("a"), " 0.5\n"));
  const auto code = [&](const std::string& path) {
    return LoadCommonnessList(path, {&key, 1}).status().code();
  };
  const std::string good = folder.Write("good", text);
  CHECK(code(good) == absl::StatusCode::kOk);
  CHECK(code(folder.Write("group", text, 0664)) == absl::StatusCode::kPermissionDenied);
  CHECK(code(folder.Write("world", text, 0646)) == absl::StatusCode::kPermissionDenied);
  CHECK(code(good + "-not") == absl::StatusCode::kNotFound);
  std::filesystem::create_symlink(good, good + "-link");
  CHECK(code(good + "-link") == absl::StatusCode::kPermissionDenied);
  REQUIRE(mkfifo((good + "-pipe").c_str(), 0600) == 0);
  CHECK(code(good + "-pipe") == absl::StatusCode::kPermissionDenied);
  CHECK(code(std::filesystem::path(good).parent_path()) == absl::StatusCode::kPermissionDenied);
  CHECK(code(folder.Write("large", std::string(kMaxCommonnessListBytes + 1, 'x'))) ==
        absl::StatusCode::kInvalidArgument);
}

TEST_CASE("lists that cannot be used are told and left out, and the smallest estimate counts") {
  const Folder folder;
  const std::vector<std::string> paths = {
      folder.Write("one", SignedList(absl::StrCat(Id("a"), " 0.5\n", Id("b"), " 0.1\n"))),
      folder.Write("unsigned", absl::StrCat("modeld-commonness 1\n", Id("c"), " 1\n")),
      folder.Write("two", SignedList(absl::StrCat(Id("a"), " 0.2\n", Id("b"), " 0.3\n")))};
  const LoadedCommonness loaded = LoadCommonness(paths, std::vector<std::string>{"no key", Hex(Key())});
  CHECK(loaded.table == CommonnessTable{{Digest::Of("a"), 0.2}, {Digest::Of("b"), 0.1}});
  CHECK(loaded.refused.size() == 2);
}

}  // namespace
}  // namespace modeld
