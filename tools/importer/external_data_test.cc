#include "tools/importer/external_data.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace modeld::importer {
namespace {

namespace fs = std::filesystem;
using absl::StatusCode;

// A model's folder with a weights file, and a secret beside the folder.
struct Folder {
  Folder() {
    const char* base = std::getenv("TEST_TMPDIR");
    std::string name = std::string(base == nullptr ? "/tmp" : base) + "/external_XXXXXX";
    root = mkdtemp(name.data());
    fs::create_directories(root / "model" / "sub");
    std::ofstream(root / "model" / "weights.bin") << "0123456789";
    std::ofstream(root / "secret") << "do not read";
  }
  ~Folder() { fs::remove_all(root); }
  StatusCode Code(const std::string& location, uint64_t offset = 0, uint64_t length = 1) {
    ExternalFiles files((root / "model").string());
    return files.Map(location, offset, length).status().code();
  }
  fs::path root;
};

TEST_CASE("a range of a file in the model's folder is mapped") {
  Folder folder;
  ExternalFiles files((folder.root / "model").string());
  CHECK(files.Map("weights.bin", 2, 3)->view() == "234");
  CHECK(files.Map("./weights.bin", 9, 1)->view() == "9");
  CHECK(files.Map("weights.bin", 0, 10)->owner() == files.Map("weights.bin", 5, 1)->owner());
}

TEST_CASE("nothing outside the model's folder is reached") {
  Folder folder;
  CHECK(folder.Code("../secret") == StatusCode::kPermissionDenied);
  CHECK(folder.Code("sub/../../secret") == StatusCode::kPermissionDenied);
  CHECK(folder.Code((folder.root / "secret").string()) == StatusCode::kInvalidArgument);
  CHECK(folder.Code("") == StatusCode::kInvalidArgument);
  CHECK(folder.Code(std::string("weights.bin\0x", 13)) == StatusCode::kInvalidArgument);
}

TEST_CASE("links to files elsewhere are refused") {
  Folder folder;
  fs::create_symlink("../secret", folder.root / "model" / "symlink");
  fs::create_directory_symlink("..", folder.root / "model" / "up");
  fs::create_hard_link(folder.root / "secret", folder.root / "model" / "hardlink");
  CHECK(folder.Code("symlink") == StatusCode::kPermissionDenied);
  CHECK(folder.Code("up/secret") == StatusCode::kPermissionDenied);
  CHECK(folder.Code("hardlink") == StatusCode::kPermissionDenied);
}

TEST_CASE("only plain files with enough bytes are mapped") {
  Folder folder;
  REQUIRE(mkfifo((folder.root / "model" / "fifo").c_str(), 0600) == 0);
  std::ofstream(folder.root / "model" / "empty");
  CHECK(folder.Code("fifo") == StatusCode::kPermissionDenied);
  CHECK(folder.Code("sub") == StatusCode::kPermissionDenied);
  CHECK(folder.Code("empty") == StatusCode::kInvalidArgument);
  CHECK(folder.Code("absent") == StatusCode::kNotFound);
  CHECK(folder.Code("weights.bin", 8, 3) == StatusCode::kInvalidArgument);
  CHECK(folder.Code("weights.bin", UINT64_MAX, 2) == StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace modeld::importer
