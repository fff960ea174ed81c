#include "policy/partition.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"

namespace modeld {
namespace {

constexpr absl::string_view kWebPrefix = "web:";
constexpr size_t kMaxAppIdBytes = 255;
// DNS: a name's text form, without the trailing dot, and one label.
constexpr size_t kMaxHostBytes = 253;
constexpr size_t kMaxLabelBytes = 63;

struct Scheme {
  absl::string_view name;
  uint32_t default_port;
};
constexpr Scheme kSchemes[] = {{"http", 80}, {"https", 443}};

absl::Status Wrong(absl::string_view what, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat("partition: ", what, " ", message));
}

// What a browser writes for an IPv4 address: four decimal numbers without leading zeros. Nothing when `host`
// is no such address, an error when it ends like one but is not: URL parsers differ on what those mean.
absl::StatusOr<bool> IsIpv4(absl::string_view what, const std::vector<absl::string_view>& labels) {
  const absl::string_view last = labels.back();
  const bool numeric = std::all_of(last.begin(), last.end(), absl::ascii_isdigit);
  const bool hex = last.size() >= 2 && last[0] == '0' && last[1] == 'x' &&
                   std::all_of(last.begin() + 2, last.end(), absl::ascii_isxdigit);
  if (!numeric && !hex) return false;
  const auto is_byte = [](absl::string_view label) {
    uint32_t value = 0;
    return label.size() <= 3 && std::all_of(label.begin(), label.end(), absl::ascii_isdigit) &&
           absl::SimpleAtoi(label, &value) && value <= 255 && (label.size() == 1 || label[0] != '0');
  };
  if (labels.size() != 4 || !std::all_of(labels.begin(), labels.end(), is_byte)) {
    return Wrong(what, "has a host that ends in a number and is not an IPv4 address in its usual form");
  }
  return true;
}

// The eight groups of an IPv6 address without brackets; nothing when it is none. No embedded IPv4, no zone: a
// browser's origin has neither.
std::optional<std::array<uint16_t, 8>> ParseIpv6(absl::string_view text) {
  const std::vector<absl::string_view> halves = absl::StrSplit(text, "::");
  if (halves.size() > 2) return std::nullopt;
  std::vector<uint16_t> groups[2];
  for (size_t i = 0; i < halves.size(); ++i) {
    if (halves[i].empty()) continue;
    for (absl::string_view group : absl::StrSplit(halves[i], ':')) {
      uint32_t value = 0;
      if (group.size() > 4 || !std::all_of(group.begin(), group.end(), absl::ascii_isxdigit) ||
          !absl::SimpleHexAtoi(group, &value)) {
        return std::nullopt;
      }
      groups[i].push_back(static_cast<uint16_t>(value));
    }
  }
  const size_t count = groups[0].size() + groups[1].size();
  if (halves.size() == 1 ? count != 8 : count > 7) return std::nullopt;
  std::array<uint16_t, 8> address{};
  std::copy(groups[0].begin(), groups[0].end(), address.begin());
  std::copy(groups[1].begin(), groups[1].end(), address.end() - groups[1].size());
  return address;
}

// WHATWG's serialisation: lower case, no leading zeros, the first longest run of two or more zeros as "::".
std::string PrintIpv6(const std::array<uint16_t, 8>& address) {
  size_t run_start = 8;
  size_t run_length = 1;
  for (size_t i = 0; i < 8; ++i) {
    size_t end = i;
    while (end < 8 && address[end] == 0) ++end;
    if (end - i > run_length) {
      run_start = i;
      run_length = end - i;
    }
  }
  std::string text = "[";
  for (size_t i = 0; i < 8;) {
    if (i == run_start) {
      text += "::";
      i += run_length;
      continue;
    }
    if (i != 0 && text.back() != ':') text += ':';
    absl::StrAppend(&text, absl::Hex(address[i]));
    ++i;
  }
  return text + "]";
}

absl::StatusOr<std::string> ParseDnsHost(absl::string_view what, absl::string_view text) {
  std::string host = absl::AsciiStrToLower(text);
  if (!host.empty() && host.back() == '.') host.pop_back();
  if (host.empty()) return Wrong(what, "has no host");
  if (host.size() > kMaxHostBytes) return Wrong(what, "has a host of more than 253 characters");
  const std::vector<absl::string_view> labels = absl::StrSplit(host, '.');
  for (absl::string_view label : labels) {
    if (label.empty()) return Wrong(what, "has a host with an empty label");
    if (label.size() > kMaxLabelBytes) return Wrong(what, "has a host label of more than 63 characters");
    const auto allowed = [](unsigned char c) {
      return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-' || c == '_';
    };
    if (!std::all_of(label.begin(), label.end(), allowed)) {
      return Wrong(
          what,
          "has a host with a character outside a-z, 0-9, '-' and '_' (international names go in punycode)");
    }
    if (label.front() == '-' || label.back() == '-') {
      return Wrong(what, "has a host label that begins or ends with '-'");
    }
  }
  const absl::StatusOr<bool> ipv4 = IsIpv4(what, labels);
  if (!ipv4.ok()) return ipv4.status();
  return host;
}

// Takes the host off the front of `rest`, which then is empty or begins with ':'.
absl::StatusOr<std::string> TakeHost(absl::string_view what, absl::string_view& rest) {
  if (rest.empty() || rest.front() != '[') {
    const size_t end = std::min(rest.find(':'), rest.size());
    absl::StatusOr<std::string> host = ParseDnsHost(what, rest.substr(0, end));
    rest.remove_prefix(end);
    return host;
  }
  const size_t end = rest.find(']');
  if (end == absl::string_view::npos) return Wrong(what, "has an IPv6 address without ']'");
  const std::optional<std::array<uint16_t, 8>> address = ParseIpv6(rest.substr(1, end - 1));
  rest.remove_prefix(end + 1);
  if (!address.has_value()) return Wrong(what, "has an IPv6 address that cannot be read");
  if (!rest.empty() && rest.front() != ':') return Wrong(what, "has text after the IPv6 address");
  return PrintIpv6(*address);
}

// The port that stands after ':' ; 0 for the scheme's own. Browsers accept "https://a:" and drop the colon.
absl::StatusOr<uint32_t> ParsePort(absl::string_view what, absl::string_view text, uint32_t default_port) {
  if (text.empty()) return 0;
  uint32_t port = 0;
  if (text.size() > 5 || !std::all_of(text.begin(), text.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(text, &port) || port == 0 || port > 65535) {
    return Wrong(what, "has a port that is not a number from 1 to 65535");
  }
  return port == default_port ? 0 : port;
}

// scheme://host[:port], normalised.
absl::StatusOr<std::string> ParseOrigin(absl::string_view what, absl::string_view text, bool port_allowed) {
  if (text.empty()) return Wrong(what, "is empty");
  if (absl::EqualsIgnoreCase(text, "null")) return Wrong(what, "is opaque (\"null\"), which has no cache");
  const size_t separator = text.find("://");
  if (separator == absl::string_view::npos) return Wrong(what, "is not of the form scheme://host");
  const std::string name = absl::AsciiStrToLower(text.substr(0, separator));
  const auto* scheme =
      std::find_if(std::begin(kSchemes), std::end(kSchemes), [&](const Scheme& s) { return s.name == name; });
  if (scheme == std::end(kSchemes)) return Wrong(what, "has a scheme other than http and https");
  absl::string_view rest = text.substr(separator + 3);
  if (rest.find_first_of("/?#\\") != absl::string_view::npos)
    return Wrong(what, "has a path, query or fragment");
  if (rest.find('@') != absl::string_view::npos) return Wrong(what, "has a user name");
  MODELD_ASSIGN_OR_RETURN(const std::string host, TakeHost(what, rest));
  std::string origin = absl::StrCat(name, "://", host);
  if (rest.empty()) return origin;
  rest.remove_prefix(1);
  MODELD_ASSIGN_OR_RETURN(const uint32_t port, ParsePort(what, rest, scheme->default_port));
  if (port == 0) return origin;
  if (!port_allowed) return Wrong(what, "has a port, which a site has not");
  return absl::StrCat(origin, ":", port);
}

}  // namespace

absl::StatusOr<std::string> AppPartition(absl::string_view app_id) {
  const auto allowed = [](unsigned char c) {
    return absl::ascii_isalnum(c) || absl::string_view("._@:+-").find(c) != absl::string_view::npos;
  };
  if (app_id.empty() || app_id.size() > kMaxAppIdBytes ||
      !std::all_of(app_id.begin(), app_id.end(), allowed)) {
    return Wrong("app id", "is not 1 to 255 characters of A-Z, a-z, 0-9 and ._@:+-");
  }
  return absl::StrCat("app:", app_id);
}

absl::StatusOr<std::string> ParseWebPartition(absl::string_view text) {
  if (text.substr(0, kWebPrefix.size()) != kWebPrefix) return Wrong("name", "does not begin with \"web:\"");
  const std::vector<absl::string_view> parts = absl::StrSplit(text.substr(kWebPrefix.size()), '|');
  if (parts.size() != 2) return Wrong("name", "is not of the form web:<top-level site>|<origin>");
  MODELD_ASSIGN_OR_RETURN(const std::string site,
                          ParseOrigin("top-level site", parts[0], /*port_allowed=*/false));
  MODELD_ASSIGN_OR_RETURN(const std::string origin, ParseOrigin("origin", parts[1], /*port_allowed=*/true));
  return absl::StrCat(kWebPrefix, site, "|", origin);
}

absl::StatusOr<std::string> ParsePartition(absl::string_view text) {
  constexpr absl::string_view kAppPrefix = "app:";
  if (text.substr(0, kAppPrefix.size()) == kAppPrefix) return AppPartition(text.substr(kAppPrefix.size()));
  if (text.substr(0, kWebPrefix.size()) == kWebPrefix) return ParseWebPartition(text);
  return Wrong("name", "begins neither with \"app:\" nor with \"web:\"");
}

absl::StatusOr<std::string> ParseSite(absl::string_view text) {
  return ParseOrigin("top-level site", text, /*port_allowed=*/false);
}

absl::StatusOr<std::string> ParseWebOrigin(absl::string_view text) {
  return ParseOrigin("origin", text, /*port_allowed=*/true);
}

absl::StatusOr<std::string> ParseParty(absl::string_view text) {
  if (text.find("://") != absl::string_view::npos && text.substr(0, kWebPrefix.size()) != kWebPrefix) {
    return ParseWebOrigin(text);
  }
  return ParsePartition(text);
}

PartitionParts PartsOf(absl::string_view partition) {
  if (partition.substr(0, kWebPrefix.size()) != kWebPrefix) return {partition, {}};
  const absl::string_view rest = partition.substr(kWebPrefix.size());
  const size_t bar = std::min(rest.find('|'), rest.size());
  return {rest.substr(0, bar), bar == rest.size() ? absl::string_view() : rest.substr(bar + 1)};
}

bool IsOfParty(absl::string_view partition, absl::string_view party) {
  const PartitionParts parts = PartsOf(partition);
  return partition == party || parts.site == party || (!parts.origin.empty() && parts.origin == party);
}

}  // namespace modeld
