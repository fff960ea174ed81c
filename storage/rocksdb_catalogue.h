// The catalogue in a RocksDB folder.
#ifndef MODELD_STORAGE_ROCKSDB_CATALOGUE_H_
#define MODELD_STORAGE_ROCKSDB_CATALOGUE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage/catalogue.h"

namespace rocksdb {
class Env;
}

namespace modeld::storage {

// Opens or creates the database in the folder `path`. Looks at the schema record first without writing
// anything. `env` is RocksDB's own file layer, for tests; null is the disk. It must outlive the catalogue.
// FAILED_PRECONDITION: a newer modeld wrote it; nothing was touched. DATA_LOSS: it cannot be read. Others as
// Catalogue's.
absl::StatusOr<std::shared_ptr<Catalogue>> OpenRocksDbCatalogue(const std::string& path,
                                                                rocksdb::Env* env = nullptr);

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_ROCKSDB_CATALOGUE_H_
