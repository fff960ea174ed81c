#include "daemon/cache/memory_pressure.h"

#include <stdlib.h>
#include <sys/sysinfo.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <limits>

namespace modeld {
namespace {

// A file that goes with the test; it is there once it was written.
class PressureFile {
 public:
  PressureFile() {
    std::string folder = "/tmp/modeld-pressure-XXXXXX";
    REQUIRE(mkdtemp(folder.data()) != nullptr);
    folder_ = folder;
  }
  ~PressureFile() { std::filesystem::remove_all(folder_); }
  std::string path() const { return folder_ + "/memory"; }
  void Write(const std::string& text) { std::ofstream(path(), std::ios::binary | std::ios::trunc) << text; }

 private:
  std::string folder_;
};

void CheckNone(const policy::MemoryPressure& pressure) {
  CHECK(pressure.some_avg10 == 0);
  CHECK(pressure.full_avg10 == 0);
}

TEST_CASE("the pressure is what the file says at that moment") {
  PressureFile file;
  file.Write(
      "some avg10=12.50 avg60=1.00 avg300=0.10 total=99\nfull avg10=3.25 avg60=0.00 avg300=0.00 total=9\n");
  CHECK(ReadMemoryPressure(file.path()).some_avg10 == 12.5);
  CHECK(ReadMemoryPressure(file.path()).full_avg10 == 3.25);
  file.Write("some avg10=0.00 avg60=1.00 avg300=0.10 total=99\n");
  CheckNone(ReadMemoryPressure(file.path()));
}

TEST_CASE("a pressure file that is missing, no file or no such text is no pressure") {
  PressureFile file;
  CheckNone(ReadMemoryPressure(file.path()));
  CheckNone(ReadMemoryPressure(""));
  CheckNone(ReadMemoryPressure(std::filesystem::path(file.path()).parent_path()));
  for (const std::string& text :
       {std::string(), std::string("some"), std::string("some avg10=much\n"), std::string("some avg10=101\n"),
        std::string("full avg10=50\n"), std::string("some avg10=50\nfull avg10=-1\n"),
        std::string(1 << 16, '\0')}) {
    INFO(text.substr(0, 40));
    file.Write(text);
    CheckNone(ReadMemoryPressure(file.path()));
  }
}

TEST_CASE("the kernel's own pressure is percents, or none where it tells nothing") {
  const policy::MemoryPressure pressure = ReadMemoryPressure();
  for (const double percent : {pressure.some_avg10, pressure.full_avg10}) {
    CHECK(percent >= 0);
    CHECK(percent <= 100);
  }
}

TEST_CASE("half of the memory is counted in bytes, and what is not known is no bound") {
  constexpr long kMax = std::numeric_limits<long>::max();
  CHECK(HalfOfMemory(1000, 4096) == 2'048'000);
  CHECK(HalfOfMemory(3, 4096) == 6144);
  CHECK(HalfOfMemory(0, 4096) == 0);
  CHECK(HalfOfMemory(-1, 4096) == 0);
  CHECK(HalfOfMemory(1000, 0) == 0);
  CHECK(HalfOfMemory(1000, -1) == 0);
  CHECK(HalfOfMemory(kMax, kMax) == std::numeric_limits<uint64_t>::max() / 2);
}

TEST_CASE("programs may take half of this machine's memory") {
  struct sysinfo info = {};
  REQUIRE(sysinfo(&info) == 0);
  const uint64_t half = uint64_t{info.totalram} * info.mem_unit / 2;
  // The two ways of asking may round to pages otherwise.
  CHECK(DefaultResidentBytes() + 65536 > half);
  CHECK(DefaultResidentBytes() < half + 65536);
}

}  // namespace
}  // namespace modeld
