#include "daemon/services/memory_constants.h"

#include <cstring>
#include <new>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace modeld {
namespace {

// Bytes and what they are charged to; whoever reads them keeps both.
struct Buffer {
  std::unique_ptr<std::byte[]> bytes;
  ByteBudget::Charge charge;
};

absl::StatusOr<std::shared_ptr<Buffer>> Allocate(ByteBudget& budget, uint64_t size) {
  MODELD_ASSIGN_OR_RETURN(ByteBudget::Charge charge, budget.Take(size));
  // Not filled: the pages are taken as bytes arrive.
  std::unique_ptr<std::byte[]> bytes(new (std::nothrow) std::byte[size]);
  if (bytes == nullptr) return absl::ResourceExhaustedError("constant: there is no memory for it");
  return std::make_shared<Buffer>(Buffer{std::move(bytes), std::move(charge)});
}

std::string NameOf(const Digest& digest) {
  return absl::StrCat("constant ", digest.ToHex());
}

}  // namespace

struct MemoryConstants::Entry {
  // Fixed at construction.
  uint64_t size_bytes = 0;
  std::shared_ptr<Buffer> buffer;

  // The upload's alone while `busy`.
  uint64_t received = 0;
  Sha256 hasher;

  // Under the owner's mu_.
  bool busy = false;
  bool whole = false;
};

MemoryConstants::Upload::Upload(std::shared_ptr<MemoryConstants> constants,
                                std::pair<std::string, Digest> key, std::shared_ptr<Entry> entry)
    : constants_(std::move(constants)), key_(std::move(key)), entry_(std::move(entry)) {}

MemoryConstants::Upload::~Upload() {
  absl::MutexLock lock(&constants_->mu_);
  entry_->busy = false;
}

uint64_t MemoryConstants::Upload::committed_bytes() const {
  return entry_->received;
}

absl::Status MemoryConstants::Upload::Append(absl::string_view bytes) {
  if (bytes.size() > entry_->size_bytes - entry_->received) {
    return absl::OutOfRangeError(
        absl::StrCat(NameOf(key_.second), ": has ", entry_->size_bytes, " bytes, more were sent"));
  }
  if (bytes.empty()) return absl::OkStatus();
  std::memcpy(entry_->buffer->bytes.get() + entry_->received, bytes.data(), bytes.size());
  entry_->hasher.Update(bytes);
  entry_->received += bytes.size();
  return absl::OkStatus();
}

absl::Status MemoryConstants::Upload::Commit() {
  const bool right = entry_->hasher.Finish() == key_.second;
  absl::MutexLock lock(&constants_->mu_);
  if (right) {
    entry_->whole = true;
    return absl::OkStatus();
  }
  const auto it = constants_->entries_.find(key_);
  if (it != constants_->entries_.end() && it->second == entry_) constants_->entries_.erase(it);
  return absl::DataLossError(
      absl::StrCat(NameOf(key_.second), ": the bytes that were sent have another digest"));
}

absl::StatusOr<std::unique_ptr<MemoryConstants::Upload>> MemoryConstants::Open(const std::string& partition,
                                                                               const storage::BlobRef& blob,
                                                                               bool afresh) {
  const std::pair<std::string, Digest> key(partition, blob.digest);
  absl::MutexLock lock(&mu_);
  std::shared_ptr<Entry>& entry = entries_[key];
  if (entry != nullptr && entry->busy) {
    return absl::AbortedError(absl::StrCat(NameOf(blob.digest), ": another call is sending it"));
  }
  if (entry != nullptr && !entry->whole && afresh) entry = nullptr;
  if (entry != nullptr && entry->size_bytes != blob.size_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(NameOf(blob.digest), ": was begun with ", entry->size_bytes, " bytes"));
  }
  if (entry == nullptr) {
    absl::StatusOr<std::shared_ptr<Buffer>> buffer = Allocate(*budget_, blob.size_bytes);
    if (!buffer.ok()) {
      entries_.erase(key);
      return buffer.status();
    }
    entry = std::make_shared<Entry>();
    entry->size_bytes = blob.size_bytes;
    entry->buffer = *std::move(buffer);
  }
  entry->busy = true;
  return std::unique_ptr<Upload>(new Upload(shared_from_this(), key, entry));
}

std::optional<Region> MemoryConstants::Find(const std::string& partition, const Digest& digest) const {
  absl::MutexLock lock(&mu_);
  const auto it = entries_.find({partition, digest});
  if (it == entries_.end() || !it->second->whole) return std::nullopt;
  const std::shared_ptr<Buffer>& buffer = it->second->buffer;
  return Region(std::span<const std::byte>(buffer->bytes.get(), it->second->size_bytes), buffer);
}

std::vector<storage::BlobRef> MemoryConstants::Lacking(const std::string& partition,
                                                       const std::vector<storage::BlobRef>& refs) const {
  std::vector<storage::BlobRef> lacking;
  absl::MutexLock lock(&mu_);
  for (const storage::BlobRef& ref : refs) {
    const auto it = entries_.find({partition, ref.digest});
    const bool here = it != entries_.end() && it->second->whole && it->second->size_bytes == ref.size_bytes;
    if (!here) lacking.push_back(ref);
  }
  return lacking;
}

void MemoryConstants::Clear(const std::optional<std::string>& partition) {
  decltype(entries_) gone;  // freed after the lock
  absl::MutexLock lock(&mu_);
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto next = std::next(it);
    if (!partition || it->first.first == *partition) gone.insert(entries_.extract(it));
    it = next;
  }
}

}  // namespace modeld
