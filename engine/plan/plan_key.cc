// The names of plans.
#include "engine/graph/canonical.h"
#include "engine/plan/byte_codec.h"
#include "engine/plan/plan.h"

namespace modeld {

Digest StructureDigest(const Graph& graph) {
  return StructureIdOf(graph);
}

Digest PlanKey(const Digest& structure, const Digest& build, const DeviceDescription& device,
               const CompileOptions& options) {
  plan::ByteWriter writer;
  writer.Raw("modeld plan key");
  writer.Name(structure);
  writer.Name(build);
  writer.String(device.name);
  writer.String(device.fingerprint);
  writer.Uint(options.num_threads);
  writer.Bool(options.fuse);
  writer.Bool(options.claim);
  return Digest::Of(writer.Take());
}

}  // namespace modeld
