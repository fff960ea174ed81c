#include "storage/rocksdb_catalogue.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include <utility>

#include "absl/synchronization/mutex.h"
#include "base/status.h"
#include "storage/record_codec.h"
#include "storage/rocksdb_status.h"

namespace modeld::storage {
namespace {

// RocksDB's LOG files would name paths and grow beside the data; errors reach the caller as statuses.
class NoLog : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

rocksdb::Options MakeOptions(rocksdb::Env* env) {
  rocksdb::Options options;
  options.env = env != nullptr ? env : rocksdb::Env::Default();
  options.create_if_missing = true;
  options.info_log = std::make_shared<NoLog>();
  // A catalogue is a few megabytes; the defaults are made for servers.
  options.write_buffer_size = 4 << 20;
  options.max_total_wal_size = 8 << 20;
  options.keep_log_file_num = 1;
  options.max_open_files = 64;
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  // After a failed write the database is opened anew. RocksDB's own recoveries leave it refusing all writes
  // after many errors, and those in the background trip over assertions, which Debian's library has.
  options.max_bgerror_resume_count = 0;
  return options;
}

absl::StatusOr<std::unique_ptr<rocksdb::DB>> OpenDatabase(const rocksdb::Options& options,
                                                          const std::string& path) {
  rocksdb::DB* raw = nullptr;
  MODELD_RETURN_IF_ERROR(FromRocksDb(rocksdb::DB::Open(options, path, &raw)));
  return std::unique_ptr<rocksdb::DB>(raw);
}

class RocksDbCatalogue : public Catalogue {
 public:
  RocksDbCatalogue(rocksdb::Options options, std::string path, std::unique_ptr<rocksdb::DB> db)
      : options_(std::move(options)), path_(std::move(path)), db_(std::move(db)) {}
  ~RocksDbCatalogue() override { Close(); }

  absl::Status Scan(absl::FunctionRef<void(absl::string_view, absl::string_view)> visit) const override {
    absl::MutexLock lock(&mu_);
    if (db_ == nullptr) return absl::UnavailableError("the catalogue: its files cannot be read or written");
    std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(rocksdb::ReadOptions()));
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      visit({it->key().data(), it->key().size()}, {it->value().data(), it->value().size()});
    }
    return FromRocksDb(it->status());
  }

  absl::Status Commit(std::span<const CatalogueChange> batch, Durability durability) override {
    rocksdb::WriteBatch writes;
    for (const CatalogueChange& change : batch) {
      rocksdb::Status added =
          change.value ? writes.Put(change.key, *change.value) : writes.Delete(change.key);
      MODELD_RETURN_IF_ERROR(FromRocksDb(added));
    }
    rocksdb::WriteOptions options;
    options.sync = durability == Durability::kSynced;
    absl::MutexLock lock(&mu_);
    if (failed_) {
      Close();
      MODELD_ASSIGN_OR_RETURN(db_, OpenDatabase(options_, path_));
    }
    rocksdb::Status written = db_->Write(options, &writes);
    failed_ = !written.ok();
    return FromRocksDb(written);
  }

 private:
  void Close() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (db_ != nullptr) db_->Close().PermitUncheckedError();
    db_ = nullptr;
  }

  const rocksdb::Options options_;
  const std::string path_;
  mutable absl::Mutex mu_;
  // Null when it could not be opened after a failed write.
  std::unique_ptr<rocksdb::DB> db_ ABSL_GUARDED_BY(mu_);
  bool failed_ ABSL_GUARDED_BY(mu_) = false;
};

// Reads the schema record of a database that exists, without writing to the folder.
absl::Status PeekSchema(const rocksdb::Options& options, const std::string& path) {
  if (!options.env->FileExists(path + "/CURRENT").ok()) return absl::OkStatus();
  rocksdb::DB* raw = nullptr;
  MODELD_RETURN_IF_ERROR(FromRocksDb(rocksdb::DB::OpenForReadOnly(options, path, &raw)));
  std::unique_ptr<rocksdb::DB> db(raw);
  std::string value;
  rocksdb::Status found = db->Get(rocksdb::ReadOptions(), SchemaKey(), &value);
  if (found.IsNotFound()) return absl::OkStatus();  // the store tells an empty database from a foreign one
  MODELD_RETURN_IF_ERROR(FromRocksDb(found));
  return CheckSchema(value);
}

}  // namespace

absl::StatusOr<std::shared_ptr<Catalogue>> OpenRocksDbCatalogue(const std::string& path, rocksdb::Env* env) {
  rocksdb::Options options = MakeOptions(env);
  MODELD_RETURN_IF_ERROR(PeekSchema(options, path));
  MODELD_ASSIGN_OR_RETURN(auto database, OpenDatabase(options, path));
  options.create_if_missing = false;  // an empty one must never come to stand for this one
  return std::make_shared<RocksDbCatalogue>(std::move(options), path, std::move(database));
}

}  // namespace modeld::storage
