#include "client/cpp/client.h"

#include "base/status.h"
#include "client/cpp/connector.h"
#include "client/cpp/handles.h"

namespace modeld::client {
namespace {

v1::CreateContextRequest RequestFor(const ContextOptions& options) {
  v1::CreateContextRequest request;
  // The enumerators stand in the contract's order.
  request.set_power_preference(static_cast<v1::PowerPreference>(options.power_preference));
  request.set_num_threads(options.num_threads);
  request.set_device(options.device);
  return request;
}

Context ContextOf(const internal::Caller& caller, const v1::CreateContextResponse& response) {
  return Context(std::make_shared<const internal::ContextHandle>(caller, response.context_id()));
}

}  // namespace

absl::StatusOr<Client> Client::Connect(ConnectOptions options) {
  std::string partition = options.partition;
  Client client(std::make_shared<internal::Connector>(std::move(options)), std::move(partition));
  MODELD_RETURN_IF_ERROR(client.connector_->Get(client.partition_).status());
  return client;
}

Client Client::ForPartition(std::string partition) const {
  return Client(connector_, std::move(partition));
}

absl::StatusOr<v1::Capabilities> Client::GetCapabilities() const {
  MODELD_ASSIGN_OR_RETURN(const internal::Caller caller, connector_->Get(partition_));
  return caller.capabilities();
}

absl::StatusOr<Context> Client::CreateContext(const ContextOptions& context,
                                              const CallOptions& options) const {
  MODELD_ASSIGN_OR_RETURN(const internal::Caller caller, connector_->Get(partition_));
  MODELD_ASSIGN_OR_RETURN(const v1::CreateContextResponse response,
                          caller.Call(internal::kCreateContext, RequestFor(context), caller.Scope(options)));
  return ContextOf(caller, response);
}

void Client::CreateContextAsync(const ContextOptions& context,
                                std::function<void(absl::StatusOr<Context>)> done,
                                const CallOptions& options) const {
  absl::StatusOr<internal::Caller> caller = connector_->Get(partition_);
  if (!caller.ok()) return done(caller.status());
  caller->CallAsync(internal::kCreateContext, RequestFor(context), caller->Scope(options),
                    std::function([caller = *caller, done = std::move(done)](
                                      absl::StatusOr<v1::CreateContextResponse> response) {
                      if (!response.ok()) return done(response.status());
                      done(ContextOf(caller, *response));
                    }));
}

ModelCache Client::Cache() const {
  return ModelCache(connector_, partition_);
}

bool Client::Connected() const {
  return connector_->Connected();
}

}  // namespace modeld::client
