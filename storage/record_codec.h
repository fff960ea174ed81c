// The catalogue's keys and values as bytes. FORMAT.md describes them.
#ifndef MODELD_STORAGE_RECORD_CODEC_H_
#define MODELD_STORAGE_RECORD_CODEC_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/catalogue.h"
#include "storage/index.h"

namespace modeld::storage {

// The version that this code reads and writes.
inline constexpr uint32_t kSchemaVersion = 2;

// The key of the schema record, and its value for kSchemaVersion.
std::string SchemaKey();
std::string SchemaValue();
// FAILED_PRECONDITION when a newer modeld wrote the value; DATA_LOSS when it is none.
absl::Status CheckSchema(absl::string_view value);

// The changes as the catalogue takes them.
std::vector<CatalogueChange> Encode(const Transaction& changes);

// All records of an index as the catalogue keeps them, by key.
std::map<std::string, std::string> EncodedRecords(const Index& index);

// What a catalogue holds.
struct LoadedCatalogue {
  Index index;
  bool empty = false;
  // Of an older version than kSchemaVersion; it is complete all the same.
  bool older = false;
  // Keys of records that cannot be read. Records of models and partitions among them are left out of the
  // index; a hold stands in it without texts and kept by id, so that nothing of the user's is dropped.
  std::vector<std::string> unreadable;
};

// Reads all records. FAILED_PRECONDITION: a newer modeld's. DATA_LOSS: no schema record though there are
// others, or the database is damaged.
absl::StatusOr<LoadedCatalogue> LoadCatalogue(const Catalogue& catalogue);

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_RECORD_CODEC_H_
