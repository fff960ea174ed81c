#include "engine/backend/cpu/dnnl_status.h"

#include "absl/strings/str_cat.h"

namespace modeld::cpu {

absl::Status FromDnnl(dnnl_status_t status, absl::string_view what) {
  switch (status) {
    case dnnl_success:
      return absl::OkStatus();
    case dnnl_unimplemented:
      return absl::UnimplementedError(absl::StrCat(what, ": oneDNN has no implementation for this case"));
    case dnnl_out_of_memory:
      return absl::ResourceExhaustedError(absl::StrCat(what, ": out of memory"));
    default:
      return absl::InternalError(
          absl::StrCat(what, ": oneDNN failed with status ", static_cast<int>(status)));
  }
}

}  // namespace modeld::cpu
