#include "tools/modelctl/app_testing.h"

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "base/digest.h"
#include "tools/modelctl/app.h"

namespace modeld::tools {

Result Modelctl(const std::vector<std::string>& arguments, const char* answer) {
  std::istringstream in(answer == nullptr ? "" : answer);
  std::ostringstream out, err;
  Environment environment({.in = in,
                           .out = out,
                           .err = err,
                           .in_is_terminal = answer != nullptr,
                           .out_is_terminal = false,
                           .err_is_terminal = answer != nullptr},
                          {});
  const int code = static_cast<int>(RunCommandLine(arguments, environment));
  return {code, out.str(), err.str()};
}

Result Modelctl(const client::FakeDaemon& daemon, std::vector<std::string> arguments, const char* answer) {
  arguments.insert(arguments.begin(), {"--host", daemon.host()});
  return Modelctl(arguments, answer);
}

std::string TempFile(const std::string& name) {
  const std::string path = std::string(std::getenv("TEST_TMPDIR")) + "/" + name;
  std::filesystem::remove_all(path);
  return path;
}

const std::string kId = "1234567890abcdef" + std::string(48, '0');
const std::string kOtherId = "12345678ffffffff" + std::string(48, '0');

std::string IdBytes(const std::string& hex) {
  return std::string(Digest::FromHex(hex)->bytes());
}

}  // namespace modeld::tools
