#include "client/cpp/context.h"

#include "base/status.h"
#include "client/codec/graph_codec.h"
#include "client/codec/support_limits_codec.h"
#include "client/cpp/handles.h"

namespace modeld::client {
namespace {

v1::CreateTensorRequest RequestFor(const internal::ContextHandle& context,
                                   const TensorDescriptor& descriptor) {
  v1::CreateTensorRequest request;
  request.set_context_id(context.id);
  *request.mutable_tensor_descriptor() = EncodeTensorDescriptor(descriptor);
  return request;
}

absl::StatusOr<Tensor> TensorOf(const std::shared_ptr<const internal::ContextHandle>& context,
                                const TensorDescriptor& descriptor,
                                const absl::StatusOr<v1::CreateTensorResponse>& response) {
  if (!response.ok()) return response.status();
  auto tensor = std::make_shared<const internal::TensorHandle>(context, response->tensor_id(), descriptor,
                                                               response->size_bytes());
  MODELD_ASSIGN_OR_RETURN(const uint64_t size, descriptor.ByteSize());
  if (response->size_bytes() != size) return absl::InternalError("tensor: the daemon gave it another size");
  return Tensor(std::move(tensor));
}

}  // namespace

absl::StatusOr<Tensor> Context::CreateTensor(const TensorDescriptor& descriptor,
                                             const CallOptions& options) const {
  MODELD_RETURN_IF_ERROR(descriptor.ByteSize().status());
  const internal::Caller& caller = handle_->caller;
  return TensorOf(
      handle_, descriptor,
      caller.Call(internal::kCreateTensor, RequestFor(*handle_, descriptor), caller.Scope(options)));
}

void Context::CreateTensorAsync(const TensorDescriptor& descriptor,
                                std::function<void(absl::StatusOr<Tensor>)> done,
                                const CallOptions& options) const {
  if (auto size = descriptor.ByteSize(); !size.ok()) return done(size.status());
  const internal::Caller& caller = handle_->caller;
  caller.CallAsync(internal::kCreateTensor, RequestFor(*handle_, descriptor), caller.Scope(options),
                   std::function([handle = handle_, descriptor,
                                  done = std::move(done)](absl::StatusOr<v1::CreateTensorResponse> response) {
                     done(TensorOf(handle, descriptor, response));
                   }));
}

absl::StatusOr<modeld::OpSupportLimits> Context::OpSupportLimits(const CallOptions& options) const {
  v1::GetOpSupportLimitsRequest request;
  request.set_context_id(handle_->id);
  const internal::Caller& caller = handle_->caller;
  MODELD_ASSIGN_OR_RETURN(const auto response,
                          caller.Call(internal::kGetOpSupportLimits, request, caller.Scope(options)));
  return DecodeOpSupportLimits(response);
}

absl::StatusOr<Graph> Context::BuildGraph(const modeld::Graph& graph, const BuildOptions& options) const {
  const internal::CallScope scope = handle_->caller.Scope(options.call);
  MODELD_ASSIGN_OR_RETURN(const modeld::Graph prepared, internal::PrepareGraph(graph, handle_->limits));
  MODELD_ASSIGN_OR_RETURN(auto built, internal::BuildPrepared(handle_, prepared, scope, options));
  return Graph(std::move(built));
}

void Context::BuildGraphAsync(modeld::Graph graph, std::function<void(absl::StatusOr<Graph>)> done,
                              const BuildOptions& options) const {
  handle_->caller.session().worker().Post([context = *this, graph = std::move(graph), done = std::move(done),
                                           options] { done(context.BuildGraph(graph, options)); });
}

const GraphLimits& Context::limits() const {
  return handle_->limits;
}

}  // namespace modeld::client
