#include "tests/conformance/case.h"

#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace modeld::conformance {
namespace {

// More than any vector has; keeps a mistyped shape from taking all memory.
constexpr uint64_t kMaxElements = uint64_t{1} << 28;

absl::Status Wrong(absl::string_view what, absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat(what, ": expected ", expected));
}

// The member of that name, or nothing.
const Json* Find(const Json& object, const char* name) {
  const auto member = object.find(name);
  return member == object.end() ? nullptr : &*member;
}

absl::StatusOr<std::string> Text(const Json& object, const char* name) {
  const Json* member = Find(object, name);
  if (member == nullptr || !member->is_string()) return Wrong(name, "a text");
  return member->get<std::string>();
}

absl::StatusOr<TensorDescriptor> ParseDescriptor(const Json& json) {
  const Json* descriptor = Find(json, "descriptor");
  if (descriptor == nullptr || !descriptor->is_object()) return Wrong("descriptor", "an object");
  MODELD_ASSIGN_OR_RETURN(const std::string type_name, Text(*descriptor, "dataType"));
  const std::optional<DataType> type = DataTypeFromName(type_name);
  if (!type) return absl::InvalidArgumentError(absl::StrCat("dataType: \"", type_name, "\" is no data type"));
  TensorDescriptor parsed{*type, {}};
  const Json* shape = Find(*descriptor, "shape");
  if (shape == nullptr || !shape->is_array()) return Wrong("shape", "a list of numbers");
  for (const Json& size : *shape) {
    if (!size.is_number_integer() || size < 0 || size > std::numeric_limits<uint32_t>::max()) {
      return Wrong("shape", "numbers from 0 to 4294967295");
    }
    parsed.shape.push_back(size.get<uint32_t>());
  }
  const absl::StatusOr<uint64_t> bytes = parsed.ByteSize();
  if (!bytes.ok()) return Annotate(bytes.status(), "shape");
  if (parsed.ElementCount() > kMaxElements) return Wrong("shape", "fewer elements");
  return parsed;
}

absl::StatusOr<Element> ParseElement(DataType type, const Json& json) {
  MODELD_ASSIGN_OR_RETURN(const Literal literal, LiteralOf(json));
  return ReadElement(type, literal);
}

absl::StatusOr<CaseTensor> ParseTensor(const Json& json) {
  if (!json.is_object()) return absl::InvalidArgumentError("expected an object");
  CaseTensor tensor;
  MODELD_ASSIGN_OR_RETURN(tensor.descriptor, ParseDescriptor(json));
  const DataType type = tensor.descriptor.data_type;
  const uint64_t count = tensor.descriptor.ElementCount();
  const Json* data = Find(json, "data");
  if (data == nullptr) return Wrong("data", "a list, or one number");
  if (data->is_array()) {
    if (data->size() != count) {
      return absl::InvalidArgumentError(absl::StrCat("data: holds ", data->size(), " elements, the shape ",
                                                     ShapeToString(tensor.descriptor.shape), " ", count));
    }
    for (const Json& value : *data) {
      const absl::StatusOr<Element> element = ParseElement(type, value);
      if (!element.ok()) return Annotate(element.status(), "data");
      tensor.elements.push_back(*element);
    }
  } else {
    const absl::StatusOr<Element> element = ParseElement(type, *data);
    if (!element.ok()) return Annotate(element.status(), "data");
    tensor.elements.assign(count, *element);
    tensor.filled = true;
  }
  if (const Json* constant = Find(json, "constant")) {
    if (!constant->is_boolean()) return Wrong("constant", "true or false");
    tensor.constant = constant->get<bool>();
  }
  return tensor;
}

absl::StatusOr<std::map<std::string, CaseTensor>> ParseTensors(const Json& json, const char* member) {
  const Json* tensors = Find(json, member);
  if (tensors == nullptr || !tensors->is_object()) return Wrong(member, "an object");
  std::map<std::string, CaseTensor> parsed;
  for (const auto& [name, value] : tensors->items()) {
    absl::StatusOr<CaseTensor> tensor = ParseTensor(value);
    if (!tensor.ok()) return Annotate(tensor.status(), absl::StrCat(member, ": \"", name, "\""));
    parsed.emplace(name, *std::move(tensor));
  }
  return parsed;
}

