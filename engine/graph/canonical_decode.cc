// DecodeCanonical, declared in canonical.h.
#include <bit>
#include <cmath>
#include <set>
#include <tuple>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/graph/canonical.h"
#include "engine/graph/canonical_format.h"

namespace modeld {
namespace {

// Takes bytes from the front. Errors name the offset.
class Reader {
 public:
  explicit Reader(absl::string_view bytes) : bytes_(bytes) {}

  bool AtEnd() const { return offset_ == bytes_.size(); }
  size_t remaining() const { return bytes_.size() - offset_; }

  absl::Status Error(absl::string_view message) const {
    return absl::InvalidArgumentError(absl::StrCat("canonical graph: byte ", offset_, ": ", message));
  }

  absl::StatusOr<absl::string_view> Bytes(uint64_t size) {
    if (size > remaining()) return Error("the bytes end too early");
    const absl::string_view result = bytes_.substr(offset_, size);
    offset_ += size;
    return result;
  }

  absl::StatusOr<uint8_t> Byte() {
    MODELD_ASSIGN_OR_RETURN(const absl::string_view byte, Bytes(1));
    return static_cast<uint8_t>(byte[0]);
  }

  // At most `most`; the shortest form only.
  absl::StatusOr<uint64_t> Varint(uint64_t most, absl::string_view what) {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      MODELD_ASSIGN_OR_RETURN(const uint8_t byte, Byte());
      const uint64_t bits = byte & 0x7f;
      if (shift == 63 && bits > 1) return Error("a number exceeds 64 bits");
      value |= bits << shift;
      if ((byte & 0x80) != 0) continue;
      if (byte == 0 && shift != 0) return Error("a number is not in its shortest form");
      if (value > most) return Error(absl::StrCat(what, " ", value, " exceeds ", most));
      return value;
    }
    return Error("a number exceeds 64 bits");
  }

  // The number of elements of a list, each of which takes a byte at least.
  absl::StatusOr<uint64_t> Count(uint64_t most, absl::string_view what) {
    MODELD_ASSIGN_OR_RETURN(const uint64_t count, Varint(most, what));
    if (count > remaining()) return Error("a list is longer than the bytes that are left");
    return count;
  }

  absl::StatusOr<uint64_t> Fixed64() {
    MODELD_ASSIGN_OR_RETURN(const absl::string_view bytes, Bytes(8));
    uint64_t value = 0;
    for (int i = 7; i >= 0; --i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
    return value;
  }

  absl::StatusOr<std::string> String(uint64_t most, absl::string_view what) {
    MODELD_ASSIGN_OR_RETURN(const uint64_t size, Varint(most, what));
    MODELD_ASSIGN_OR_RETURN(const absl::string_view bytes, Bytes(size));
    return std::string(bytes);
  }

  absl::StatusOr<DataType> Type() {
    MODELD_ASSIGN_OR_RETURN(const uint8_t value, Byte());
    if (!IsValidDataType(value)) return Error(absl::StrCat("data type ", value, " is unknown"));
    return static_cast<DataType>(value);
  }

 private:
  const absl::string_view bytes_;
  size_t offset_ = 0;
};

class Decoder {
 public:
  // `depth`: of bodies around this graph. The reader must outlive the decoder.
  Decoder(Reader& in, const GraphLimits& limits, uint32_t depth) : in_(in), limits_(limits), depth_(depth) {}

  absl::StatusOr<Graph> Run() {
    MODELD_ASSIGN_OR_RETURN(const absl::string_view magic, in_.Bytes(canonical::kMagic.size()));
    if (magic != canonical::kMagic) return in_.Error("this is no canonical graph of a known version");
    MODELD_RETURN_IF_ERROR(ReadInputs());
    MODELD_RETURN_IF_ERROR(ReadOperations());
    MODELD_RETURN_IF_ERROR(ReadOutputs());
    if (!in_.AtEnd()) return in_.Error("bytes follow the end");
    return std::move(graph_);
  }

  absl::StatusOr<Graph> RunBody() {
    MODELD_ASSIGN_OR_RETURN(const uint64_t inputs, in_.Count(limits_.max_bindings, "number of inputs"));
    for (uint64_t i = 0; i < inputs; ++i) {
      Operand operand;
      operand.kind = OperandKind::kInput;
      MODELD_ASSIGN_OR_RETURN(operand.descriptor, ReadTensor());
      MODELD_ASSIGN_OR_RETURN(const OperandId id, AddOperand(std::move(operand)));
      graph_.inputs.push_back(id);
    }
    MODELD_RETURN_IF_ERROR(ReadOperations());
    MODELD_ASSIGN_OR_RETURN(const uint64_t outputs, in_.Count(limits_.max_bindings, "number of outputs"));
    for (uint64_t i = 0; i < outputs; ++i) MODELD_RETURN_IF_ERROR(ReadOutput(""));
    return std::move(graph_);
  }

