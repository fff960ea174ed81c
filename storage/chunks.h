// Pieces of a blob: which bytes of it are here, and the digest of each piece.
#ifndef MODELD_STORAGE_CHUNKS_H_
#define MODELD_STORAGE_CHUNKS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/digest.h"
#include "storage/store_types.h"

namespace modeld::storage {

// How many chunks of `chunk_bytes` (> 0), the last of which may be shorter, a blob of `size_bytes` has. Pure.
uint64_t ChunkCount(uint64_t size_bytes, uint64_t chunk_bytes);
// Where chunk `index` lies. Pure. Requires: index < ChunkCount().
ByteRange ChunkRange(uint64_t index, uint64_t size_bytes, uint64_t chunk_bytes);

// Digests as records keep them: 32 bytes each, one after the other. Pure.
std::string JoinDigests(std::span<const Digest> digests);
// The reverse; empty when the bytes are no whole number of digests. Pure.
std::vector<Digest> SplitDigests(absl::string_view bytes);

// Which bytes of a blob are held: whole chunks in any order, and the beginning of the first chunk that is not
// whole. A plain value; not thread-safe.
class ChunkMap {
 public:
  // Holds nothing. Requires: chunk_bytes > 0.
  ChunkMap(uint64_t size_bytes, uint64_t chunk_bytes);

  uint64_t count() const { return held_.size(); }
  bool holds(uint64_t index) const { return held_[index]; }
  ByteRange range(uint64_t index) const { return ChunkRange(index, size_bytes_, chunk_bytes_); }
  // The first chunk that is not whole; count() when all are.
  uint64_t next() const { return next_; }
  bool complete() const { return next_ == count(); }
  // Where the next byte goes: in next(), after those of it that came. size_bytes when complete.
  uint64_t position() const;
  // Bytes that next() still takes. Zero when complete.
  uint64_t room() const;
  // How many bytes from position() on are not held, looking no further than `limit` of them.
  uint64_t run_bytes(uint64_t limit) const;
  // Whole chunks and the beginning of the next, in bytes.
  uint64_t held_bytes() const { return whole_bytes_ + filled_; }
  // Whole chunks alone, in bytes.
  uint64_t whole_bytes() const { return whole_bytes_; }
  // Whether the whole chunks are the first ones: held bytes are then exactly [0, position()).
  bool is_prefix() const { return held_count_ == next_; }
  // What is not held, in order; neighbouring chunks make one range.
  std::vector<ByteRange> missing() const;

  // Marks a chunk as whole. What had come of next() is forgotten when that is another.
  void Hold(uint64_t index);
  // Notes bytes of next() that came, or that it begins anew. Requires: less than room(); a chunk that
  // is full is to be held, or emptied.
  void Fill(uint64_t bytes) { filled_ += bytes; }
  void Empty() { filled_ = 0; }

  // One bit per chunk, least significant first.
  std::string bits() const;
  // Holds the chunks whose bit is set; bits beyond the last chunk, or missing ones, count for nothing.
  void HoldBits(absl::string_view bits);

 private:
  uint64_t size_bytes_;
  uint64_t chunk_bytes_;
  std::vector<bool> held_;
  uint64_t held_count_ = 0;
  uint64_t whole_bytes_ = 0;
  uint64_t next_ = 0;
  uint64_t filled_ = 0;
};

// Digests of the chunks of bytes that come in order and in pieces of any size. Not thread-safe.
class ChunkSums {
 public:
  // Requires: chunk_bytes > 0.
  explicit ChunkSums(uint64_t chunk_bytes) : chunk_bytes_(chunk_bytes) {}

  void Update(std::span<const std::byte> bytes);
  // Of all chunks so far; ends the last one. Requires: called once.
  std::vector<Digest> Finish();

 private:
  const uint64_t chunk_bytes_;
  uint64_t filled_ = 0;
  Sha256 hasher_;
  std::vector<Digest> sums_;
};

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_CHUNKS_H_
