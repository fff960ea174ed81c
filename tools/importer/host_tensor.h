// Tensors whose bytes are known while importing.
#ifndef MODELD_TOOLS_IMPORTER_HOST_TENSOR_H_
#define MODELD_TOOLS_IMPORTER_HOST_TENSOR_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "base/region.h"
#include "engine/graph/tensor_descriptor.h"
#include "onnx/onnx_pb.h"
#include "tools/importer/external_data.h"

namespace modeld::importer {

// Type, shape and packed bytes. Unlike a graph's constants it may have no elements (an empty list of axes).
struct HostTensor {
  TensorDescriptor descriptor;
  Region bytes;

  uint64_t element_count() const { return descriptor.ElementCount(); }
};

// WebNN's type for an onnx.TensorProto.DataType number; bool becomes uint8. UNIMPLEMENTED, naming the type,
// for others.
absl::StatusOr<DataType> DataTypeFromOnnx(int32_t onnx_type);

// The tensor that `proto` holds inline or points to. `owner` keeps `proto` alive: raw bytes are shared, not
// copied. INVALID_ARGUMENT: negative or overflowing dimensions, or bytes that do not fit the shape;
// UNIMPLEMENTED: type.
absl::StatusOr<HostTensor> ReadTensor(const onnx::TensorProto& proto, std::shared_ptr<const void> owner,
                                      ExternalFiles& files);

// All elements as numbers. INVALID_ARGUMENT: a float tensor, or a uint64 beyond int64.
absl::StatusOr<std::vector<int64_t>> ToInts(const HostTensor& tensor);
// All elements of any type, exactly up to 2^53.
std::vector<double> ToDoubles(const HostTensor& tensor);

// A tensor of this type from numbers, converted as a C++ cast would after clamping to the type's range.
HostTensor FromDoubles(DataType type, Shape shape, const std::vector<double>& values);
// As above, for integers without loss.
HostTensor FromInts(DataType type, Shape shape, const std::vector<int64_t>& values);

}  // namespace modeld::importer

#endif  // MODELD_TOOLS_IMPORTER_HOST_TENSOR_H_
