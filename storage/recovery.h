// What start-up does before anybody may call the store.
#ifndef MODELD_STORAGE_RECOVERY_H_
#define MODELD_STORAGE_RECOVERY_H_

#include "absl/status/status.h"
#include "storage/store_core.h"

namespace modeld::storage {

// Loads the catalogue into `core.index` and brings files and records together, as FORMAT.md's section on
// recovery says: marks blobs whose files are gone or cut short, ends marks of files that are whole again,
// drops uploads without files, removes files that nothing names. Fills core.recovery. Safe to stop and repeat
// at any point. FAILED_PRECONDITION: a newer modeld wrote the catalogue, or the folder is read-only.
// DATA_LOSS: the catalogue cannot be read.
absl::Status Recover(StoreCore& core);

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_RECOVERY_H_
