#include "storage/rocksdb_status.h"

#include "absl/strings/str_cat.h"

namespace modeld::storage {
namespace {

using Code = rocksdb::Status::Code;

struct Row {
  Code code;
  absl::StatusCode meaning;
  const char* reason;
};

constexpr Row kTable[] = {
    {Code::kNotFound, absl::StatusCode::kNotFound, "no such record"},
    {Code::kCorruption, absl::StatusCode::kDataLoss, "its files are damaged"},
    {Code::kIOError, absl::StatusCode::kUnavailable, "its files cannot be read or written"},
    {Code::kBusy, absl::StatusCode::kUnavailable, "busy"},
    {Code::kTimedOut, absl::StatusCode::kUnavailable, "timed out"},
    {Code::kTryAgain, absl::StatusCode::kUnavailable, "busy"},
    {Code::kShutdownInProgress, absl::StatusCode::kUnavailable, "is being closed"},
};

}  // namespace

absl::Status FromRocksDb(const rocksdb::Status& status) {
  if (status.ok()) return absl::OkStatus();
  if (status.IsNoSpace()) return absl::ResourceExhaustedError("the catalogue: no space left on the disk");
  if (status.IsMemoryLimit()) return absl::ResourceExhaustedError("the catalogue: out of memory");
  for (const Row& row : kTable) {
    if (row.code == status.code())
      return absl::Status(row.meaning, absl::StrCat("the catalogue: ", row.reason));
  }
  return absl::InternalError(absl::StrCat("the catalogue: RocksDB status ", static_cast<int>(status.code())));
}

}  // namespace modeld::storage
