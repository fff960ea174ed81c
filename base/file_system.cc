#include "base/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/checked_math.h"
#include "base/status.h"

namespace modeld {
namespace {

struct ErrnoRow {
  int error;
  absl::StatusCode code;
  const char* reason;
};

using absl::StatusCode;
constexpr ErrnoRow kErrnoTable[] = {
    {ENOSPC, StatusCode::kResourceExhausted, "no space left on the disk"},
    {EDQUOT, StatusCode::kResourceExhausted, "the user's disk quota is used up"},
    {EFBIG, StatusCode::kResourceExhausted, "a file would grow too large"},
    {EMFILE, StatusCode::kResourceExhausted, "too many open files"},
    {ENFILE, StatusCode::kResourceExhausted, "too many open files in the system"},
    {ENOMEM, StatusCode::kResourceExhausted, "out of memory"},
    {EROFS, StatusCode::kFailedPrecondition, "is read-only"},
    {EACCES, StatusCode::kFailedPrecondition, "permission denied"},
    {EPERM, StatusCode::kFailedPrecondition, "operation not permitted"},
    {ENOTDIR, StatusCode::kFailedPrecondition, "something that is not a folder is in the way"},
    {EISDIR, StatusCode::kFailedPrecondition, "a folder is in the way"},
    {ELOOP, StatusCode::kFailedPrecondition, "a symbolic link is in the way"},
    {EXDEV, StatusCode::kFailedPrecondition, "parts of it are on different disks"},
    {ENOTEMPTY, StatusCode::kFailedPrecondition, "a folder is not empty"},
    {ENOENT, StatusCode::kNotFound, "no such file"},
    {EEXIST, StatusCode::kAlreadyExists, "the file exists"},
    {EIO, StatusCode::kUnavailable, "the disk failed"},
    {EAGAIN, StatusCode::kUnavailable, "busy"},
    {EBUSY, StatusCode::kUnavailable, "busy"},
    {EINTR, StatusCode::kUnavailable, "interrupted"},
    {ESTALE, StatusCode::kUnavailable, "the remote disk lost the file"},
    {ETIMEDOUT, StatusCode::kUnavailable, "the remote disk does not answer"},
};

// Owns a descriptor.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

// Calls a system call again while a signal interrupts it.
template <typename F>
auto Retry(F call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

class RealFile : public File {
 public:
  RealFile(Fd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

  absl::StatusOr<uint64_t> Size() const override {
    struct stat info;
    if (::fstat(fd_.get(), &info) != 0) return ErrnoStatus(errno, name_);
    return static_cast<uint64_t>(info.st_size);
  }

  absl::StatusOr<size_t> ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    MODELD_RETURN_IF_ERROR(CheckRange(offset, out.size()));
    size_t done = 0;
    while (done < out.size()) {
      ssize_t n = Retry([&] {
        return ::pread(fd_.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      });
      if (n < 0) return ErrnoStatus(errno, name_);
      if (n == 0) break;
      done += static_cast<size_t>(n);
    }
    return done;
  }

  absl::Status WriteAt(uint64_t offset, absl::string_view bytes) override {
    MODELD_RETURN_IF_ERROR(CheckRange(offset, bytes.size()));
    size_t done = 0;
    while (done < bytes.size()) {
      ssize_t n = Retry([&] {
        return ::pwrite(fd_.get(), bytes.data() + done, bytes.size() - done,
                        static_cast<off_t>(offset + done));
      });
      if (n < 0) return ErrnoStatus(errno, name_);
      if (n == 0) return ErrnoStatus(EIO, name_);
      done += static_cast<size_t>(n);
    }
    return absl::OkStatus();
  }

  absl::Status Truncate(uint64_t size_bytes) override {
    MODELD_RETURN_IF_ERROR(CheckRange(size_bytes, 0));
    int rc = Retry([&] { return ::ftruncate(fd_.get(), static_cast<off_t>(size_bytes)); });
    return rc == 0 ? absl::OkStatus() : ErrnoStatus(errno, name_);
  }

  absl::Status Sync() override {
    // Not fdatasync: the size of a file that grew must be durable as well on every file system.
    return Retry([&] { return ::fsync(fd_.get()); }) == 0 ? absl::OkStatus() : ErrnoStatus(errno, name_);
  }

 private:
  absl::Status CheckRange(uint64_t offset, uint64_t size) const {
    std::optional<uint64_t> end = CheckedAdd(offset, size);
    if (!end || *end > static_cast<uint64_t>(std::numeric_limits<off_t>::max()))
      return ErrnoStatus(EFBIG, name_);
    return absl::OkStatus();
  }

  Fd fd_;
  std::string name_;
};

class RealFileLock : public FileLock {
 public:
  explicit RealFileLock(Fd fd) : fd_(std::move(fd)) {}

 private:
  Fd fd_;
};

// Unmaps when the last Region goes.
struct Mapping {
  void* address;
  size_t size;
  Mapping(void* a, size_t s) : address(a), size(s) {}
  Mapping(const Mapping&) = delete;
  ~Mapping() { ::munmap(address, size); }
};

// Smaller files are read instead of mapped: Linux gives a process 65,530 mappings, and without any left it
// can make no thread and allocate no large block. A model of that many small constants must not use them up.
constexpr size_t kMaxCopiedBytes = 256 << 10;
// Where a vector instruction may want an address to be.
constexpr std::align_val_t kCopyAlignment{64};

// How often a lock's file may vanish under whoever takes it, before it counts as used.
constexpr int kLockAttempts = 100;

// The unit of st_blocks, whatever the disk's own is.
constexpr uint64_t kStatBlockBytes = 512;

// Drops the pages that lie wholly within `bytes` from this process; the page cache keeps them, and reading
// brings them back. For shared mappings only: private ones would lose what was written.
void ReleasePages(std::span<const std::byte> bytes) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<uintptr_t>(bytes.data()) + page - 1) / page * page;
  const auto end = (reinterpret_cast<uintptr_t>(bytes.data()) + bytes.size()) / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

class RealFileSystem : public FileSystem {
 public:
  RealFileSystem(std::string root, std::string name) : root_(std::move(root)), name_(std::move(name)) {}

  absl::string_view name() const override { return name_; }

  absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view path, Access access) override {
    MODELD_ASSIGN_OR_RETURN(Fd fd, OpenPlainFile(path, access));
    return std::make_unique<RealFile>(std::move(fd), name_);
  }

  absl::StatusOr<Region> Map(absl::string_view path) override {
    MODELD_ASSIGN_OR_RETURN(Fd fd, OpenPlainFile(path, Access::kRead));
    struct stat info;
    if (::fstat(fd.get(), &info) != 0) return Error();
    size_t size = static_cast<size_t>(info.st_size);
    if (size == 0) return Region({}, std::make_shared<const char>());
    if (size <= kMaxCopiedBytes) return Copy(fd, size);
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
    if (address == MAP_FAILED) return Error();
    auto owner = std::make_shared<const Mapping>(address, size);
    return Region({static_cast<const std::byte*>(address), size}, owner, ReleasePages);
  }

  // The first `size` bytes of a file; DATA_LOSS when it has fewer by now.
  absl::StatusOr<Region> Copy(const Fd& fd, size_t size) const {
    auto* bytes = static_cast<std::byte*>(::operator new(size, kCopyAlignment, std::nothrow));
    if (bytes == nullptr) return absl::ResourceExhaustedError(absl::StrCat(name_, ": no memory"));
    std::shared_ptr<const void> owner(bytes, [](std::byte* b) { ::operator delete(b, kCopyAlignment); });
    for (size_t done = 0; done < size;) {
      const ssize_t got = ::pread(fd.get(), bytes + done, size - done, static_cast<off_t>(done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Error();
      if (got == 0) return absl::DataLossError(absl::StrCat(name_, ": a file was cut while it was read"));
      done += static_cast<size_t>(got);
    }
    return Region({bytes, size}, std::move(owner));
  }

  absl::StatusOr<FileInfo> Stat(absl::string_view path) override {
    struct stat info;
    if (path.empty()) {
      MODELD_ASSIGN_OR_RETURN(Fd root, OpenDir(""));
      if (::fstat(root.get(), &info) != 0) return Error();
    } else {
      MODELD_ASSIGN_OR_RETURN(Place place, Locate(path));
      if (::fstatat(place.dir.get(), place.leaf.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return Error();
    }
    return FileInfo{.size_bytes = static_cast<uint64_t>(info.st_size),
                    .allocated_bytes = static_cast<uint64_t>(info.st_blocks) * kStatBlockBytes,
                    .is_directory = S_ISDIR(info.st_mode),
                    .is_plain_file = S_ISREG(info.st_mode)};
  }

  absl::StatusOr<std::vector<std::string>> List(absl::string_view path) override {
    MODELD_ASSIGN_OR_RETURN(Fd dir, OpenDir(path));
    int copy = ::fcntl(dir.get(), F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return Error();
    std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(copy), &::closedir);
    if (!stream) {
      ::close(copy);
      return Error();
    }
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(stream.get())) {
      absl::string_view leaf = entry->d_name;
      if (leaf != "." && leaf != "..") names.emplace_back(leaf);
      errno = 0;
    }
    if (errno != 0) return Error();
    std::sort(names.begin(), names.end());
    return names;
  }

  absl::Status MakeDir(absl::string_view path) override {
    if (path.empty()) return MakeRoot();
    MODELD_ASSIGN_OR_RETURN(Place place, Locate(path));
    if (::mkdirat(place.dir.get(), place.leaf.c_str(), 0700) == 0) return absl::OkStatus();
    if (errno != EEXIST) return Error();
    return OpenDir(path).status();
  }

  absl::Status Rename(absl::string_view from, absl::string_view to) override {
    MODELD_ASSIGN_OR_RETURN(Place source, Locate(from));
    MODELD_ASSIGN_OR_RETURN(Place target, Locate(to));
    int rc = ::renameat(source.dir.get(), source.leaf.c_str(), target.dir.get(), target.leaf.c_str());
    return rc == 0 ? absl::OkStatus() : Error();
  }

  absl::Status Remove(absl::string_view path) override {
    MODELD_ASSIGN_OR_RETURN(Place place, Locate(path));
    return ::unlinkat(place.dir.get(), place.leaf.c_str(), 0) == 0 ? absl::OkStatus() : Error();
  }

  absl::Status RemoveDir(absl::string_view path) override {
    if (path.empty()) return ::rmdir(root_.c_str()) == 0 ? absl::OkStatus() : Error();
    MODELD_ASSIGN_OR_RETURN(Place place, Locate(path));
    const int rc = ::unlinkat(place.dir.get(), place.leaf.c_str(), AT_REMOVEDIR);
    return rc == 0 ? absl::OkStatus() : Error();
  }

  absl::Status SyncDir(absl::string_view path) override {
    MODELD_ASSIGN_OR_RETURN(Fd dir, OpenDir(path));
    return Retry([&] { return ::fsync(dir.get()); }) == 0 ? absl::OkStatus() : Error();
  }

  absl::StatusOr<uint64_t> FreeBytes() override {
    MODELD_ASSIGN_OR_RETURN(struct statvfs info, DiskInfo());
    return Saturated(info.f_bavail, info.f_frsize);
  }

  absl::StatusOr<uint64_t> TotalBytes() override {
    MODELD_ASSIGN_OR_RETURN(struct statvfs info, DiskInfo());
    return Saturated(info.f_blocks, info.f_frsize);
  }

  absl::StatusOr<std::unique_ptr<FileLock>> Lock(absl::string_view path) override {
    const auto used = [&] { return absl::AbortedError(absl::StrCat(name_, ": somebody else uses it")); };
    for (int attempt = 0; attempt < kLockAttempts; ++attempt) {
      MODELD_ASSIGN_OR_RETURN(Fd fd, OpenPlainFile(path, Access::kCreate));
      if (Retry([&] { return ::flock(fd.get(), LOCK_EX | LOCK_NB); }) != 0) {
        return errno == EWOULDBLOCK ? used() : Error();
      }
      // Between the two calls above its holder may have removed it.
      if (IsNamed(fd, path)) return std::make_unique<RealFileLock>(std::move(fd));
    }
    return used();
  }

 private:
  // The opened folder of a path, and its last component.
  struct Place {
    Fd dir;
    std::string leaf;
  };

  absl::Status Error() const { return ErrnoStatus(errno, name_); }

  // Whether `path` is the name of this very file.
  bool IsNamed(const Fd& fd, absl::string_view path) {
    const absl::StatusOr<Place> place = Locate(path);
    struct stat opened, named;
    return place.ok() && ::fstat(fd.get(), &opened) == 0 &&
           ::fstatat(place->dir.get(), place->leaf.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
  }

  absl::StatusOr<struct statvfs> DiskInfo() {
    MODELD_ASSIGN_OR_RETURN(Fd root, OpenDir(""));
    struct statvfs info;
    if (::fstatvfs(root.get(), &info) != 0) return Error();
    return info;
  }

  // Some remote disks report nonsense.
  static uint64_t Saturated(uint64_t blocks, uint64_t block_bytes) {
    return CheckedMul<uint64_t>(blocks, block_bytes).value_or(std::numeric_limits<uint64_t>::max());
  }

  absl::StatusOr<Fd> OpenDir(absl::string_view path) {
    MODELD_RETURN_IF_ERROR(CheckRelativePath(path));
    Fd dir(Retry([&] { return ::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    if (!dir.ok()) return Error();
    if (path.empty()) return dir;
    // Step by step, as a link in the middle must not be followed either.
    for (absl::string_view component : absl::StrSplit(path, '/')) {
      std::string leaf(component);
      Fd next(Retry([&] {
        return ::openat(dir.get(), leaf.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      }));
      if (!next.ok()) return Error();
      dir = std::move(next);
    }
    return dir;
  }

  absl::StatusOr<Place> Locate(absl::string_view path) {
    size_t slash = path.rfind('/');
    bool nested = slash != absl::string_view::npos;
    std::string leaf(nested ? path.substr(slash + 1) : path);
    MODELD_RETURN_IF_ERROR(CheckRelativePath(path));
    if (path.empty()) return absl::InvalidArgumentError("a file name is empty");
    MODELD_ASSIGN_OR_RETURN(Fd dir, OpenDir(nested ? path.substr(0, slash) : ""));
    return Place{std::move(dir), std::move(leaf)};
  }

  absl::StatusOr<Fd> OpenPlainFile(absl::string_view path, Access access) {
    MODELD_ASSIGN_OR_RETURN(Place place, Locate(path));
    int flags = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;  // a FIFO in the way must not hang the daemon
    flags |= access == Access::kRead ? O_RDONLY : O_RDWR;
    if (access == Access::kCreate) flags |= O_CREAT;
    Fd fd(Retry([&] { return ::openat(place.dir.get(), place.leaf.c_str(), flags, 0600); }));
    if (!fd.ok()) return Error();
    struct stat info;
    if (::fstat(fd.get(), &info) != 0) return Error();
    if (S_ISDIR(info.st_mode)) return ErrnoStatus(EISDIR, name_);
    if (!S_ISREG(info.st_mode)) {
      return absl::FailedPreconditionError(
          absl::StrCat(name_, ": something that is no plain file is in the way"));
    }
    return fd;
  }

  // Makes the name of a folder above the root, or of the root itself, durable: the first `end` characters.
  absl::Status SyncAbove(size_t end) const {
    const std::string above = root_.substr(0, root_.rfind('/', end - 1) + 1);
    const Fd dir(Retry([&] { return ::open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    // A folder that may be written to but not read cannot be synced.
    if (!dir.ok()) return errno == EACCES ? absl::OkStatus() : Error();
    return Retry([&] { return ::fsync(dir.get()); }) == 0 ? absl::OkStatus() : Error();
  }

  absl::Status MakeRoot() const {
    for (size_t at = 1; at <= root_.size(); ++at) {
      if (at != root_.size() && root_[at] != '/') continue;
      if (::mkdir(root_.substr(0, at).c_str(), 0700) == 0) {
        MODELD_RETURN_IF_ERROR(SyncAbove(at));
      } else if (errno != EEXIST) {
        // A parent that exists but may not be written to answers EROFS or EACCES rather than EEXIST.
        int error = errno;
        struct stat info;
        if (::stat(root_.substr(0, at).c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
          return ErrnoStatus(error, name_);
        }
      }
    }
    struct stat info;
    if (::stat(root_.c_str(), &info) != 0) return Error();
    return S_ISDIR(info.st_mode) ? absl::OkStatus() : ErrnoStatus(ENOTDIR, name_);
  }

  const std::string root_;
  const std::string name_;
};

}  // namespace

absl::Status ErrnoStatus(int error, absl::string_view what) {
  for (const ErrnoRow& row : kErrnoTable) {
    if (row.error == error) return absl::Status(row.code, absl::StrCat(what, ": ", row.reason));
  }
  return absl::InternalError(absl::StrCat(what, ": system error ", error));
}

absl::Status CheckRelativePath(absl::string_view path) {
  if (path.empty()) return absl::OkStatus();
  for (absl::string_view component : absl::StrSplit(path, '/')) {
    if (component.empty() || component == "." || component == ".." ||
        component.find('\0') != absl::string_view::npos) {
      return absl::InvalidArgumentError("a file name has an empty, '.', '..' or NUL component");
    }
  }
  return absl::OkStatus();
}

std::unique_ptr<FileSystem> NewRealFileSystem(std::string root, std::string name) {
  return std::make_unique<RealFileSystem>(std::move(root), std::move(name));
}

}  // namespace modeld
