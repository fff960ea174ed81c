#include "daemon/services/runner.h"

#include <cstring>
#include <new>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/checked_math.h"
#include "base/status.h"
#include "daemon/services/errors.h"
#include "engine/runtime/executor.h"

namespace modeld {
namespace {

// Room for names and framing in a message of outputs.
constexpr uint64_t kMessageOverhead = uint64_t{1} << 16;

// Refuses names of the request that the graph does not have.
template <typename Map>
absl::Status CheckNames(absl::string_view role, const std::vector<GraphBinding>& bindings, const Map& given) {
  std::set<absl::string_view> known;
  for (const GraphBinding& binding : bindings) known.insert(binding.name);
  for (const auto& [name, value] : given) {
    if (known.count(name) == 0) {
      return TensorMismatch(role, name, absl::StrCat("a name among the graph's ", role, "s"),
                            "an unknown one");
    }
  }
  return absl::OkStatus();
}

// The tensor that a request binds to a name of the graph, checked against it.
absl::StatusOr<std::shared_ptr<const Tensor>> BoundTensor(Call& call, const LoadedGraph& graph,
                                                          absl::string_view role, const GraphBinding& binding,
                                                          const Runner::TensorIds& ids) {
  auto it = ids.find(binding.name);
  if (it == ids.end()) return TensorMismatch(role, binding.name, binding.descriptor.ToString(), "no tensor");
  MODELD_ASSIGN_OR_RETURN(auto tensor, call.objects().FindTensor(call.partition(), it->second));
  if (tensor->context != graph.context) {
    return TensorMismatch(role, binding.name, absl::StrCat("a tensor of context ", graph.context->id),
                          absl::StrCat("one of context ", tensor->context->id));
  }
  if (tensor->descriptor != binding.descriptor) {
    return TensorMismatch(role, binding.name, binding.descriptor.ToString(), tensor->descriptor.ToString());
  }
  return tensor;
}

}  // namespace

// Where one run reads and writes, in the program's order, and what keeps that memory.
struct Runner::Buffers {
  std::vector<std::span<const std::byte>> inputs;
  std::vector<std::span<std::byte>> outputs;
  std::vector<std::shared_ptr<const Tensor>> tensors;
  std::vector<std::unique_ptr<std::byte[]>> owned;

  // Private bytes of this run; contents undefined.
  absl::StatusOr<std::span<std::byte>> Allocate(uint64_t size) {
    std::unique_ptr<std::byte[]> memory(new (std::nothrow) std::byte[size]);
    if (memory == nullptr) {
      return absl::ResourceExhaustedError(absl::StrCat("run: ", size, " bytes of memory cannot be had"));
    }
    owned.push_back(std::move(memory));
    return std::span<std::byte>(owned.back().get(), size);
  }

  // Copies between shared and private bytes, to be done before and after the run.
  struct Copy {
    std::span<std::byte> shared;
    std::span<std::byte> own;
  };
  std::vector<Copy> copies_in;
  std::vector<Copy> copies_out;

