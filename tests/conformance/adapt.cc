#include "tests/conformance/adapt.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace modeld::conformance {
namespace {

// Makes `argument`'s shape as long as `rank` by a reshape in front of the call.
void LengthenShape(Operator& op, Json& argument, size_t rank, const DescriptorOf& descriptor_of,
                   std::vector<Operator>& before) {
  if (!argument.is_string()) return;
  const auto name = argument.get<std::string>();
  const std::optional<TensorDescriptor> descriptor = descriptor_of(name);
  if (!descriptor || descriptor->shape.size() >= rank) return;
  std::vector<uint32_t> shape(rank - descriptor->shape.size(), 1);
  shape.insert(shape.end(), descriptor->shape.begin(), descriptor->shape.end());
  // A name that no vector uses; the outputs' names tell calls apart.
  const std::string reshaped = absl::StrCat(name, " for ", op.outputs.empty() ? "" : op.outputs[0]);
  before.push_back({"reshape", {name, shape}, {}, {reshaped}});
  argument = reshaped;
}

void LeadingOnes(Operator& op, const DescriptorOf& descriptor_of, std::vector<Operator>& before) {
  if (op.name != "quantizeLinear" && op.name != "dequantizeLinear") return;
  if (op.arguments.size() != 3 || !op.arguments[0].is_string()) return;
  const std::optional<TensorDescriptor> input = descriptor_of(op.arguments[0].get<std::string>());
  if (!input) return;
  for (size_t i : {1, 2}) LengthenShape(op, op.arguments[i], input->shape.size(), descriptor_of, before);
}

void SoftmaxAxis(Operator& op, const DescriptorOf&, std::vector<Operator>&) {
  if (op.name == "softmax" && op.arguments.size() == 1) op.arguments.push_back(1);
}

void OutputShapeRounding(Operator& op, const DescriptorOf&, std::vector<Operator>&) {
  if (!absl::EndsWith(op.name, "Pool2d")) return;
  const auto old = op.options.find("roundingType");
  if (old == op.options.end() || op.options.count("outputShapeRounding") != 0) return;
  op.options["outputShapeRounding"] = std::move(old->second);
  op.options.erase(old);
}

constexpr AdaptationRule kRules[] = {
    {"scale and zeroPoint of lower rank get leading ones",
     "quantizeLinear and dequantizeLinear now want scale and zeroPoint to have the input's rank; before, "
     "they "
     "were broadcast to it",
     LeadingOnes},
    {"softmax without an axis means axis 1",
     "softmax now requires its axis; before, a call without it took a tensor of two dimensions and its "
     "second "
     "one",
     SoftmaxAxis},
    {"roundingType is outputShapeRounding", "the option of the pooling operations has been renamed",
     OutputShapeRounding},
};

}  // namespace

std::span<const AdaptationRule> AdaptationRules() {
  return kRules;
}

std::vector<Operator> Adapt(Operator op, const DescriptorOf& descriptor_of) {
  std::vector<Operator> calls;
  for (const AdaptationRule& rule : kRules) rule.apply(op, descriptor_of, calls);
  calls.push_back(std::move(op));
  return calls;
}

}  // namespace modeld::conformance
