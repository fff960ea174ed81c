#include "tools/importer/host_tensor.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/checked_math.h"
#include "base/status.h"
#include "tools/importer/reason.h"

namespace modeld::importer {
namespace {

// onnx.TensorProto.DataType numbers that the installed onnx.proto is too old to name.
constexpr int32_t kOnnxUint4 = 21;
constexpr int32_t kOnnxInt4 = 22;

// Calls `f` with a null pointer of the C++ type that holds one element; for a packed type, of its 8-bit type.
template <typename F>
auto WithType(DataType type, F f) {
  switch (type) {
    case DataType::kFloat16:
      return f(static_cast<_Float16*>(nullptr));
    case DataType::kInt32:
      return f(static_cast<int32_t*>(nullptr));
    case DataType::kUint32:
      return f(static_cast<uint32_t*>(nullptr));
    case DataType::kInt64:
      return f(static_cast<int64_t*>(nullptr));
    case DataType::kUint64:
      return f(static_cast<uint64_t*>(nullptr));
    case DataType::kInt8:
    case DataType::kInt4:
      return f(static_cast<int8_t*>(nullptr));
    case DataType::kUint8:
    case DataType::kUint4:
      return f(static_cast<uint8_t*>(nullptr));
    case DataType::kFloat32:
      break;
  }
  return f(static_cast<float*>(nullptr));
}

template <typename To, typename From>
To Convert(From value) {
  if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    if (std::isnan(value)) return 0;
    if (value <= static_cast<double>(std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
    if (value >= static_cast<double>(std::numeric_limits<To>::max())) return std::numeric_limits<To>::max();
  }
  return static_cast<To>(value);
}

// Two numbers per byte, the first in the low half.
std::vector<std::byte> Pack(const std::vector<std::byte>& numbers) {
  std::vector<std::byte> packed((numbers.size() + 1) / 2);
  for (size_t i = 0; i < numbers.size(); ++i) {
    packed[i / 2] |= (numbers[i] & std::byte{0xf}) << (i % 2 * 4);
  }
  return packed;
}

// The elements one by one: those of a packed tensor as bytes.
std::vector<std::byte> Unpack(const HostTensor& tensor) {
  const bool is_signed = tensor.descriptor.data_type == DataType::kInt4;
  std::vector<std::byte> numbers(tensor.bytes.empty() ? 0 : tensor.element_count());
  for (size_t i = 0; i < numbers.size(); ++i) {
    const std::byte half = (tensor.bytes.bytes()[i / 2] >> (i % 2 * 4)) & std::byte{0xf};
    const bool negative = is_signed && (half & std::byte{0x8}) != std::byte{0};
    numbers[i] = negative ? half | std::byte{0xf0} : half;
  }
  return numbers;
}

// Calls `f` with every element.
template <typename F>
void ForEachElement(const HostTensor& tensor, F f) {
  const bool packed = IsPacked(tensor.descriptor.data_type);
  const std::vector<std::byte> unpacked = packed ? Unpack(tensor) : std::vector<std::byte>{};
  const std::span<const std::byte> bytes = packed ? std::span(unpacked) : tensor.bytes.bytes();
  WithType(tensor.descriptor.data_type, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    for (size_t i = 0; i < bytes.size() / sizeof(T); ++i) {
      T element;
      std::memcpy(&element, bytes.data() + i * sizeof(T), sizeof(T));
      f(element);
    }
  });
}

template <typename Number>
HostTensor FromNumbers(DataType type, Shape shape, const std::vector<Number>& values) {
  const DataType wide = Unpacked(type);
  std::vector<std::byte> bytes(values.size() * ElementBytes(wide));
  WithType(type, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    for (size_t i = 0; i < values.size(); ++i) {
      const T element = Convert<T>(values[i]);
      std::memcpy(bytes.data() + i * sizeof(T), &element, sizeof(T));
    }
  });
  if (IsPacked(type)) bytes = Pack(bytes);
  return {{type, std::move(shape)}, Region::FromVector(std::move(bytes))};
}

absl::StatusOr<Shape> ReadShape(const onnx::TensorProto& proto) {
  Shape shape;
  for (int64_t size : proto.dims()) {
    if (size < 0 || size > std::numeric_limits<uint32_t>::max()) {
      return absl::InvalidArgumentError(absl::StrCat("dimension ", size, " is out of range"));
    }
    shape.push_back(static_cast<uint32_t>(size));
  }
  return shape;
}

// As TensorDescriptor::ByteSize, but dimensions of size 0 make 0 bytes.
absl::StatusOr<uint64_t> PackedBytes(const TensorDescriptor& descriptor) {
  for (uint32_t size : descriptor.shape) {
    if (size == 0) return 0;
  }
  return descriptor.ByteSize();
}

struct ExternalPlace {
  std::string location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
};

absl::StatusOr<ExternalPlace> ReadExternalPlace(const onnx::TensorProto& proto) {
  ExternalPlace place;
  for (const auto& entry : proto.external_data()) {
    uint64_t number = 0;
    if (entry.key() == "location") {
      place.location = entry.value();
    } else if (entry.key() == "offset" || entry.key() == "length") {
      if (!absl::SimpleAtoi(entry.value(), &number)) {
        return absl::InvalidArgumentError(
            absl::StrCat("external data ", entry.key(), " \"", entry.value(), "\" is not a number"));
      }
      if (entry.key() == "offset") {
        place.offset = number;
      } else {
        place.length = number;
      }
    }
  }
  return place;
}

// The elements that lie in one of the typed fields, whose number type may be wider than the tensor's.
template <typename Field>
absl::StatusOr<HostTensor> FromField(const TensorDescriptor& descriptor, const Field& field) {
  const bool packed = IsPacked(descriptor.data_type);
  const uint64_t wanted = packed ? (descriptor.ElementCount() + 1) / 2 : descriptor.ElementCount();
  if (static_cast<uint64_t>(field.size()) != wanted) {
    return absl::InvalidArgumentError(
        absl::StrCat("has ", field.size(), " elements, its shape wants ", wanted));
  }
  if (descriptor.data_type == DataType::kFloat16) {  // bit patterns in int32_data
    std::vector<std::byte> bytes(wanted * 2);
    for (size_t i = 0; i < wanted; ++i) {
      const auto bits = static_cast<uint16_t>(field[static_cast<int>(i)]);
      std::memcpy(bytes.data() + 2 * i, &bits, 2);
    }
    return HostTensor{descriptor, Region::FromVector(std::move(bytes))};
  }
  if (packed) {  // a byte, that is two numbers, in each element of the field
    std::vector<std::byte> bytes;
    for (const auto element : field) bytes.push_back(static_cast<std::byte>(element));
    return HostTensor{descriptor, Region::FromVector(std::move(bytes))};
  }
  using Number = std::decay_t<decltype(field[0])>;
  return FromNumbers(descriptor.data_type, descriptor.shape, std::vector<Number>(field.begin(), field.end()));
}

}  // namespace