  absl::Status AddShared(std::shared_ptr<const Tensor> tensor, bool is_output) {
    const std::span<std::byte> shared = tensor->memory->bytes();
    std::span<std::byte> used = shared;
    if (!IsFloat(tensor->descriptor.data_type)) {
      MODELD_ASSIGN_OR_RETURN(used, Allocate(shared.size()));
      (is_output ? copies_out : copies_in).push_back({shared, used});
    }
    if (is_output) {
      outputs.push_back(used);
    } else {
      inputs.push_back(used);
    }
    tensors.push_back(std::move(tensor));
    return absl::OkStatus();
  }
};

void Runner::Count(const absl::Status& status, Stage stage) {
  absl::string_view result = "other";
  if (status.ok()) {
    result = "ok";
  } else if (absl::IsCancelled(status) || absl::IsDeadlineExceeded(status)) {
    result = "cancelled";
  } else if (stage == Stage::kAsked) {
    result = "rejected";
  } else if (stage == Stage::kInEngine) {
    result = "backend";
  }
  metrics_.counter(CounterName::kInferenceRequests, {result}).Add();
}

absl::StatusOr<absl::Duration> Runner::Execute(Call& call, LoadedGraph& graph, Buffers& buffers,
                                               Stage& stage) {
  // From here on it stays in memory.
  MODELD_ASSIGN_OR_RETURN(const auto program, maker_.ProgramOf(call, graph));
  absl::Duration run_time;
  const absl::Time asked_at = clock_.Now();
  MODELD_RETURN_IF_ERROR(
      scheduler_.Run({call.session_id(), graph.context->id}, call.cancellation(), [&]() -> absl::Status {
        const CancelToken& token = call.cancellation().token();
        stage = Stage::kBegun;
        MODELD_ASSIGN_OR_RETURN(Arena arena, graph.arenas.Take(*program));
        const absl::Time begin = clock_.Now();
        metrics_.histogram(HistogramName::kQueueDuration).Observe(begin - asked_at);
        stage = Stage::kInEngine;
        for (const Buffers::Copy& copy : buffers.copies_in) {
          std::memcpy(copy.own.data(), copy.shared.data(), copy.own.size());
        }
        const absl::Status status = modeld::Execute(*program, buffers.inputs, buffers.outputs, arena, &token);
        if (status.ok()) {
          for (const Buffers::Copy& copy : buffers.copies_out) {
            std::memcpy(copy.shared.data(), copy.own.data(), copy.own.size());
          }
        }
        run_time = clock_.Now() - begin;
        metrics_.histogram(HistogramName::kInferenceDuration).Observe(run_time);
        if (status.ok()) {
          graph.arenas.Give(std::move(arena));
        } else {
          graph.arenas.Drop(std::move(arena));
        }
        return status;
      }));
  graph.runs.fetch_add(1, std::memory_order_relaxed);
  graph.last_run_at = absl::ToUnixSeconds(clock_.Now());
  return run_time;
}

absl::StatusOr<absl::Duration> Runner::Dispatch(Call& call, uint64_t graph_id, const TensorIds& inputs,
                                                const TensorIds& outputs) {
  Stage stage = Stage::kAsked;
  auto run_time = BindAndDispatch(call, graph_id, inputs, outputs, stage);
  Count(run_time.status(), stage);
  return run_time;
}

absl::StatusOr<absl::Duration> Runner::BindAndDispatch(Call& call, uint64_t graph_id, const TensorIds& inputs,
                                                       const TensorIds& outputs, Stage& stage) {
  MODELD_ASSIGN_OR_RETURN(auto graph, call.objects().FindGraph(call.partition(), graph_id));
  MODELD_RETURN_IF_ERROR(call.BindTo(graph->context->id, graph_id));
  MODELD_RETURN_IF_ERROR(CheckNames("input", graph->inputs, inputs));
  MODELD_RETURN_IF_ERROR(CheckNames("output", graph->outputs, outputs));
  Buffers buffers;
  std::set<uint64_t> read, written;
  for (const GraphBinding& binding : graph->inputs) {
    MODELD_ASSIGN_OR_RETURN(auto tensor, BoundTensor(call, *graph, "input", binding, inputs));
    read.insert(tensor->id);
    MODELD_RETURN_IF_ERROR(buffers.AddShared(std::move(tensor), /*is_output=*/false));
  }
  for (const GraphBinding& binding : graph->outputs) {
    MODELD_ASSIGN_OR_RETURN(auto tensor, BoundTensor(call, *graph, "output", binding, outputs));
    if (read.count(tensor->id) != 0) {
      return TensorMismatch("output", binding.name, "a tensor of its own", "one that is an input too");
    }
    if (!written.insert(tensor->id).second) {
      return TensorMismatch("output", binding.name, "a tensor of its own", "one that is bound twice");
    }
    MODELD_RETURN_IF_ERROR(buffers.AddShared(std::move(tensor), /*is_output=*/true));
  }
  return Execute(call, *graph, buffers, stage);
}

absl::StatusOr<Runner::RunResult> Runner::Run(Call& call, uint64_t graph_id,
                                              const std::map<std::string, absl::string_view>& inputs,
                                              const std::vector<std::string>& wanted) {
  Stage stage = Stage::kAsked;
  auto result = BindAndRun(call, graph_id, inputs, wanted, stage);
  Count(result.status(), stage);
  return result;
}

absl::StatusOr<Runner::RunResult> Runner::BindAndRun(Call& call, uint64_t graph_id,
                                                     const std::map<std::string, absl::string_view>& inputs,
                                                     const std::vector<std::string>& wanted, Stage& stage) {
  MODELD_ASSIGN_OR_RETURN(auto graph, call.objects().FindGraph(call.partition(), graph_id));
  MODELD_RETURN_IF_ERROR(call.BindTo(graph->context->id, graph_id));
  MODELD_RETURN_IF_ERROR(CheckNames("input", graph->inputs, inputs));
  std::map<std::string, bool> names;
  for (const std::string& name : wanted) names[name] = true;
  MODELD_RETURN_IF_ERROR(CheckNames("output", graph->outputs, names));

  Buffers buffers;
  for (const GraphBinding& binding : graph->inputs) {
    auto it = inputs.find(binding.name);
    const std::string expected =
        absl::StrCat(binding.size_bytes, " bytes of ", binding.descriptor.ToString());
    if (it == inputs.end()) return TensorMismatch("input", binding.name, expected, "nothing");
    if (it->second.size() != binding.size_bytes) {
      return TensorMismatch("input", binding.name, expected, absl::StrCat(it->second.size(), " bytes"));
    }
    buffers.inputs.push_back(std::as_bytes(std::span(it->second.data(), it->second.size())));
  }
  uint64_t answer_bytes = kMessageOverhead;
  for (const GraphBinding& binding : graph->outputs) {
    if (!names.empty() && names.count(binding.name) == 0) continue;
    const auto sum = CheckedAdd(answer_bytes, binding.size_bytes);
    if (!sum || *sum > limits_.max_message_bytes) {
      return absl::ResourceExhaustedError(absl::StrCat("outputs: do not fit a message of ",
                                                       limits_.max_message_bytes, " bytes, use Dispatch"));
    }
    answer_bytes = *sum;
  }
  RunResult result;
  for (const GraphBinding& binding : graph->outputs) {
    if (names.empty() || names.count(binding.name) != 0) {
      std::string& bytes = result.outputs[binding.name];
      bytes.resize(binding.size_bytes);
      buffers.outputs.push_back(std::as_writable_bytes(std::span(bytes.data(), bytes.size())));
    } else {
      MODELD_ASSIGN_OR_RETURN(auto unwanted, buffers.Allocate(binding.size_bytes));
      buffers.outputs.push_back(unwanted);
    }
  }
  MODELD_ASSIGN_OR_RETURN(result.run_time, Execute(call, *graph, buffers, stage));
  return result;
}

}  // namespace modeld
