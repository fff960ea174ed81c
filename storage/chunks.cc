#include "storage/chunks.h"

#include <algorithm>
#include <utility>

namespace modeld::storage {

uint64_t ChunkCount(uint64_t size_bytes, uint64_t chunk_bytes) {
  return size_bytes / chunk_bytes + (size_bytes % chunk_bytes != 0 ? 1 : 0);
}

ByteRange ChunkRange(uint64_t index, uint64_t size_bytes, uint64_t chunk_bytes) {
  const uint64_t begin = index * chunk_bytes;
  return {begin, begin + std::min(chunk_bytes, size_bytes - begin)};
}

std::string JoinDigests(std::span<const Digest> digests) {
  std::string joined;
  joined.reserve(digests.size() * Digest::kSize);
  for (const Digest& digest : digests) joined.append(digest.bytes().data(), digest.bytes().size());
  return joined;
}

std::vector<Digest> SplitDigests(absl::string_view bytes) {
  std::vector<Digest> digests;
  if (bytes.size() % Digest::kSize != 0) return digests;
  for (size_t at = 0; at < bytes.size(); at += Digest::kSize) {
    digests.push_back(*Digest::FromBytes(bytes.substr(at, Digest::kSize)));
  }
  return digests;
}

ChunkMap::ChunkMap(uint64_t size_bytes, uint64_t chunk_bytes)
    : size_bytes_(size_bytes), chunk_bytes_(chunk_bytes), held_(ChunkCount(size_bytes, chunk_bytes)) {}

uint64_t ChunkMap::position() const {
  return complete() ? size_bytes_ : range(next_).begin_bytes + filled_;
}

uint64_t ChunkMap::room() const {
  return complete() ? 0 : range(next_).end_bytes - position();
}

uint64_t ChunkMap::run_bytes(uint64_t limit) const {
  uint64_t run = room();
  for (uint64_t index = next_ + 1; run < limit && index < count() && !held_[index]; ++index) {
    const ByteRange more = range(index);
    run += more.end_bytes - more.begin_bytes;
  }
  return std::min(run, limit);
}

std::vector<ByteRange> ChunkMap::missing() const {
  std::vector<ByteRange> ranges;
  for (uint64_t index = next_; index < count(); ++index) {
    if (held_[index]) continue;
    ByteRange lacking = range(index);
    if (index == next_) lacking.begin_bytes += filled_;
    if (!ranges.empty() && ranges.back().end_bytes == lacking.begin_bytes) {
      ranges.back().end_bytes = lacking.end_bytes;
    } else {
      ranges.push_back(lacking);
    }
  }
  return ranges;
}

void ChunkMap::Hold(uint64_t index) {
  if (held_[index]) return;
  held_[index] = true;
  ++held_count_;
  const ByteRange bytes = range(index);
  whole_bytes_ += bytes.end_bytes - bytes.begin_bytes;
  if (index != next_) return;
  filled_ = 0;
  while (next_ < count() && held_[next_]) ++next_;
}

std::string ChunkMap::bits() const {
  std::string bits((count() + 7) / 8, '\0');
  for (uint64_t index = 0; index < count(); ++index) {
    if (held_[index]) bits[index / 8] = static_cast<char>(bits[index / 8] | 1 << (index % 8));
  }
  return bits;
}

void ChunkMap::HoldBits(absl::string_view bits) {
  for (uint64_t index = 0; index < count() && index / 8 < bits.size(); ++index) {
    if (static_cast<unsigned char>(bits[index / 8]) >> (index % 8) & 1) Hold(index);
  }
}

void ChunkSums::Update(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto piece = bytes.first(std::min<uint64_t>(bytes.size(), chunk_bytes_ - filled_));
    hasher_.Update(piece);
    filled_ += piece.size();
    bytes = bytes.subspan(piece.size());
    if (filled_ < chunk_bytes_) continue;
    sums_.push_back(hasher_.Finish());
    hasher_ = Sha256();
    filled_ = 0;
  }
}

std::vector<Digest> ChunkSums::Finish() {
  if (filled_ > 0) sums_.push_back(hasher_.Finish());
  return std::move(sums_);
}

}  // namespace modeld::storage
