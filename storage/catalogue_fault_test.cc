// RocksDB on a disk that fails: the catalogue is whole again as soon as the disk is.
#include <rocksdb/env.h>
#include <stdlib.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "storage/rocksdb_catalogue.h"

namespace modeld::storage {
namespace {

// What is to fail.
struct Fault {
  bool sticky = false;  // all calls from then on, else one
  bool full = false;    // no space, else the disk fails
  int64_t calls_left = 0;
};

// Tells a database's file calls, which RocksDB makes from several threads, which of them fail. Thread-safe.
class Faults {
 public:
  void Arm(std::optional<Fault> fault) {
    absl::MutexLock lock(&mu_);
    fault_ = fault;
  }
  rocksdb::Status Next() {
    absl::MutexLock lock(&mu_);
    if (!fault_) return rocksdb::Status::OK();
    const int64_t left = fault_->calls_left--;
    if (left > 0 || (left < 0 && !fault_->sticky)) return rocksdb::Status::OK();
    return fault_->full ? rocksdb::Status::NoSpace("full") : rocksdb::Status::IOError("failed");
  }

 private:
  absl::Mutex mu_;
  std::optional<Fault> fault_ ABSL_GUARDED_BY(mu_);
};

// A write that fails does half of its work first.
class FailingFile : public rocksdb::WritableFileWrapper {
 public:
  FailingFile(std::unique_ptr<rocksdb::WritableFile> file, Faults& faults)
      : WritableFileWrapper(file.get()), file_(std::move(file)), faults_(faults) {}

  rocksdb::Status Append(const rocksdb::Slice& data) override {
    const rocksdb::Status fault = faults_.Next();
    if (fault.ok()) return WritableFileWrapper::Append(data);
    WritableFileWrapper::Append({data.data(), data.size() / 2}).PermitUncheckedError();
    return fault;
  }
  rocksdb::Status Append(const rocksdb::Slice& data, const rocksdb::DataVerificationInfo&) override {
    return Append(data);
  }
  rocksdb::Status Sync() override {
    const rocksdb::Status fault = faults_.Next();
    return fault.ok() ? WritableFileWrapper::Sync() : fault;
  }

 private:
  const std::unique_ptr<rocksdb::WritableFile> file_;
  Faults& faults_;
};

class FailingEnv : public rocksdb::EnvWrapper {
 public:
  FailingEnv() : EnvWrapper(rocksdb::Env::Default()) {}
  const char* Name() const override { return "FailingEnv"; }

  rocksdb::Status NewWritableFile(const std::string& name, std::unique_ptr<rocksdb::WritableFile>* result,
                                  const rocksdb::EnvOptions& options) override {
    rocksdb::Status status = faults.Next();
    std::unique_ptr<rocksdb::WritableFile> file;
    if (status.ok()) status = EnvWrapper::NewWritableFile(name, &file, options);
    if (status.ok()) *result = std::make_unique<FailingFile>(std::move(file), faults);
    return status;
  }
  rocksdb::Status RenameFile(const std::string& from, const std::string& to) override {
    const rocksdb::Status fault = faults.Next();
    return fault.ok() ? EnvWrapper::RenameFile(from, to) : fault;
  }

  Faults faults;
};

// What a key may hold; nothing is "".
using Allowed = std::map<std::string, std::set<std::string>>;

void CheckHolds(const std::string& folder, const Allowed& allowed) {
  const auto catalogue = OpenRocksDbCatalogue(folder);
  INFO(catalogue.status());
  REQUIRE(catalogue.ok());
  std::map<std::string, std::string> found;
  const auto visit = [&](absl::string_view key, absl::string_view value) {
    found[std::string(key)] = std::string(value);
  };
  REQUIRE((*catalogue)->Scan(visit).ok());
  for (const auto& [key, values] : allowed) {
    INFO(key << " holds " << found[key]);
    CHECK(values.contains(found[key]));
  }
}

TEST_CASE(
    "a disk that fails at any step loses nothing acknowledged, and writes succeed when it works again") {
  const uint64_t seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const std::filesystem::path scratch = std::getenv("TEST_TMPDIR");
  const std::string folder = scratch / "catalogue";
  FailingEnv env;
  auto catalogue = OpenRocksDbCatalogue(folder, &env);
  REQUIRE(catalogue.ok());
  Allowed allowed;
  int failed_in_all = 0;
  for (int round = 0; round < 150; ++round) {
    const bool works = round % 2 == 0;
    const Fault fault{random() % 2 == 0, random() % 2 == 0, static_cast<int64_t>(random() % 8)};
    env.faults.Arm(works ? std::nullopt : std::optional(fault));
    int failed = 0;
    for (int i = 0; i < 4; ++i) {
      const std::string key = absl::StrCat("key ", random() % 20);
      const std::string value = absl::StrCat(round, " ", i, std::string(random() % 3'000, 'x'));
      const auto durability = random() % 2 == 0 ? Durability::kSynced : Durability::kLazy;
      const CatalogueChange change{key, value};
      const absl::Status written = (*catalogue)->Commit({&change, 1}, durability);
      if (written.ok()) {
        allowed[key] = {value};
        continue;
      }
      ++failed;
      INFO(written);
      CHECK((absl::IsResourceExhausted(written) || absl::IsUnavailable(written)));
      allowed.try_emplace(key, std::set<std::string>{""}).first->second.insert(value);
    }
    // One may learn of what failed in the background before.
    if (works) CHECK(failed <= 1);
    failed_in_all += failed;
  }
  CHECK(failed_in_all > 5);
  env.faults.Arm(std::nullopt);
  catalogue->reset();
  CheckHolds(folder, allowed);
}

}  // namespace
}  // namespace modeld::storage
