// Whether catalogue, memory and files agree, and how they are made to.
#ifndef MODELD_STORAGE_AUDIT_H_
#define MODELD_STORAGE_AUDIT_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/digest.h"
#include "storage/store_core.h"

namespace modeld::storage {

// The catalogue's records as they ought to be in memory, too: what memory may be ahead of is blanked.
std::map<std::string, std::string> Comparable(const Index& index);

// Models that name a blob, ascending.
std::vector<Digest> ModelsNaming(const Index& index, const Digest& blob);

// See ModelStore::Audit().
absl::StatusOr<std::vector<std::string>> FindProblems(StoreCore& core) ABSL_LOCKS_EXCLUDED(core.mu);

// Mends what FindProblems() finds, as far as nothing of the user's is lost by it: replaces or removes records
// that cannot be read, takes the database's word where memory differs, drops keys and models that nobody
// holds, drops uploads without files, removes stray files or hands them to the collector, looks again at
// marked blobs whose files are there, drops plans without files. Goes on after an error and returns the
// first.
absl::Status Repair(StoreCore& core) ABSL_LOCKS_EXCLUDED(core.mu);

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_AUDIT_H_
