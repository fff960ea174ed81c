#include "base/program_build.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"

namespace modeld {
namespace {

// A note's words may lie about the bytes that follow.
struct Note {
  uint32_t name_bytes = 4;
  uint32_t description_bytes = 0;
  uint32_t type = NT_GNU_BUILD_ID;
  std::string rest;
};

std::string Bytes(const Note& note) {
  const uint32_t words[] = {note.name_bytes, note.description_bytes, note.type};
  return std::string(reinterpret_cast<const char*>(words), sizeof(words)) + note.rest;
}

std::optional<std::string> IdIn(const std::string& notes, size_t alignment = 4) {
  return BuildIdInNotes({reinterpret_cast<const std::byte*>(notes.data()), notes.size()}, alignment);
}

const std::string kGnuName("GNU\0", 4);
const std::string kPadding(4, '\0');

TEST_CASE("a build-id is found behind notes of other kinds, names and lengths") {
  const std::string id = Bytes({.description_bytes = 4, .rest = kGnuName + "abcd"});
  CHECK(IdIn(id) == "abcd");
  const std::string property = Bytes({.description_bytes = 8, .type = 5, .rest = kGnuName + "12345678"});
  CHECK(IdIn(property + id) == "abcd");
  const std::string foreign = Bytes({.description_bytes = 4, .rest = std::string("Go\0\0", 4) + "wxyz"});
  CHECK(IdIn(foreign + id) == "abcd");
  // Five bytes of name and of description are padded to eight; no name is none.
  const std::string odd = Bytes(
      {.name_bytes = 5, .description_bytes = 5, .rest = std::string("Five\0", 5) + "..." + "12345" + "..."});
  CHECK(IdIn(odd + id) == "abcd");
  CHECK(IdIn(Bytes({.name_bytes = 0, .description_bytes = 0}) + id) == "abcd");
  CHECK(IdIn(id + property) == "abcd");
  // The last one may end with its bytes.
  CHECK(IdIn(Bytes({.description_bytes = 3, .rest = kGnuName + "abc"})) == "abc");
}

TEST_CASE("notes that are aligned to eight bytes are padded to them") {
  // 12 + 4 bytes end at a multiple of 8; 12 more do not.
  const std::string property =
      Bytes({.description_bytes = 12, .type = 5, .rest = kGnuName + "123456789012" + kPadding});
  const std::string id = Bytes({.description_bytes = 4, .rest = kGnuName + "abcd"});
  CHECK(IdIn(property + id, 8) == "abcd");
  // What follows by four is a note of zeros, and then one that the rest is too short for.
  CHECK(IdIn(property + id, 4) == std::nullopt);
}

TEST_CASE("notes with wrong sizes have no build-id and are not read beyond their end") {
  const std::string whole = Bytes({.description_bytes = 20, .rest = kGnuName + std::string(20, 'x')});
  REQUIRE(IdIn(whole).has_value());
  for (size_t size = 0; size < whole.size(); ++size) {
    // On the heap, where a sanitizer sees each byte too many.
    const std::vector<char> cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    CHECK_FALSE(BuildIdInNotes(std::as_bytes(std::span(cut)), 4).has_value());
  }
  constexpr uint32_t kMax = UINT32_MAX;
  CHECK_FALSE(IdIn(Bytes({.name_bytes = kMax, .description_bytes = 4, .rest = kGnuName + "abcd"})));
  CHECK_FALSE(IdIn(Bytes({.description_bytes = kMax, .rest = kGnuName + "abcd"})));
  CHECK_FALSE(IdIn(Bytes({.name_bytes = kMax, .description_bytes = kMax, .rest = kGnuName + "abcd"})));
  CHECK_FALSE(IdIn(Bytes({.description_bytes = 0, .rest = kGnuName})));
  for (const size_t alignment : {size_t{0}, size_t{1}, size_t{3}, size_t{16}, SIZE_MAX}) {
    CHECK_FALSE(IdIn(whole, alignment).has_value());
  }
}

TEST_CASE("this process is made of one executable, this code and the system's libraries") {
  const std::vector<LoadedObject> objects = LoadedObjects();
  const auto count = [&](auto predicate) { return std::count_if(objects.begin(), objects.end(), predicate); };
  CHECK(count([](const LoadedObject& object) { return object.path.empty(); }) == 1);
  CHECK(count([](const LoadedObject& object) { return object.has_this_code; }) == 1);
  CHECK(count([](const LoadedObject& object) { return IsOurs(object) && object.build_id.empty(); }) == 0);
  const auto is_libc = [](const LoadedObject& object) { return absl::StrContains(object.path, "/libc.so"); };
  CHECK(count(is_libc) == 1);
  CHECK(count([&](const LoadedObject& object) { return is_libc(object) && IsOurs(object); }) == 0);
}

TEST_CASE("ours is the executable, what has this code, and what is no library of the system") {
  CHECK(IsOurs({.path = ""}));
  CHECK(IsOurs({.path = "/usr/lib/modeld/libmodeld.so", .has_this_code = true}));
  CHECK(IsOurs({.path = "/home/user/build/libengine.so"}));
  CHECK(IsOurs({.path = "./libengine.so"}));
  CHECK(IsOurs({.path = "/library/libengine.so"}));
  CHECK_FALSE(IsOurs({.path = "/lib/x86_64-linux-gnu/libc.so.6"}));
  CHECK_FALSE(IsOurs({.path = "/usr/lib64/libdnnl.so.2"}));
  CHECK_FALSE(IsOurs({.path = "linux-vdso.so.1"}));
}

TEST_CASE("the build is that of all our objects, wherever they lie, and of no others") {
  const LoadedObject program{.path = "", .build_id = "1"}, engine{.path = "/opt/a.so", .build_id = "2"};
  const LoadedObject moved{.path = "/srv/b.so", .build_id = "2"};
  const LoadedObject changed{.path = "/opt/a.so", .build_id = "3"};
  const LoadedObject system{.path = "/lib/c.so", .build_id = "4"};
  const Digest build = BuildOf({program, engine});
  CHECK(BuildOf({engine, program}) == build);
  CHECK(BuildOf({program, moved}) == build);
  CHECK(BuildOf({program, engine, system}) == build);
  CHECK(BuildOf({program, changed}) != build);
  CHECK(BuildOf({program}) != build);
  CHECK(BuildOf({program, engine, moved}) != build);
}

// A folder that goes with the test.
struct Folder {
  Folder() {
    std::string name = "/tmp/modeld-build-XXXXXX";
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

TEST_CASE("an object without a build-id is told by all bytes of its file, or by nothing at all") {
  const Folder folder;
  const LoadedObject object{.path = folder.path + "/unmarked.so"};
  const auto write = [&](const std::string& bytes) {
    std::ofstream(object.path, std::ios::binary | std::ios::trunc) << bytes;
  };
  // More than is read at a time, changed in its last byte.
  const std::string bytes(3'000'000, 'x');
  write(bytes + "a");
  const Digest build = BuildOf({object});
  CHECK(BuildOf({object}) == build);
  write(bytes + "b");
  CHECK(BuildOf({object}) != build);
  write(bytes + "a");
  CHECK(BuildOf({object}) == build);

  std::filesystem::remove(object.path);
  CHECK(BuildOf({object}) != BuildOf({object}));
  std::filesystem::create_directory(object.path);
  CHECK(BuildOf({object}) != BuildOf({object}));
}

// What a program of program_build_printer.cc prints.
std::string Printed(const std::string& command) {
  FILE* pipe = popen((command + " 2>/dev/null").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string text(100, '\0');
  text.resize(fread(text.data(), 1, text.size(), pipe));
  CHECK(pclose(pipe) == 0);
  REQUIRE(Digest::FromHex(absl::StripSuffix(text, "\n")).ok());
  return text;
}

TEST_CASE("a program's build stays over restarts and places, and changes with its code") {
  const std::string printer = "base/program_build_printer";
  const std::string build = Printed(printer);
  CHECK(Printed(printer) == build);
  const Folder folder;
  std::filesystem::copy_file(printer, folder.path + "/moved");
  CHECK(Printed(folder.path + "/moved") == build);
  CHECK(Printed("base/program_build_printer_changed") != build);
}

TEST_CASE("a program that its linker left without a build-id has a build all the same") {
  const std::string printer = "base/program_build_printer_unmarked";
  const std::string build = Printed(printer);
  CHECK(Printed(printer) == build);
  CHECK(build != Printed("base/program_build_printer"));
  CHECK(build != Printed("base/program_build_printer_unmarked_changed"));
}

TEST_CASE("a shared object of ours is part of the build") {
  const std::string printer = "base/program_build_printer";
  const std::string with = Printed(printer + " base/libprogram_build_part.so");
  CHECK(with == Printed(printer + " base/libprogram_build_part.so"));
  CHECK(with != Printed(printer));
  CHECK(with != Printed(printer + " base/libprogram_build_part_changed.so"));
}

}  // namespace
}  // namespace modeld
