// Loaded into a daemon under test (LD_PRELOAD): makes its file calls fail as a full or failing disk does.
//
// FAULT_CONTROL names a file of a FaultControl, which the test maps too; FAULT_FOLDER a folder: only
// calls on what lies beneath it are counted and fail, RocksDB's among them.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/campaign/fault_control.h"

namespace {

using modeld::campaign::FaultControl;

template <typename Function>
Function* Real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

FaultControl* Control() {
  static FaultControl* const control = []() -> FaultControl* {
    const char* path = getenv("FAULT_CONTROL");
    if (path == nullptr) return nullptr;
    const int fd = Real<int(const char*, int, ...)>("open")(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return nullptr;
    void* memory = mmap(nullptr, sizeof(FaultControl), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return memory == MAP_FAILED ? nullptr : static_cast<FaultControl*>(memory);
  }();
  return control;
}

bool IsBeneath(const char* path) {
  static const char* const folder = getenv("FAULT_FOLDER");
  return folder != nullptr && strncmp(path, folder, strlen(folder)) == 0;
}

// Whether a call on an open file is to fail; sets errno.
bool Fails() {
  FaultControl* control = Control();
  if (control == nullptr || control->error.load() == 0) return false;
  const int64_t left = control->calls_left.fetch_sub(1);
  if (left > 0 || (left < 0 && !control->sticky.load())) return false;
  control->failed.fetch_add(1);
  errno = control->error.load();
  return true;
}

bool FailsOn(int fd) {
  FaultControl* control = Control();
  if (control == nullptr || control->error.load() == 0) return false;
  char link[64], path[4096];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof(path) - 1);
  if (size <= 0) return false;
  path[size] = '\0';
  return IsBeneath(path) && Fails();
}

bool FailsAt(int folder, const char* path) {
  return path[0] == '/' ? IsBeneath(path) && Fails() : FailsOn(folder);
}

// A write that fails does a part of its work first, as a disk that runs full does.
size_t TornPart(size_t count) {
  return count / 2;
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* data, size_t count) {
  static auto* const real = Real<ssize_t(int, const void*, size_t)>("write");
  if (!FailsOn(fd)) return real(fd, data, count);
  const int error = errno;
  real(fd, data, TornPart(count));
  errno = error;
  return -1;
}

ssize_t pwrite(int fd, const void* data, size_t count, off_t offset) {
  static auto* const real = Real<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  if (!FailsOn(fd)) return real(fd, data, count, offset);
  const int error = errno;
  real(fd, data, TornPart(count), offset);
  errno = error;
  return -1;
}

ssize_t pwrite64(int fd, const void* data, size_t count, off64_t offset) {
  return pwrite(fd, data, count, offset);
}

int fsync(int fd) {
  static auto* const real = Real<int(int)>("fsync");
  return FailsOn(fd) ? -1 : real(fd);
}

int fdatasync(int fd) {
  static auto* const real = Real<int(int)>("fdatasync");
  return FailsOn(fd) ? -1 : real(fd);
}

int ftruncate(int fd, off_t size) noexcept {
  static auto* const real = Real<int(int, off_t)>("ftruncate");
  return FailsOn(fd) ? -1 : real(fd, size);
}

int ftruncate64(int fd, off64_t size) noexcept {
  return ftruncate(fd, size);
}

int rename(const char* from, const char* to) noexcept {
  static auto* const real = Real<int(const char*, const char*)>("rename");
  return IsBeneath(to) && Fails() ? -1 : real(from, to);
}

int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
  static auto* const real = Real<int(int, const char*, int, const char*)>("renameat");
  return FailsAt(to_folder, to) ? -1 : real(from_folder, from, to_folder, to);
}

int unlinkat(int folder, const char* path, int flags) noexcept {
  static auto* const real = Real<int(int, const char*, int)>("unlinkat");
  return FailsAt(folder, path) ? -1 : real(folder, path, flags);
}

int mkdirat(int folder, const char* path, mode_t mode) noexcept {
  static auto* const real = Real<int(int, const char*, mode_t)>("mkdirat");
  return FailsAt(folder, path) ? -1 : real(folder, path, mode);
}

}  // extern "C"
