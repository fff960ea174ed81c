// One contract for the database and its fake, and what the database alone does.
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <functional>

#include "base/fault_plan.h"
#include "storage/catalogue.pb.h"
#include "storage/fake_catalogue.h"
#include "storage/record_codec.h"
#include "storage/rocksdb_catalogue.h"
#include "storage/rocksdb_status.h"

namespace modeld::storage {
namespace {

std::string ScratchFolder() {
  const char* base = std::getenv("TEST_TMPDIR");
  std::string pattern = std::string(base != nullptr ? base : "/tmp") + "/catXXXXXX";
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  return pattern;
}

std::map<std::string, std::string> Dump(const Catalogue& catalogue) {
  std::map<std::string, std::string> records;
  std::string last;
  REQUIRE(catalogue
              .Scan([&](absl::string_view key, absl::string_view value) {
                CHECK((records.empty() || std::string(key) > last));
                last = std::string(key);
                records[last] = std::string(value);
              })
              .ok());
  return records;
}

void TestContract(Catalogue& catalogue) {
  CHECK(Dump(catalogue).empty());
  std::string binary("k\0\xFF", 3);
  std::vector<CatalogueChange> batch = {{"b", "2"}, {"a", "1"}, {binary, std::string("\0", 1)}};
  REQUIRE(catalogue.Commit(batch, Durability::kLazy).ok());
  CHECK(Dump(catalogue) ==
        std::map<std::string, std::string>{{"a", "1"}, {"b", "2"}, {binary, std::string("\0", 1)}});
  batch = {{"a", std::nullopt}, {"absent", std::nullopt}, {"b", "3"}, {binary, std::nullopt}};
  REQUIRE(catalogue.Commit(batch, Durability::kSynced).ok());
  CHECK(Dump(catalogue) == std::map<std::string, std::string>{{"b", "3"}});
  REQUIRE(catalogue.Commit({}, Durability::kSynced).ok());
}

TEST_CASE("the fake keeps the catalogue's contract") {
  FaultPlan plan;
  FakeCatalogue catalogue(plan);
  TestContract(catalogue);
}

TEST_CASE("RocksDB keeps the catalogue's contract, and its records over a restart") {
  std::string folder = ScratchFolder();
  {
    auto catalogue = OpenRocksDbCatalogue(folder);
    REQUIRE(catalogue.ok());
    TestContract(**catalogue);
  }
  auto catalogue = OpenRocksDbCatalogue(folder);
  REQUIRE(catalogue.ok());
  CHECK(Dump(**catalogue) == std::map<std::string, std::string>{{"b", "3"}});
  CHECK_FALSE(std::filesystem::exists(folder + "/LOG"));
}

TEST_CASE("the fake forgets lazy batches that no synced one followed") {
  FaultPlan plan;
  FakeCatalogue catalogue(plan);
  std::vector<CatalogueChange> a = {{"a", "1"}}, b = {{"b", "1"}}, c = {{"c", "1"}};
  REQUIRE(catalogue.Commit(a, Durability::kLazy).ok());
  REQUIRE(catalogue.Commit(b, Durability::kSynced).ok());
  REQUIRE(catalogue.Commit(c, Durability::kLazy).ok());
  catalogue.Crash(FakeFileSystem::Survival::kSyncedOnly);
  CHECK(Dump(catalogue).size() == 2);
  plan.Arm({.at = 0, .error = ENOSPC});
  CHECK(absl::IsResourceExhausted(catalogue.Commit(c, Durability::kSynced)));
  CHECK(Dump(catalogue).size() == 2);
}

TEST_CASE("a database of a newer modeld is refused and none of its files change") {
  std::string folder = ScratchFolder();
  record::SchemaRecord schema;
  schema.set_version(kSchemaVersion + 1);
  {
    auto catalogue = OpenRocksDbCatalogue(folder);
    REQUIRE(catalogue.ok());
    std::vector<CatalogueChange> batch = {{SchemaKey(), schema.SerializeAsString()}};
    REQUIRE((*catalogue)->Commit(batch, Durability::kSynced).ok());
  }
  auto listing = [&] {
    std::map<std::string, std::pair<uintmax_t, std::filesystem::file_time_type>> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      files[entry.path().filename()] = {entry.file_size(), entry.last_write_time()};
    }
    return files;
  };
  auto before = listing();
  absl::Status status = OpenRocksDbCatalogue(folder).status();
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(std::string(status.message()).find("newer modeld") != std::string::npos);
  CHECK(listing() == before);
}

TEST_CASE("a database with damaged files is refused with DATA_LOSS") {
  std::string folder = ScratchFolder();
  {
    auto catalogue = OpenRocksDbCatalogue(folder);
    REQUIRE(catalogue.ok());
    std::vector<CatalogueChange> batch = {{SchemaKey(), SchemaValue()}};
    REQUIRE((*catalogue)->Commit(batch, Durability::kSynced).ok());
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().filename().string().find("MANIFEST") == 0) std::filesystem::resize_file(entry.path(), 3);
  }
  absl::Status status = OpenRocksDbCatalogue(folder).status();
  CHECK(absl::IsDataLoss(status));
  CHECK(std::string(status.message()).find(folder) == std::string::npos);
}

