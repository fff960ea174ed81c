// Partition names: whose cache it is.
#ifndef MODELD_POLICY_PARTITION_H_
#define MODELD_POLICY_PARTITION_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace modeld {

// "app:<id>" for an app's id. INVALID_ARGUMENT unless 1 to 255 bytes of [A-Za-z0-9._@:+-]. Pure.
absl::StatusOr<std::string> AppPartition(absl::string_view app_id);

// Parses and normalises what a broker names: "web:<top-level site>|<origin>", each scheme://host[:port].
// Lower-cases scheme and host, drops default ports and one trailing dot, wants http or https, a valid host
// (DNS labels, punycode accepted and kept; no raw non-ASCII: the browser has converted it), no user, path,
// query or fragment, and a site without port. Opaque origins ("null"), other schemes and anything else:
// INVALID_ARGUMENT, saying what is wrong. Pure.
absl::StatusOr<std::string> ParseWebPartition(absl::string_view text);

// Accepts either form, for the admin's --partition. Pure.
absl::StatusOr<std::string> ParsePartition(absl::string_view text);

}  // namespace modeld

#endif  // MODELD_POLICY_PARTITION_H_
