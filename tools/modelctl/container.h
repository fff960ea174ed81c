// Models as single files, `.modeld`. Format: README.md.
#ifndef MODELD_TOOLS_MODELCTL_CONTAINER_H_
#define MODELD_TOOLS_MODELCTL_CONTAINER_H_

#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/digest.h"
#include "base/region.h"
#include "engine/graph/graph.h"
#include "engine/graph/limits.h"

namespace modeld::tools {

// The graph of a container file; its constants are parts of the mapped file, which must not be cut while they
// are used. Messages begin with `path`. NOT_FOUND, PERMISSION_DENIED. INVALID_ARGUMENT: not a container, or
// not within `limits`. DATA_LOSS: cut off, longer than its graph says, or its graph is not the one that the
// file names. Constants' digests are the graph's; whether their bytes match, the daemon checks.
absl::StatusOr<Graph> ReadContainer(const std::string& path, const GraphLimits& limits);

// The same from bytes in memory, which the graph's constants then share. `name` begins the messages.
absl::StatusOr<Graph> ParseContainer(const Region& file, const std::string& name, const GraphLimits& limits);

// Writes a container piece by piece, as a daemon exports it, into a place of an open file. Not thread-safe.
class ContainerBody {
 public:
  // From `begin_bytes` of `file` on, which must outlive this; what is there is zeros or nothing. `name`
  // begins the messages.
  ContainerBody(std::string name, std::FILE* file, uint64_t begin_bytes, const Digest& model_id)
      : name_(std::move(name)), file_(file), begin_bytes_(begin_bytes), model_id_(model_id) {}

  // More of the canonical bytes.
  void AddCanonical(absl::string_view bytes);
  // Bytes of a constant, at an offset within it. Requires: all canonical bytes were added. DATA_LOSS: the
  // graph has no such constant, or the bytes reach beyond it. Else the system's.
  absl::Status AddConstant(const Digest& digest, uint64_t offset_bytes, absl::string_view bytes);
  // The container's size, once it is complete. DATA_LOSS: the canonical bytes are not the model's, or a
  // constant is incomplete.
  absl::StatusOr<uint64_t> Finish();

 private:
  struct Place {
    uint64_t offset_bytes;
    uint64_t size_bytes;
    uint64_t written_bytes = 0;
  };

  // Lays out the constants, once the canonical bytes are complete.
  absl::Status PlaceConstants();
  absl::Status WriteAt(uint64_t offset_bytes, absl::string_view bytes);

  const std::string name_;
  std::FILE* const file_;
  const uint64_t begin_bytes_;
  const Digest model_id_;
  std::string canonical_;
  std::map<Digest, Place> places_;
  uint64_t size_bytes_ = 0;
};

// A container as a file of its own, which appears under its name when Finish succeeded, and not at all
// otherwise. Not thread-safe.
class ContainerWriter {
 public:
  // ALREADY_EXISTS: there is a file, and `replace` is not set. Other errors: the system's, beginning with
  // `path`.
  static absl::StatusOr<std::unique_ptr<ContainerWriter>> Create(const std::string& path,
                                                                 const Digest& model_id, bool replace);
  ~ContainerWriter();
  ContainerWriter(const ContainerWriter&) = delete;
  ContainerWriter& operator=(const ContainerWriter&) = delete;

  // What is to be filled.
  ContainerBody& body() { return body_; }
  // Ends the file. Errors: ContainerBody::Finish's, and the system's.
  absl::Status Finish();

 private:
  ContainerWriter(std::string path, std::string partial, std::FILE* file, const Digest& model_id)
      : path_(std::move(path)), partial_(std::move(partial)), file_(file), body_(path_, file, 0, model_id) {}

  const std::string path_;
  const std::string partial_;
  std::FILE* file_;
  ContainerBody body_;
};

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_CONTAINER_H_
