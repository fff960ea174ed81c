#include "base/units.h"

#include <string>
#include <utility>

#include "catch2/catch.hpp"

namespace modeld {
namespace {

TEST_CASE("Sizes are read with and without units") {
  const std::pair<const char*, uint64_t> cases[] = {{"0", 0},
                                                    {"4096", 4096},
                                                    {"1K", 1024},
                                                    {"1k", 1024},
                                                    {"64M", 64u << 20},
                                                    {"64 MiB", 64u << 20},
                                                    {"64mb", 64u << 20},
                                                    {"1.5G", uint64_t{3} << 29},
                                                    {"2T", uint64_t{2} << 40},
                                                    {" 7 ", 7},
                                                    {"7B", 7},
                                                    {"9223372036854775808", uint64_t{1} << 63}};
  for (const auto& [text, bytes] : cases) {
    INFO(text);
    REQUIRE(ParseBytes(text).ok());
    CHECK(*ParseBytes(text) == bytes);
    CHECK(ParseBytes(PrintBytes(bytes)).value() == bytes);
  }
  CHECK(PrintBytes(64u << 20) == "64M");
  CHECK(PrintBytes(1000) == "1000");
  CHECK(PrintBytes(0) == "0");
}

TEST_CASE("Sizes are shown with the unit that people expect") {
  const std::pair<uint64_t, const char*> cases[] = {{0, "0 B"},
                                                    {1023, "1023 B"},
                                                    {1024, "1.0 KiB"},
                                                    {1536, "1.5 KiB"},
                                                    {(1 << 20) - 1, "1.0 MiB"},
                                                    {uint64_t{8} << 30, "8.0 GiB"},
                                                    {uint64_t{1023} << 50, "1023.0 PiB"},
                                                    {UINT64_MAX, "16.0 EiB"}};
  for (const auto& [bytes, text] : cases) CHECK(HumanBytes(bytes) == text);
}

TEST_CASE("What is no size is refused") {
  for (const char* text : {"", " ", "-1", "+1", "M", "1X", "1iB", "1.2.3G", "1e3", "0x10", "inf", "nan",
                           "1 2", "1.5", "18446744073709551616", "99999999T", "KiB"}) {
    INFO(text);
    CHECK(ParseBytes(text).status().code() == absl::StatusCode::kInvalidArgument);
  }
}

TEST_CASE("Durations are read as Ollama's users write them") {
  const std::pair<const char*, absl::Duration> cases[] = {{"5m", absl::Minutes(5)},
                                                          {"1h30m", absl::Minutes(90)},
                                                          {"90", absl::Seconds(90)},
                                                          {"0", absl::ZeroDuration()},
                                                          {"2d", absl::Hours(48)},
                                                          {"250ms", absl::Milliseconds(250)},
                                                          {"1.5s", absl::Milliseconds(1500)},
                                                          {"-1", absl::InfiniteDuration()},
                                                          {"-30", absl::InfiniteDuration()},
                                                          {"never", absl::InfiniteDuration()}};
  for (const auto& [text, duration] : cases) {
    INFO(text);
    REQUIRE(ParseDuration(text).ok());
    CHECK(*ParseDuration(text) == duration);
    CHECK(ParseDuration(PrintDuration(duration)).value() == duration);
  }
}

TEST_CASE("What is no duration is refused") {
  for (const char* text :
       {"", "m", "5x", "-5m", "5 minutes", "inf", "1h-30m", "d", "-2d", "99999999999999999999"}) {
    INFO(text);
    CHECK(ParseDuration(text).status().code() == absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace modeld
