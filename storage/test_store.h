// What the tests of the store share: a store on fakes that can crash and start again.
#ifndef MODELD_STORAGE_TEST_STORE_H_
#define MODELD_STORAGE_TEST_STORE_H_

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "base/clock.h"
#include "base/fake_file_system.h"
#include "storage/fake_catalogue.h"
#include "storage/model_store.h"

namespace modeld::storage {

inline BlobRef RefOf(absl::string_view bytes) {
  return {Digest::Of(bytes), bytes.size()};
}

// `count` bytes that differ with `seed` and with their place.
inline std::string Bytes(size_t count, uint64_t seed) {
  std::string bytes(count, '\0');
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<char>((seed * 2654435761u + i * (i + seed)) >> 3);
  return bytes;
}

// A model for tests: a manifest and the bytes of its constants.
struct TestModel {
  std::string manifest;
  std::vector<std::string> constants;

  Digest id() const { return Digest::Of(absl::string_view(manifest)); }
  std::vector<BlobRef> refs() const {
    std::vector<BlobRef> refs;
    for (const std::string& constant : constants) refs.push_back(RefOf(constant));
    return refs;
  }
};

// Sends what the store asks for and stores the model, as the daemon does. Stops at the first error.
inline absl::Status StoreWhole(ModelStore& store, const Partition& partition, const TestModel& model,
                               std::optional<std::string> key = std::nullopt) {
  std::unique_ptr<Lease> lease = store.NewLease();
  absl::StatusOr<std::vector<BlobRef>> missing = store.FindMissing(partition, model.refs(), *lease);
  if (!missing.ok()) return missing.status();
  for (const BlobRef& ref : *missing) {
    for (const std::string& bytes : model.constants) {
      if (RefOf(bytes) != ref) continue;
      auto upload = store.OpenUpload(partition, ref, *lease);
      if (!upload.ok()) return upload.status();
      // Two pieces, so that a crash can fall between them.
      while (!(*upload)->missing().empty()) {
        const ByteRange lacking = (*upload)->missing().front();
        const uint64_t count =
            std::min<uint64_t>(lacking.end_bytes - lacking.begin_bytes, (bytes.size() + 1) / 2);
        absl::Status appended = (*upload)->Append(
            lacking.begin_bytes, absl::string_view(bytes).substr(lacking.begin_bytes, count));
        if (!appended.ok()) return appended;
      }
      if (absl::Status committed = (*upload)->Commit(); !committed.ok()) return committed;
      break;
    }
  }
  StoreRequest request{.manifest = model.manifest,
                       .constants = model.refs(),
                       .display_name = "a model",
                       .source = "",
                       .key = std::move(key)};
  return store.StoreModel(partition, request, *lease).status();
}

// Reads the model back through the public calls: OK when every byte is right. NOT_FOUND and DATA_LOSS as they
// come; INTERNAL when the store hands out wrong bytes.
inline absl::Status ReadWhole(ModelStore& store, const Partition& partition, const TestModel& model) {
  std::unique_ptr<Lease> lease = store.NewLease();
  absl::StatusOr<StoredModel> stored = store.GetModel(partition, model.id(), *lease);
  if (!stored.ok()) return stored.status();
  if (stored->manifest.view() != absl::string_view(model.manifest))
    return absl::InternalError("wrong manifest");
  for (const std::string& constant : model.constants) {
    absl::StatusOr<Region> region = store.MapBlob(partition, RefOf(constant).digest, *lease);
    if (!region.ok()) return region.status();
    if (region->view() != absl::string_view(constant)) return absl::InternalError("wrong constant");
  }
  return absl::OkStatus();
}

// A store on fakes. The fakes outlive it, so that it can crash and start again.
class TestStore {
 public:
  TestStore() { Start(); }

  ModelStore& operator*() { return *store_; }
  ModelStore* operator->() { return store_.get(); }

  absl::Status TryStart() {
    store_.reset();
    auto opened = ModelStore::OpenOn(options, cache, state, catalogue, clock);
    if (!opened.ok()) return opened.status();
    store_ = *std::move(opened);
    return absl::OkStatus();
  }
  void Start() {
    absl::Status started = TryStart();
    INFO(started);
    REQUIRE(started.ok());
  }
  void Stop() { store_.reset(); }
  // The machine stops; leases and uploads must be gone.
  void Crash(FakeFileSystem::Survival survival, uint64_t seed = 0) {
    plan.Arm({.at = 0, .error = EIO, .sticky = true, .crash = true});
    plan.Step();  // from here on everything fails, the store's own destructor too
    store_.reset();
    plan.Disarm();
    cache->Crash(survival, seed);
    state->Crash(survival, seed);
    catalogue->Crash(survival, seed);
  }
  // Empty when all is well.
  std::string Problems() {
    auto problems = store_->Audit();
    if (!problems.ok()) return std::string(problems.status().message());
    return absl::StrJoin(*problems, "\n");
  }
  CollectResult Collect() {
    auto result = store_->Collect(clock.Now());
    INFO(result.status());
    REQUIRE(result.ok());
    return *result;
  }
  // Paths of the blob files.
  // Without those of discarded uploads, which go with the next Collect().
  std::vector<std::string> BlobFilePaths() const {
    std::vector<std::string> paths;
    for (const std::string& path : cache->Files()) {
      if (path.starts_with("blobs/") && !path.ends_with(".spent")) paths.push_back(path);
    }
    return paths;
  }

  FaultPlan plan;
  FakeClock clock;
  StoreOptions options = {.cache_dir = "",
                          .state_dir = "",
                          .min_free_bytes = 1000,
                          .max_staged_bytes_per_partition = uint64_t{1} << 30,
                          .staged_max_age = absl::Hours(24),
                          .presented_max_age = absl::Hours(1)};
  std::shared_ptr<FakeFileSystem> cache = std::make_shared<FakeFileSystem>(plan, "the cache folder");
  std::shared_ptr<FakeFileSystem> state = std::make_shared<FakeFileSystem>(plan, "the state folder");
  std::shared_ptr<FakeCatalogue> catalogue = std::make_shared<FakeCatalogue>(plan);

 private:
  std::unique_ptr<ModelStore> store_;
};

inline std::string BlobPathOf(absl::string_view bytes) {
  std::string hex = RefOf(bytes).digest.ToHex();
  return "blobs/" + hex.substr(0, 2) + "/" + hex;
}

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_TEST_STORE_H_
