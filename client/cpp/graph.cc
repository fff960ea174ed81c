#include "client/cpp/graph.h"

#include <algorithm>

#include "base/status.h"
#include "client/cpp/context.h"
#include "client/cpp/handles.h"

namespace modeld::client {
namespace {

// Left for names and framing in a message.
constexpr uint64_t kMessageSlackBytes = 64 << 10;

v1::DispatchRequest DispatchOf(const internal::GraphHandle& graph, const NamedTensors& inputs,
                               const NamedTensors& outputs) {
  v1::DispatchRequest request;
  request.set_graph_id(graph.id);
  for (const auto& [name, tensor] : inputs) (*request.mutable_inputs())[name] = tensor.id();
  for (const auto& [name, tensor] : outputs) (*request.mutable_outputs())[name] = tensor.id();
  return request;
}

v1::RunRequest RunOf(const internal::GraphHandle& graph, const NamedBytes& inputs,
                     const std::vector<std::string>& outputs) {
  v1::RunRequest request;
  request.set_graph_id(graph.id);
  for (const auto& [name, bytes] : inputs) {
    (*request.mutable_inputs())[name].assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  for (const std::string& name : outputs) request.add_outputs(name);
  return request;
}

RunResult ResultOf(const v1::RunResponse& response) {
  RunResult result{.outputs = {}, .run_time = absl::Nanoseconds(response.run_nanos())};
  for (const auto& [name, bytes] : response.outputs()) {
    const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
    result.outputs.emplace(name, std::vector<std::byte>(begin, begin + bytes.size()));
  }
  return result;
}

absl::StatusOr<Digest> ModelIdOfResponse(const absl::StatusOr<v1::StoreResponse>& response) {
  if (!response.ok()) return response.status();
  return Digest::FromBytes(response->model_id());
}

// Whether inputs and outputs fit a message each.
bool FitsMessages(const internal::GraphHandle& graph, const NamedBytes& inputs) {
  const uint64_t limit = graph.caller().capabilities().max_message_bytes();
  uint64_t in = kMessageSlackBytes, out = kMessageSlackBytes;
  for (const auto& [name, bytes] : inputs) in += bytes.size();
  for (const Binding& output : graph.outputs) out += output.descriptor.ByteSize().value_or(0);
  return limit == 0 || std::max(in, out) <= limit;
}

// Run by way of tensors, which have no such limit.
absl::StatusOr<RunResult> RunWithTensors(const Graph& graph, const internal::GraphHandle& handle,
                                         const NamedBytes& inputs, const std::vector<std::string>& wanted,
                                         const CallOptions& options) {
  const Context context(handle.context);
  NamedTensors in, out;
  for (const Binding& input : graph.inputs()) {
    const auto bytes = inputs.find(input.name);
    if (bytes == inputs.end()) continue;  // the dispatch says what is missing
    MODELD_ASSIGN_OR_RETURN(Tensor tensor, context.CreateTensor(input.descriptor, options));
    MODELD_RETURN_IF_ERROR(Annotate(tensor.Write(bytes->second, 0, options), input.name));
    in.emplace(input.name, std::move(tensor));
  }
  for (const Binding& output : graph.outputs()) {
    MODELD_ASSIGN_OR_RETURN(Tensor tensor, context.CreateTensor(output.descriptor, options));
    out.emplace(output.name, std::move(tensor));
  }
  RunResult result;
  MODELD_ASSIGN_OR_RETURN(result.run_time, graph.Dispatch(in, out, options));
  for (const auto& [name, tensor] : out) {
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), name) == wanted.end()) continue;
    MODELD_ASSIGN_OR_RETURN(result.outputs[name], tensor.Read(options));
  }
  return result;
}

}  // namespace

const std::vector<Binding>& Graph::inputs() const {
  return handle_->inputs;
}
const std::vector<Binding>& Graph::outputs() const {
  return handle_->outputs;
}
uint64_t Graph::id() const {
  return handle_->id;
}

absl::StatusOr<absl::Duration> Graph::Dispatch(const NamedTensors& inputs, const NamedTensors& outputs,
                                               const CallOptions& options) const {
  const internal::Caller& caller = handle_->caller();
  MODELD_ASSIGN_OR_RETURN(
      const v1::DispatchResponse response,
      caller.Call(internal::kDispatch, DispatchOf(*handle_, inputs, outputs), caller.Scope(options)));
  return absl::Nanoseconds(response.run_nanos());
}

void Graph::DispatchAsync(const NamedTensors& inputs, const NamedTensors& outputs,
                          std::function<void(absl::StatusOr<absl::Duration>)> done,
                          const CallOptions& options) const {
  const internal::Caller& caller = handle_->caller();
  caller.CallAsync(internal::kDispatch, DispatchOf(*handle_, inputs, outputs), caller.Scope(options),
                   std::function([graph = *this, inputs, outputs,
                                  done = std::move(done)](absl::StatusOr<v1::DispatchResponse> response) {
                     if (!response.ok()) return done(response.status());
                     done(absl::Nanoseconds(response->run_nanos()));
                   }));
}

absl::StatusOr<RunResult> Graph::Run(const NamedBytes& inputs, const std::vector<std::string>& outputs,
                                     const CallOptions& options) const {
  if (!FitsMessages(*handle_, inputs)) return RunWithTensors(*this, *handle_, inputs, outputs, options);
  const internal::Caller& caller = handle_->caller();
  MODELD_ASSIGN_OR_RETURN(
      const v1::RunResponse response,
      caller.Call(internal::kRun, RunOf(*handle_, inputs, outputs), caller.Scope(options)));
  return ResultOf(response);
}

void Graph::RunAsync(const NamedBytes& inputs, std::function<void(absl::StatusOr<RunResult>)> done,
                     const std::vector<std::string>& outputs, const CallOptions& options) const {
  const internal::Caller& caller = handle_->caller();
  if (FitsMessages(*handle_, inputs)) {
    return caller.CallAsync(
        internal::kRun, RunOf(*handle_, inputs, outputs), caller.Scope(options),
        std::function([graph = *this, done = std::move(done)](absl::StatusOr<v1::RunResponse> response) {
          if (!response.ok()) return done(response.status());
          done(ResultOf(*response));
        }));
  }
  std::map<std::string, std::vector<std::byte>> copies;
  for (const auto& [name, bytes] : inputs)
    copies.emplace(name, std::vector<std::byte>(bytes.begin(), bytes.end()));
  caller.session().worker().Post(
      [graph = *this, copies = std::move(copies), done = std::move(done), outputs, options] {
        done(graph.Run(NamedBytes(copies.begin(), copies.end()), outputs, options));
      });
}

absl::StatusOr<Digest> Graph::Store(const CallOptions& options) const {
  v1::StoreRequest request;
  request.set_graph_id(handle_->id);
  return ModelIdOfResponse(
      handle_->caller().Call(internal::kStore, request, handle_->caller().Scope(options)));
}

void Graph::StoreAsync(std::function<void(absl::StatusOr<Digest>)> done, const CallOptions& options) const {
  v1::StoreRequest request;
  request.set_graph_id(handle_->id);
  handle_->caller().CallAsync(
      internal::kStore, std::move(request), handle_->caller().Scope(options),
      std::function([graph = *this, done = std::move(done)](absl::StatusOr<v1::StoreResponse> response) {
        done(ModelIdOfResponse(response));
      }));
}

}  // namespace modeld::client
