// EncodeCanonical and the ids; decoding is canonical_decode.cc. The format is proto/README.md's.
#include "engine/graph/canonical.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <tuple>
#include <vector>

#include "engine/graph/canonical_format.h"

namespace modeld {
namespace {

using canonical::kMagic;

// Appends to a string.
class Writer {
 public:
  void Byte(uint8_t value) { bytes_.push_back(static_cast<char>(value)); }

  void Varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) Byte(static_cast<uint8_t>(value | 0x80));
    Byte(static_cast<uint8_t>(value));
  }

  void Fixed64(uint64_t value) {
    for (int i = 0; i < 8; ++i) Byte(static_cast<uint8_t>(value >> (8 * i)));
  }

  void Bytes(absl::string_view value) { bytes_.append(value.data(), value.size()); }

  void String(absl::string_view value) {
    Varint(value.size());
    Bytes(value);
  }

  void Double(double value) {
    Fixed64(std::isnan(value) ? canonical::kNanBits : std::bit_cast<uint64_t>(value));
  }

  void Tensor(const TensorDescriptor& descriptor) {
    Byte(static_cast<uint8_t>(descriptor.data_type));
    Varint(descriptor.shape.size());
    for (uint32_t size : descriptor.shape) Varint(size);
  }

  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Numbers operands as they are met, and writes.
class Encoder {
 public:
  Encoder(const Graph& graph, bool with_labels)
      : graph_(graph), with_labels_(with_labels), numbers_(graph.operands.size(), kNone) {}

  std::string Run() {
    writer_.Bytes(kMagic);
    WriteInputs();
    WriteOperations();
    WriteOutputs();
    return writer_.Take();
  }

  // A body: inputs and outputs in their given order, without names.
  std::string RunBody() {
    writer_.Varint(graph_.inputs.size());
    for (OperandId id : graph_.inputs) {
      writer_.Tensor(graph_.descriptor(id));
      numbers_[id.value] = next_++;
    }
    WriteOperations();
    writer_.Varint(graph_.outputs.size());
    for (const GraphOutput& output : graph_.outputs) {
      writer_.Varint(numbers_[output.operand.value]);
      writer_.Tensor(graph_.descriptor(output.operand));
    }
    return writer_.Take();
  }

 private:
  static constexpr uint32_t kNone = 0xffffffff;
  using ConstantKey = std::tuple<DataType, Shape, Digest>;

  void WriteInputs() {
    std::vector<OperandId> sorted = graph_.inputs;
    std::sort(sorted.begin(), sorted.end(),
              [&](OperandId a, OperandId b) { return graph_.operand(a).name < graph_.operand(b).name; });
    writer_.Varint(sorted.size());
    for (OperandId id : sorted) {
      writer_.String(graph_.operand(id).name);
      writer_.Tensor(graph_.descriptor(id));
      numbers_[id.value] = next_++;
    }
  }

  // The operand's number; a constant's description follows the number's first use.
  void WriteReference(OperandId id) {
    uint32_t& number = numbers_[id.value];
    const Operand& operand = graph_.operand(id);
    if (number != kNone || operand.kind != OperandKind::kConstant) return writer_.Varint(number);
    const auto [entry, is_new] = constants_.try_emplace(
        {operand.descriptor.data_type, operand.descriptor.shape, operand.digest}, next_);
    number = entry->second;
    writer_.Varint(number);
    if (!is_new) return;
    ++next_;
    writer_.Tensor(operand.descriptor);
    writer_.Bytes(operand.digest.bytes());
  }

  template <typename T, typename F>
  void WriteList(const std::vector<T>& values, F write) {
    writer_.Varint(values.size());
    for (const T& value : values) write(value);
  }

  void WriteValue(const AttributeValue& value) {
    writer_.Byte(static_cast<uint8_t>(value.index()));
    std::visit([&](const auto& v) { WriteAlternative(v); }, value);
  }
  void WriteAlternative(bool value) { writer_.Byte(value ? 1 : 0); }
  void WriteAlternative(int64_t value) { writer_.Fixed64(static_cast<uint64_t>(value)); }
  void WriteAlternative(double value) { writer_.Double(value); }
  void WriteAlternative(const std::string& value) { writer_.String(value); }
  void WriteAlternative(DataType value) { writer_.Byte(static_cast<uint8_t>(value)); }
  void WriteAlternative(OperandId value) { WriteReference(value); }
  template <typename T>
  void WriteAlternative(const std::vector<T>& values) {
    WriteList(values, [&](const T& value) { WriteAlternative(value); });
  }

  void WriteAlternative(const GraphValue& value) {
    writer_.Bytes(Encoder(*value.graph, with_labels_).RunBody());
  }

  void WriteOperations() {
    writer_.Varint(graph_.operations.size());
    for (const Operation& operation : graph_.operations) WriteOperation(operation);
  }

  void WriteOperation(const Operation& operation) {
    writer_.String(operation.type);
    writer_.String(with_labels_ ? absl::string_view(operation.label) : absl::string_view());
    WriteList(operation.inputs, [&](OperandId id) { WriteReference(id); });
    writer_.Varint(operation.attributes.size());
    for (const auto& [name, value] : operation.attributes) {
      writer_.String(name);
      WriteValue(value);
    }
    // Numbers say nothing new here; but so every operand takes a byte at least, which bounds what a decoder
    // stores.
    WriteList(operation.outputs, [&](OperandId id) { writer_.Varint(numbers_[id.value] = next_++); });
  }

  void WriteOutputs() {
    std::vector<const GraphOutput*> sorted;
    for (const GraphOutput& output : graph_.outputs) sorted.push_back(&output);
    std::sort(sorted.begin(), sorted.end(),
              [](const GraphOutput* a, const GraphOutput* b) { return a->name < b->name; });
    writer_.Varint(sorted.size());
    for (const GraphOutput* output : sorted) {
      writer_.String(output->name);
      writer_.Varint(numbers_[output->operand.value]);
      writer_.Tensor(graph_.descriptor(output->operand));
    }
  }

  // Fixed at construction.
  const Graph& graph_;
  const bool with_labels_;

  Writer writer_;
  // By OperandId: the canonical number, or kNone.
  std::vector<uint32_t> numbers_;
  uint32_t next_ = 0;
  // Constants that were written; equal ones share a number.
  std::map<ConstantKey, uint32_t> constants_;
};

}  // namespace

std::string EncodeCanonical(const Graph& graph) {
  return Encoder(graph, true).Run();
}

Digest ModelIdOf(const Graph& graph) {
  return Digest::Of(EncodeCanonical(graph));
}

Digest StructureIdOf(const Graph& graph) {
  return Digest::Of(Encoder(graph, false).Run());
}

}  // namespace modeld
