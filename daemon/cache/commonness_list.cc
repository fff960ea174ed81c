#include "daemon/cache/commonness_list.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace modeld {
namespace {

constexpr absl::string_view kFirstLine = "modeld-commonness 1\n";
constexpr absl::string_view kSignature = "signature ";
constexpr size_t kSignatureDigits = 128;

absl::Status Wrong(size_t line, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("line ", line, ": ", what));
}

// Cuts the last line, which holds the signature, off `text` and checks it against what stands before.
absl::Status TakeSignature(absl::string_view& text, std::span<const PublicKey> keys) {
  const absl::Status unsigned_list =
      absl::PermissionDeniedError("is not signed by a key of privacy.commonness_keys");
  if (text.empty() || text.back() != '\n') return unsigned_list;
  const size_t before = text.substr(0, text.size() - 1).rfind('\n');
  if (before == absl::string_view::npos) return unsigned_list;
  absl::string_view last = text.substr(before + 1, text.size() - before - 2);
  text = text.substr(0, before + 1);
  if (!absl::ConsumePrefix(&last, kSignature)) return unsigned_list;
  const bool digits = std::all_of(last.begin(), last.end(), absl::ascii_isxdigit);
  if (last.size() != kSignatureDigits || !digits) return unsigned_list;
  const std::string signature = absl::HexStringToBytes(last);
  const bool known = std::any_of(keys.begin(), keys.end(),
                                 [&](const PublicKey& key) { return VerifySignature(key, text, signature); });
  return known ? absl::OkStatus() : unsigned_list;
}

absl::Status AddLine(absl::string_view line, size_t number, CommonnessTable& table) {
  const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
  if (words.size() != 2) return Wrong(number, "is not a model id, a space and a number");
  const absl::StatusOr<Digest> id = Digest::FromHex(words[0]);
  if (!id.ok()) return Wrong(number, "begins with no model id (64 lower-case hexadecimal digits)");
  double value = 0;
  if (!absl::SimpleAtod(words[1], &value) || !(value > 0 && value <= 1)) {
    return Wrong(number, "ends with no number above 0 and at most 1");
  }
  if (!table.emplace(*id, value).second) return Wrong(number, "names a model for the second time");
  if (table.size() > kMaxCommonnessEntries)
    return Wrong(number, absl::StrCat("is one too many, a list has at most ", kMaxCommonnessEntries));
  return absl::OkStatus();
}

absl::Status CheckFile(const struct stat& info) {
  if (!S_ISREG(info.st_mode)) return absl::PermissionDeniedError("is no regular file");
  if (info.st_uid != 0 && info.st_uid != geteuid())
    return absl::PermissionDeniedError("belongs to another user than root or this one");
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return absl::PermissionDeniedError("may be written to by others; chmod go-w it");
  if (static_cast<uint64_t>(info.st_size) > kMaxCommonnessListBytes)
    return absl::InvalidArgumentError(absl::StrCat("is larger than ", kMaxCommonnessListBytes, " bytes"));
  return absl::OkStatus();
}

absl::Status FromErrno(int error) {
  if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError("is not there");
  if (error == ELOOP) return absl::PermissionDeniedError("is a link");
  return absl::UnavailableError(absl::StrCat("cannot be read: ", strerror(error)));
}

absl::StatusOr<std::string> ReadList(const std::string& path) {
  // A pipe in its place must not keep the daemon waiting.
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (fd.get() < 0) return FromErrno(errno);
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return FromErrno(errno);
  MODELD_RETURN_IF_ERROR(CheckFile(info));
  std::string text(kMaxCommonnessListBytes + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = read(fd.get(), text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FromErrno(errno);
    if (count == 0) break;
    size += static_cast<size_t>(count);
  }
  text.resize(size);
  return text;
}

}  // namespace

absl::StatusOr<CommonnessTable> ParseCommonnessList(absl::string_view text, std::span<const PublicKey> keys) {
  if (text.size() > kMaxCommonnessListBytes)
    return absl::InvalidArgumentError(absl::StrCat("is larger than ", kMaxCommonnessListBytes, " bytes"));
  MODELD_RETURN_IF_ERROR(TakeSignature(text, keys));
  if (!absl::ConsumePrefix(&text, kFirstLine)) return Wrong(1, "is not \"modeld-commonness 1\"");
  CommonnessTable table;
  size_t number = 1;
  while (!text.empty()) {
    ++number;
    const size_t end = text.find('\n');
    const absl::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line.empty() || line.front() == '#') continue;
    MODELD_RETURN_IF_ERROR(AddLine(line, number, table));
  }
  return table;
}

absl::StatusOr<CommonnessTable> LoadCommonnessList(const std::string& path, std::span<const PublicKey> keys) {
  absl::StatusOr<std::string> text = ReadList(path);
  if (!text.ok()) return Annotate(text.status(), path);
  absl::StatusOr<CommonnessTable> table = ParseCommonnessList(*text, keys);
  if (!table.ok()) return Annotate(table.status(), path);
  return table;
}

LoadedCommonness LoadCommonness(std::span<const std::string> paths, std::span<const std::string> keys) {
  LoadedCommonness loaded;
  std::vector<PublicKey> parsed;
  for (const std::string& key : keys) {
    const absl::StatusOr<PublicKey> read = ParsePublicKey(key);
    if (read.ok()) {
      parsed.push_back(*read);
    } else {
      loaded.refused.push_back(Annotate(read.status(), "privacy.commonness_keys"));
    }
  }
  for (const std::string& path : paths) {
    const absl::StatusOr<CommonnessTable> list = LoadCommonnessList(path, parsed);
    if (!list.ok()) {
      loaded.refused.push_back(list.status());
      continue;
    }
    for (const auto& [model, commonness] : *list) {
      const auto [it, fresh] = loaded.table.emplace(model, commonness);
      if (!fresh) it->second = std::min(it->second, commonness);
    }
  }
  return loaded;
}

}  // namespace modeld
