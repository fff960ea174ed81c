// tests/testdata/canonical: each vector's graph, built and validated here, has the bytes and ids of the file.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "engine/graph/canonical.h"
#include "engine/ops/test_graph.h"
#include "engine/ops/validate.h"

namespace modeld {
namespace {

// A vector file, read as its README says.
struct Vector {
  TestGraph graph;
  std::map<std::string, OperandId> operands;
  std::map<std::string, std::string> expected;
  // Operation index and attribute: what validation makes of it.
  std::vector<std::pair<size_t, std::pair<std::string, AttributeValue>>> completed;
  bool is_body = false;
};

Shape ParseShape(absl::string_view text) {
  Shape shape;
  for (absl::string_view word : absl::StrSplit(text.substr(1, text.size() - 2), ',', absl::SkipEmpty())) {
    uint32_t size = 0;
    REQUIRE(absl::SimpleAtoi(word, &size));
    shape.push_back(size);
  }
  return shape;
}

int64_t ParseInt(absl::string_view text) {
  int64_t value = 0;
  REQUIRE(absl::SimpleAtoi(text, &value));
  return value;
}

AttributeValue ParseValue(const Vector& vector, const std::string& kind, const std::string& text) {
  if (kind == "bool") return text == "true";
  if (kind == "int") return ParseInt(text);
  if (kind == "string") return text;
  if (kind == "type") return DataTypeFromName(text).value();
  if (kind == "operand") return vector.operands.at(text);
  if (kind == "ints") {
    std::vector<int64_t> values;
    for (absl::string_view word : absl::StrSplit(text, ',', absl::SkipEmpty()))
      values.push_back(ParseInt(word));
    return values;
  }
  if (kind == "strings") {
    std::vector<std::string> values = absl::StrSplit(text, ',', absl::SkipEmpty());
    return values;
  }
  if (kind == "floats") {
    std::vector<double> values;
    for (absl::string_view word : absl::StrSplit(text, ',', absl::SkipEmpty())) {
      values.push_back(std::stod(std::string(word)));
    }
    return values;
  }
  REQUIRE(kind == "float");
  return std::stod(text);
}

void ReadLine(Vector& vector, const std::vector<std::string>& words) {
  const std::string& kind = words[0];
  const auto ids = [&](const std::string& names) {
    std::vector<OperandId> result;
    for (const std::string& name : std::vector<std::string>(absl::StrSplit(names, ','))) {
      result.push_back(vector.operands.at(name));
    }
    return result;
  };
  const auto type = [&] { return DataTypeFromName(words[2]).value(); };
  if (kind == "input") {
    const std::string name = vector.is_body ? "" : words[1];
    vector.operands[words[1]] = vector.graph.Input(name, type(), ParseShape(words[3]));
  } else if (kind == "constant") {
    const std::string bytes = absl::HexStringToBytes(words[4]);
    vector.operands[words[1]] = vector.graph.Constant(type(), ParseShape(words[3]), bytes);
  } else if (kind == "op") {
    const std::vector<std::string> outputs = absl::StrSplit(words[5], ',');
    const std::vector<OperandId> results =
        vector.graph.OpN(outputs.size(), words[1], ids(words[3]), {}, words[2] == "-" ? "" : words[2]);
    for (size_t i = 0; i < outputs.size(); ++i) vector.operands[outputs[i]] = results[i];
  } else if (kind == "attr") {
    vector.graph.graph().operations.back().attributes[words[1]] = ParseValue(vector, words[2], words[3]);
  } else if (kind == "completed") {
    vector.completed.push_back(
        {vector.graph.graph().operations.size() - 1, {words[1], ParseValue(vector, words[2], words[3])}});
  } else if (kind == "output") {
    vector.graph.Output(words[1] == "-" ? "" : words[1], vector.operands.at(words[2]));
  } else {
    vector.expected[kind] = words[1];
  }
}

// To the end, or of a body.
Vector ReadLines(std::istream& file, bool is_body) {
  Vector vector;
  vector.is_body = is_body;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    if (line == "end") break;
    if (line == "body") {
      Vector body = ReadLines(file, true);
      vector.graph.graph().operations.back().attributes["body"] =
          GraphValue{std::make_shared<const Graph>(std::move(body.graph.graph()))};
      continue;
    }
    ReadLine(vector, absl::StrSplit(line, ' '));
  }
  return vector;
}

Vector ReadVector(const std::filesystem::path& path) {
  std::ifstream file(path);
  REQUIRE(file);
  return ReadLines(file, false);
}

TEST_CASE("every vector has its canonical bytes, model id and structure id") {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("tests/testdata/canonical")) {
    if (entry.path().extension() != ".txt") continue;
    CAPTURE(entry.path().string());
    ++count;
    Vector vector = ReadVector(entry.path());
    const absl::StatusOr<Graph> graph = Validate(vector.graph.graph(), {});
    INFO(graph.status());
    REQUIRE(graph.ok());
    CHECK(absl::BytesToHexString(EncodeCanonical(*graph)) == vector.expected.at("canonical"));
    CHECK(ModelIdOf(*graph).ToHex() == vector.expected.at("model_id"));
    CHECK(StructureIdOf(*graph).ToHex() == vector.expected.at("structure_id"));
    for (const auto& [index, attribute] : vector.completed) {
      CAPTURE(attribute.first);
      CHECK(graph->operations[index].attributes.at(attribute.first) == attribute.second);
    }
  }
  CHECK(count >= 5);
}

TEST_CASE("every vector's bytes decode to a graph that validates and encodes to the same bytes") {
  for (const auto& entry : std::filesystem::directory_iterator("tests/testdata/canonical")) {
    if (entry.path().extension() != ".txt") continue;
    CAPTURE(entry.path().string());
    const std::string bytes = absl::HexStringToBytes(ReadVector(entry.path()).expected.at("canonical"));
    const absl::StatusOr<Graph> decoded = DecodeCanonical(bytes, {});
    INFO(decoded.status());
    REQUIRE(decoded.ok());
    const absl::StatusOr<Graph> graph = Validate(*decoded, {});
    INFO(graph.status());
    REQUIRE(graph.ok());
    CHECK(EncodeCanonical(*graph) == bytes);
  }
}

}  // namespace
}  // namespace modeld