 private:
  absl::Status ReadOperations() {
    MODELD_ASSIGN_OR_RETURN(const uint64_t operations,
                            in_.Count(limits_.max_operations, "number of operations"));
    for (uint64_t i = 0; i < operations; ++i) MODELD_RETURN_IF_ERROR(ReadOperation());
    return absl::OkStatus();
  }

  absl::StatusOr<TensorDescriptor> ReadTensor() {
    TensorDescriptor descriptor;
    MODELD_ASSIGN_OR_RETURN(descriptor.data_type, in_.Type());
    MODELD_ASSIGN_OR_RETURN(const uint64_t rank, in_.Count(limits_.max_rank, "rank"));
    for (uint64_t i = 0; i < rank; ++i) {
      MODELD_ASSIGN_OR_RETURN(const uint64_t size, in_.Varint(0xffffffff, "dimension"));
      descriptor.shape.push_back(static_cast<uint32_t>(size));
    }
    return descriptor;
  }

  absl::StatusOr<std::string> ReadString() { return in_.String(limits_.max_string_bytes, "length"); }

  // A name that follows `previous` in the order of bytes; anything for the first.
  absl::StatusOr<std::string> ReadName(const std::string& previous, bool is_first) {
    MODELD_ASSIGN_OR_RETURN(std::string name, ReadString());
    if (!is_first && name <= previous) return in_.Error("names are not in ascending order");
    return name;
  }

  absl::StatusOr<OperandId> AddOperand(Operand operand) {
    if (graph_.operands.size() >= limits_.max_operands) {
      return in_.Error(absl::StrCat("there are more than ", limits_.max_operands, " operands"));
    }
    graph_.operands.push_back(std::move(operand));
    return OperandId{static_cast<uint32_t>(graph_.operands.size() - 1)};
  }

  absl::Status ReadInputs() {
    MODELD_ASSIGN_OR_RETURN(const uint64_t count, in_.Count(limits_.max_bindings, "number of inputs"));
    std::string previous;
    for (uint64_t i = 0; i < count; ++i) {
      Operand operand;
      operand.kind = OperandKind::kInput;
      MODELD_ASSIGN_OR_RETURN(operand.name, ReadName(previous, i == 0));
      previous = operand.name;
      MODELD_ASSIGN_OR_RETURN(operand.descriptor, ReadTensor());
      MODELD_ASSIGN_OR_RETURN(const OperandId id, AddOperand(std::move(operand)));
      graph_.inputs.push_back(id);
    }
    return absl::OkStatus();
  }

  // A number that was given, or the next one with the description of a constant.
  absl::StatusOr<OperandId> ReadReference() {
    const uint64_t next = graph_.operands.size();
    MODELD_ASSIGN_OR_RETURN(const uint64_t number, in_.Varint(next, "operand number"));
    if (number < next) return OperandId{static_cast<uint32_t>(number)};
    if (depth_ > 0) return in_.Error("a body has a constant");
    Operand operand;
    operand.kind = OperandKind::kConstant;
    MODELD_ASSIGN_OR_RETURN(operand.descriptor, ReadTensor());
    MODELD_ASSIGN_OR_RETURN(const absl::string_view digest, in_.Bytes(Digest::kSize));
    MODELD_ASSIGN_OR_RETURN(operand.digest, Digest::FromBytes(digest));
    if (!constants_.insert({operand.descriptor.data_type, operand.descriptor.shape, operand.digest}).second) {
      return in_.Error("a constant is described twice");
    }
    return AddOperand(std::move(operand));
  }

  // ReadAlternative<T> reads one T of an AttributeValue.
  absl::Status ReadAlternative(bool& value) {
    MODELD_ASSIGN_OR_RETURN(const uint8_t byte, in_.Byte());
    if (byte > 1) return in_.Error("a boolean is neither 0 nor 1");
    value = byte == 1;
    return absl::OkStatus();
  }
  absl::Status ReadAlternative(int64_t& value) {
    MODELD_ASSIGN_OR_RETURN(const uint64_t bits, in_.Fixed64());
    value = static_cast<int64_t>(bits);
    return absl::OkStatus();
  }
  absl::Status ReadAlternative(double& value) {
    MODELD_ASSIGN_OR_RETURN(const uint64_t bits, in_.Fixed64());
    value = std::bit_cast<double>(bits);
    if (std::isnan(value) && bits != canonical::kNanBits) return in_.Error("a NaN is not the canonical one");
    return absl::OkStatus();
  }
  absl::Status ReadAlternative(std::string& value) {
    MODELD_ASSIGN_OR_RETURN(value, ReadString());
    return absl::OkStatus();
  }
  absl::Status ReadAlternative(DataType& value) {
    MODELD_ASSIGN_OR_RETURN(value, in_.Type());
    return absl::OkStatus();
  }
  absl::Status ReadAlternative(OperandId& value) {
    MODELD_ASSIGN_OR_RETURN(value, ReadReference());
    return absl::OkStatus();
  }
  absl::Status ReadAlternative(GraphValue& value) {
    if (depth_ >= limits_.max_composite_depth) {
      return in_.Error(absl::StrCat("bodies are nested deeper than ", limits_.max_composite_depth));
    }
    MODELD_ASSIGN_OR_RETURN(Graph body, Decoder(in_, limits_, depth_ + 1).RunBody());
    value.graph = std::make_shared<const Graph>(std::move(body));
    return absl::OkStatus();
  }
  template <typename T>
  absl::Status ReadAlternative(std::vector<T>& values) {
    MODELD_ASSIGN_OR_RETURN(const uint64_t count, in_.Count(limits_.max_list_elements, "length of a list"));
    for (uint64_t i = 0; i < count; ++i) {
      T value{};
      MODELD_RETURN_IF_ERROR(ReadAlternative(value));
      values.push_back(std::move(value));
    }
    return absl::OkStatus();
  }

