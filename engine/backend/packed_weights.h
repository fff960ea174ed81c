// Constants in the forms that a backend packs them into, kept from one compilation for the next.
#ifndef MODELD_ENGINE_BACKEND_PACKED_WEIGHTS_H_
#define MODELD_ENGINE_BACKEND_PACKED_WEIGHTS_H_

#include <compare>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/region.h"
#include "engine/core/core_graph.h"

namespace modeld {

// Names one packed form of one constant of one core graph. A plain value.
struct PackedKey {
  core::ValueId constant = 0;
  // Which form: the backend's own bytes, equal only when source and target formats are. Never read by others.
  std::string format;

  friend auto operator<=>(const PackedKey&, const PackedKey&) = default;
};

// What a compilation asks before it packs a constant, and tells when it has. Of one compilation of one core
// graph; not thread-safe.
class PackedWeights {
 public:
  virtual ~PackedWeights() = default;

  // The packed form, 64-byte aligned, or nothing: then the backend packs. The caller checks the size before
  // it uses the bytes: they may come from a file.
  virtual std::optional<Region> Find(const PackedKey& key) = 0;
  // Says that the backend packed this form now. The region is the program's own; copying it shares it.
  virtual void Keep(const PackedKey& key, const Region& packed) = 0;
  // The bytes of a constant that is deferred (core::Value::deferred), as many as its descriptor says. Errors:
  // whatever hinders getting them; the compilation then fails with it.
  virtual absl::StatusOr<Region> Constant(core::ValueId constant) = 0;
};

}  // namespace modeld

#endif  // MODELD_ENGINE_BACKEND_PACKED_WEIGHTS_H_
