#include "tools/modelctl/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace modeld::tools {
namespace {

// The first `columns` characters of a UTF-8 text.
std::string Cut(const std::string& text, size_t columns) {
  size_t at = 0;
  for (size_t shown = 0; at < text.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
    if (begins && shown++ == columns) break;
  }
  return text.substr(0, at);
}

}  // namespace

TerminalSize SizeOfTerminal(int fd) {
  winsize size = {};
  if (fd < 0 || ::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return {};
  return {size.ws_row, size.ws_col};
}

void LiveView::Show(std::vector<std::string> lines) {
  const TerminalSize size = SizeOfTerminal(environment_.streams().out_fd);
  // The cursor stands on a line below the picture.
  lines.resize(std::min(lines.size(), size.rows - 1));
  std::ostream& out = environment_.out();
  if (drawn_lines_ > 0) out << "\033[" << drawn_lines_ << "A\r";
  for (const std::string& line : lines) out << Cut(line, size.columns) << "\033[K\n";
  out << "\033[J" << std::flush;
  drawn_lines_ = lines.size();
}

KeyWatcher::KeyWatcher(int fd, char key, std::function<void()> pressed) : fd_(fd) {
  int ends[2];
  if (fd_ < 0 || ::tcgetattr(fd_, &before_) != 0 || ::pipe2(ends, O_CLOEXEC) != 0) return;
  wake_read_ = UniqueFd(ends[0]);
  wake_write_ = UniqueFd(ends[1]);
  termios keys = before_;
  keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);  // ISIG stays: interrupts are interrupts
  keys.c_cc[VMIN] = 1;
  keys.c_cc[VTIME] = 0;
  ::tcsetattr(fd_, TCSANOW, &keys);
  thread_ = std::thread([this, key, pressed = std::move(pressed)] { Watch(key, pressed); });
}

KeyWatcher::~KeyWatcher() {
  if (!thread_.joinable()) return;
  const char byte = 0;
  while (::write(wake_write_.get(), &byte, 1) < 0 && errno == EINTR) {
  }
  thread_.join();
  ::tcsetattr(fd_, TCSANOW, &before_);
}

void KeyWatcher::Watch(char key, const std::function<void()>& pressed) const {
  pollfd watched[] = {{fd_, POLLIN, 0}, {wake_read_.get(), POLLIN, 0}};
  while (true) {
    const int ready = ::poll(watched, 2, -1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0 || watched[1].revents != 0) return;
    char read = 0;
    if (::read(fd_, &read, 1) != 1) return;
    if (read == key) return pressed();
  }
}

}  // namespace modeld::tools
