#include "engine/testing/tensor.h"

#include <cassert>
#include <cstring>
#include <type_traits>

#include "base/status.h"
#include "engine/core/verify.h"
#include "engine/graph/float16.h"
#include "engine/runtime/executor.h"

namespace modeld::testing {
namespace {

// Calls f.operator()<T>(index) for each element with its C++ type; float16 as uint16_t bits. Requires: not
// packed.
template <typename F>
void ForEachElement(const TensorDescriptor& descriptor, F&& f) {
  const uint64_t count = descriptor.ElementCount();
  const auto all = [&]<typename T>(std::type_identity<T>) {
    for (uint64_t i = 0; i < count; ++i) f.template operator()<T>(i);
  };
  switch (descriptor.data_type) {
    case DataType::kFloat32:
      return all(std::type_identity<float>{});
    case DataType::kFloat16:
      return all(std::type_identity<uint16_t>{});
    case DataType::kInt32:
      return all(std::type_identity<int32_t>{});
    case DataType::kUint32:
      return all(std::type_identity<uint32_t>{});
    case DataType::kInt64:
      return all(std::type_identity<int64_t>{});
    case DataType::kUint64:
      return all(std::type_identity<uint64_t>{});
    case DataType::kInt8:
      return all(std::type_identity<int8_t>{});
    case DataType::kUint8:
      return all(std::type_identity<uint8_t>{});
    case DataType::kInt4:
    case DataType::kUint4:
      break;
  }
}

}  // namespace

Tensor TensorOf(DataType type, Shape shape, const std::vector<double>& values) {
  Tensor tensor = {.descriptor = {type, std::move(shape)}};
  if (IsPacked(type)) {
    tensor.bytes.resize((values.size() + 1) / 2);
    for (size_t i = 0; i < values.size(); ++i) {
      tensor.bytes[i / 2] |= static_cast<std::byte>((static_cast<int>(values[i]) & 0xf) << (i % 2 * 4));
    }
    return tensor;
  }
  tensor.bytes.resize(values.size() * ElementBytes(type));
  ForEachElement(tensor.descriptor, [&]<typename T>(uint64_t i) {
    const T element =
        type == DataType::kFloat16 ? static_cast<T>(FloatToHalf(values.at(i))) : static_cast<T>(values.at(i));
    std::memcpy(tensor.bytes.data() + i * sizeof(T), &element, sizeof(T));
  });
  return tensor;
}

std::vector<double> ValuesOf(const Tensor& tensor) {
  std::vector<double> values(tensor.descriptor.ElementCount());
  if (IsPacked(tensor.descriptor.data_type)) {
    for (size_t i = 0; i < values.size(); ++i) {
      const int nibble = static_cast<int>(tensor.bytes[i / 2]) >> (i % 2 * 4) & 0xf;
      values[i] = tensor.descriptor.data_type == DataType::kInt4 && nibble > 7 ? nibble - 16 : nibble;
    }
    return values;
  }
  ForEachElement(tensor.descriptor, [&]<typename T>(uint64_t i) {
    T element;
    std::memcpy(&element, tensor.bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = tensor.descriptor.data_type == DataType::kFloat16
                    ? HalfToFloat(static_cast<uint16_t>(element))
                    : static_cast<double>(element);
  });
  return values;
}

core::ValueId AddValue(core::Graph& graph, TensorDescriptor descriptor) {
  graph.values.push_back({.descriptor = std::move(descriptor)});
  return static_cast<core::ValueId>(graph.values.size() - 1);
}

core::ValueId AddConstant(core::Graph& graph, const Tensor& tensor) {
  const core::ValueId id = AddValue(graph, tensor.descriptor);
  graph.values[id].constant = Region::Copy(tensor.bytes);
  return id;
}

absl::StatusOr<std::vector<Tensor>> RunGraph(const Backend& backend, const core::Graph& graph,
                                             std::span<const Tensor> inputs, const CompileOptions& options) {
  MODELD_RETURN_IF_ERROR(core::Verify(graph));
  MODELD_ASSIGN_OR_RETURN(const std::unique_ptr<Program> program, backend.Compile(graph, options));
  std::vector<Tensor> results;
  std::vector<std::span<const std::byte>> in;
  std::vector<std::span<std::byte>> out;
  for (const Tensor& input : inputs) in.emplace_back(input.bytes);
  for (core::ValueId id : graph.outputs) {
    MODELD_ASSIGN_OR_RETURN(const uint64_t bytes, graph.descriptor(id).ByteSize());
    // Filled with what no computation gives, so that a byte that nobody wrote shows.
    results.push_back(
        {.descriptor = graph.descriptor(id), .bytes = std::vector<std::byte>(bytes, std::byte{0xA5})});
  }
  for (Tensor& result : results) out.emplace_back(result.bytes);
  MODELD_ASSIGN_OR_RETURN(Arena arena, Arena::Create(*program));
  MODELD_RETURN_IF_ERROR(Execute(*program, in, out, arena, nullptr));
  return results;
}

core::Graph GraphOf(core::Op op, std::span<const Tensor> inputs, TensorDescriptor output) {
  core::Graph graph;
  for (const Tensor& input : inputs) graph.inputs.push_back(AddValue(graph, input.descriptor));
  graph.outputs = {AddValue(graph, std::move(output))};
  graph.nodes.push_back(
      {.op = std::move(op), .inputs = graph.inputs, .outputs = graph.outputs, .label = "it"});
  return graph;
}

}  // namespace modeld::testing
