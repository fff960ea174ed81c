#include "daemon/services/objects.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace modeld {

absl::StatusOr<Arena> ArenaPool::Take(const Program& program) {
  {
    absl::MutexLock lock(&mu_);
    if (!idle_.empty()) {
      Arena arena = std::move(idle_.back());
      idle_.pop_back();
      if (arena.size() >= program.arena_bytes) return arena;
      // The program was made anew, with another layout.
      bytes_ -= arena.size();
    }
  }
  MODELD_ASSIGN_OR_RETURN(Arena arena, Arena::Create(program));
  absl::MutexLock lock(&mu_);
  bytes_ += arena.size();
  return arena;
}

void ArenaPool::Give(Arena arena) {
  absl::MutexLock lock(&mu_);
  if (idle_.empty() && arena.size() <= max_idle_bytes_) {
    idle_.push_back(std::move(arena));
  } else {
    bytes_ -= arena.size();
  }
}

void ArenaPool::Drop(Arena arena) {
  absl::MutexLock lock(&mu_);
  bytes_ -= arena.size();
}

void ArenaPool::Trim() {
  std::vector<Arena> gone;
  absl::MutexLock lock(&mu_);
  for (const Arena& arena : idle_) bytes_ -= arena.size();
  gone.swap(idle_);
}

uint64_t ArenaPool::bytes() const {
  absl::MutexLock lock(&mu_);
  return bytes_;
}

void HandedMemory::Deliver(UniqueFd fd) {
  absl::MutexLock lock(&mu_);
  if (delivered_) return;
  delivered_ = true;
  fd_ = std::move(fd);
}

bool HandedMemory::delivered() const {
  absl::MutexLock lock(&mu_);
  return delivered_;
}

absl::StatusOr<Region> HandedMemory::Bytes() {
  absl::MutexLock lock(&mu_);
  if (!delivered_) return absl::NotFoundError(absl::StrCat("memory ", id, ": nothing was sent for it"));
  if (fd_.valid()) region_ = MapSealedMemory(std::move(fd_), size_bytes);
  if (!region_.ok()) return Annotate(region_.status(), absl::StrCat("memory ", id));
  return region_;
}

}  // namespace modeld
