// Finding and reading files of vectors.
#ifndef MODELD_TESTS_CONFORMANCE_CASE_FILES_H_
#define MODELD_TESTS_CONFORMANCE_CASE_FILES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/conformance/case.h"

namespace modeld::conformance {

// The files that `paths` mean: themselves, or of a folder all *.json but INDEX.json, sorted by name. Relative
// ones are relative to `folder` unless that is empty. NOT_FOUND, for people: a path does not exist, or a
// folder holds no such file.
absl::StatusOr<std::vector<std::string>> FindCaseFiles(const std::vector<std::string>& paths,
                                                       const std::string& folder);

// The cases of the file. INVALID_ARGUMENT: as SplitCases. NOT_FOUND: it cannot be read.
absl::StatusOr<std::vector<Json>> ReadCaseFile(const std::string& path);

// The last part of the path.
std::string FileName(const std::string& path);

}  // namespace modeld::conformance

#endif  // MODELD_TESTS_CONFORMANCE_CASE_FILES_H_
