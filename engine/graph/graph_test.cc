// The small parts: float16, UTF-8, broadcasting, error sites, printing.
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "base/status.h"
#include "engine/graph/broadcast.h"
#include "engine/graph/float16.h"
#include "engine/graph/graph_error.h"
#include "engine/graph/print.h"
#include "engine/graph/utf8.h"

namespace modeld {
namespace {

TEST_CASE("every float16 converts to a float and back to the same bits") {
  for (uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const float value = HalfToFloat(static_cast<uint16_t>(bits));
    if (std::isnan(value)) {
      REQUIRE(FloatToHalf(value) == ((bits & 0x8000) | 0x7e00));
    } else {
      REQUIRE(FloatToHalf(value) == bits);
    }
  }
}

TEST_CASE("conversion to float16 rounds to nearest, halves to even") {
  // Between each pair of neighbours: the middle goes to the even one, anything beyond it to the nearer one.
  for (uint16_t low = 0; low < 0x7bff; ++low) {
    const double a = HalfToFloat(low);
    const double b = HalfToFloat(static_cast<uint16_t>(low + 1));
    const double middle = (a + b) / 2;
    const double step = (b - a) * 1e-9;
    REQUIRE(FloatToHalf(middle) == low + (low & 1));
    REQUIRE(FloatToHalf(middle - step) == low);
    REQUIRE(FloatToHalf(middle + step) == low + 1);
    REQUIRE(FloatToHalf(-(middle - step)) == (0x8000 | low));
  }
  CHECK(FloatToHalf(65519.99) == 0x7bff);
  CHECK(FloatToHalf(65520.0) == 0x7c00);
  CHECK(FloatToHalf(-1e300) == 0xfc00);
  CHECK(FloatToHalf(std::numeric_limits<double>::infinity()) == 0x7c00);
  CHECK(FloatToHalf(-0.0) == 0x8000);
}

TEST_CASE("UTF-8 is told from what only looks like it") {
  for (const char* good :
       {"", "abc", "größe", "数", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf"}) {
    CHECK(IsUtf8(good));
  }
  for (const char* bad : {"\x80", "\xc3", "\xc0\xaf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                          "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "a\xff", "\xe6\x95"}) {
    CHECK(!IsUtf8(bad));
  }
}

TEST_CASE("names in messages are printable and cut between characters") {
  CHECK(EscapedForMessage("a\"\n") == "a\\\"\\n");
  CHECK(EscapedForMessage("größe") == "größe");
  CHECK(EscapedForMessage("\xff") == "\\377");
  CHECK(EscapedForMessage("größe", 3) == "gr");
  CHECK(EscapedForMessage("größe", 4) == "grö");
}

TEST_CASE("shapes broadcast as numpy's do") {
  CHECK(BroadcastShapes(Shape{2, 1, 3}, Shape{4, 1}) == Shape{2, 4, 3});
  CHECK(BroadcastShapes(Shape{}, Shape{4, 1}) == Shape{4, 1});
  CHECK(!BroadcastShapes(Shape{2}, Shape{3}));
  CHECK(CanBroadcastTo(Shape{1, 3}, Shape{5, 2, 3}));
  CHECK(CanBroadcastTo(Shape{}, Shape{}));
  CHECK(!CanBroadcastTo(Shape{2}, Shape{1}));
  CHECK(!CanBroadcastTo(Shape{1, 1}, Shape{1}));
}

TEST_CASE("an error's site survives annotation, whatever its text") {
  Operation operation;
  operation.type = "conv2d";
  operation.label = "12:a \"b\"";
  const absl::Status status =
      OperationError(absl::StatusCode::kInvalidArgument, operation, 7, "groups 3 is wrong",
                     {.field = "groups", .expected = "5:1 or 2", .found = ""});
  CHECK(status.message() == "conv2d \"12:a \\\"b\\\"\": groups 3 is wrong");
  const std::optional<ErrorSite> site = ErrorSiteOf(Annotate(status, "graph"));
  REQUIRE(site.has_value());
  CHECK(site->operation_index == 7u);
  CHECK(site->label == operation.label);
  CHECK(site->field == "groups");
  CHECK(site->expected == "5:1 or 2");
  CHECK(site->found.empty());
  CHECK(!ErrorSiteOf(absl::InternalError("x")));
  CHECK(!ErrorSiteOf(WithErrorSite(absl::InternalError("x"), {.field = "f"}))->operation_index);
}

TEST_CASE("a payload that is no error site is ignored") {
  absl::Status status = WithErrorSite(absl::InternalError("x"), {.field = "f"});
  std::string url;
  status.ForEachPayload([&](absl::string_view u, const absl::Cord&) { url = std::string(u); });
  for (const char* bytes : {"", "5", "5:ab", "99999999999999999999:", "-1:", "0:0:0:0:", "x:y"}) {
    status.SetPayload(url, absl::Cord(bytes));
    CHECK(!ErrorSiteOf(status));
  }
}

TEST_CASE("a graph is listed with its counts") {
  Graph graph;
  graph.operands.resize(4);
  graph.operands[0].kind = OperandKind::kInput;
  graph.operands[0].name = "x\n";
  graph.operands[0].descriptor.shape = {2};
  graph.operands[1].kind = OperandKind::kConstant;
  graph.operands[1].descriptor.shape = {2};
  graph.operands[2].descriptor.shape = {2};
  graph.operands[3].descriptor.shape = {2};
  graph.inputs = {{0}};
  graph.operations.resize(2);
  graph.operations[0] = {.type = "add", .label = "sum", .inputs = {{0}, {1}}, .outputs = {{2}}};
  graph.operations[1] = {.type = "conv2d", .inputs = {{2}}, .outputs = {{3}}};
  graph.operations[1].attributes = {{"bias", OperandId{1}},
                                    {"groups", int64_t{1}},
                                    {"layout", std::string("nchw")},
                                    {"strides", std::vector<int64_t>{1, 2}}};
  graph.outputs = {{"y", {3}}, {"bad", {99}}};
  CHECK(ToText(graph) == R"(inputs
  %0 = "x\n" float32[2]
constants
  1 of 8 bytes
operations
  2: add 1, conv2d 1
  %2 = add "sum"(%0, %1) -> float32[2]
  %3 = conv2d #1(%2, bias=%1, groups=1, layout="nchw", strides=[1,2]) -> float32[2]
outputs
  "y" = %3 float32[2]
  "bad" = %99 ?
)");
}

}  // namespace
}  // namespace modeld