TEST_CASE("RocksDB's statuses are translated without their paths") {
  CHECK(FromRocksDb(rocksdb::Status::OK()).ok());
  CHECK(absl::IsDataLoss(FromRocksDb(rocksdb::Status::Corruption("/home/me"))));
  CHECK(absl::IsResourceExhausted(FromRocksDb(rocksdb::Status::NoSpace())));
  CHECK(absl::IsUnavailable(FromRocksDb(rocksdb::Status::IOError("/home/me"))));
  CHECK(absl::IsInternal(FromRocksDb(rocksdb::Status::InvalidArgument("/home/me"))));
  CHECK(FromRocksDb(rocksdb::Status::IOError("/home/me")).message().find("home") == absl::string_view::npos);
}

TEST_CASE("records survive encoding, whatever their keys hold") {
  Transaction changes;
  Owned owned(Digest::Of("p"), Digest::Of("m"));
  changes.models[owned.second].emplace().set_manifest_size_bytes(7);
  record::BlobRecord& constant = *changes.models[owned.second]->add_constants();
  constant.set_digest(std::string(Digest::Of("c").bytes()));
  constant.set_size_bytes(9);
  changes.partitions[owned.first].emplace().set_name(std::string("\0\xFF/", 3));
  changes.holds[owned].emplace().set_display_name("x");
  changes.keys[{owned.first, std::string("\0K\xFF", 3)}].emplace().set_model_id(
      std::string(owned.second.bytes()));
  changes.uploads[owned].emplace().set_size_bytes(3);
  changes.damage[owned.second].emplace().set_wrong_bytes(true);

  FaultPlan plan;
  FakeCatalogue catalogue(plan);
  std::vector<CatalogueChange> batch = Encode(changes);
  batch.push_back({SchemaKey(), SchemaValue()});
  REQUIRE(catalogue.Commit(batch, Durability::kSynced).ok());
  auto loaded = LoadCatalogue(catalogue);
  REQUIRE(loaded.ok());
  CHECK(loaded->unreadable.empty());
  const auto& records = loaded->index.records();
  CHECK(records.models.at(owned.second).constants(0).size_bytes() == 9);
  CHECK(records.partitions.at(owned.first).name() == std::string("\0\xFF/", 3));
  CHECK(records.holds.at(owned).display_name() == "x");
  CHECK(records.keys.begin()->first.second == std::string("\0K\xFF", 3));
  CHECK(records.uploads.at(owned).size_bytes() == 3);
  CHECK(loaded->index.HealthOfBlob(owned.second) == Health::kDamaged);
  CHECK(loaded->index.References(Digest::Of("c")) == 1);
}

TEST_CASE("keys and values of the wrong shape are unreadable, not fatal") {
  FaultPlan plan;
  FakeCatalogue catalogue(plan);
  record::ModelRecord model;
  model.add_constants()->set_digest("short");
  record::UploadRecord upload;
  upload.set_durable_bytes(5);
  std::string id(32, 'x');
  std::vector<CatalogueChange> batch = {{SchemaKey(), SchemaValue()},
                                        {"M" + id, model.SerializeAsString()},
                                        {"M", ""},
                                        {"M" + id + "y", ""},
                                        {"H" + id, ""},
                                        {"K" + id, ""},
                                        {"U" + id + id, upload.SerializeAsString()},
                                        {"?", ""},
                                        {"Sx", ""}};
  REQUIRE(catalogue.Commit(batch, Durability::kSynced).ok());
  auto loaded = LoadCatalogue(catalogue);
  REQUIRE(loaded.ok());
  CHECK(loaded->unreadable.size() == batch.size() - 1);
}

}  // namespace
}  // namespace modeld::storage