absl::StatusOr<Operator> ParseOperator(const Json& json) {
  if (!json.is_object()) return absl::InvalidArgumentError("expected an object");
  Operator parsed;
  MODELD_ASSIGN_OR_RETURN(parsed.name, Text(json, "name"));
  const Json* arguments = Find(json, "arguments");
  if (arguments == nullptr || !arguments->is_array()) return Wrong("arguments", "a list");
  for (const Json& argument : *arguments) {
    if (!argument.is_object() || argument.size() != 1) return Wrong("arguments", "objects of one member");
    const auto member = argument.begin();
    if (member.key() != "options") {
      parsed.arguments.push_back(member.value());
      continue;
    }
    if (!member.value().is_object()) return Wrong("options", "an object");
    for (const auto& [name, value] : member.value().items()) parsed.options[name] = value;
  }
  const Json* outputs = Find(json, "outputs");
  if (outputs == nullptr) return Wrong("outputs", "a name, or a list of names");
  for (const Json& output : outputs->is_array() ? *outputs : Json::array({*outputs})) {
    if (!output.is_string()) return Wrong("outputs", "a name, or a list of names");
    parsed.outputs.push_back(output.get<std::string>());
  }
  return parsed;
}

absl::StatusOr<Tolerance> ParseTolerance(const Json& json) {
  const Json* tolerance = Find(json, "tolerance");
  if (tolerance == nullptr || !tolerance->is_object()) return Wrong("tolerance", "an object");
  const absl::StatusOr<std::string> metric = Text(*tolerance, "metric");
  if (!metric.ok()) return Annotate(metric.status(), "tolerance");
  const Json* value = Find(*tolerance, "value");
  if (value == nullptr || !value->is_number()) return Wrong("tolerance: value", "a number");
  return MakeTolerance(*metric, value->get<double>());
}

}  // namespace

absl::StatusOr<Literal> LiteralOf(const Json& json) {
  if (json.is_number_float()) return Literal(json.get<double>());
  if (json.is_number_unsigned() && json.get<uint64_t>() > uint64_t{std::numeric_limits<int64_t>::max()}) {
    return Literal(json.get<uint64_t>());
  }
  if (json.is_number_integer()) return Literal(json.get<int64_t>());
  if (json.is_string()) return Literal(json.get<std::string>());
  return absl::InvalidArgumentError(absl::StrCat(json.dump(), " is no number"));
}

std::string CaseName(const Json& json) {
  const Json* name = json.is_object() ? Find(json, "name") : nullptr;
  return name != nullptr && name->is_string() ? name->get<std::string>() : "(a case without a name)";
}

absl::StatusOr<std::vector<Json>> SplitCases(absl::string_view text) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr, false);
  if (json.is_discarded()) return absl::InvalidArgumentError("this is no JSON");
  if (!json.is_array()) return absl::InvalidArgumentError("this is no array of cases");
  return std::vector<Json>(json.begin(), json.end());
}

absl::StatusOr<Case> ParseCase(const Json& json) {
  if (!json.is_object()) return absl::InvalidArgumentError("a case: expected an object");
  Case parsed;
  MODELD_ASSIGN_OR_RETURN(parsed.name, Text(json, "name"));
  MODELD_ASSIGN_OR_RETURN(parsed.inputs, ParseTensors(json, "inputs"));
  MODELD_ASSIGN_OR_RETURN(parsed.expected, ParseTensors(json, "expectedOutputs"));
  if (parsed.expected.empty()) return Wrong("expectedOutputs", "at least one");
  const Json* operators = Find(json, "operators");
  if (operators == nullptr || !operators->is_array()) return Wrong("operators", "a list");
  for (size_t i = 0; i < operators->size(); ++i) {
    absl::StatusOr<Operator> op = ParseOperator((*operators)[i]);
    if (!op.ok()) return Annotate(op.status(), absl::StrCat("operators: ", i));
    parsed.operators.push_back(*std::move(op));
  }
  MODELD_ASSIGN_OR_RETURN(parsed.tolerance, ParseTolerance(json));
  return parsed;
}

}  // namespace modeld::conformance
