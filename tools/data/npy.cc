#include "tools/data/npy.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "tools/data/file.h"
#include "tools/data/packed.h"

namespace modeld::tools {
namespace {

static_assert(std::endian::native == std::endian::little, "elements are copied as they lie in the file");

constexpr absl::string_view kMagic("\x93NUMPY", 6);
constexpr size_t kMaxHeaderBytes = 65536;
constexpr size_t kMaxRank = 32;

// numpy's type codes for WebNN's types. numpy marks single bytes with '|', as they have no order.
struct TypeRow {
  absl::string_view descr;
  DataType type;
};
constexpr std::array<TypeRow, 8> kTypes = {{
    {"<f4", DataType::kFloat32},
    {"<f2", DataType::kFloat16},
    {"<i4", DataType::kInt32},
    {"<u4", DataType::kUint32},
    {"<i8", DataType::kInt64},
    {"<u8", DataType::kUint64},
    {"|i1", DataType::kInt8},
    {"|u1", DataType::kUint8},
}};
constexpr absl::string_view kBool = "|b1";
constexpr absl::string_view kFloat64 = "<f8";

absl::Status Bad(absl::string_view name, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(name, ": ", what));
}

// The three facts that a header states.
struct Header {
  std::string descr;
  bool fortran_order = false;
  Shape shape;
};

// Reads the header's Python literal, of which only a dictionary of strings, booleans and tuples of whole
// numbers can occur.
class HeaderParser {
 public:
  HeaderParser(absl::string_view name, absl::string_view text) : name_(name), rest_(text) {}

  absl::StatusOr<Header> Parse() {
    if (!Take("{")) return Wrong("'{' at the start");
    while (!Take("}")) {
      MODELD_RETURN_IF_ERROR(ParseEntry());
      if (!Take(",") && !Next("}")) return Wrong("',' or '}'");
    }
    Skip();
    if (!rest_.empty()) return Wrong("the end after '}'");
    if (!has_descr_ || !has_order_ || !has_shape_) {
      return Bad(name_, "the npy header must have the keys 'descr', 'fortran_order' and 'shape'");
    }
    return std::move(header_);
  }

