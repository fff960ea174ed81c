// The edge to oneDNN: its exceptions become absl::Status here and nowhere else.
#ifndef MODELD_ENGINE_BACKEND_CPU_DNNL_STATUS_H_
#define MODELD_ENGINE_BACKEND_CPU_DNNL_STATUS_H_

#include <new>
#include <oneapi/dnnl/dnnl.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace modeld::cpu {

// `what` names the call for the message. unimplemented -> UNIMPLEMENTED, out_of_memory -> RESOURCE_EXHAUSTED,
// success -> OK, everything else -> INTERNAL: a wrong argument is a fault of this backend, as graphs are
// verified before.
absl::Status FromDnnl(dnnl_status_t status, absl::string_view what);

// Runs `f` (returning absl::Status or StatusOr) and turns dnnl::error and std::bad_alloc into statuses.
template <typename F>
auto CatchDnnl(absl::string_view what, F&& f) -> decltype(f()) {
  try {
    return f();
  } catch (const dnnl::error& error) {
    return FromDnnl(error.status, what);
  } catch (const std::bad_alloc&) {
    return FromDnnl(dnnl_out_of_memory, what);
  }
}

}  // namespace modeld::cpu

#endif  // MODELD_ENGINE_BACKEND_CPU_DNNL_STATUS_H_
