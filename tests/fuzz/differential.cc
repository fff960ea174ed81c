#include "tests/fuzz/differential.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "engine/backend/cpu/cpu_backend.h"
#include "engine/backend/reference/reference_backend.h"
#include "engine/engine.h"
#include "engine/graph/print.h"
#include "engine/ops/validate.h"
#include "engine/runtime/executor.h"
#include "tests/fuzz/bound_graph.h"

namespace modeld::fuzz {
namespace {

using testing::Tensor;

// A way of compiling.
struct Way {
  const char* name;
  const Backend* backend;
  CompileOptions options;
};

const std::vector<Way>& Ways() {
  static const ReferenceBackend reference;
  static const std::unique_ptr<Backend> cpu = MakeCpuBackend();
  static const std::vector<Way> ways = {
      {"reference", &reference, {.num_threads = 1}},
      {"cpu", cpu.get(), {.num_threads = 1}},
      {"cpu, not fused", cpu.get(), {.num_threads = 1, .fuse = false}},
      {"cpu, nothing claimed", cpu.get(), {.num_threads = 1, .claim = false}},
  };
  return ways;
}

absl::StatusOr<std::vector<Tensor>> Run(const Graph& graph, const std::map<std::string, Tensor>& inputs,
                                        const Way& way) {
  MODELD_ASSIGN_OR_RETURN(const std::shared_ptr<const Program> program,
                          CompileGraph(graph, *way.backend, way.options));
  std::vector<Tensor> results;
  std::vector<std::span<const std::byte>> in;
  std::vector<std::span<std::byte>> out;
  for (OperandId id : graph.inputs) in.emplace_back(inputs.at(graph.operand(id).name).bytes);
  for (const GraphOutput& output : graph.outputs) {
    MODELD_ASSIGN_OR_RETURN(const uint64_t bytes, graph.descriptor(output.operand).ByteSize());
    // Filled with what no computation gives, so that a byte that nobody wrote shows.
    results.push_back({.descriptor = graph.descriptor(output.operand),
                       .bytes = std::vector<std::byte>(bytes, std::byte{0xA5})});
  }
  for (Tensor& result : results) out.emplace_back(result.bytes);
  MODELD_ASSIGN_OR_RETURN(Arena arena, Arena::Create(*program));
  MODELD_RETURN_IF_ERROR(Execute(*program, in, out, arena, nullptr));
  return results;
}

bool Agrees(Real found, const Bound& bound) {
  if (std::isnan(found)) return bound.nan != MayBeNan::kNo;
  return bound.Has(found);
}

std::string Place(uint64_t index, const Shape& shape) {
  Shape at(shape.size());
  for (size_t d = shape.size(); d-- > 0; index /= shape[d]) at[d] = static_cast<uint32_t>(index % shape[d]);
  return ShapeToString(at);
}

std::optional<std::string> FirstOutside(const Graph& graph, const std::vector<Tensor>& found,
                                        const std::vector<BoundTensor>& bounds) {
  for (size_t k = 0; k < found.size(); ++k) {
    const TensorDescriptor& descriptor = bounds[k].descriptor;
    for (uint64_t i = 0; i < bounds[k].elements.size(); ++i) {
      const Real value = ElementAt(descriptor.data_type, found[k].bytes.data(), i);
      if (Agrees(value, bounds[k].elements[i])) continue;
      return absl::StrCat("output \"", graph.outputs[k].name, "\" element ", Place(i, descriptor.shape),
                          ": found ", absl::StrFormat("%.10Lg", value), ", expected ",
                          ToString(bounds[k].elements[i]));
    }
  }
  return std::nullopt;
}

void Judge(const BoundTensor& bounds, Sharpness& sharpness) {
  const Real relative = bounds.descriptor.data_type == DataType::kFloat16 ? 1e-2L : 1e-3L;
  const Bound range = RangeOf(bounds.descriptor.data_type);
  for (const Bound& bound : bounds.elements) {
    if (bound.is_point() || bound.nan == MayBeNan::kYes) {
      ++sharpness.exact;
    } else if (bound.nan != MayBeNan::kNo || bound.lo == range.lo || bound.hi == range.hi) {
      ++sharpness.unbounded;
    } else if (bound.hi - bound.lo <= std::max<Real>(1e-3L, relative * std::fabs(bound.hi))) {
      ++sharpness.narrow;
    } else {
      ++sharpness.wide;
    }
  }
}

absl::StatusOr<std::vector<BoundTensor>> BoundsOf(const Graph& graph,
                                                  const std::map<std::string, Tensor>& inputs) {
  MODELD_ASSIGN_OR_RETURN(const core::Graph core, Decomposed(graph));
  std::vector<BoundTensor> known;
  for (OperandId id : graph.inputs) {
    known.push_back(Known(graph.descriptor(id), inputs.at(graph.operand(id).name).bytes.data()));
  }
  return Evaluate(core, known);
}

// What an operand of the sample holds by the reference backend.
absl::StatusOr<Tensor> ValueOf(const Sample& sample, OperandId id) {
  Sample probe = sample;
  probe.graph.outputs = {{"probe", id}};
  MODELD_ASSIGN_OR_RETURN(
      const Graph valid,
      Validate(WithoutUnreachable(std::move(probe.graph), /*keep_inputs=*/true), SampleLimits()));
  MODELD_ASSIGN_OR_RETURN(std::vector<Tensor> results, Run(valid, probe.inputs, Ways()[0]));
  return std::move(results[0]);
}

void DropUnused(Sample& sample) {
  sample.graph = WithoutUnreachable(std::move(sample.graph), /*keep_inputs=*/false);
  std::map<std::string, Tensor> used;
  for (OperandId id : sample.graph.inputs) {
    const std::string& name = sample.graph.operand(id).name;
    used[name] = sample.inputs.at(name);
  }
  sample.inputs = std::move(used);
}

// The sample with one operation's results as inputs.
std::optional<Sample> WithoutOperation(const Sample& sample, size_t index) {
  Sample smaller = sample;
  for (OperandId id : sample.graph.operations[index].outputs) {
    for (const GraphOutput& output : sample.graph.outputs) {
      // An input cannot be an output; it needs no computing either.
      if (output.operand == id) return std::nullopt;
    }
    absl::StatusOr<Tensor> value = ValueOf(sample, id);
    if (!value.ok()) return std::nullopt;
    Operand& operand = smaller.graph.operands[id.value];
    operand.kind = OperandKind::kInput;
    operand.name = absl::StrCat("cut", id.value, "_", smaller.graph.operands.size());
    smaller.graph.inputs.push_back(id);
    smaller.inputs[operand.name] = *std::move(value);
  }
  smaller.graph.operations.erase(smaller.graph.operations.begin() + static_cast<ptrdiff_t>(index));
  DropUnused(smaller);
  return smaller;
}

std::string Listed(const TensorDescriptor& descriptor, const std::byte* bytes) {
  constexpr uint64_t kMost = 64;
  std::string text = descriptor.ToString() + " {";
  for (uint64_t i = 0; i < std::min(descriptor.ElementCount(), kMost); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ", ",
                    absl::StrFormat("%.9Lg", ElementAt(descriptor.data_type, bytes, i)));
  }
  return text + (descriptor.ElementCount() > kMost ? ", ...}" : "}");
}

}  // namespace