 private:
  void Skip() { rest_ = absl::StripLeadingAsciiWhitespace(rest_); }
  bool Next(absl::string_view token) {
    Skip();
    return absl::StartsWith(rest_, token);
  }
  bool Take(absl::string_view token) {
    if (!Next(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  absl::Status Wrong(absl::string_view expected) {
    return Bad(name_, absl::StrCat("the npy header is malformed: expected ", expected));
  }

  absl::StatusOr<std::string> ParseString() {
    const char quote = Take("'") ? '\'' : Take("\"") ? '"' : '\0';
    const size_t end = quote == '\0' ? absl::string_view::npos : rest_.find(quote);
    if (end == absl::string_view::npos) return Wrong("a string");
    std::string value(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return value;
  }

  absl::StatusOr<uint32_t> ParseDimension() {
    Skip();
    size_t digits = 0;
    while (digits < rest_.size() && absl::ascii_isdigit(rest_[digits])) ++digits;
    if (digits == 0) return Wrong("a whole number in 'shape'");
    uint32_t value = 0;
    const absl::string_view text = rest_.substr(0, digits);
    if (!absl::SimpleAtoi(text, &value)) return Bad(name_, "a dimension does not fit 32 bits");
    rest_.remove_prefix(digits);
    Take("L");  // Python 2 wrote long integers so.
    return value;
  }

  absl::StatusOr<Shape> ParseShape() {
    if (!Take("(")) return Wrong("'(' at the start of 'shape'");
    Shape shape;
    while (!Take(")")) {
      MODELD_ASSIGN_OR_RETURN(const uint32_t dimension, ParseDimension());
      shape.push_back(dimension);
      if (shape.size() > kMaxRank) return Bad(name_, absl::StrCat("more than ", kMaxRank, " dimensions"));
      if (!Take(",") && !Next(")")) return Wrong("',' or ')' in 'shape'");
    }
    return shape;
  }

  absl::Status ParseEntry() {
    MODELD_ASSIGN_OR_RETURN(const std::string key, ParseString());
    if (!Take(":")) return Wrong("':' after a key");
    if (key == "descr" && !std::exchange(has_descr_, true)) {
      if (Next("[")) return Bad(name_, "structured types cannot be a tensor; expected one plain type");
      MODELD_ASSIGN_OR_RETURN(header_.descr, ParseString());
    } else if (key == "fortran_order" && !std::exchange(has_order_, true)) {
      const bool yes = Take("True");
      if (!yes && !Take("False")) return Wrong("True or False");
      header_.fortran_order = yes;
    } else if (key == "shape" && !std::exchange(has_shape_, true)) {
      MODELD_ASSIGN_OR_RETURN(header_.shape, ParseShape());
    } else {
      return Bad(name_, "the npy header has an unknown or repeated key");
    }
    return absl::OkStatus();
  }

  absl::string_view name_;
  absl::string_view rest_;
  Header header_;
  bool has_descr_ = false, has_order_ = false, has_shape_ = false;
};

// Cuts the fixed part and the header's text off the front of `file`.
absl::StatusOr<absl::string_view> TakeHeader(absl::string_view name, absl::string_view& file) {
  if (!absl::StartsWith(file, kMagic)) return Bad(name, "not an npy file: it does not begin with \\x93NUMPY");
  file.remove_prefix(kMagic.size());
  if (file.size() < 2) return Bad(name, "the npy file ends inside its header");
  const int major = static_cast<uint8_t>(file[0]), minor = static_cast<uint8_t>(file[1]);
  if (major < 1 || major > 3 || minor != 0) {
    return Bad(name, absl::StrCat("npy version ", major, ".", minor, "; expected 1.0, 2.0 or 3.0"));
  }
  file.remove_prefix(2);
  const size_t length_bytes = major == 1 ? 2 : 4;
  if (file.size() < length_bytes) return Bad(name, "the npy file ends inside its header");
  uint32_t length = 0;
  std::memcpy(&length, file.data(), length_bytes);
  file.remove_prefix(length_bytes);
  if (length > kMaxHeaderBytes) {
    return Bad(name,
               absl::StrCat("an npy header of ", length, " bytes; at most ", kMaxHeaderBytes, " are read"));
  }
  if (file.size() < length) return Bad(name, "the npy file ends inside its header");
  const absl::string_view header = file.substr(0, length);
  file.remove_prefix(length);
  return header;
}

// What is done with the elements of a file on their way into an Array.
enum class Conversion { kNone, kBoolToUint8, kFloat64ToFloat32 };

struct ElementType {
  DataType type;
  Conversion conversion;
};

absl::StatusOr<ElementType> TypeOf(absl::string_view name, absl::string_view descr,
                                   const NpyReadOptions& options) {
  for (const TypeRow& row : kTypes) {
    // For single bytes any mark means the same.
    const bool same = row.descr[0] == '|' && descr.size() == 3 ? row.descr.substr(1) == descr.substr(1)
                                                               : row.descr == descr;
    if (same) return ElementType{row.type, Conversion::kNone};
  }
  if (descr == kBool) return ElementType{DataType::kUint8, Conversion::kBoolToUint8};
  if (descr == kFloat64 && options.narrow_float64) {
    return ElementType{DataType::kFloat32, Conversion::kFloat64ToFloat32};
  }
  if (descr == kFloat64) return Bad(name, "type float64 ('<f8'), which no tensor has; convert it to float32");
  if (absl::StartsWith(descr, ">")) return Bad(name, "big-endian elements; expected little-endian");
  const auto formatter = [](std::string* out, const TypeRow& row) { absl::StrAppend(out, row.descr); };
  return Bad(name, absl::StrCat("npy type '", absl::CHexEscape(descr.substr(0, 32)), "'; expected one of ",
                                absl::StrJoin(kTypes, ", ", formatter), ", ", kBool));
}

absl::StatusOr<std::vector<std::byte>> Convert(absl::string_view name, absl::string_view data,
                                               Conversion how) {
  const auto raw = std::as_bytes(std::span(data));
  std::vector<std::byte> bytes;
  if (how == Conversion::kFloat64ToFloat32) {
    bytes.resize(data.size() / 2);
    for (size_t i = 0; i < data.size() / 8; ++i) {
      double wide = 0;
      std::memcpy(&wide, data.data() + 8 * i, sizeof wide);
      const float narrow = static_cast<float>(wide);
      std::memcpy(bytes.data() + 4 * i, &narrow, sizeof narrow);
    }
    return bytes;
  }
  bytes.assign(raw.begin(), raw.end());
  if (how == Conversion::kBoolToUint8 &&
      std::ranges::any_of(bytes, [](std::byte b) { return b > std::byte{1}; })) {
    return Bad(name, "a bool is neither 0 nor 1");
  }
  return bytes;
}

}  // namespace

absl::StatusOr<Array> ParseNpy(absl::string_view name, std::span<const std::byte> file,
                               const NpyReadOptions& options) {
  absl::string_view rest(reinterpret_cast<const char*>(file.data()), file.size());
  MODELD_ASSIGN_OR_RETURN(const absl::string_view text, TakeHeader(name, rest));
  MODELD_ASSIGN_OR_RETURN(Header header, HeaderParser(name, text).Parse());
  MODELD_ASSIGN_OR_RETURN(const ElementType element, TypeOf(name, header.descr, options));
  const auto longer_than_one = std::ranges::count_if(header.shape, [](uint32_t d) { return d > 1; });
  if (header.fortran_order && longer_than_one > 1) {
    return Bad(name, "Fortran (column-major) order; expected row-major, as np.ascontiguousarray makes it");
  }
  Array array{.descriptor = {element.type, std::move(header.shape)}, .bytes = {}};
  const absl::StatusOr<uint64_t> size = array.descriptor.ByteSize();
  if (!size.ok()) return Annotate(size.status(), name);
  const bool wide = element.conversion == Conversion::kFloat64ToFloat32;
  // ByteSize fits int64, so twice of it fits uint64.
  const uint64_t expected = wide ? *size * 2 : *size;
  if (rest.size() != expected) {
    return Bad(name, absl::StrCat("the npy file holds ", rest.size(), " bytes of elements; its header, ",
                                  array.descriptor.ToString(), ", needs ", expected));
  }
  MODELD_ASSIGN_OR_RETURN(array.bytes, Convert(name, rest, element.conversion));
  return array;
}

absl::StatusOr<std::string> SerializeNpy(const Array& given) {
  MODELD_ASSIGN_OR_RETURN(const uint64_t size, given.descriptor.ByteSize());
  if (given.bytes.size() != size || given.descriptor.shape.size() > kMaxRank) {
    return absl::InvalidArgumentError(absl::StrCat("array: ", given.bytes.size(), " bytes do not make ",
                                                   given.descriptor.ToString(), " with at most ", kMaxRank,
                                                   " dimensions"));
  }
  const Array array = WithWholeBytes(given);
  const auto* row = std::ranges::find(kTypes, array.descriptor.data_type, &TypeRow::type);
  const Shape& shape = array.descriptor.shape;
  const std::string header = absl::StrCat("{'descr': '", row->descr, "', 'fortran_order': False, 'shape': (",
                                          absl::StrJoin(shape, ", "), shape.size() == 1 ? ",), }" : "), }");
  // numpy pads with spaces and a newline, so that the elements begin at a multiple of 64.
  const size_t fixed = kMagic.size() + 4;
  const size_t total = (fixed + header.size() + 1 + 63) / 64 * 64;
  const size_t length = total - fixed;
  std::string file(kMagic);
  file.reserve(total + array.bytes.size());
  for (const size_t byte : {size_t{1}, size_t{0}, length & 0xff, length >> 8})
    file.push_back(static_cast<char>(byte));
  absl::StrAppend(&file, header, std::string(length - header.size() - 1, ' '), "\n");
  file.append(reinterpret_cast<const char*>(array.bytes.data()), array.bytes.size());
  return file;
}

absl::StatusOr<Array> ReadNpyFile(const std::string& path, const NpyReadOptions& options) {
  MODELD_ASSIGN_OR_RETURN(const std::string file, ReadWholeFile(path, options.max_file_bytes));
  return ParseNpy(path, std::as_bytes(std::span(file)), options);
}

absl::Status WriteNpyFile(const std::string& path, const Array& array) {
  const absl::StatusOr<std::string> file = SerializeNpy(array);
  if (!file.ok()) return Annotate(file.status(), path);
  return WriteWholeFile(path, *file);
}

}  // namespace modeld::tools
