// The small parts beneath the store: text rules, blob files, index.
#include <catch2/catch.hpp>

#include "base/fake_file_system.h"
#include "storage/blob_files.h"
#include "storage/index.h"
#include "storage/text_rules.h"

namespace modeld::storage {
namespace {

TEST_CASE("UTF-8 is what Unicode says it is") {
  for (absl::string_view good : {"", "abc", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                                 "\xF4\x8F\xBF\xBF", "\xED\x9F\xBF", "\xEE\x80\x80"}) {
    CHECK(IsUtf8(good));
  }
  CHECK(IsUtf8(absl::string_view("a\0b", 3)));
  for (absl::string_view bad :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xC3", "\xE0\x80\x80", "\xE2\x82", "\xED\xA0\x80",
        "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "a\xE2\x28\xA1"}) {
    CHECK_FALSE(IsUtf8(bad));
  }
}

TEST_CASE("keys, partitions and labels have bounds") {
  CHECK(CheckKey("x").ok());
  CHECK(CheckKey(std::string(1024, 'x')).ok());
  CHECK(absl::IsInvalidArgument(CheckKey("")));
  CHECK(absl::IsInvalidArgument(CheckKey(std::string(1025, 'x'))));
  CHECK(absl::IsInvalidArgument(CheckKey("\xFF")));
  CHECK(CheckPartition("\xFF").ok());
  CHECK(CheckPartition(std::string(4096, 'x')).ok());
  CHECK(absl::IsInvalidArgument(CheckPartition("")));
  CHECK(absl::IsInvalidArgument(CheckPartition(std::string(4097, 'x'))));
  CHECK(CheckLabel("label", "").ok());
  CHECK(absl::IsInvalidArgument(CheckLabel("label", std::string(1025, 'x'))));
  CHECK(absl::IsInvalidArgument(CheckLabel("label", "\xFF")));
}

struct Folder {
  FaultPlan plan;
  std::shared_ptr<FakeFileSystem> fs = std::make_shared<FakeFileSystem>(plan, "the cache folder");
  BlobFiles files{fs};
  BlobRef blob{Digest::Of("content"), 7};

