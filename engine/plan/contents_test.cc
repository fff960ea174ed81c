#include "engine/plan/contents.h"

#include <catch2/catch.hpp>
#include <limits>

#include "engine/core/print.h"
#include "engine/plan/byte_codec.h"
#include "engine/plan/plan.h"
#include "engine/plan/segments.h"
#include "engine/testing/op_cases.h"

namespace modeld::plan {
namespace {

// The contents of a core graph, its constants in segment 3.
PlanContents ContentsOf(core::Graph graph) {
  PlanContents contents;
  contents.structure = Digest::Of("structure");
  for (core::ValueId id = 0; id < graph.values.size(); ++id) {
    core::Value& value = graph.values[id];
    if (!value.is_constant()) continue;
    contents.constants[id] = SegmentBytes{3, 64 * uint64_t{id}, value.constant.size()};
    value.constant = {};
    value.deferred = true;
  }
  for (core::Node& node : graph.nodes) node.label = "";
  contents.graph = std::move(graph);
  contents.layout = {0, 128, uint64_t{1} << 40};
  contents.packed[{7, std::string("a\0b", 3)}] = {1, 64, 100};
  return contents;
}

void CheckRoundTrip(const core::Graph& graph) {
  const PlanContents contents = ContentsOf(graph);
  const std::string bytes = EncodeContents(contents);
  const auto decoded = DecodeContents(bytes);
  INFO(decoded.status());
  REQUIRE(decoded.ok());
  CHECK(core::ToString(decoded->graph) == core::ToString(contents.graph));
  CHECK(decoded->structure == contents.structure);
  CHECK(decoded->constants == contents.constants);
  CHECK(decoded->packed == contents.packed);
  CHECK(decoded->layout == contents.layout);
  CHECK(EncodeContents(*decoded) == bytes);
}

TEST_CASE("every core operation survives encoding") {
  for (const testing::OpKind& kind : testing::OpKinds()) {
    INFO(kind.name);
    for (uint64_t seed = 0; seed < 5; ++seed) CheckRoundTrip(testing::RandomCase(kind, seed).graph);
  }
  for (uint64_t seed = 0; seed < 50; ++seed) CheckRoundTrip(testing::RandomFusionCase(seed).graph);
}

TEST_CASE("a native operation is an index, a constant a digest") {
  core::Graph graph;
  graph.values.resize(2);
  graph.nodes.push_back({.op = core::Native{{}, 5}, .inputs = {0}, .outputs = {1}});
  graph.nodes[0].operation = 4;
  PlanContents contents = ContentsOf(graph);
  contents.constants[0] = Digest::Of("constant");
  const auto decoded = DecodeContents(EncodeContents(contents));
  REQUIRE(decoded.ok());
  CHECK(std::get<core::Native>(decoded->graph.nodes[0].op).index == 5);
  CHECK(decoded->graph.nodes[0].operation == 4);
  CHECK(decoded->constants == contents.constants);
  CHECK(decoded->graph.values[0].deferred);
}

TEST_CASE("a plan of another format or of none is refused") {
  std::string bytes = EncodeContents(ContentsOf({}));
  CHECK(DecodeContents(bytes).ok());
  CHECK(std::string(DecodeContents("").status().message()) == "plan: is none");
  std::string other = bytes;
  other[8] = static_cast<char>(kPlanFormat + 1);
  CHECK(std::string(DecodeContents(other).status().message()) == "plan: has format 2, expected 1");
  other = bytes + '\0';
  CHECK(DecodeContents(other).status().code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("numbers are bounded before they are used") {
  const auto read = [](absl::string_view bytes) {
    ByteReader reader(bytes);
    uint64_t value = 1;
    reader.Uint(value);
    return std::pair(reader.ok(), value);
  };
  ByteWriter writer;
  writer.Uint(std::numeric_limits<uint64_t>::max());
  CHECK(read(writer.Take()) == std::pair(true, std::numeric_limits<uint64_t>::max()));
  CHECK(read("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02") == std::pair(false, uint64_t{0}));
  CHECK(read("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01") == std::pair(false, uint64_t{0}));
  CHECK(read("\xff") == std::pair(false, uint64_t{0}));
  CHECK(read("") == std::pair(false, uint64_t{0}));

  // A list of 2^62 elements in a few bytes.
  ByteReader reader("\xff\xff\xff\xff\xff\xff\xff\xff\x3f\x01\x01");
  std::vector<uint32_t> list;
  reader.List(list);
  CHECK_FALSE(reader.ok());
  CHECK(list.empty());
  ByteReader enumeration("\x03");
  core::Comparison comparison{};
  enumeration.Enum(comparison, core::Comparison::kGreater);
  CHECK_FALSE(enumeration.ok());
}

TEST_CASE("small ranges share a segment, large ones are segments, equal ones are stored once") {
  const Region small = Region::Copy("small");
  const Region other = Region::Copy("other");
  const Region memory = Region::FromVector(std::vector<std::byte>(100'200, std::byte{7}));
  const size_t skip = (64 - reinterpret_cast<uintptr_t>(memory.bytes().data()) % 64) % 64;
  const Region large(memory.bytes().subspan(skip, 100'000), memory.owner());
  const std::vector<Region> ranges = {small, large, other, small, large};
  const Placement placement = PlaceInSegments(ranges);
  REQUIRE(placement.segments.size() == 2);
  CHECK(placement.segments[0].bytes().data() == large.bytes().data());
  CHECK(placement.segments[1].size() == 128);
  CHECK(placement.places[0] == placement.places[3]);
  CHECK(placement.places[1] == placement.places[4]);
  const auto back = BytesIn(placement.segments, placement.places[2]);
  REQUIRE(back.ok());
  CHECK(back->view() == "other");
  CHECK(PlaceInSegments({}).segments.empty());

  const Region unaligned(memory.bytes().subspan(skip + 8, 100'000), memory.owner());
  const Placement copied = PlaceInSegments(std::vector<Region>{unaligned});
  CHECK(BytesIn(copied.segments, copied.places[0]).ok());
}

TEST_CASE("bytes outside of their segment are refused") {
  const Placement placement = PlaceInSegments(std::vector<Region>{Region::Copy("x"), Region::Copy("y")});
  const auto refused = [&](SegmentBytes bytes) {
    return BytesIn(placement.segments, bytes).status().code() == absl::StatusCode::kInvalidArgument;
  };
  CHECK(BytesIn(placement.segments, {0, 64, 64}).ok());
  CHECK(refused({1, 0, 1}));
  CHECK(refused({0, 64, 65}));
  CHECK(refused({0, 128, 1}));
  CHECK(refused({0, 0, 0}));
  CHECK(refused({0, 8, 8}));
  CHECK(refused({0, ~uint64_t{63}, 64}));
  CHECK(refused({0, 64, ~uint64_t{0}}));
}

}  // namespace
}  // namespace modeld::plan
