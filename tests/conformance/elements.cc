#include "tests/conformance/elements.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/graph/float16.h"

namespace modeld::conformance {
namespace {

template <typename... F>
struct Overload : F... {
  using F::operator()...;
};

absl::StatusOr<Element> IntegerOf(const Literal& literal) {
  return std::visit(
      Overload{[](int64_t number) -> absl::StatusOr<Element> { return number; },
               [](uint64_t number) -> absl::StatusOr<Element> { return std::bit_cast<int64_t>(number); },
               [](double number) -> absl::StatusOr<Element> {
                 if (number == std::trunc(number) && std::abs(number) < 0x1p63) {
                   return static_cast<int64_t>(number);
                 }
                 return absl::InvalidArgumentError(absl::StrCat(number, " is no integer"));
               },
               [](const std::string& text) -> absl::StatusOr<Element> {
                 int64_t number = 0;
                 uint64_t large = 0;
                 if (absl::SimpleAtoi(text, &number)) return number;
                 if (absl::SimpleAtoi(text, &large)) return std::bit_cast<int64_t>(large);
                 return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is no integer"));
               }},
      literal);
}

// The element in the low bits of `raw`.
Element Extend(DataType type, uint64_t raw) {
  const uint32_t spare = 64 - ElementBits(type);
  if (IsFloat(type)) return std::bit_cast<int64_t>(raw);
  return IsSignedInteger(type) ? std::bit_cast<int64_t>(raw << spare) >> spare
                               : std::bit_cast<int64_t>(raw << spare >> spare);
}

}  // namespace

absl::StatusOr<double> ReadDouble(const Literal& literal) {
  const std::string* text = std::get_if<std::string>(&literal);
  if (text == nullptr) {
    return std::visit(Overload{[](const std::string&) { return 0.0; },
                               [](auto number) { return static_cast<double>(number); }},
                      literal);
  }
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (*text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (*text == "Infinity") return kInfinity;
  if (*text == "-Infinity") return -kInfinity;
  double number = 0;
  if (absl::SimpleAtod(*text, &number) && std::isfinite(number)) return number;
  return absl::InvalidArgumentError(absl::StrCat("\"", *text, "\" is no number"));
}

absl::StatusOr<Element> ReadElement(DataType type, const Literal& literal) {
  if (!IsFloat(type)) return IntegerOf(literal);
  const absl::StatusOr<double> value = ReadDouble(literal);
  if (!value.ok()) return value.status();
  if (type == DataType::kFloat16) return FloatToHalf(*value);
  return std::bit_cast<uint32_t>(static_cast<float>(*value));
}

uint64_t PackedBytes(DataType type, uint64_t count) {
  return (count * ElementBits(type) + 7) / 8;
}

std::vector<std::byte> Pack(DataType type, std::span<const Element> elements) {
  std::vector<std::byte> bytes(PackedBytes(type, elements.size()));
  const uint32_t bits = ElementBits(type);
  for (size_t i = 0; i < elements.size(); ++i) {
    const auto raw = std::bit_cast<uint64_t>(elements[i]);
    if (bits == 4) {
      bytes[i / 2] |= static_cast<std::byte>((raw & 15) << (i % 2 * 4));
    } else {
      std::memcpy(bytes.data() + i * (bits / 8), &raw, bits / 8);
    }
  }
  return bytes;
}

absl::StatusOr<std::vector<Element>> Unpack(DataType type, std::span<const std::byte> bytes, uint64_t count) {
  const uint32_t bits = ElementBits(type);
  if (bytes.size() < PackedBytes(type, count)) {
    return absl::InvalidArgumentError(
        absl::StrCat(bytes.size(), " bytes hold fewer than ", count, " elements of ", DataTypeName(type)));
  }
  std::vector<Element> elements(count);
  for (size_t i = 0; i < count; ++i) {
    uint64_t raw = 0;
    if (bits == 4) {
      raw = std::to_integer<uint64_t>(bytes[i / 2]) >> (i % 2 * 4) & 15;
    } else {
      std::memcpy(&raw, bytes.data() + i * (bits / 8), bits / 8);
    }
    elements[i] = Extend(type, raw);
  }
  return elements;
}

double FloatValue(DataType type, Element element) {
  if (type == DataType::kFloat16) return HalfToFloat(static_cast<uint16_t>(element));
  return std::bit_cast<float>(static_cast<uint32_t>(element));
}

std::string ElementText(DataType type, Element element) {
  if (type == DataType::kUint64) return absl::StrCat(std::bit_cast<uint64_t>(element));
  if (!IsFloat(type)) return absl::StrCat(element);
  return absl::StrFormat("%.*g", type == DataType::kFloat16 ? 5 : 9, FloatValue(type, element));
}

}  // namespace modeld::conformance
