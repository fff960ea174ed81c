#include "base/program_build.h"

#include <elf.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/mac.h"

namespace modeld {
namespace {

constexpr absl::string_view kGnu("GNU\0", 4);
// It cannot be replaced under a running process, as its name in the file system can.
constexpr char kExecutable[] = "/proc/self/exe";
constexpr size_t kReadBytes = size_t{1} << 20;
constexpr size_t kRandomBytes = 16;

uint64_t RoundUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

// Whether `segment` is mapped: it lies within a loadable one.
bool IsMapped(std::span<const ElfW(Phdr)> headers, const ElfW(Phdr) & segment) {
  return std::any_of(headers.begin(), headers.end(), [&](const ElfW(Phdr) & load) {
    return load.p_type == PT_LOAD && segment.p_vaddr >= load.p_vaddr && segment.p_memsz <= load.p_filesz &&
           segment.p_vaddr - load.p_vaddr <= load.p_filesz - segment.p_memsz;
  });
}

int Describe(dl_phdr_info* info, size_t, void* found) {
  LoadedObject object;
  object.path = info->dlpi_name == nullptr ? "" : info->dlpi_name;
  const std::span<const ElfW(Phdr)> headers(info->dlpi_phdr, info->dlpi_phnum);
  const auto own = reinterpret_cast<uintptr_t>(&Describe);
  for (const ElfW(Phdr) & header : headers) {
    const uintptr_t begin = info->dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_LOAD && own >= begin && own - begin < header.p_memsz) object.has_this_code = true;
    if (header.p_type != PT_NOTE || !object.build_id.empty() || !IsMapped(headers, header)) continue;
    const auto* bytes = reinterpret_cast<const std::byte*>(begin);
    object.build_id =
        BuildIdInNotes({bytes, header.p_memsz}, header.p_align <= 4 ? 4 : header.p_align).value_or("");
  }
  static_cast<std::vector<LoadedObject>*>(found)->push_back(std::move(object));
  return 0;
}

std::optional<Digest> FileDigest(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> bytes(kReadBytes);
  Sha256 hash;
  while (file) {
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    hash.Update(absl::string_view(bytes.data(), static_cast<size_t>(file.gcount())));
  }
  if (!file.eof()) return std::nullopt;
  return hash.Finish();
}

std::string CodeOf(const LoadedObject& object) {
  if (!object.build_id.empty()) return absl::StrCat("build-id ", object.build_id);
  const auto digest = FileDigest(object.path.empty() ? kExecutable : object.path);
  if (digest) return absl::StrCat("file ", digest->bytes());
  // Where the system has no random bytes, this process at this moment is unseen, too.
  return absl::StrCat(
      "unknown ",
      RandomBytes(kRandomBytes).value_or(absl::StrCat(getpid(), " ", absl::GetCurrentTimeNanos())));
}

}  // namespace

std::optional<std::string> BuildIdInNotes(std::span<const std::byte> notes, size_t alignment) {
  if (alignment != 4 && alignment != 8) return std::nullopt;
  // Notes of 64-bit files have the same three 32-bit words.
  ElfW(Nhdr) header;
  while (notes.size() >= sizeof(header)) {
    std::memcpy(&header, notes.data(), sizeof(header));
    const uint64_t description = RoundUp(sizeof(header) + uint64_t{header.n_namesz}, alignment);
    const uint64_t end = description + header.n_descsz;
    if (end > notes.size()) return std::nullopt;
    const auto* bytes = reinterpret_cast<const char*>(notes.data());
    const absl::string_view name(bytes + sizeof(header), header.n_namesz);
    if (header.n_type == NT_GNU_BUILD_ID && name == kGnu && header.n_descsz > 0) {
      return std::string(bytes + description, header.n_descsz);
    }
    // The last one need not be padded.
    notes = notes.subspan(std::min<uint64_t>(RoundUp(end, alignment), notes.size()));
  }
  return std::nullopt;
}

std::vector<LoadedObject> LoadedObjects() {
  std::vector<LoadedObject> objects;
  dl_iterate_phdr(Describe, &objects);
  return objects;
}

bool IsOurs(const LoadedObject& object) {
  if (object.path.empty() || object.has_this_code) return true;
  // The kernel's own has a name and no file.
  if (!absl::StrContains(object.path, '/')) return false;
  constexpr std::array<absl::string_view, 8> kSystemFolders = {
      "/lib/", "/lib32/", "/lib64/", "/libx32/", "/usr/lib/", "/usr/lib32/", "/usr/lib64/", "/usr/libx32/"};
  return std::none_of(kSystemFolders.begin(), kSystemFolders.end(),
                      [&](absl::string_view folder) { return absl::StartsWith(object.path, folder); });
}

Digest BuildOf(const std::vector<LoadedObject>& objects) {
  std::vector<Digest> codes;
  for (const LoadedObject& object : objects) {
    if (IsOurs(object)) codes.push_back(Digest::Of(CodeOf(object)));
  }
  std::sort(codes.begin(), codes.end());
  Sha256 hash;
  hash.Update("modeld program build\n");
  for (const Digest& code : codes) hash.Update(code.bytes());
  return hash.Finish();
}

const Digest& ProgramBuild() {
  static const Digest build = BuildOf(LoadedObjects());
  return build;
}

}  // namespace modeld
