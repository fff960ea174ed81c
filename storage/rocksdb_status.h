// The one translation of RocksDB's statuses.
#ifndef MODELD_STORAGE_ROCKSDB_STATUS_H_
#define MODELD_STORAGE_ROCKSDB_STATUS_H_

#include <rocksdb/status.h>

#include "absl/status/status.h"

namespace modeld::storage {

// "the catalogue: <reason>". RocksDB's own text is left out, as it holds paths.
//   DATA_LOSS corruption; RESOURCE_EXHAUSTED no space or memory; UNAVAILABLE I/O error, busy, timeout,
//   shutdown; NOT_FOUND; INTERNAL everything else.
absl::Status FromRocksDb(const rocksdb::Status& status);

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_ROCKSDB_STATUS_H_