  // The alternative of AttributeValue with index `tag`.
  template <size_t kIndex = 0>
  absl::StatusOr<AttributeValue> ReadValue(size_t tag) {
    if constexpr (kIndex == std::variant_size_v<AttributeValue>) {
      return in_.Error(absl::StrCat("attribute kind ", tag, " is unknown"));
    } else {
      if (tag != kIndex) return ReadValue<kIndex + 1>(tag);
      std::variant_alternative_t<kIndex, AttributeValue> value{};
      MODELD_RETURN_IF_ERROR(ReadAlternative(value));
      return AttributeValue(std::in_place_index<kIndex>, std::move(value));
    }
  }

  absl::Status ReadOperation() {
    Operation operation;
    MODELD_ASSIGN_OR_RETURN(operation.type, ReadString());
    MODELD_ASSIGN_OR_RETURN(operation.label, ReadString());
    MODELD_RETURN_IF_ERROR(ReadAlternative(operation.inputs));
    MODELD_ASSIGN_OR_RETURN(const uint64_t attributes,
                            in_.Count(limits_.max_list_elements, "number of attributes"));
    std::string previous;
    for (uint64_t i = 0; i < attributes; ++i) {
      MODELD_ASSIGN_OR_RETURN(previous, ReadName(previous, i == 0));
      MODELD_ASSIGN_OR_RETURN(const uint8_t tag, in_.Byte());
      MODELD_ASSIGN_OR_RETURN(AttributeValue value, ReadValue(tag));
      operation.attributes.emplace(previous, std::move(value));
    }
    MODELD_ASSIGN_OR_RETURN(const uint64_t outputs,
                            in_.Count(limits_.max_list_elements, "number of outputs"));
    for (uint64_t i = 0; i < outputs; ++i) {
      const uint64_t next = graph_.operands.size();
      MODELD_ASSIGN_OR_RETURN(const uint64_t number, in_.Varint(next, "operand number"));
      if (number != next)
        return in_.Error(absl::StrCat("an output is operand ", number, ", expected ", next));
      MODELD_ASSIGN_OR_RETURN(const OperandId id, AddOperand(Operand{}));
      operation.outputs.push_back(id);
    }
    graph_.operations.push_back(std::move(operation));
    return absl::OkStatus();
  }

  absl::Status ReadOutputs() {
    MODELD_ASSIGN_OR_RETURN(const uint64_t count, in_.Count(limits_.max_bindings, "number of outputs"));
    std::string previous;
    for (uint64_t i = 0; i < count; ++i) {
      MODELD_ASSIGN_OR_RETURN(previous, ReadName(previous, i == 0));
      MODELD_RETURN_IF_ERROR(ReadOutput(previous));
    }
    return absl::OkStatus();
  }

  absl::Status ReadOutput(const std::string& name) {
    if (graph_.operands.empty()) return in_.Error("there is no operand that could be an output");
    MODELD_ASSIGN_OR_RETURN(const uint64_t number, in_.Varint(graph_.operands.size() - 1, "operand number"));
    const OperandId id{static_cast<uint32_t>(number)};
    MODELD_ASSIGN_OR_RETURN(const TensorDescriptor descriptor, ReadTensor());
    MODELD_RETURN_IF_ERROR(SetOutputDescriptor(id, descriptor));
    graph_.outputs.push_back({name, id});
    return absl::OkStatus();
  }

  // Two outputs may be one operand: they must agree.
  absl::Status SetOutputDescriptor(OperandId id, const TensorDescriptor& descriptor) {
    Operand& operand = graph_.operands[id.value];
    const bool is_described = operand.kind != OperandKind::kIntermediate || !described_.insert(id).second;
    if (is_described && !(operand.descriptor == descriptor)) {
      return in_.Error("an output's type or shape is not its operand's");
    }
    operand.descriptor = descriptor;
    return absl::OkStatus();
  }

  Reader& in_;
  const GraphLimits& limits_;
  const uint32_t depth_;
  Graph graph_;
  std::set<std::tuple<DataType, Shape, Digest>> constants_;
  std::set<OperandId> described_;
};

}  // namespace

absl::StatusOr<Graph> DecodeCanonical(absl::string_view bytes, const GraphLimits& limits) {
  Reader reader(bytes);
  return Decoder(reader, limits, /*depth=*/0).Run();
}

}  // namespace modeld
