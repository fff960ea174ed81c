// modeld.v1.ContextService on gRPC.
#ifndef MODELD_DAEMON_SERVICES_CONTEXT_SERVICE_H_
#define MODELD_DAEMON_SERVICES_CONTEXT_SERVICE_H_

#include "daemon/memory/ticket_office.h"
#include "daemon/metrics/metrics.h"
#include "daemon/services/call_context.h"
#include "daemon/services/devices.h"
#include "daemon/services/limits.h"
#include "daemon/services/services_options.h"
#include "modeld/v1/context.grpc.pb.h"

namespace modeld {

// Parses, calls, converts. Thread-safe. Its arguments must outlive it.
class ContextService final : public v1::ContextService::Service {
 public:
  ContextService(CallGate& gate, const Devices& devices, TicketOffice& tickets, const ServiceLimits& limits,
                 const DaemonInfo& info, Metrics& metrics)
      : gate_(gate), devices_(devices), tickets_(tickets), limits_(limits), info_(info), metrics_(metrics) {}

  grpc::Status GetCapabilities(grpc::ServerContext*, const v1::GetCapabilitiesRequest*,
                               v1::Capabilities*) override;
  grpc::Status CreateContext(grpc::ServerContext*, const v1::CreateContextRequest*,
                             v1::CreateContextResponse*) override;
  grpc::Status GetOpSupportLimits(grpc::ServerContext*, const v1::GetOpSupportLimitsRequest*,
                                  v1::GetOpSupportLimitsResponse*) override;
  grpc::Status DestroyContext(grpc::ServerContext*, const v1::DestroyContextRequest*,
                              v1::DestroyContextResponse*) override;
  grpc::Status CreateTensor(grpc::ServerContext*, const v1::CreateTensorRequest*,
                            v1::CreateTensorResponse*) override;
  grpc::Status DestroyTensor(grpc::ServerContext*, const v1::DestroyTensorRequest*,
                             v1::DestroyTensorResponse*) override;
  grpc::Status WriteTensor(grpc::ServerContext*, const v1::WriteTensorRequest*,
                           v1::WriteTensorResponse*) override;
  grpc::Status ReadTensor(grpc::ServerContext*, const v1::ReadTensorRequest*,
                          v1::ReadTensorResponse*) override;
  grpc::Status OpenMemory(grpc::ServerContext*, const v1::OpenMemoryRequest*,
                          v1::OpenMemoryResponse*) override;

 private:
  CallGate& gate_;
  const Devices& devices_;
  TicketOffice& tickets_;
  const ServiceLimits& limits_;
  const DaemonInfo& info_;
  Metrics& metrics_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_CONTEXT_SERVICE_H_
