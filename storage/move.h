// The second half of moving the cache folder.
#ifndef MODELD_STORAGE_MOVE_H_
#define MODELD_STORAGE_MOVE_H_

#include "absl/status/status.h"
#include "storage/store_core.h"

namespace modeld::storage {

// At start, when the store's cache folder is the target of a move: copies what the old folder has and this
// one lacks, then removes the old files and what else is ours there, and forgets the move. While a file
// cannot be brought over or removed, or the old folder is in use, or it is not there and models lack files,
// the move stays open for the next start; the store can be used without. Nothing otherwise. Safe to stop
// and repeat at any point. Errors are those of the catalogue.
absl::Status CompleteMove(StoreCore& core) ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu);

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_MOVE_H_
