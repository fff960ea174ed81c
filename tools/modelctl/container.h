// Models as single files, `.modeld`. Format: README.md.
#ifndef MODELD_TOOLS_MODELCTL_CONTAINER_H_
#define MODELD_TOOLS_MODELCTL_CONTAINER_H_

#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/digest.h"
#include "engine/graph/graph.h"
#include "engine/graph/limits.h"

namespace modeld::tools {

// The graph of a container file; its constants are parts of the mapped file, which must not be cut while they
// are used. Messages begin with `path`. NOT_FOUND, PERMISSION_DENIED. INVALID_ARGUMENT: not a container, or
// not within `limits`. DATA_LOSS: cut off, longer than its graph says, or its graph is not the one that the
// file names. Constants' digests are the graph's; whether their bytes match, the daemon checks.
absl::StatusOr<Graph> ReadContainer(const std::string& path, const GraphLimits& limits);

// Writes a container piece by piece, as a daemon exports it: canonical bytes, then constants. The file
// appears under its name when Finish succeeded, and not at all otherwise. Not thread-safe.
class ContainerWriter {
 public:
  // ALREADY_EXISTS: there is a file, and `replace` is not set. Other errors: the system's, beginning with
  // `path`.
  static absl::StatusOr<std::unique_ptr<ContainerWriter>> Create(const std::string& path,
                                                                 const Digest& model_id, bool replace);
  ~ContainerWriter();
  ContainerWriter(const ContainerWriter&) = delete;
  ContainerWriter& operator=(const ContainerWriter&) = delete;

  // More of the canonical bytes.
  absl::Status AddCanonical(absl::string_view bytes);
  // Bytes of a constant, at an offset within it. Requires: all canonical bytes were added. DATA_LOSS: the
  // graph has no such constant, or the bytes reach beyond it.
  absl::Status AddConstant(const Digest& digest, uint64_t offset_bytes, absl::string_view bytes);
  // Ends the file. DATA_LOSS: the canonical bytes are not the model's, or a constant is incomplete.
  absl::Status Finish();

 private:
  struct Place {
    uint64_t offset_bytes;
    uint64_t size_bytes;
    uint64_t written_bytes = 0;
  };

  ContainerWriter(std::string path, std::string partial, std::FILE* file, const Digest& model_id)
      : path_(std::move(path)), partial_(std::move(partial)), file_(file), model_id_(model_id) {}
  // Lays out the constants, once the canonical bytes are complete.
  absl::Status PlaceConstants();
  absl::Status WriteAt(uint64_t offset_bytes, absl::string_view bytes);

  const std::string path_;
  const std::string partial_;
  std::FILE* file_;
  const Digest model_id_;
  std::string canonical_;
  std::map<Digest, Place> places_;
  uint64_t size_bytes_ = 0;
};

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_CONTAINER_H_
