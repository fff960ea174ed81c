#include "policy/partition.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "catch2/catch.hpp"

namespace modeld {
namespace {

struct Accepted {
  std::string origin;
  std::string normal;
};

struct Refused {
  std::string origin;
  std::string why;
};

constexpr char kSite[] = "https://site.example";

TEST_CASE("Origins are normalised") {
  const Accepted cases[] = {
      {"https://a.com", "https://a.com"},
      {"http://a.com", "http://a.com"},
      {"HTTPS://A.CoM", "https://a.com"},
      {"https://a.com:443", "https://a.com"},
      {"https://a.com:00443", "https://a.com"},
      {"http://a.com:80", "http://a.com"},
      {"https://a.com:80", "https://a.com:80"},
      {"http://a.com:443", "http://a.com:443"},
      {"https://a.com:8443", "https://a.com:8443"},
      {"https://a.com:", "https://a.com"},
      {"https://a.com.", "https://a.com"},
      {"https://a.com.:443", "https://a.com"},
      {"https://localhost:5173", "https://localhost:5173"},
      {"https://xn--bcher-kva.example", "https://xn--bcher-kva.example"},
      {"https://XN--BCHER-KVA.example", "https://xn--bcher-kva.example"},
      {"https://with_underscore.example", "https://with_underscore.example"},
      {"https://127.0.0.1:8080", "https://127.0.0.1:8080"},
      {"https://255.255.255.255", "https://255.255.255.255"},
      {"https://1a.com", "https://1a.com"},
      {"https://[::1]", "https://[::1]"},
      {"https://[::]", "https://[::]"},
      {"https://[::1]:443", "https://[::1]"},
      {"https://[::1]:81", "https://[::1]:81"},
      {"https://[2001:DB8:0:0:1:0:0:1]", "https://[2001:db8::1:0:0:1]"},
      {"https://[2001:0db8::0001]", "https://[2001:db8::1]"},
      {"https://[1:0:3:4:5:6:7:8]", "https://[1:0:3:4:5:6:7:8]"},
      {"https://[1:2:3:4:5:6:7::]", "https://[1:2:3:4:5:6:7:0]"},
      {"https://[1::]", "https://[1::]"},
      {absl::StrCat("https://", std::string(63, 'a'), ".com"),
       absl::StrCat("https://", std::string(63, 'a'), ".com")},
  };
  for (const Accepted& c : cases) {
    INFO(c.origin);
    const auto partition = ParseWebPartition(absl::StrCat("web:", kSite, "|", c.origin));
    INFO(partition.status());
    REQUIRE(partition.ok());
    CHECK(*partition == absl::StrCat("web:", kSite, "|", c.normal));
    // A normal form is its own normal form.
    CHECK(ParseWebPartition(*partition).value() == *partition);
    CHECK(ParsePartition(*partition).value() == *partition);
  }
}

TEST_CASE("Lookalikes stay apart") {
  const std::string distinct[] = {"https://a.com",      "http://a.com",       "https://a.com:8443",
                                  "https://a.com.evil", "https://evil-a.com", "https://a.comevil.com",
                                  "https://sub.a.com",  "https://a-com",      "https://xn--a-0hb.com"};
  std::vector<std::string> seen;
  for (const std::string& origin : distinct) {
    const auto partition = ParseWebPartition(absl::StrCat("web:", kSite, "|", origin));
    REQUIRE(partition.ok());
    for (const std::string& other : seen) CHECK(*partition != other);
    seen.push_back(*partition);
  }
}

TEST_CASE("What is no origin is refused with a reason") {
  const Refused cases[] = {
      {"", "empty"},
      {"null", "opaque"},
      {"NULL", "opaque"},
      {"a.com", "scheme://host"},
      {"//a.com", "scheme://host"},
      {"https:/a.com", "scheme://host"},
      {"https:a.com", "scheme://host"},
      {"://a.com", "scheme"},
      {"ftp://a.com", "scheme"},
      {"file://", "scheme"},
      {"javascript://a.com", "scheme"},
      {"chrome-extension://abcdef", "scheme"},
      {"blob:https://a.com", "scheme"},
      {" https://a.com", "scheme"},
      {"https://", "no host"},
      {"https://:443", "no host"},
      {"https://.", "no host"},
      {"https://a.com/", "path"},
      {"https://a.com/path", "path"},
      {"https://a.com?q", "path"},
      {"https://a.com#f", "path"},
      {"https://a.com\\evil.com", "path"},
      {"https://user@a.com", "user"},
      {"https://user:pw@a.com", "user"},
      {"https://a.com@evil.com", "user"},
      {"https://a.com ", "character"},
      {"https://a .com", "character"},
      {"https://a.com\t", "character"},
      {"https://a.com\n", "character"},
      {"https://a%2ecom", "character"},
      {"https://*.a.com", "character"},
      {"https://b\xC3\xBC"
       "cher.example",
       "character"},
      {"https://a\xE3\x80\x82"
       "com",
       "character"},
      {"https://a..com", "empty label"},
      {"https://.a.com", "empty label"},
      {"https://a.com..", "empty label"},
      {"https://-a.com", "begins or ends"},
      {"https://a-.com", "begins or ends"},
      {absl::StrCat("https://", std::string(64, 'a'), ".com"), "63"},
      {absl::StrCat("https://a", std::string(260, '.')), "253"},
      {"https://a.com:0", "port"},
      {"https://a.com:65536", "port"},
      {"https://a.com:4294967739", "port"},
      {"https://a.com:-1", "port"},
      {"https://a.com:+443", "port"},
      {"https://a.com:443:443", "port"},
      {"https://a.com:x", "port"},
      {"https://a.com: 443", "port"},
      {"https://1.2.3", "IPv4"},
      {"https://1.2.3.4.5", "IPv4"},
      {"https://256.1.1.1", "IPv4"},
      {"https://01.1.1.1", "IPv4"},
      {"https://0x7f.1", "IPv4"},
      {"https://127.0.0.0x1", "IPv4"},
      {"https://2130706433", "IPv4"},
      {"https://a.1", "IPv4"},
      {"https://[::1", "']'"},
      {"https://[]", "IPv6"},
      {"https://[:::]", "IPv6"},
      {"https://[1::2::3]", "IPv6"},
      {"https://[1:2:3:4:5:6:7]", "IPv6"},
      {"https://[1:2:3:4:5:6:7:8:9]", "IPv6"},
      {"https://[1:2:3:4:5:6:7:8::]", "IPv6"},
      {"https://[12345::]", "IPv6"},
      {"https://[::g]", "IPv6"},
      {"https://[fe80::1%25eth0]", "IPv6"},
      {"https://[::ffff:1.2.3.4]", "IPv6"},
      {"https://[::1]x", "after the IPv6"},
      {"https://[::1].com", "after the IPv6"},
      {std::string("https://a.com\0.evil", 19), "character"},
  };
  for (const Refused& c : cases) {
    INFO(c.origin);
    const auto partition = ParseWebPartition(absl::StrCat("web:", kSite, "|", c.origin));
    REQUIRE_FALSE(partition.ok());
    INFO(partition.status());
    CHECK(partition.status().code() == absl::StatusCode::kInvalidArgument);
    CHECK(absl::StrContains(std::string(partition.status().message()), "origin"));
    CHECK(absl::StrContains(std::string(partition.status().message()), c.why));
  }
}

TEST_CASE("A site is an origin without a port") {
  CHECK(ParseWebPartition("web:https://a.com:443|https://a.com").value() ==
        "web:https://a.com|https://a.com");
  CHECK_FALSE(ParseWebPartition("web:https://a.com:8443|https://a.com:8443").ok());
  CHECK_FALSE(ParseWebPartition("web:null|https://a.com").ok());
  CHECK_FALSE(ParseWebPartition("web:|https://a.com").ok());
}

TEST_CASE("The form around the origins is kept") {
  for (const char* text : {"", "web", "web:", "web:|", "web:https://a.com", "https://a.com|https://a.com",
                           "web:https://a.com|https://a.com|https://a.com", "WEB:https://a.com|https://a.com",
                           " web:https://a.com|https://a.com", "app:x"}) {
    INFO(text);
    CHECK(ParseWebPartition(text).status().code() == absl::StatusCode::kInvalidArgument);
  }
}

TEST_CASE("An app's partition is its id behind app:") {
  CHECK(AppPartition("org.mozilla.firefox").value() == "app:org.mozilla.firefox");
  CHECK(AppPartition("app-modelctl@1+2:x_y-z").value() == "app:app-modelctl@1+2:x_y-z");
  CHECK(AppPartition(std::string(255, 'a')).ok());
  for (const std::string& id : std::vector<std::string>{"", std::string(256, 'a'), "a b", "a/b", "../a",
                                                        "a|b", "a\n", std::string("a\0b", 3), "\xC3\xA9"}) {
    INFO(id);
    CHECK(AppPartition(id).status().code() == absl::StatusCode::kInvalidArgument);
  }
}

TEST_CASE("An admin names either form") {
  CHECK(ParsePartition("app:a").value() == "app:a");
  CHECK(ParsePartition("web:HTTPS://A.com|http://b.com:80").value() == "web:https://a.com|http://b.com");
  for (const char* text : {"", "app", "app:", "a", "file:x", "app:a/b", "web:x"}) {
    INFO(text);
    CHECK(ParsePartition(text).status().code() == absl::StatusCode::kInvalidArgument);
  }
}

TEST_CASE("The user shares with a partition, a site or an origin, each in its normal form") {
  CHECK(ParseParty("HTTPS://A.com:443").value() == "https://a.com");
  CHECK(ParseParty("https://a.com:8443").value() == "https://a.com:8443");
  CHECK(ParseParty("app:org.x").value() == "app:org.x");
  CHECK(ParseParty("web:https://a.com|https://B.com").value() == "web:https://a.com|https://b.com");
  for (const char* text : {"", "a.com", "null", "user:shared", "file:///x", "https://", "https://a.com/x"}) {
    INFO(text);
    CHECK(ParseParty(text).status().code() == absl::StatusCode::kInvalidArgument);
  }
  CHECK(ParseSite("https://A.com").value() == "https://a.com");
  CHECK_FALSE(ParseSite("https://a.com:8443").ok());
  CHECK(ParseWebOrigin("https://a.com:8443").value() == "https://a.com:8443");
}

TEST_CASE("A partition is of its own name, its site and its origin, and of nothing that only looks alike") {
  const std::string web = "web:https://site.com|https://cdn.com:8443";
  CHECK(PartsOf(web).site == "https://site.com");
  CHECK(PartsOf(web).origin == "https://cdn.com:8443");
  CHECK(PartsOf("app:org.x").site == "app:org.x");
  CHECK(PartsOf("app:org.x").origin.empty());
  for (const char* party :
       {"web:https://site.com|https://cdn.com:8443", "https://site.com", "https://cdn.com:8443"})
    CHECK(IsOfParty(web, party));
  for (const char* party : {"https://cdn.com", "http://site.com", "https://site.co", "https://ite.com", "",
                            "app:org.x", "web:https://site.com|https://cdn.com"})
    CHECK_FALSE(IsOfParty(web, party));
  CHECK(IsOfParty("app:org.x", "app:org.x"));
  CHECK_FALSE(IsOfParty("app:org.x", ""));
}

}  // namespace
}  // namespace modeld
