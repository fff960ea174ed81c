// The constants of a FakeDaemon: whole, or with holes that a test has made.
#ifndef MODELD_CLIENT_CPP_FAKE_CONSTANTS_H_
#define MODELD_CLIENT_CPP_FAKE_CONSTANTS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "modeld/v1/inference.pb.h"

namespace modeld::client {

// What a daemon says of an upload. A plain value.
struct FakeUploadState {
  uint64_t committed_bytes = 0;
  // In the order in which it is told.
  std::vector<v1::ByteRange> missing;
};

// Bytes by name. Not thread-safe.
class FakeConstants {
 public:
  // Keeps these bytes from the constant's start on, and ends its holes.
  void Put(const std::string& sha256, std::string bytes);
  // Tells `now` of a constant when asked, right or wrong; takes bytes only as `now` says; and tells `then`
  // after the first stream when that has anything missing, else what is left of `now`.
  void Lack(const std::string& sha256, FakeUploadState now, FakeUploadState then);

  // Whether all bytes are here.
  bool Has(const v1::BlobRef& blob);
  void Describe(const v1::BlobRef& blob, v1::QueryUploadResponse& response);
  // Takes the bytes of one message; false when they are not where the first missing byte is, or too many.
  bool Take(const v1::BlobRef& blob, uint64_t offset_bytes, absl::string_view data);
  // What the end of a stream answers.
  void EndStream(const v1::BlobRef& blob, v1::UploadConstantResponse& response);

 private:
  struct Holes {
    FakeUploadState now;
    FakeUploadState then;
  };
  std::map<std::string, std::string> bytes_;
  std::map<std::string, Holes> holes_;
};

}  // namespace modeld::client

#endif  // MODELD_CLIENT_CPP_FAKE_CONSTANTS_H_
