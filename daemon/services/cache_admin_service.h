// modeld.v1.CacheAdminService on gRPC.
#ifndef MODELD_DAEMON_SERVICES_CACHE_ADMIN_SERVICE_H_
#define MODELD_DAEMON_SERVICES_CACHE_ADMIN_SERVICE_H_

#include "daemon/services/call_context.h"
#include "modeld/v1/cache_admin.grpc.pb.h"

namespace modeld {

// Parses, calls, converts. Thread-safe. All that Parts names must outlive it.
class CacheAdminService final : public v1::CacheAdminService::Service {
 public:
  struct Parts {
    CallGate& gate;
  };
  explicit CacheAdminService(const Parts& parts) : parts_(parts) {}

 private:
  const Parts parts_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_CACHE_ADMIN_SERVICE_H_
