#include "storage/record_codec.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace modeld::storage {
namespace {

// The first byte of a key tells the table: ForEachTable() has them all. These are spoken of here.
constexpr char kSchema = 'S', kHold = 'H', kBudget = 'B';

std::string KeyBytes(const Digest& id) {
  return std::string(id.bytes());
}
// Big-endian, so that the database keeps numbers in order.
std::string KeyBytes(uint64_t number) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(number >> shift & 0xff));
  return bytes;
}
std::string KeyBytes(const Owned& owned) {
  return KeyBytes(owned.first) + KeyBytes(owned.second);
}
std::string KeyBytes(const std::pair<PartitionId, std::string>& key) {
  return KeyBytes(key.first) + key.second;
}

// Cuts the next digest off `bytes`.
std::optional<Digest> TakeDigest(absl::string_view& bytes) {
  if (bytes.size() < Digest::kSize) return std::nullopt;
  Digest digest = *Digest::FromBytes(bytes.substr(0, Digest::kSize));
  bytes.remove_prefix(Digest::kSize);
  return digest;
}

bool ParseKey(absl::string_view bytes, Digest& key) {
  std::optional<Digest> id = TakeDigest(bytes);
  if (!id || !bytes.empty()) return false;
  key = *id;
  return true;
}
bool ParseKey(absl::string_view bytes, uint64_t& key) {
  if (bytes.size() != sizeof(key)) return false;
  key = 0;
  for (unsigned char byte : bytes) key = key << 8 | byte;
  return true;
}
bool ParseKey(absl::string_view bytes, Owned& key) {
  std::optional<Digest> first = TakeDigest(bytes);
  return first && (key.first = *first, ParseKey(bytes, key.second));
}
bool ParseKey(absl::string_view bytes, std::pair<PartitionId, std::string>& key) {
  std::optional<Digest> first = TakeDigest(bytes);
  if (!first || bytes.empty()) return false;
  key = {*first, std::string(bytes)};
  return true;
}

// Whether the digests inside a value are digests.
bool IsSound(const record::ModelRecord& model) {
  for (const record::BlobRecord& constant : model.constants()) {
    if (constant.digest().size() != Digest::kSize) return false;
  }
  return true;
}
bool IsSound(const record::KeyRecord& key) {
  return key.model_id().size() == Digest::kSize;
}
bool IsSound(const record::UploadRecord& upload) {
  return upload.durable_bytes() <= upload.size_bytes() && upload.chunk_digests().size() % Digest::kSize == 0;
}
bool IsSound(const record::PlanRecord& plan) {
  const auto is_digest = [](const std::string& bytes) { return bytes.size() == Digest::kSize; };
  return is_digest(plan.structure()) && is_digest(plan.file_digest()) &&
         std::all_of(plan.models().begin(), plan.models().end(), is_digest) &&
         std::all_of(plan.causes().begin(), plan.causes().end(), is_digest);
}
bool IsSound(const record::ChunksRecord& chunks) {
  return chunks.chunk_bytes() > 0 && chunks.digests().size() % Digest::kSize == 0;
}
bool IsSound(const record::ScrubRecord& scrub) {
  return scrub.next_blob().empty() || scrub.next_blob().size() == Digest::kSize;
}
bool IsSound(const record::ShareRecord& share) {
  return !share.has_commonness() || (share.commonness() > 0 && share.commonness() <= 1);
}
bool IsSound(const google::protobuf::MessageLite&) {
  return true;
}

template <typename Table>
void EncodeTable(char tag, const Table& changes, std::vector<CatalogueChange>& batch) {
  for (const auto& [key, value] : changes) {
    CatalogueChange& change = batch.emplace_back();
    change.key = tag + KeyBytes(key);
    if (value) change.value = value->SerializeAsString();
  }
}

template <typename Table>
bool DecodeInto(absl::string_view key, absl::string_view value, Table& table) {
  typename Table::key_type id;
  typename Table::mapped_type::value_type message;
  if (!ParseKey(key, id)) return false;
  if (!message.ParseFromArray(value.data(), static_cast<int>(value.size())) || !IsSound(message))
    return false;
  table[std::move(id)] = std::move(message);
  return true;
}

// Leaves what must not be dropped in the place of a record that cannot be read.
void KeepUnreadable(char tag, absl::string_view key, Transaction& tables) {
  Owned hold;
  if (tag == kHold && ParseKey(key, hold)) {
    record::HoldRecord bare;
    bare.set_stored_by_id(true);
    tables.holds[hold] = bare;
  }
  // Without a site it belongs to nobody: its owner's budget counts as spent (Ledger).
  Digest site;
  if (tag == kBudget && ParseKey(key, site)) tables.budgets[site] = record::BudgetRecord();
}

bool DecodeRecord(absl::string_view key, absl::string_view value, Transaction& tables) {
  const absl::string_view rest = key.substr(1);
  bool decoded = false;
  ForEachTable(
      [&](char tag, auto& table) {
        if (tag == key[0]) decoded = DecodeInto(rest, value, table);
      },
      tables);
  if (!decoded) KeepUnreadable(key[0], rest, tables);
  return decoded;
}

}  // namespace

std::string SchemaKey() {
  return std::string(1, kSchema);
}

std::string SchemaValue() {
  record::SchemaRecord schema;
  schema.set_version(kSchemaVersion);
  return schema.SerializeAsString();
}

absl::Status CheckSchema(absl::string_view value) {
  record::SchemaRecord schema;
  if (!schema.ParseFromArray(value.data(), static_cast<int>(value.size())) || schema.version() == 0) {
    return absl::DataLossError("the catalogue: its schema record cannot be read");
  }
  if (schema.version() > kSchemaVersion) {
    return absl::FailedPreconditionError(absl::StrCat("the catalogue: written by a newer modeld (format ",
                                                      schema.version(), ", this one reads up to ",
                                                      kSchemaVersion, "); nothing was changed"));
  }
  return absl::OkStatus();
}

std::vector<CatalogueChange> Encode(const Transaction& changes) {
  std::vector<CatalogueChange> batch;
  ForEachTable([&](char tag, const auto& table) { EncodeTable(tag, table, batch); }, changes);
  return batch;
}

std::map<std::string, std::string> EncodedRecords(const Index& index) {
  const auto& records = index.records();
  Transaction all;
  ForEachTable([](char, const auto& from, auto& to) { to.insert(from.begin(), from.end()); }, records, all);
  std::map<std::string, std::string> encoded;
  for (CatalogueChange& change : Encode(all)) encoded[change.key] = *std::move(change.value);
  return encoded;
}

absl::StatusOr<LoadedCatalogue> LoadCatalogue(const Catalogue& catalogue) {
  LoadedCatalogue loaded;
  Transaction tables;
  std::optional<absl::Status> schema;
  size_t records = 0;
  MODELD_RETURN_IF_ERROR(catalogue.Scan([&](absl::string_view key, absl::string_view value) {
    ++records;
    if (key == absl::string_view(SchemaKey())) {
      schema = CheckSchema(value);
      loaded.older = value != absl::string_view(SchemaValue());
    } else if (key.empty() || !DecodeRecord(key, value, tables)) {
      loaded.unreadable.emplace_back(key);
    }
  }));
  loaded.empty = records == 0;
  if (!schema && !loaded.empty) return absl::DataLossError("the catalogue: its schema record is missing");
  if (schema) MODELD_RETURN_IF_ERROR(*schema);
  loaded.index.Apply(tables);
  return loaded;
}

}  // namespace modeld::storage
