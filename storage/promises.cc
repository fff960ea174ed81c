#include "storage/promises.h"

#include <algorithm>
#include <utility>

namespace modeld::storage {

void Promises::Count(const Owned& blob, const Promise& promise, int by) {
  // Unsigned sums: adding -x is taking x.
  unwritten_ += by * (promise.size_bytes - promise.written_bytes);
  const auto beside = [&](uint64_t counted) {
    return promise.size_bytes - std::min(promise.size_bytes, counted);
  };
  uncounted_ += by * beside(promise.counted.of_all);
  uint64_t& sum = by_partition_[blob.first];
  sum += by * beside(promise.counted.of_partition);
  if (sum == 0) by_partition_.erase(blob.first);
}

void Promises::Add(const void* holder, const Owned& blob, uint64_t size_bytes, uint64_t written_bytes,
                   const Counted& counted) {
  auto [it, fresh] = blobs_.try_emplace(blob);
  if (fresh) {
    it->second = {size_bytes, std::min(written_bytes, size_bytes), counted, nullptr, {}};
    Count(blob, it->second, +1);
  } else if (it->second.size_bytes < size_bytes) {
    Count(blob, it->second, -1);
    it->second.size_bytes = size_bytes;
    Count(blob, it->second, +1);
  }
  it->second.holders.insert(holder);
  by_holder_[holder].insert(blob);
}

bool Promises::BeginWriting(const void* holder, const Owned& blob, bool anew) {
  Promise& promise = blobs_.at(blob);
  if (promise.writer != nullptr || (anew && promise.written_bytes > 0)) return false;
  promise.writer = holder;
  return true;
}

void Promises::AddFile(const void* holder, uint64_t bytes) {
  if (bytes == 0) return;
  files_[holder] += bytes;
  unwritten_ += bytes;
  uncounted_ += bytes;
}

void Promises::WroteFile(const void* holder, uint64_t bytes) {
  auto file = files_.find(holder);
  if (file == files_.end()) return;
  const uint64_t wrote = std::min(bytes, file->second);
  file->second -= wrote;
  unwritten_ -= wrote;
  uncounted_ -= wrote;
  if (file->second == 0) files_.erase(file);
}

void Promises::Release(const void* holder, const Owned& blob) {
  auto held = by_holder_.find(holder);
  if (held == by_holder_.end() || held->second.erase(blob) == 0) return;
  if (held->second.empty()) by_holder_.erase(held);
  auto promise = blobs_.find(blob);
  promise->second.holders.erase(holder);
  if (promise->second.writer == holder) HandOver(blob, promise->second);
  if (!promise->second.holders.empty()) return;
  Count(blob, promise->second, -1);
  blobs_.erase(promise);
}

void Promises::HandOver(const Owned& blob, Promise& promise) {
  promise.writer = nullptr;
  for (const void* holder : promise.holders) {
    if (!files_.contains(holder)) continue;
    WroteFile(holder, UINT64_MAX);
    Count(blob, promise, -1);
    promise.written_bytes = 0;  // what was written is in the other's file
    Count(blob, promise, +1);
    promise.writer = holder;
    return;
  }
}

void Promises::Release(const void* holder) {
  WroteFile(holder, UINT64_MAX);
  auto held = by_holder_.find(holder);
  if (held == by_holder_.end()) return;
  const std::set<Owned> blobs = held->second;
  for (const Owned& blob : blobs) Release(holder, blob);
}

void Promises::Fulfil(const Owned& blob) {
  auto promise = blobs_.find(blob);
  if (promise == blobs_.end()) return;
  const void* writer = promise->second.writer;
  const std::set<const void*> holders = promise->second.holders;
  for (const void* holder : holders) {
    if (holder != writer) Release(holder, blob);
  }
}

std::optional<uint64_t> Promises::SizeOf(const Owned& blob) const {
  auto found = blobs_.find(blob);
  if (found == blobs_.end()) return std::nullopt;
  return found->second.size_bytes;
}

void Promises::SetWritten(const Owned& blob, uint64_t written_bytes) {
  auto promise = blobs_.find(blob);
  if (promise == blobs_.end()) return;
  Count(blob, promise->second, -1);
  promise->second.written_bytes = std::min(written_bytes, promise->second.size_bytes);
  Count(blob, promise->second, +1);
}

void Promises::SetCounted(const Owned& blob, const Counted& counted) {
  auto promise = blobs_.find(blob);
  if (promise == blobs_.end()) return;
  Count(blob, promise->second, -1);
  promise->second.counted = counted;
  Count(blob, promise->second, +1);
}

void Promises::Recount(const PartitionId& partition, absl::FunctionRef<Counted(const Owned&)> counted) {
  for (auto it = blobs_.lower_bound({partition, Digest()});
       it != blobs_.end() && it->first.first == partition; ++it) {
    SetCounted(it->first, counted(it->first));
  }
}

uint64_t Promises::UncountedOf(const PartitionId& partition) const {
  auto found = by_partition_.find(partition);
  return found == by_partition_.end() ? 0 : found->second;
}

}  // namespace modeld::storage
