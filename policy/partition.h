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

// A top-level site ("https://example.com") and an origin ("https://app.example.com:8443"), as they stand in a
// web partition's name: the same rules and normal forms. Pure.
absl::StatusOr<std::string> ParseSite(absl::string_view text);
absl::StatusOr<std::string> ParseWebOrigin(absl::string_view text);

// Whom the user may share a model with: a partition's full name, or a site or origin. Normalised. Pure.
absl::StatusOr<std::string> ParseParty(absl::string_view text);

// The parts of a partition's name. The views are into `partition`. Pure.
struct PartitionParts {
  // The top-level site of a web partition; any other partition's whole name. Budgets are kept by it.
  absl::string_view site;
  // Empty for any other.
  absl::string_view origin;
};
// Requires: normal form.
PartitionParts PartsOf(absl::string_view partition);

// Whether a partition is the party, or of the site or origin that the party names. Requires: normal forms.
// Pure.
bool IsOfParty(absl::string_view partition, absl::string_view party);

}  // namespace modeld

#endif  // MODELD_POLICY_PARTITION_H_
