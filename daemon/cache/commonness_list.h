// Signed lists that tell how common models are among users. Format: README.md of this folder.
#ifndef MODELD_DAEMON_CACHE_COMMONNESS_LIST_H_
#define MODELD_DAEMON_CACHE_COMMONNESS_LIST_H_

#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/digest.h"
#include "base/signature.h"

namespace modeld {

// The part of all users, in (0, 1], that has a model.
using CommonnessTable = std::map<Digest, double>;

// Bounds of a list.
inline constexpr size_t kMaxCommonnessListBytes = size_t{8} << 20;
inline constexpr size_t kMaxCommonnessEntries = 65'536;

// The list in `text`. INVALID_ARGUMENT, telling the line: it is not of the format, or larger than allowed.
// PERMISSION_DENIED: none of `keys` signed it; nothing else of it is looked at then. Pure; thread-safe.
absl::StatusOr<CommonnessTable> ParseCommonnessList(absl::string_view text, std::span<const PublicKey> keys);

// The list in a file. PERMISSION_DENIED: it is no regular file (a link neither), belongs to another user than
// root or this one, or others may write to it; also as ParseCommonnessList(). NOT_FOUND. Messages hold the
// path: they are for the log and for admins.
absl::StatusOr<CommonnessTable> LoadCommonnessList(const std::string& path, std::span<const PublicKey> keys);

// All lists that can be used, in one table: where several name a model, the smallest estimate counts. The
// others are left out, with what is wrong with each.
struct LoadedCommonness {
  CommonnessTable table;
  std::vector<absl::Status> refused;
};
// `keys` as in PrivacyOptions; one that cannot be read is refused, too. Thread-safe.
LoadedCommonness LoadCommonness(std::span<const std::string> paths, std::span<const std::string> keys);

}  // namespace modeld

#endif  // MODELD_DAEMON_CACHE_COMMONNESS_LIST_H_
