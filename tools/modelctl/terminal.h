// The terminal that a live view is drawn on.
#ifndef MODELD_TOOLS_MODELCTL_TERMINAL_H_
#define MODELD_TOOLS_MODELCTL_TERMINAL_H_

#include <termios.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "tools/modelctl/environment.h"

namespace modeld::tools {

// Rows and columns; 24 by 80 where the terminal does not tell.
struct TerminalSize {
  size_t rows = 24;
  size_t columns = 80;
};
TerminalSize SizeOfTerminal(int fd);

// Draws a picture of lines over its predecessor, with plain ANSI. Not thread-safe.
class LiveView {
 public:
  // `environment` must outlive this; its `out` is a terminal.
  explicit LiveView(Environment& environment) : environment_(environment) {}
  // Lines beyond the terminal's height are left out, and each is cut to its width.
  void Show(std::vector<std::string> lines);

 private:
  Environment& environment_;
  size_t drawn_lines_ = 0;
};

// Waits on a thread of its own for a key of a terminal, which meanwhile neither echoes nor waits for whole
// lines. Not thread-safe.
class KeyWatcher {
 public:
  // Calls `pressed` from that thread at the first `key`. `fd`: a terminal; another descriptor, or -1, is not
  // looked at.
  KeyWatcher(int fd, char key, std::function<void()> pressed);
  // Ends the thread and gives the terminal back as it was.
  ~KeyWatcher();
  KeyWatcher(const KeyWatcher&) = delete;
  KeyWatcher& operator=(const KeyWatcher&) = delete;

 private:
  void Watch(char key, const std::function<void()>& pressed) const;

  const int fd_;
  termios before_ = {};
  // Set when the terminal was changed: then there is a thread, which a byte in this pipe ends.
  UniqueFd wake_read_;
  UniqueFd wake_write_;
  std::thread thread_;
};

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_TERMINAL_H_
