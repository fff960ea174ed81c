#include "tests/conformance/compare.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>

#include "absl/strings/match.h"

namespace modeld::conformance {
namespace {

constexpr DataType kF32 = DataType::kFloat32;
constexpr DataType kF16 = DataType::kFloat16;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

Element E(DataType type, const Literal& literal) {
  const absl::StatusOr<Element> element = ReadElement(type, literal);
  INFO(element.status());
  REQUIRE(element.ok());
  return *element;
}

bool Near(DataType type, const Literal& expected, const Literal& got, const Tolerance& tolerance) {
  return Agree(type, E(type, expected), E(type, got), tolerance);
}

// The float `steps` after `value`.
double After(float value, int steps) {
  for (int i = 0; i < steps; ++i) value = std::nextafter(value, std::numeric_limits<float>::infinity());
  return value;
}

constexpr Tolerance Ulp(double value) {
  return {Metric::kUlp, value};
}
constexpr Tolerance Atol(double value) {
  return {Metric::kAtol, value};
}

TEST_CASE("ULP counts the floats between two floats, up to the tolerance and no further") {
  CHECK(Near(kF32, 1.5, 1.5, Ulp(0)));
  CHECK(Near(kF32, 1.5, After(1.5f, 3), Ulp(3)));
  CHECK_FALSE(Near(kF32, 1.5, After(1.5f, 4), Ulp(3)));
  CHECK(Near(kF32, -1.5, After(-1.5f, 3), Ulp(3)));
  CHECK_FALSE(Near(kF32, -1.5, After(-1.5f, 4), Ulp(3)));
  CHECK(Near(kF16, 1.0, 1.0009765625, Ulp(1)));
  CHECK_FALSE(Near(kF16, 1.0, 1.001953125, Ulp(1)));
}

TEST_CASE("ULP tells a sign from the other, but for zeros") {
  CHECK(Near(kF32, 0.0, -0.0, Ulp(0)));
  CHECK(Near(kF16, -0.0, 0.0, Ulp(0)));
  CHECK_FALSE(Near(kF32, 1.0, -1.0, Ulp(1000)));
  CHECK_FALSE(Near(kF32, 1e-45, -1e-45, Ulp(1000)));
  CHECK(Near(kF32, 1e-45, -0.0, Ulp(1)));
}

TEST_CASE("A NaN agrees with a NaN and with nothing else") {
  for (const Tolerance& tolerance : {Ulp(1e9), Atol(1e9), Tolerance{Metric::kClose, 1e9, 1e9}}) {
    CHECK(Near(kF32, "NaN", "NaN", tolerance));
    CHECK_FALSE(Near(kF32, "NaN", 1.0, tolerance));
    CHECK_FALSE(Near(kF32, "Infinity", "NaN", tolerance));
  }
}

TEST_CASE("An infinity agrees with itself; by an absolute difference with nothing else") {
  CHECK(Near(kF32, "Infinity", "Infinity", Atol(0)));
  CHECK_FALSE(Near(kF32, "Infinity", "-Infinity", Atol(1e9)));
  CHECK_FALSE(Near(kF32, "Infinity", 3e38, Atol(1e300)));
  CHECK_FALSE(Near(kF32, 1.0, "Infinity", Tolerance{Metric::kClose, 0, 1}));
}

TEST_CASE("ATOL is the absolute difference") {
  CHECK(Near(kF32, 1.0, 1.25, Atol(0.25)));
  CHECK_FALSE(Near(kF32, 1.0, 1.375, Atol(0.25)));
  CHECK(Near(kF32, -0.125, 0.125, Atol(0.25)));
}

TEST_CASE("allclose adds a share of the expected value") {
  const Tolerance close{Metric::kClose, 0.5, 0.25};
  CHECK(Near(kF32, 8.0, 10.5, close));
  CHECK_FALSE(Near(kF32, 8.0, 10.625, close));
  CHECK(Near(DataType::kInt32, int64_t{8}, int64_t{10}, close));
  CHECK_FALSE(Near(DataType::kInt32, int64_t{8}, int64_t{11}, close));
}

TEST_CASE("Integers differ by their difference, without overflow") {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  CHECK(Near(DataType::kInt64, kMax, kMax - 1, Ulp(1)));
  CHECK_FALSE(Near(DataType::kInt64, kMin, kMax, Ulp(1e18)));
  CHECK(Near(DataType::kUint64, "18446744073709551615", "18446744073709551614", Ulp(1)));
  CHECK_FALSE(Near(DataType::kUint64, "18446744073709551615", int64_t{0}, Ulp(1)));
  CHECK(Near(DataType::kInt8, int64_t{-128}, int64_t{-127}, Atol(1)));
}

TEST_CASE("A vector's value outside of its type is compared as it is") {
  CHECK(Near(DataType::kUint4, int64_t{16}, int64_t{15}, Ulp(1)));
  CHECK_FALSE(Near(DataType::kUint4, int64_t{16}, int64_t{0}, Ulp(1)));
}

TEST_CASE("Only known metrics and distances make a tolerance") {
  CHECK(MakeTolerance("ULP", 3)->ToString() == "ULP 3");
  CHECK(MakeTolerance("ATOL", 0.5)->metric == Metric::kAtol);
  for (const auto& wrong : {MakeTolerance("RTOL", 1), MakeTolerance("ulp", 1), MakeTolerance("", 1),
                            MakeTolerance("ULP", -1), MakeTolerance("ULP", std::nan(""))}) {
    CHECK(wrong.status().code() == absl::StatusCode::kInvalidArgument);
  }
  CHECK(absl::StrContains(std::string(MakeTolerance("RTOL", 1).status().message()), "RTOL"));
}

TEST_CASE("Compare counts all that is wrong and shows a few") {
  const std::vector<Element> expected = {1, 2, 3, 4, 5};
  const std::vector<Element> got = {1, 9, 3, 9, 9};
  const Comparison comparison = Compare(DataType::kInt32, expected, got, Ulp(0), 2);
  CHECK(comparison.compared == 5);
  CHECK(comparison.wrong == 3);
  CHECK(comparison.worst == 7);
  REQUIRE(comparison.examples.size() == 2);
  CHECK(comparison.examples[1].index == 3);
  CHECK(Describe(DataType::kInt32, comparison, Ulp(0)) ==
        "element 1: expected 2, got 9; element 3: expected 4, got 9 (3 of 5 wrong, tolerance ULP 0)");
  CHECK(Compare(DataType::kInt32, {}, {}, Ulp(0)).wrong == 0);
}

TEST_CASE("Literals become elements, rounded once") {
  CHECK(E(kF16, 2049.0) == E(kF16, 2048.0));
  CHECK(E(kF16, 65520.0) == E(kF16, "Infinity"));
  CHECK(E(kF16, 1.0004882812500003) == E(kF16, 1.0009765625));  // as a float32 it would be a tie
  CHECK(E(kF32, int64_t{16777217}) == E(kF32, 16777216.0));
  CHECK(FloatValue(kF32, E(kF32, "-Infinity")) == -kInfinity);
  CHECK(E(DataType::kInt64, "-9223372036854775808") == std::numeric_limits<int64_t>::min());
  CHECK(ElementText(DataType::kUint64, E(DataType::kUint64, "18446744073709551615")) ==
        "18446744073709551615");
  CHECK(E(DataType::kInt32, 3.0) == 3);
  CHECK_FALSE(ReadElement(DataType::kInt32, 3.5).ok());
  CHECK_FALSE(ReadElement(DataType::kInt32, "Infinity").ok());
  CHECK_FALSE(ReadElement(DataType::kFloat32, "one").ok());
  CHECK_FALSE(ReadElement(DataType::kUint64, "18446744073709551616").ok());
}

TEST_CASE("Elements survive packing in every type") {
  for (uint32_t value = 1; IsValidDataType(value); ++value) {
    const auto type = static_cast<DataType>(value);
    const std::vector<Element> elements = {E(type, int64_t{1}), E(type, int64_t{0}), E(type, int64_t{7})};
    const std::vector<std::byte> bytes = Pack(type, elements);
    CHECK(bytes.size() == PackedBytes(type, 3));
    CHECK(Unpack(type, bytes, 3).value() == elements);
    CHECK_FALSE(Unpack(type, std::span(bytes).first(bytes.size() - 1), 3).ok());
  }
  CHECK(Unpack(DataType::kInt8, Pack(DataType::kInt8, std::vector<Element>{-1}), 1).value()[0] == -1);
  CHECK(Unpack(DataType::kUint8, Pack(DataType::kUint8, std::vector<Element>{255}), 1).value()[0] == 255);
}

TEST_CASE("4-bit elements lie low nibble first, and keep their low four bits") {
  const std::vector<std::byte> bytes = Pack(DataType::kInt4, std::vector<Element>{-1, 2, 10});
  REQUIRE(bytes.size() == 2);
  CHECK(std::to_integer<int>(bytes[0]) == 0x2f);
  CHECK(std::to_integer<int>(bytes[1]) == 0x0a);
  CHECK(Unpack(DataType::kInt4, bytes, 3).value() == std::vector<Element>{-1, 2, -6});
  CHECK(Unpack(DataType::kUint4, bytes, 3).value() == std::vector<Element>{15, 2, 10});
}

}  // namespace
}  // namespace modeld::conformance
