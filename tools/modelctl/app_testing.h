// modelctl as the tests run it: against a daemon, with what it wrote.
#ifndef MODELD_TOOLS_MODELCTL_APP_TESTING_H_
#define MODELD_TOOLS_MODELCTL_APP_TESTING_H_

#include <string>
#include <vector>

#include "client/cpp/fake_daemon.h"

namespace modeld::tools {

// What a run of modelctl came to.
struct Result {
  int code;
  std::string out;
  std::string err;
};

// modelctl with these arguments. `answer` comes from a terminal, if it is given.
Result Modelctl(const std::vector<std::string>& arguments, const char* answer = nullptr);
// The same, with --host of this daemon.
Result Modelctl(const client::FakeDaemon& daemon, std::vector<std::string> arguments,
                const char* answer = nullptr);

// A path in the test's own folder at which there is nothing.
std::string TempFile(const std::string& name);

// Two ids with their first eight digits in common.
extern const std::string kId;
extern const std::string kOtherId;
// An id's 32 bytes.
std::string IdBytes(const std::string& hex);

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_APP_TESTING_H_
