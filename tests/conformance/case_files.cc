#include "tests/conformance/case_files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace modeld::conformance {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> CaseFilesOf(const fs::path& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const fs::path& path = entry.path();
    if (path.extension() == ".json" && path.filename() != "INDEX.json") files.push_back(path.string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> FindCaseFiles(const std::vector<std::string>& paths,
                                                       const std::string& folder) {
  std::vector<std::string> files;
  for (const std::string& given : paths) {
    const fs::path path = fs::path(folder) / given;
    std::error_code error;
    if (!fs::exists(path, error)) return absl::NotFoundError(absl::StrCat(given, ": does not exist"));
    if (!fs::is_directory(path, error)) {
      files.push_back(path.string());
      continue;
    }
    const std::vector<std::string> found = CaseFilesOf(path);
    if (found.empty()) return absl::NotFoundError(absl::StrCat(given, ": holds no .json file"));
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

absl::StatusOr<std::vector<Json>> ReadCaseFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) return absl::NotFoundError("the file cannot be read");
  return SplitCases(text.str());
}

std::string FileName(const std::string& path) {
  return fs::path(path).filename().string();
}

}  // namespace modeld::conformance
