// The seam between the store and the database that keeps its metadata.
#ifndef MODELD_STORAGE_CATALOGUE_H_
#define MODELD_STORAGE_CATALOGUE_H_

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace modeld::storage {

// One key's new value, or its removal.
struct CatalogueChange {
  std::string key;
  std::optional<std::string> value;
};

// When a batch must survive a power cut.
enum class Durability {
  kSynced,  // when Commit() returns
  kLazy,    // some time later; a later synced batch takes the earlier ones along
};

// A small ordered map from bytes to bytes. Batches are atomic and keep their order. Thread-safe.
// Errors: RESOURCE_EXHAUSTED (disk full), DATA_LOSS (the database is damaged), UNAVAILABLE (the disk failed).
class Catalogue {
 public:
  virtual ~Catalogue() = default;

  // Calls `visit` for every record in key order.
  virtual absl::Status Scan(
      absl::FunctionRef<void(absl::string_view key, absl::string_view value)> visit) const = 0;
  // All of `batch` or nothing. After an error, which of both is told only by the next opening.
  virtual absl::Status Commit(std::span<const CatalogueChange> batch, Durability durability) = 0;
};

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_CATALOGUE_H_
