#include "daemon/services/convert.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/codec/graph_codec.h"
#include "daemon/services/errors.h"

namespace modeld {
namespace {

void AddBindings(const std::vector<GraphBinding>& bindings,
                 google::protobuf::RepeatedPtrField<v1::TensorBinding>& out) {
  for (const GraphBinding& binding : bindings) {
    v1::TensorBinding& message = *out.Add();
    message.set_name(binding.name);
    *message.mutable_tensor_descriptor() = EncodeTensorDescriptor(binding.descriptor);
  }
}

}  // namespace

v1::GraphHandle ToMessage(const LoadedGraph& graph) {
  v1::GraphHandle handle;
  handle.set_graph_id(graph.id);
  AddBindings(graph.inputs, *handle.mutable_inputs());
  AddBindings(graph.outputs, *handle.mutable_outputs());
  return handle;
}

v1::BlobRef ToMessage(const storage::BlobRef& ref) {
  return EncodeBlobRef(ref.digest, ref.size_bytes);
}

absl::StatusOr<storage::BlobRef> ParseBlob(const v1::BlobRef& blob, const GraphLimits& limits,
                                           absl::string_view field) {
  MODELD_ASSIGN_OR_RETURN(const BlobName name, DecodeBlobRef(blob, limits, field));
  return storage::BlobRef{name.digest, name.size_bytes};
}

absl::StatusOr<Digest> ParseModelId(const std::string& bytes, absl::string_view field) {
  if (bytes.size() == Digest::kSize) return Digest::FromBytes(bytes);
  return BadField(field, absl::StrCat("has ", bytes.size(), " bytes, must have ", Digest::kSize));
}

}  // namespace modeld
