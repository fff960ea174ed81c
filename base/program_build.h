// Which build of modeld's code runs: for what one build writes and another may read otherwise.
#ifndef MODELD_BASE_PROGRAM_BUILD_H_
#define MODELD_BASE_PROGRAM_BUILD_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/digest.h"

namespace modeld {

// An executable or shared object that is mapped into this process. A plain value.
struct LoadedObject {
  // As the system's linker opened it; empty: the executable.
  std::string path;
  // The GNU build-id that its linker gave it, a hash of its contents; empty: none.
  std::string build_id;
  // Whether this very code lies in it.
  bool has_this_code = false;
};

// The GNU build-id among the notes of an ELF file (System V gABI, "Note Section"), each part of which is
// padded to `alignment` bytes. Nothing where there is none, where a note says more bytes than there are, or
// where the alignment is neither 4 nor 8. Pure.
std::optional<std::string> BuildIdInNotes(std::span<const std::byte> notes, size_t alignment);

// What is mapped now, in no order. Thread-safe.
std::vector<LoadedObject> LoadedObjects();

// Whether an object's code is modeld's: it is the executable, or has this code, or does not lie where the
// system keeps its own libraries. Pure.
bool IsOurs(const LoadedObject& object);

// One digest of the code of all objects that are ours, in whatever order and wherever they lie: of their
// build-ids, and of the whole file where an object has none. A file that cannot be read counts as one that
// nobody has seen before, so that the digest never comes again. Thread-safe.
Digest BuildOf(const std::vector<LoadedObject>& objects);

// BuildOf() what is mapped at the first call; the same ever after in this process. Changes with every
// change of our code, and neither with a restart nor when the same sources are built again. System
// libraries do not count. Thread-safe.
const Digest& ProgramBuild();

}  // namespace modeld

#endif  // MODELD_BASE_PROGRAM_BUILD_H_
