#include "tests/campaign/failing_daemon.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"

namespace modeld::campaign {

FailingDaemon::FailingDaemon(std::vector<std::string> flags) {
  REQUIRE(mkdtemp(control_folder_.data()) != nullptr);
  const std::string file = control_folder_ + "/control";
  const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  REQUIRE(ftruncate(fd, sizeof(FaultControl)) == 0);
  void* memory = mmap(nullptr, sizeof(FaultControl), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  REQUIRE(memory != MAP_FAILED);
  control_ = static_cast<FaultControl*>(memory);
  const std::string shim = std::filesystem::absolute("tests/campaign/libfault_shim.so");
  REQUIRE(std::filesystem::exists(shim));
  // The daemon inherits these; nothing else in this process is started anew.
  setenv("LD_PRELOAD", shim.c_str(), 1);
  setenv("FAULT_CONTROL", file.c_str(), 1);
  setenv("FAULT_FOLDER", "/tmp/modeld", 1);
  const char* asan = getenv("ASAN_OPTIONS");
  setenv("ASAN_OPTIONS", absl::StrCat(asan ? asan : "", ":verify_asan_link_order=0").c_str(), 1);
  flags.insert(flags.end(),
               {"--admins", std::filesystem::read_symlink("/proc/self/exe").string(), "--log", "off"});
  auto started = testing::ScratchDaemon::Start(std::move(flags));
  INFO(started.status());
  REQUIRE(started.ok());
  daemon_ = *std::move(started);
}

FailingDaemon::~FailingDaemon() {
  daemon_.reset();
  munmap(control_, sizeof(FaultControl));
  std::error_code ignored;
  std::filesystem::remove_all(control_folder_, ignored);
}

void FailingDaemon::Fail(int error, int64_t after, bool sticky) {
  control_->sticky = sticky;
  control_->calls_left = after;
  control_->error = error;
}

void FailingDaemon::Heal() {
  control_->error = 0;
}

uint64_t FailingDaemon::CacheBytes() const {
  uint64_t bytes = 0;
  std::error_code error;
  for (const char* folder : {"blobs", "plans", "staging", "quarantine"}) {
    const std::filesystem::path root = std::filesystem::path(daemon_->folder()) / "cache" / folder;
    for (auto entry = std::filesystem::recursive_directory_iterator(root, error);
         entry != std::filesystem::recursive_directory_iterator(); entry.increment(error)) {
      const uintmax_t size = entry->is_regular_file(error) ? entry->file_size(error) : 0;
      if (!error) bytes += size;
    }
  }
  return bytes;
}

}  // namespace modeld::campaign
