#include "tests/campaign/schedule.h"

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"

namespace modeld::campaign {
namespace {

using storage::BlobRef;
using storage::RefOf;
using storage::TestModel;

const Partition kPartitions[] = {"app:one", "app:two", "web:https://a.example|https://a.example"};
const char* const kKeys[] = {"first", "second"};
constexpr int kClients = 5;

// Several share constants, so that references are counted in earnest.
const std::vector<TestModel>& Models() {
  using storage::Bytes;
  static const std::vector<TestModel> models = {
      {"graph 0", {Bytes(300, 1), Bytes(400, 2)}},
      {"graph 1", {Bytes(400, 2), Bytes(500, 3), Bytes(60, 4)}},
      {"graph 2", {Bytes(60, 4)}},
      {"graph 3", {}},
      {"graph 4", {Bytes(9000, 5), Bytes(300, 1)}},
      {"graph 5", {Bytes(1, 6), Bytes(2, 7), Bytes(3, 8), Bytes(4, 9)}},
  };
  return models;
}

// The number of the model in Models().
size_t NumberOf(const Digest& id) {
  size_t number = 0;
  while (number < Models().size() && Models()[number].id() != id) ++number;
  REQUIRE(number < Models().size());
  return number;
}

const std::string& ContentOf(const TestModel& model, const Digest& digest) {
  for (const std::string& constant : model.constants) {
    if (RefOf(constant).digest == digest) return constant;
  }
  return model.manifest;
}

}  // namespace

// A client with its session's lease and the model that it is storing, if any.
struct Schedule::Client {
  Partition partition;
  std::unique_ptr<storage::Lease> lease;
  // The store under way.
  bool storing = false;
  size_t model = 0;
  std::string key;
  std::unique_ptr<storage::Upload> upload;