  Folder() { REQUIRE(files.EnsureLayout().ok()); }
  void Stage(const std::string& name, absl::string_view content) {
    auto file = files.OpenStaging(name);
    REQUIRE(file.ok());
    REQUIRE((*file)->WriteAt(0, content).ok());
    REQUIRE((*file)->Sync().ok());
  }
};

TEST_CASE("the cache folder is laid out and tagged") {
  Folder folder;
  CHECK(*folder.fs->List("") == std::vector<std::string>{"CACHEDIR.TAG", "blobs", "quarantine", "staging"});
  CHECK(folder.fs->Map("CACHEDIR.TAG")->view().find("Signature: 8a477f597d28d172789f06886806bc55") == 0);
  REQUIRE(folder.files.EnsureLayout().ok());
}

TEST_CASE("a placed blob has its name for good, even when the power goes") {
  Folder folder;
  folder.Stage("put-1", "content");
  CHECK(absl::IsNotFound(folder.files.CheckSize(folder.blob)));
  REQUIRE(folder.files.Place(folder.blob.digest, "put-1").ok());
  folder.fs->Crash(FakeFileSystem::Survival::kSyncedOnly);
  CHECK(folder.files.CheckSize(folder.blob).ok());
  CHECK(folder.files.CheckDigest(folder.blob).ok());
  CHECK(folder.files.Map(folder.blob)->view() == "content");
  CHECK(folder.files.ListBlobs()->size() == 1);
  CHECK(folder.files.ListBlobs()->at(0).digest == folder.blob.digest);
  CHECK(absl::IsDataLoss(folder.files.CheckSize({folder.blob.digest, 8})));
  CHECK(absl::IsDataLoss(folder.files.Map({folder.blob.digest, 8}).status()));
}

TEST_CASE("folders that an earlier start made but did not sync are durable after the next one") {
  FaultPlan plan;
  auto fs = std::make_shared<FakeFileSystem>(plan, "the cache folder");
  REQUIRE(fs->MakeDir("").ok());
  REQUIRE(fs->MakeDir("blobs").ok());
  REQUIRE(fs->SyncDir("").ok());
  plan.DropSyncs(UINT64_MAX);
  REQUIRE(BlobFiles(fs).EnsureLayout().ok());
  plan.DropSyncs(0);
  BlobFiles files(fs);
  REQUIRE(files.EnsureLayout().ok());
  fs->Crash(FakeFileSystem::Survival::kSyncedOnly);
  CHECK(fs->List("blobs")->size() == 256);
}

TEST_CASE("discarding leaves the blob and removes the upload") {
  Folder folder;
  folder.Stage("put-1", "content");
  REQUIRE(folder.files.Place(folder.blob.digest, "put-1").ok());
  folder.Stage("put-2", "content");
  REQUIRE(folder.files.Discard(folder.blob.digest, "put-2").ok());
  CHECK(folder.files.ListStaging()->empty());
  CHECK(folder.files.CheckDigest(folder.blob).ok());
  // It goes when the caller no longer waits.
  REQUIRE(folder.files.ListBlobs()->size() == 2);
  const std::vector<BlobFiles::Entry> entries = *folder.files.ListBlobs();
  for (const BlobFiles::Entry& entry : entries) CHECK(folder.files.IsSpent(entry.path) == !entry.digest);
  REQUIRE(folder.files.RemoveSpent().ok());
  CHECK(folder.files.ListBlobs()->size() == 1);
  CHECK(folder.files.CheckDigest(folder.blob).ok());
}

TEST_CASE("placing goes on when the folders of blobs were wiped") {
  Folder folder;
  folder.Stage("put-1", "content");
  REQUIRE(folder.files.Place(folder.blob.digest, "put-1").ok());
  folder.fs->Wipe();
  folder.Stage("put-2", "content");
  REQUIRE(folder.files.Place(folder.blob.digest, "put-2").ok());
  CHECK(folder.files.CheckDigest(folder.blob).ok());
  CHECK(absl::IsUnavailable(folder.files.Place(folder.blob.digest, "put-3")));
}

TEST_CASE("wrong bytes are told and go to quarantine") {
  Folder folder;
  folder.Stage("put-1", "content");
  REQUIRE(folder.files.Place(folder.blob.digest, "put-1").ok());
  folder.fs->FlipBit(BlobFiles::BlobPath(folder.blob.digest), 3);
  CHECK(folder.files.CheckSize(folder.blob).ok());
  CHECK(absl::IsDataLoss(folder.files.CheckDigest(folder.blob)));
  REQUIRE(folder.files.Quarantine(folder.blob.digest).ok());
  CHECK(absl::IsNotFound(folder.files.CheckDigest(folder.blob)));
  CHECK(folder.files.ListQuarantine()->size() == 1);
  REQUIRE(folder.files.Quarantine(folder.blob.digest).ok());
  REQUIRE(folder.files.RemoveQuarantined(folder.blob.digest).ok());
  REQUIRE(folder.files.RemoveBlob(folder.blob.digest).ok());
  CHECK(folder.files.ListQuarantine()->empty());
}

TEST_CASE("names beneath staging are of digests alone") {
  Owned upload(Digest::Of("../../partition"), Digest::Of("blob"));
  std::string name = BlobFiles::StagingName(upload);
  CHECK(name.size() == 64 + 1 + 32);
  CHECK(name.find_first_not_of("0123456789abcdef-") == std::string::npos);
  CHECK(name != BlobFiles::StagingName({Digest::Of("other"), upload.second}));
}

record::ModelRecord Model(uint64_t manifest_bytes, std::vector<BlobRef> constants) {
  record::ModelRecord model;
  model.set_manifest_size_bytes(manifest_bytes);
  for (const BlobRef& ref : constants) {
    record::BlobRecord& blob = *model.add_constants();
    blob.set_digest(std::string(ref.digest.bytes()));
    blob.set_size_bytes(ref.size_bytes);
  }
  return model;
}

TEST_CASE("the index counts what follows from its records") {
  const Digest one = Digest::Of("one"), two = Digest::Of("two"), p = Digest::Of("p"), q = Digest::Of("q");
  const BlobRef shared{Digest::Of("shared"), 100}, own{Digest::Of("own"), 30};
  Index index;
  Transaction add;
  add.models[one] = Model(5, {shared, own});
  add.models[two] = Model(6, {shared});
  add.holds[{p, one}] = record::HoldRecord();
  add.holds[{p, two}] = record::HoldRecord();
  add.holds[{q, two}] = record::HoldRecord();
  index.Apply(add);
  CHECK(index.References(shared.digest) == 2);
  CHECK(index.References(one) == 1);
  CHECK(index.Holders(two) == 2);
  CHECK(index.LogicalBytes(p) == 141);
  CHECK(index.LogicalBytes(q) == 106);
  CHECK(index.Sees(q, shared.digest));
  CHECK_FALSE(index.Sees(q, own.digest));

  Transaction drop;
  index.DropHold({p, two}, drop);
  CHECK(drop.models.empty());
  index.Apply(drop);
  CHECK(index.Holders(two) == 1);
  CHECK(index.Sees(p, shared.digest));
  drop = {};
  index.DropHold({p, one}, drop);
  index.Apply(drop);
  CHECK(index.References(own.digest) == 0);
  CHECK_FALSE(index.Sees(p, shared.digest));
  CHECK_FALSE(index.InUse(p));
  CHECK(index.references().size() == 2);
}

TEST_CASE("the index sees a model's blobs again when its record comes after its holds") {
  const Digest one = Digest::Of("one"), p = Digest::Of("p");
  const BlobRef blob{Digest::Of("blob"), 100};
  Index index;
  Transaction hold;
  hold.holds[{p, one}] = record::HoldRecord();
  index.Apply(hold);
  CHECK(index.HealthOf(one) == Health::kDamaged);
  CHECK_FALSE(index.Sees(p, blob.digest));
  Transaction model;
  model.models[one] = Model(1, {blob});
  model.holds[{p, one}] = record::HoldRecord();
  index.Apply(model);
  CHECK(index.HealthOf(one) == Health::kWhole);
  CHECK(index.Sees(p, blob.digest));
  Transaction drop;
  index.DropHold({p, one}, drop);
  index.Apply(drop);
  CHECK_FALSE(index.Sees(p, blob.digest));
  CHECK(index.references().empty());
}

}  // namespace
}  // namespace modeld::storage