absl::StatusOr<DataType> DataTypeFromOnnx(int32_t onnx_type) {
  using P = onnx::TensorProto;
  switch (onnx_type) {
    case P::FLOAT:
      return DataType::kFloat32;
    case P::FLOAT16:
      return DataType::kFloat16;
    case P::INT32:
      return DataType::kInt32;
    case P::UINT32:
      return DataType::kUint32;
    case P::INT64:
      return DataType::kInt64;
    case P::UINT64:
      return DataType::kUint64;
    case P::INT8:
      return DataType::kInt8;
    case P::UINT8:
    case P::BOOL:
      return DataType::kUint8;
    case kOnnxUint4:
      return DataType::kUint4;
    case kOnnxInt4:
      return DataType::kInt4;
    default:
      return NotExpressible(
          Reason::kDataType,
          absl::StrCat("type ",
                       P::DataType_IsValid(onnx_type) ? P::DataType_Name(static_cast<P::DataType>(onnx_type))
                                                      : absl::StrCat(onnx_type),
                       " has no WebNN counterpart"));
  }
}

absl::StatusOr<HostTensor> ReadTensor(const onnx::TensorProto& proto, std::shared_ptr<const void> owner,
                                      ExternalFiles& files) {
  HostTensor tensor;
  MODELD_ASSIGN_OR_RETURN(tensor.descriptor.data_type, DataTypeFromOnnx(proto.data_type()));
  MODELD_ASSIGN_OR_RETURN(tensor.descriptor.shape, ReadShape(proto));
  MODELD_ASSIGN_OR_RETURN(const uint64_t size, PackedBytes(tensor.descriptor));
  if (proto.data_location() == onnx::TensorProto::EXTERNAL) {
    MODELD_ASSIGN_OR_RETURN(const ExternalPlace place, ReadExternalPlace(proto));
    if (place.length && *place.length != size) {
      return absl::InvalidArgumentError(
          absl::StrCat("external data has ", *place.length, " bytes, its shape wants ", size));
    }
    MODELD_ASSIGN_OR_RETURN(tensor.bytes, files.Map(place.location, place.offset, size));
    if (reinterpret_cast<uintptr_t>(tensor.bytes.bytes().data()) %
        ElementBytes(Unpacked(tensor.descriptor.data_type))) {
      tensor.bytes = Region::Copy(tensor.bytes.bytes());
    }
    return tensor;
  }
  if (size == 0) return tensor;
  if (proto.has_raw_data()) {
    const std::string& raw = proto.raw_data();
    if (raw.size() != size) {
      return absl::InvalidArgumentError(absl::StrCat("has ", raw.size(), " bytes, its shape wants ", size));
    }
    tensor.bytes = Region(std::as_bytes(std::span(raw)), std::move(owner));
    return tensor;
  }
  switch (tensor.descriptor.data_type) {
    case DataType::kFloat32:
      return FromField(tensor.descriptor, proto.float_data());
    case DataType::kInt64:
      return FromField(tensor.descriptor, proto.int64_data());
    case DataType::kUint32:
    case DataType::kUint64:
      return FromField(tensor.descriptor, proto.uint64_data());
    default:
      return FromField(tensor.descriptor, proto.int32_data());
  }
}

absl::StatusOr<std::vector<int64_t>> ToInts(const HostTensor& tensor) {
  if (IsFloat(tensor.descriptor.data_type)) {
    return absl::InvalidArgumentError("is a float tensor, integers are wanted");
  }
  std::vector<int64_t> values;
  bool fits = true;
  ForEachElement(tensor, [&](auto element) {
    if constexpr (std::is_same_v<decltype(element), uint64_t>) {
      fits = fits && element <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    }
    values.push_back(static_cast<int64_t>(element));
  });
  if (!fits) return absl::InvalidArgumentError("holds a number beyond int64");
  return values;
}

std::vector<double> ToDoubles(const HostTensor& tensor) {
  std::vector<double> values;
  ForEachElement(tensor, [&](auto element) { values.push_back(static_cast<double>(element)); });
  return values;
}

HostTensor FromDoubles(DataType type, Shape shape, const std::vector<double>& values) {
  return FromNumbers(type, std::move(shape), values);
}

HostTensor FromInts(DataType type, Shape shape, const std::vector<int64_t>& values) {
  return FromNumbers(type, std::move(shape), values);
}

}  // namespace modeld::importer