  void Drop() {
    storing = false;
    upload.reset();
    lease.reset();
  }
};

Schedule::Schedule(uint64_t seed, Totals& totals) : random_(seed), totals_(totals) {
  for (int i = 0; i < kClients; ++i) {
    auto client = std::make_unique<Client>();
    client->partition = kPartitions[i % std::size(kPartitions)];
    clients_.push_back(std::move(client));
  }
}

Schedule::~Schedule() {
  for (auto& client : clients_) client->Drop();
}

bool Schedule::Called(const absl::Status& status) {
  ++totals_.calls;
  if (!status.ok()) ++totals_.failed_calls;
  return status.ok();
}

void Schedule::Run(int calls) {
  for (int i = 0; i < calls; ++i) Step();
  Crash();
  for (auto& client : clients_) client->Drop();
  DoUpkeep();
  Check();
  // Life goes on: what was found missing or damaged comes back by being stored.
  CHECK(store_->VerifyAll().ok());
  for (const TestModel& model : Models()) {
    absl::Status read;
    // Damage of bytes that were sent and belong to no model yet is found when they are first read.
    for (int attempt = 0; attempt == 0 || (absl::IsDataLoss(read) && attempt < 6); ++attempt) {
      const absl::Status stored = storage::StoreWhole(*store_, kPartitions[0], model);
      INFO(stored);
      CHECK(stored.ok());
      read = storage::ReadWhole(*store_, kPartitions[0], model);
    }
    INFO(read);
    CHECK(read.ok());
  }
}

void Schedule::Step() {
  if (!armed_ && Chance(8)) ArmFault();
  if (Chance(25)) return Crash();
  if (Chance(12)) return DoUpkeep();
  Client& client = *clients_[Random(clients_.size())];
  if (!client.lease) client.lease = store_->NewLease();
  if (client.storing) {
    Continue(client);
  } else {
    Begin(client);
  }
  if (Chance(10)) {  // the session ends, whatever it is doing
    client.Drop();
  }
  if (armed_ && Chance(3)) {
    store_.plan.Disarm();
    armed_ = false;
  }
}

void Schedule::ArmFault() {
  ++totals_.faults;
  const int errors[] = {ENOSPC, EIO, EDQUOT};
  store_.plan.Arm({.at = Random(12), .error = errors[Random(std::size(errors))], .sticky = Chance(3)});
  armed_ = true;
}

void Schedule::Begin(Client& client) {
  const size_t model = Random(Models().size());
  const std::string key = kKeys[Random(std::size(kKeys))];
  switch (Random(8)) {
    case 0:
    case 1:
    case 2:
      client.storing = true;
      client.model = model;
      client.key = Chance(2) ? key : "";
      return;
    case 3:
      return Read(client);
    case 4:
      expected_[client.partition].SaveKey(
          key, model, Called(store_->SaveKey(client.partition, key, Models()[model].id())));
      return;
    case 5:
      expected_[client.partition].DeleteKey(key, Called(store_->DeleteKey(client.partition, key).status()));
      return;
    case 6:
      expected_[client.partition].DeleteModel(
          model, Called(store_->DeleteModel(client.partition, Models()[model].id()).status()));
      return;
    default:
      if (!Chance(3)) return Read(client);
      expected_[client.partition].Clear(Called(store_->RemovePartition(client.partition).status()));
  }
}

void Schedule::Continue(Client& client) {
  if (client.upload == nullptr) return ContinueStore(client);
  storage::Upload& upload = *client.upload;
  const std::string& bytes = ContentOf(Models()[client.model], upload.ref().digest);
  const uint64_t at = upload.committed_bytes();
  absl::Status status;
  if (at < bytes.size()) {
    const uint64_t count = 1 + Random(bytes.size() - at);
    status = upload.Append(at, absl::string_view(bytes).substr(at, count));
  } else {
    status = upload.Commit();
    // What was sent is what the digest says: only a fault may refuse it.
    CHECK_FALSE(absl::IsDataLoss(status));
    client.upload.reset();
  }
  if (!Called(status) && Chance(2)) client.upload.reset();
}

void Schedule::ContinueStore(Client& client) {
  const TestModel& model = Models()[client.model];
  const auto missing = store_->FindMissing(client.partition, model.refs(), *client.lease);
  if (!Called(missing.status())) return;
  if (!missing->empty()) {
    auto upload = store_->OpenUpload(client.partition, missing->front(), *client.lease);
    if (Called(upload.status())) client.upload = *std::move(upload);
    return;
  }
  storage::StoreRequest request{.manifest = model.manifest,
                                .constants = model.refs(),
                                .display_name = "",
                                .source = "",
                                .key = std::nullopt};
  if (!client.key.empty()) request.key = client.key;
  const auto stored = store_->StoreModel(client.partition, request, *client.lease);
  expected_[client.partition].Store(client.model, client.key, Called(stored.status()));
  if (stored.ok()) CHECK(*stored == model.id());
  client.storing = false;
}

void Schedule::Read(Client& client) {
  const size_t index = Random(Models().size());
  const TestModel& model = Models()[index];
  const absl::Status read = storage::ReadWhole(*store_, client.partition, model);
  Called(read);
  INFO(read);
  CHECK_FALSE(absl::IsInternal(read));  // wrong bytes
  if (read.ok()) {
    CHECK(expected_[client.partition].MayHave(index));
    if (!model.constants.empty() && Chance(3)) {
      auto region = store_->MapBlob(client.partition, RefOf(model.constants[0]).digest, *client.lease);
      if (region.ok()) held_.emplace_back(*std::move(region), model.constants[0]);
    }
  } else if (absl::IsNotFound(read)) {
    CHECK((!expected_[client.partition].MustHave(index) || MayBeDamaged(index)));
  } else if (absl::IsDataLoss(read) && !armed_) {
    CHECK(MayBeDamaged(index));
  }
}

void Schedule::DoUpkeep() {
  switch (Random(4)) {
    case 0:
      store_.clock.Advance(absl::Minutes(Random(50)));
      Called(store_->Collect(store_.clock.Now()).status());
      return;
    case 1:
      Called(store_->VerifyAll().status());
      return;
    case 2:
      Called(store_->VerifyBlob(RefOf(Models()[Random(Models().size())].manifest).digest));
      return;
    default:
      for (const auto& [region, bytes] : held_) CHECK(region.view() == absl::string_view(bytes));
      if (Chance(2)) held_.clear();
  }
}

void Schedule::Crash() {
  ++totals_.crashes;
  for (auto& client : clients_) client->Drop();
  held_.clear();
  armed_ = false;
  using Survival = FakeFileSystem::Survival;
  const Survival survivals[] = {Survival::kAll, Survival::kSyncedOnly, Survival::kRandom};
  store_.Crash(survivals[Random(std::size(survivals))], random_());
  if (Chance(3)) DamageSomeFile();
  store_.Start();
  Check();
}

void Schedule::DamageSomeFile() {
  const std::vector<std::string> paths = store_.BlobFilePaths();
  if (paths.empty()) return;
  const std::string& path = paths[Random(paths.size())];
  const auto digest = Digest::FromHex(path.substr(path.rfind('/') + 1));
  const auto info = store_.cache->Stat(path);
  if (!digest.ok() || !info.ok() || info->size_bytes == 0) return;
  ++totals_.damaged_files;
  store_.cache->FlipBit(path, Random(info->size_bytes));
  damaged_.insert(*digest);
}

bool Schedule::MayBeDamaged(size_t model) const {
  const auto bad = [&](const Digest& blob) { return damaged_.contains(blob); };
  const std::vector<BlobRef> refs = Models()[model].refs();
  return bad(Models()[model].id()) ||
         std::any_of(refs.begin(), refs.end(), [&](const BlobRef& ref) { return bad(ref.digest); });
}

void Schedule::NoteRepairs() {
  for (const Digest& blob : std::set<Digest>(damaged_)) {
    const std::string hex = blob.ToHex();
    const auto bytes = store_.cache->Map(absl::StrCat("blobs/", hex.substr(0, 2), "/", hex));
    if (bytes.ok() && Digest::Of(bytes->bytes()) == blob) damaged_.erase(blob);
  }
}

void Schedule::Check() {
  ++totals_.checks;
  NoteRepairs();
  INFO(store_.Problems());
  CHECK(store_.Problems() == "");
  for (const Partition& partition : kPartitions) CheckPartition(partition);
  CheckSums();
}

void Schedule::CheckPartition(const Partition& partition) {
  CAPTURE(partition);
  Holdings seen;
  for (const storage::ModelInfo& info : store_->ListModels(partition)) {
    const size_t index = NumberOf(info.model_id);
    for (const std::string& key : info.keys) seen.insert({key, index});
    if (info.stored_by_id) seen.insert({"", index});
  }
  // Exactly what one course of the calls left: nothing lost, nothing of another partition's.
  CHECK(expected_[partition].Allows(seen));
  expected_[partition].Settle(seen);
  for (size_t index = 0; index < Models().size(); ++index) {
    CAPTURE(index);
    const absl::Status read = storage::ReadWhole(*store_, partition, Models()[index]);
    INFO(read);
    if (!expected_[partition].MayHave(index)) {
      CHECK(absl::IsNotFound(read));
    } else if (!MayBeDamaged(index)) {
      CHECK(read.ok());
    } else {
      CHECK_FALSE(absl::IsInternal(read));
    }
  }
  for (const storage::KeyInfo& key : store_->ListKeys(partition)) {
    CHECK(expected_[partition].MayName(key.key, NumberOf(key.model_id)));
  }
}

void Schedule::CheckSums() {
  uint64_t logical = 0;
  std::map<Digest, uint64_t> distinct;
  for (const Partition& partition : kPartitions) {
    std::map<Digest, uint64_t> own;
    for (size_t index = 0; index < Models().size(); ++index) {
      if (!expected_[partition].MayHave(index)) continue;
      own.emplace(Models()[index].id(), Models()[index].manifest.size());
      for (const BlobRef& ref : Models()[index].refs()) own.emplace(ref.digest, ref.size_bytes);
    }
    for (const auto& [digest, size] : own) logical += size;
    distinct.merge(own);
  }
  uint64_t physical = 0;
  for (const auto& [digest, size] : distinct) physical += size;
  const storage::StoreUsage usage = store_->Usage();
  CHECK(usage.logical_bytes == logical);
  // Damaged files were moved away, missing ones are not there.
  if (totals_.damaged_files == 0) CHECK(usage.physical_bytes == physical);
}

}  // namespace modeld::campaign
