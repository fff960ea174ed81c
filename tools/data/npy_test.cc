#include "tools/data/npy.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "tools/data/packed.h"

namespace modeld::tools {
namespace {

using absl::StatusCode;

// A file of this version around `header`, unpadded, and `data`.
std::string File(const std::string& header, const std::string& data, int major = 1) {
  std::string file = std::string("\x93NUMPY") + static_cast<char>(major) + '\0';
  uint32_t length = header.size();
  file.append(reinterpret_cast<const char*>(&length), major == 1 ? 2 : 4);
  return file + header + data;
}

std::string Describe(const std::string& descr, const std::string& shape,
                     const std::string& fortran = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }\n";
}

absl::StatusOr<Array> Parse(const std::string& file, const NpyReadOptions& options = {}) {
  return ParseNpy("in.npy", std::as_bytes(std::span(file)), options);
}

// The message of the refusal, which must be INVALID_ARGUMENT and begin with the name.
std::string Refusal(const std::string& file) {
  const auto array = Parse(file);
  REQUIRE(array.status().code() == StatusCode::kInvalidArgument);
  const std::string message(array.status().message());
  REQUIRE(message.find("in.npy: ") == 0);
  return message;
}

TEST_CASE("a file that numpy wrote has the type, shape and elements that numpy gave it") {
  const auto expected = ReadNpyFile("tools/digits/samples/expected.npy");
  REQUIRE(expected.status().message() == "");
  CHECK(expected->descriptor.ToString() == "float32[10,10]");
  const auto* values = reinterpret_cast<const float*>(expected->bytes.data());
  for (int digit = 0; digit < 10; ++digit) {
    float sum = 0;
    for (int i = 0; i < 10; ++i) sum += values[10 * digit + i];
    CHECK(sum == Approx(1.0f));
    CHECK(values[11 * digit] > 0.5f);
  }
  const auto pixels = ReadNpyFile("tools/digits/samples/pixels.npy");
  REQUIRE(pixels.ok());
  CHECK(pixels->descriptor.ToString() == "uint8[10,1,8,8]");
}

TEST_CASE("every type and rank survives writing and reading") {
  std::mt19937 random(7);
  for (uint32_t type = 1; IsValidDataType(type); ++type) {
    for (const Shape& shape : {Shape{}, Shape{5}, Shape{2, 3}, Shape{1, 2, 1, 4}, Shape(32, 1)}) {
      Array array{.descriptor = {static_cast<DataType>(type), shape}, .bytes = {}};
      array.bytes.resize(*array.descriptor.ByteSize());
      for (std::byte& b : array.bytes) b = static_cast<std::byte>(random());
      const auto file = SerializeNpy(array);
      REQUIRE(file.ok());
      CHECK((file->size() - WithWholeBytes(array).bytes.size()) % 64 == 0);
      const auto again = Parse(*file);
      INFO(array.descriptor.ToString());
      REQUIRE(again.ok());
      const Array whole = WithWholeBytes(array);
      CHECK(again->descriptor == whole.descriptor);
      CHECK(again->bytes == whole.bytes);
    }
  }
}

TEST_CASE("writing gives the bytes that numpy's own save gives") {
  Array array{.descriptor = {DataType::kUint8, {3}}, .bytes = {std::byte{1}, std::byte{2}, std::byte{3}}};
  std::string header = "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }";
  header += std::string(128 - 10 - 1 - header.size(), ' ') + "\n";
  CHECK(*SerializeNpy(array) == File(header, "\x01\x02\x03"));
}

TEST_CASE("an array that contradicts itself is not written") {
  CHECK(SerializeNpy({.descriptor = {DataType::kFloat32, {2}}, .bytes = std::vector<std::byte>(7)})
            .status()
            .code() == StatusCode::kInvalidArgument);
  CHECK(SerializeNpy({.descriptor = {DataType::kInt8, Shape(33, 1)}, .bytes = std::vector<std::byte>(1)})
            .status()
            .code() == StatusCode::kInvalidArgument);
  CHECK(!WriteNpyFile("/dev/null", {.descriptor = {DataType::kInt8, {0}}, .bytes = {}}).ok());
}

TEST_CASE("versions 1, 2 and 3, either quote and Python 2's long integers are read") {
  for (int version = 1; version <= 3; ++version) {
    CHECK(Parse(File(Describe("|u1", "(2,)"), "ab", version))->descriptor.shape == Shape{2});
  }
  CHECK(Parse(File("{\"shape\": (1L, 2L), \"descr\": \"<u1\", \"fortran_order\": False}", "ab"))
            ->descriptor.shape == Shape{1, 2});
  CHECK(Refusal(File(Describe("|u1", "(2,)"), "ab", 4)).find("version 4.0") != std::string::npos);
}

TEST_CASE("bool becomes uint8, and only 0 and 1 are a bool") {
  const auto array = Parse(File(Describe("|b1", "(2,)"), std::string("\x00\x01", 2)));
  REQUIRE(array.ok());
  CHECK(array->descriptor.data_type == DataType::kUint8);
  CHECK(array->bytes[1] == std::byte{1});
  CHECK(Refusal(File(Describe("|b1", "(1,)"), "\x02")).find("neither 0 nor 1") != std::string::npos);
}

TEST_CASE("float64 is an error that names it, unless narrowing is asked for") {
  const double wide[] = {0.1, -3e40};
  const std::string file =
      File(Describe("<f8", "(2,)"), std::string(reinterpret_cast<const char*>(wide), sizeof wide));
  CHECK(Refusal(file).find("float64") != std::string::npos);
  const auto array = Parse(file, {.narrow_float64 = true});
  REQUIRE(array.ok());
  CHECK(array->descriptor.ToString() == "float32[2]");
  float narrow[2];
  std::memcpy(narrow, array->bytes.data(), sizeof narrow);
  CHECK(narrow[0] == 0.1f);
  CHECK(narrow[1] == -std::numeric_limits<float>::infinity());
}

TEST_CASE("Fortran order is refused where it means another order, and only there") {
  CHECK(Refusal(File(Describe("|u1", "(2, 2)", "True"), "abcd")).find("Fortran") != std::string::npos);
  CHECK(Parse(File(Describe("|u1", "(1, 2, 1)", "True"), "ab")).ok());
}

TEST_CASE("types that no tensor has are refused by name") {
  CHECK(Refusal(File(Describe(">f4", "(1,)"), "abcd")).find("big-endian") != std::string::npos);
  CHECK(Refusal(File(Describe("<c8", "(1,)"), "abcdefgh")).find("'<c8'") != std::string::npos);
  CHECK(Refusal(File("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "abcd"))
            .find("structured") != std::string::npos);
  CHECK(Refusal(File(Describe("|O", "(1,)"), "abcdefgh")).find("'|O'") != std::string::npos);
}

TEST_CASE("the elements must be as many as the header says, no fewer and no more") {
  CHECK(Refusal(File(Describe("<f4", "(2,)"), "1234567")).find("holds 7") != std::string::npos);
  CHECK(Refusal(File(Describe("<f4", "(2,)"), "123456789")).find("needs 8") != std::string::npos);
  CHECK(Refusal(File(Describe("<f4", "(0,)"), "")).find("size 0") != std::string::npos);
}

TEST_CASE("a header that claims more than there can be allocates nothing and is refused") {
  CHECK(Refusal(File(Describe("<f8", "(4294967295, 4294967295)"), "x")).find("float64") != std::string::npos);
  CHECK(Refusal(File(Describe("<f4", "(4294967295, 4294967295, 4294967295)"), "x")).find("more bytes") !=
        std::string::npos);
  CHECK(Refusal(File(Describe("<f4", "(4294967295, 536870911)"), "x")).find("holds 1") != std::string::npos);
  CHECK(Refusal(File(Describe("<f4", "(4294967296,)"), "x")).find("32 bits") != std::string::npos);
  CHECK(Refusal(File(Describe("<f4", "(-1,)"), "x")).find("whole number") != std::string::npos);
  std::string ones = "(";
  for (int i = 0; i < 33; ++i) ones += "1, ";
  CHECK(Refusal(File(Describe("|u1", ones + ")"), "x")).find("dimensions") != std::string::npos);
  std::string huge = File(std::string(70000, ' '), "", 2);
  CHECK(Refusal(huge).find("70000") != std::string::npos);
}

TEST_CASE("a malformed header is refused") {
  for (const std::string header :
       {"", "{", "{}", "[]", "{'descr'", "{'descr': '<f4}", "{'descr': '<f4' 'shape': (1,)}",
        "{'shape': (1 2)}", "{'shape': 1}", "{'fortran_order': Maybe}", "{'descr': '<f4', 'descr': '<f4'}",
        "{'more': 1}", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x",
        "{'descr': '<f4', 'fortran_order': False}"}) {
    INFO(header);
    Refusal(File(header, "abcd"));
  }
}

TEST_CASE("every shortened file is refused") {
  const std::string whole = File(Describe("|u1", "(3,)"), "abc");
  REQUIRE(Parse(whole).ok());
  for (size_t size = 0; size < whole.size(); ++size) Refusal(whole.substr(0, size));
}

TEST_CASE("files with changed bytes give an error or an array that fits its descriptor") {
  const uint32_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  const std::string whole = File(Describe("<f4", "(2, 2)"), std::string(16, 'x'), 1 + random() % 3);
  for (int i = 0; i < 20'000; ++i) {
    std::string file = whole;
    for (uint32_t n = 1 + random() % 3; n > 0; --n)
      file[random() % file.size()] = static_cast<char>(random());
    const auto array = Parse(file);
    if (array.ok()) REQUIRE(*array->descriptor.ByteSize() == array->bytes.size());
  }
}

TEST_CASE("a file that is not there is NOT_FOUND, and one over the limit is refused") {
  const std::string folder = std::getenv("TEST_TMPDIR");
  CHECK(ReadNpyFile(folder + "/none.npy").status().code() == StatusCode::kNotFound);
  const std::string path = folder + "/a.npy";
  REQUIRE(
      WriteNpyFile(path, {.descriptor = {DataType::kInt8, {4}}, .bytes = std::vector<std::byte>(4)}).ok());
  CHECK(ReadNpyFile(path)->bytes.size() == 4);
  CHECK(ReadNpyFile(path, {.max_file_bytes = 100}).status().code() == StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace modeld::tools