std::optional<std::string> Difference(const Sample& sample, Sharpness* sharpness) {
  const absl::StatusOr<Graph> graph = Validate(sample.graph, SampleLimits());
  if (!graph.ok()) return absl::StrCat("validation: ", graph.status().ToString());
  const absl::StatusOr<std::vector<BoundTensor>> bounds = BoundsOf(*graph, sample.inputs);
  if (!bounds.ok()) return absl::StrCat("decomposition: ", bounds.status().ToString());
  for (const Way& way : Ways()) {
    const absl::StatusOr<std::vector<Tensor>> found = Run(*graph, sample.inputs, way);
    if (!found.ok()) return absl::StrCat(way.name, ": ", found.status().ToString());
    if (const auto difference = FirstOutside(*graph, *found, *bounds)) {
      return absl::StrCat(way.name, ": ", *difference);
    }
  }
  if (sharpness != nullptr) {
    for (const BoundTensor& tensor : *bounds) Judge(tensor, *sharpness);
  }
  return std::nullopt;
}

std::optional<std::string> DifferenceOf(const Sample& sample, const std::vector<Tensor>& found) {
  const absl::StatusOr<Graph> graph = Validate(sample.graph, SampleLimits());
  if (!graph.ok()) return absl::StrCat("validation: ", graph.status().ToString());
  const absl::StatusOr<std::vector<BoundTensor>> bounds = BoundsOf(*graph, sample.inputs);
  if (!bounds.ok()) return absl::StrCat("decomposition: ", bounds.status().ToString());
  return FirstOutside(*graph, found, *bounds);
}

Sample Minimised(const Sample& sample) {
  Sample best = sample;
  const auto fails = [](const Sample& candidate) { return Difference(candidate).has_value(); };
  for (const GraphOutput& output : sample.graph.outputs) {
    Sample candidate = sample;
    candidate.graph.outputs = {output};
    DropUnused(candidate);
    if (!fails(candidate)) continue;
    best = std::move(candidate);
    break;
  }
  bool changed = true;
  while (changed) {
    changed = false;
    for (size_t i = best.graph.operations.size(); i-- > 0;) {
      if (i >= best.graph.operations.size()) continue;
      std::optional<Sample> candidate = WithoutOperation(best, i);
      if (!candidate || !fails(*candidate)) continue;
      best = *std::move(candidate);
      changed = true;
    }
  }
  return best;
}

std::string ToText(const Sample& sample) {
  std::string text = modeld::ToText(sample.graph);
  for (size_t i = 0; i < sample.graph.operands.size(); ++i) {
    const Operand& operand = sample.graph.operands[i];
    if (operand.kind == OperandKind::kIntermediate) continue;
    const std::byte* bytes = operand.kind == OperandKind::kInput ? sample.inputs.at(operand.name).bytes.data()
                                                                 : operand.bytes.bytes().data();
    absl::StrAppend(&text, "%", i, " = ", Listed(operand.descriptor, bytes), "\n");
  }
  return text;
}

}  // namespace modeld::fuzz
