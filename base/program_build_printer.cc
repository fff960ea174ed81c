// Prints the digest of its own code, after it loaded the shared objects that its arguments name: for
// program_build_test, which compares such programs.
#include <dlfcn.h>

#include <iostream>

#include "base/program_build.h"

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (dlopen(argv[i], RTLD_NOW) == nullptr) return 1;
  }
  std::cerr << PROGRAM_BUILD_TEXT << "\n";
  std::cout << modeld::ProgramBuild().ToHex() << "\n";
  return 0;
}
