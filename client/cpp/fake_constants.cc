#include "client/cpp/fake_constants.h"

#include <utility>

namespace modeld::client {

void FakeConstants::Put(const std::string& sha256, std::string bytes) {
  bytes_[sha256] = std::move(bytes);
  holes_.erase(sha256);
}

void FakeConstants::Lack(const std::string& sha256, FakeUploadState now, FakeUploadState then) {
  holes_[sha256] = {std::move(now), std::move(then)};
}

bool FakeConstants::Has(const v1::BlobRef& blob) {
  return !holes_.contains(blob.sha256()) && bytes_[blob.sha256()].size() == blob.size_bytes();
}

void FakeConstants::Describe(const v1::BlobRef& blob, v1::QueryUploadResponse& response) {
  const auto holes = holes_.find(blob.sha256());
  if (holes == holes_.end()) {
    response.set_committed_bytes(bytes_[blob.sha256()].size());
    response.set_complete(response.committed_bytes() == blob.size_bytes());
    return;
  }
  const FakeUploadState& state = holes->second.now;
  response.set_committed_bytes(state.committed_bytes);
  response.mutable_missing()->Add(state.missing.begin(), state.missing.end());
}

bool FakeConstants::Take(const v1::BlobRef& blob, uint64_t offset_bytes, absl::string_view data) {
  const auto holes = holes_.find(blob.sha256());
  if (holes == holes_.end()) {
    std::string& bytes = bytes_[blob.sha256()];
    if (offset_bytes != bytes.size()) return false;
    bytes.append(data.data(), data.size());
    return true;
  }
  FakeUploadState& state = holes->second.now;
  if (state.missing.empty()) return false;
  v1::ByteRange& first = state.missing.front();
  if (offset_bytes != first.begin_bytes() || data.size() > first.end_bytes() - first.begin_bytes())
    return false;
  first.set_begin_bytes(offset_bytes + data.size());
  state.committed_bytes += data.size();
  if (first.begin_bytes() == first.end_bytes()) state.missing.erase(state.missing.begin());
  return true;
}

void FakeConstants::EndStream(const v1::BlobRef& blob, v1::UploadConstantResponse& response) {
  const auto holes = holes_.find(blob.sha256());
  if (holes == holes_.end()) {
    response.set_committed_bytes(bytes_[blob.sha256()].size());
    return;
  }
  FakeUploadState& state = holes->second.now;
  if (!holes->second.then.missing.empty()) state = std::exchange(holes->second.then, {});
  response.set_committed_bytes(state.committed_bytes);
  response.mutable_missing()->Add(state.missing.begin(), state.missing.end());
  if (!state.missing.empty()) return;
  bytes_[blob.sha256()].resize(blob.size_bytes());
  holes_.erase(holes);
}

}  // namespace modeld::client
