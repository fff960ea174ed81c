#include "tests/support/process_memory.h"

#include <algorithm>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"

namespace modeld::testing {

ProcessMemory MemoryOf(pid_t pid) {
  uint64_t resident = 0, anonymous = 0, swapped = 0, shared = 0;
  const struct {
    const char* name;
    uint64_t& kib;
  } rows[] = {{"Rss:", resident}, {"Anonymous:", anonymous}, {"Swap:", swapped}, {"Pss_Shmem:", shared}};
  // Counts the pages; the sums in "status" are put together from each processor's, and may be megabytes off.
  std::ifstream rollup(absl::StrCat("/proc/", pid, "/smaps_rollup"));
  for (std::string word; rollup >> word;) {
    for (const auto& row : rows) {
      if (word == row.name) rollup >> row.kib;
    }
  }
  const uint64_t files = resident - std::min(resident, anonymous + shared);
  return {.anonymous = (anonymous + swapped) << 10, .files = files << 10, .shared = shared << 10};
}

}  // namespace modeld::testing
