// Bytes as choices that put a graph together from the table of operations: most choices are sensible, some
// are anything. Each operation is inferred when it is added, and left out when that refuses it, so what
// remains is valid: validation, lowering with constant folding, compilation for the reference backend and a
// run must all agree. One operation in sixteen is kept though it was refused, and then the graph must be
// refused.
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/backend/reference/reference_backend.h"
#include "engine/engine.h"
#include "engine/graph/print.h"
#include "engine/ops/infer.h"
#include "engine/ops/table.h"
#include "engine/ops/test_graph.h"
#include "engine/ops/validate.h"
#include "engine/runtime/executor.h"
#include "tests/fuzz/byte_reader.h"
#include "tests/fuzz/fuzz_target.h"

namespace modeld::fuzz {
namespace {

// Small enough that no input takes long or much memory.
constexpr GraphLimits kLimits = {.max_tensor_bytes = 2'048,
                                 .max_constant_bytes = 65'536,
                                 .max_operands = 256,
                                 .max_operations = 64,
                                 .max_string_bytes = 64,
                                 .max_list_elements = 64,
                                 .max_recurrent_steps = 16,
                                 .max_core_nodes = 4'096};

constexpr int64_t kInts[] = {0,
                             1,
                             2,
                             3,
                             4,
                             5,
                             6,
                             8,
                             -1,
                             4'096,
                             2147483647,
                             2147483648,
                             -2,
                             4294967295,
                             1000,
                             4097,
                             4294967296,
                             std::numeric_limits<int64_t>::min(),
                             std::numeric_limits<int64_t>::max()};
constexpr double kFloats[] = {0.0,  -0.0,  1.0,   -1.0,
                              0.5,  1e-5,  2.0,   std::numeric_limits<double>::infinity(),
                              1e40, 1e-45, 1e300, std::numeric_limits<double>::quiet_NaN()};

class GraphReader {
 public:
  // `depth`: of composite operations around this graph. The bytes must outlive the reader.
  explicit GraphReader(ByteReader& bytes, uint32_t depth = 0) : bytes_(bytes), depth_(depth) {}

  // Whether every operation of the graph was accepted on its own.
  bool all_accepted() const { return all_accepted_; }

  Graph Read() {
    for (uint32_t n = 1 + bytes_.Below(3); n > 0; --n) AddLeaf();
    const size_t most = depth_ == 0 ? 24 : 1 + bytes_.Below(3);
    while (!bytes_.empty() && graph().operations.size() < most) AddOperation();
    for (size_t i = 0; i < results_.size(); ++i) {
      // What was computed last is wanted, and some of the rest; a body's outputs have no names.
      if (i + 1 == results_.size() || bytes_.Below(4) == 0) {
        builder_.Output(depth_ > 0 ? "" : std::string("out") + std::to_string(i), results_[i]);
      }
    }
    return WithoutUnreachable(std::move(graph()), /*keep_inputs=*/bytes_.Below(2) == 0);
  }

 private:
  Graph& graph() { return builder_.graph(); }

  DataType Type() { return static_cast<DataType>(1 + bytes_.Below(kTypes)); }
  Shape AnyShape() {
    Shape shape(bytes_.Below(8) == 0 ? bytes_.Below(10) : bytes_.Below(5));
    for (uint32_t& size : shape) {
      const uint8_t byte = bytes_.Byte();
      size = byte < 250 ? 1 + byte % 5 : static_cast<uint32_t>(kInts[byte % std::size(kInts)]);
    }
    return shape;
  }

  OperandId AddLeaf() {
    const DataType type = Type();
    Shape shape = AnyShape();
    const TensorDescriptor descriptor = {type, shape};
    if (!CheckDescriptor(descriptor, kLimits).ok()) shape = {2, 2};
    if (depth_ > 0 || bytes_.Below(2) == 0) {
      const std::string name = depth_ > 0 ? "" : "in" + std::to_string(operands_.size());
      operands_.push_back(builder_.Input(name, type, shape));
    } else {
      std::string data(TensorDescriptor{type, shape}.ByteSize().value_or(0), '\0');
      const uint8_t fill = bytes_.Byte();
      for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(fill + i * (fill % 7));
      operands_.push_back(builder_.Constant(type, shape, data));
    }
    return operands_.back();
  }

  OperandId AnyOperand() {
    const uint8_t byte = bytes_.Byte();
    if (byte == 255) return AddLeaf();
    if (byte == 254) return {bytes_.Below(300)};
    // Counted from the last one, so that graphs grow deep.
    return operands_[operands_.size() - 1 - byte % operands_.size()];
  }
  // One that the schema allows, if there is any near.
  OperandId SuitableOperand(TypeSet types, RankRange ranks, const TensorDescriptor* like) {
    OperandId id = AnyOperand();
    for (int i = 0; i < 8; ++i) {
      if (id.value >= graph().operands.size()) return id;
      const TensorDescriptor& found = graph().descriptor(id);
      if (types.Contains(found.data_type) && found.shape.size() >= ranks.min &&
          found.shape.size() <= ranks.max && (like == nullptr || like->data_type == found.data_type)) {
        return id;
      }
      id = AnyOperand();
    }
    return id;
  }

  int64_t Int() {
    const uint8_t byte = bytes_.Byte();
    if (byte < 200) return byte % 5;
    if (byte == 255) return static_cast<int64_t>(bytes_.Word());
    return kInts[byte % std::size(kInts)];
  }
  double Float() {
    const uint8_t byte = bytes_.Byte();
    if (byte != 255) return kFloats[byte % std::size(kFloats)];
    const uint64_t bits = bytes_.Word();
    double value;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  }
  std::vector<int64_t> Ints(uint32_t size) {
    if (bytes_.Below(16) == 0) size = bytes_.Below(80);
    std::vector<int64_t> list(size);
    for (int64_t& value : list) value = Int();
    return list;
  }

  AttributeValue Attribute(const AttributeSchema& schema, const TensorDescriptor& first) {
    const auto rank = static_cast<uint32_t>(first.shape.size());
    switch (bytes_.Below(32) == 0 ? static_cast<AttributeKind>(bytes_.Below(13)) : schema.kind) {
      case AttributeKind::kBool:
        return bytes_.Below(2) == 0;
      case AttributeKind::kUint:
      case AttributeKind::kInt:
        return Int();
      case AttributeKind::kFloat:
        return Float();
      case AttributeKind::kNumber:
        switch (bytes_.Below(3)) {
          case 0:
            return Int();
          case 1:
            return Float();
          default:
            return std::string(bytes_.Below(2) == 0 ? "18446744073709551615" : "12x");
        }
      case AttributeKind::kString:
        if (schema.choices.empty()) return std::string("text");
        return std::string(schema.choices[bytes_.Below(static_cast<uint32_t>(schema.choices.size()))]);
      case AttributeKind::kDataType:
        return static_cast<DataType>(bytes_.Below(kTypes + 2));
      case AttributeKind::kOperand:
        return SuitableOperand(schema.types, schema.ranks, &first);
      case AttributeKind::kUintOrUints:
        if (bytes_.Below(2) == 0) return Int();
        [[fallthrough]];
      case AttributeKind::kUints:
        return Ints(schema.size != 0 ? schema.size : rank);
      case AttributeKind::kFloats: {
        std::vector<double> list(bytes_.Below(4));
        for (double& value : list) value = Float();
        return list;
      }
      case AttributeKind::kGraph:
        return Body();
      default:
        return std::vector<std::string>(bytes_.Below(5), "relu");
    }
  }

  GraphValue Body() {
    Graph body;
    if (depth_ < 10 && !bytes_.empty()) {
      GraphReader reader(bytes_, depth_ + 1);
      body = reader.Read();
      all_accepted_ = all_accepted_ && reader.all_accepted();
    }
    return {std::make_shared<const Graph>(std::move(body))};
  }

  // An operand like the body's input; mostly so.
  OperandId OperandLike(const TensorDescriptor& wanted) {
    for (uint32_t i = 0; i < graph().operands.size(); ++i) {
      if (graph().operands[i].descriptor == wanted) return {i};
    }
    if (bytes_.Below(8) == 0) return AnyOperand();
    operands_.push_back(builder_.Input(depth_ > 0 ? "" : "in" + std::to_string(operands_.size()),
                                       wanted.data_type, wanted.shape));
    return operands_.back();
  }

  void AddOperation() {
    const OpSchema& schema = AllOps()[bytes_.Below(static_cast<uint32_t>(AllOps().size()))];
    Operation operation = {.type = std::string(schema.type), .label = "op"};
    size_t operands = schema.variadic ? 1 + bytes_.Below(4) : schema.operands.size();
    TensorDescriptor first;
    if (schema.type == "composite" && bytes_.Below(4) != 0) {
      const GraphValue body = Body();
      for (OperandId id : body.graph->inputs)
        operation.inputs.push_back(OperandLike(body.graph->descriptor(id)));
      operation.attributes["body"] = body;
      operands = 0;
    }
    for (size_t i = 0; i < operands; ++i) {
      const OperandSchema& wanted = schema.operands[std::min(i, schema.operands.size() - 1)];
      const bool like = wanted.same_type_as >= 0 && i > 0;
      operation.inputs.push_back(SuitableOperand(wanted.types, wanted.ranks, like ? &first : nullptr));
      if (i == 0 && operation.inputs[0].value < graph().operands.size()) {
        first = graph().descriptor(operation.inputs[0]);
      }
    }
    for (const AttributeSchema& attribute : schema.attributes) {
      if (operation.attributes.count(attribute.name) != 0) continue;
      if (attribute.required || bytes_.Below(2) == 0) {
        operation.attributes[std::string(attribute.name)] = Attribute(attribute, first);
      }
    }
    const auto index = static_cast<uint32_t>(graph().operations.size());
    const auto inferred = InferOperation(graph(), operation, index, kLimits);
    if (inferred.ok()) {
      Require(!inferred->empty(), "an operation has an output", operation.type);
      const auto ids =
          builder_.OpN(inferred->size(), operation.type, operation.inputs, operation.attributes, "op");
      for (size_t i = 0; i < ids.size(); ++i) {
        // What an infer function announces must itself be a tensor within the limits.
        const absl::Status fits = CheckDescriptor((*inferred)[i], kLimits);
        Require(fits.ok(), operation.type + " announces a tensor within the limits", fits.ToString());
        graph().operands[ids[i].value].descriptor = (*inferred)[i];
        operands_.push_back(ids[i]);
        results_.push_back(ids[i]);
      }
      return;
    }
    Require(!inferred.status().message().empty(), "a refusal says why");
    if (bytes_.Below(16) == 0) {
      all_accepted_ = false;
      results_.push_back(builder_.Op(operation.type, operation.inputs, operation.attributes, "op"));
    }
  }

  static constexpr uint32_t kTypes = 10;

  ByteReader& bytes_;
  const uint32_t depth_;
  TestGraph builder_;
  std::vector<OperandId> operands_;
  std::vector<OperandId> results_;
  bool all_accepted_ = true;
};

void Run(const Program& program, const std::string& text) {
  std::vector<std::vector<std::byte>> buffers;
  std::vector<std::span<const std::byte>> inputs;
  std::vector<std::span<std::byte>> outputs;
  for (const TensorDescriptor& descriptor : program.inputs) {
    buffers.emplace_back(descriptor.ByteSize().value_or(0), std::byte{0x3C});
  }
  for (const TensorDescriptor& descriptor : program.outputs) {
    buffers.emplace_back(descriptor.ByteSize().value_or(0));
  }
  for (size_t i = 0; i < program.inputs.size(); ++i) inputs.emplace_back(buffers[i]);
  for (size_t i = 0; i < program.outputs.size(); ++i) outputs.emplace_back(buffers[inputs.size() + i]);
  auto arena = Arena::Create(program);
  Require(arena.ok(), "memory for a run can be had", text);
  const absl::Status status = Execute(program, inputs, outputs, *arena, nullptr);
  Require(status.ok(), "a program runs", status.ToString() + "\n" + text);
}

}  // namespace
}  // namespace modeld::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace modeld;
  using fuzz::Require;
  fuzz::ByteReader bytes(data, size);
  fuzz::GraphReader reader(bytes);
  const Graph graph = reader.Read();
  const std::string text = ToText(graph);
  const absl::StatusOr<Graph> valid = Validate(graph, fuzz::kLimits);
  if (!valid.ok()) {
    Require(!reader.all_accepted() || graph.outputs.empty(), "what is inferred step by step is valid",
            valid.status().ToString() + "\n" + text);
    return 0;
  }
  const absl::StatusOr<Graph> again = Validate(*valid, fuzz::kLimits);
  Require(again.ok() && ToText(*again) == ToText(*valid), "validating again changes nothing", text);
  const ReferenceBackend backend;
  const auto program = CompileGraph(*valid, backend, {});
  if (!program.ok()) {
    Require(program.status().code() == absl::StatusCode::kResourceExhausted, "a valid graph compiles",
            program.status().ToString() + "\n" + text);
    return 0;
  }
  fuzz::Run(**program, text);
  return 0;
}
