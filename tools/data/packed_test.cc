#include "tools/data/packed.h"

#include <catch2/catch.hpp>

namespace modeld::tools {
namespace {

Array Bytes(DataType type, Shape shape, const std::vector<int>& values) {
  Array array{.descriptor = {type, std::move(shape)}};
  for (int value : values) array.bytes.push_back(static_cast<std::byte>(value));
  return array;
}

TEST_CASE("4-bit elements come apart and together again, an odd number too") {
  const Array packed = Bytes(DataType::kInt4, {3}, {0xe1, 0x08});
  const Array whole = WithWholeBytes(packed);
  CHECK(whole.descriptor.ToString() == "int8[3]");
  CHECK(whole.bytes == Bytes(DataType::kInt8, {3}, {1, -2, -8}).bytes);
  const auto again = WithPackedBytes("x", whole, DataType::kInt4);
  REQUIRE(again.ok());
  CHECK(again->descriptor == packed.descriptor);
  CHECK(again->bytes == packed.bytes);
  CHECK(WithWholeBytes(Bytes(DataType::kUint4, {2}, {0xf0})).bytes ==
        Bytes(DataType::kUint8, {2}, {0, 15}).bytes);
  CHECK(WithWholeBytes(whole).bytes == whole.bytes);
}

TEST_CASE("what four bits do not hold is refused") {
  const auto message = [](const Array& array, DataType type) {
    return std::string(WithPackedBytes("x", array, type).status().message());
  };
  CHECK(message(Bytes(DataType::kInt8, {2}, {7, 8}), DataType::kInt4) ==
        "x: element 1 is 8; int4 holds -8 to 7");
  CHECK(message(Bytes(DataType::kInt8, {1}, {-9}), DataType::kInt4) ==
        "x: element 0 is -9; int4 holds -8 to 7");
  CHECK(message(Bytes(DataType::kUint8, {1}, {16}), DataType::kUint4) ==
        "x: element 0 is 16; uint4 holds 0 to 15");
}

}  // namespace
}  // namespace modeld::tools
