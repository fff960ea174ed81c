#include "tools/modelctl/container.h"

#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/checked_math.h"
#include "base/region.h"
#include "base/status.h"
#include "engine/graph/canonical.h"
#include "tools/modelctl/local_file.h"

namespace modeld::tools {
namespace {

// Header: magic, size of the canonical bytes (little-endian), model id.
constexpr absl::string_view kMagic("MODELD\r\n", 8);
constexpr uint64_t kHeaderBytes = 8 + 8 + Digest::kSize;
// Where constants begin: at multiples of this.
constexpr uint64_t kAlignment = 64;

// The first multiple of kAlignment at or after `offset`, or nothing.
std::optional<uint64_t> Aligned(uint64_t offset) {
  const auto end = CheckedAdd<uint64_t>(offset, kAlignment - 1);
  return end ? std::optional(*end / kAlignment * kAlignment) : std::nullopt;
}

// Distinct constants of a graph, in order of first use, each with the place of its bytes; `end` is the file's
// size.
struct Layout {
  std::vector<std::pair<Digest, std::pair<uint64_t, uint64_t>>> constants;
  uint64_t end = 0;
};

absl::StatusOr<Layout> LayOut(const Graph& graph, uint64_t canonical_bytes) {
  const absl::Status too_large = absl::InvalidArgumentError("its constants are larger than any file");
  Layout layout;
  std::map<Digest, uint64_t> seen;
  layout.end = kHeaderBytes + canonical_bytes;
  for (const Operand& operand : graph.operands) {
    if (operand.kind != OperandKind::kConstant) continue;
    MODELD_ASSIGN_OR_RETURN(const uint64_t size, operand.descriptor.ByteSize());
    const auto [known, fresh] = seen.emplace(operand.digest, size);
    if (!fresh && known->second != size) return absl::InvalidArgumentError("one constant has two sizes");
    if (!fresh) continue;
    const std::optional<uint64_t> begin = Aligned(layout.end);
    const std::optional<uint64_t> end = begin ? CheckedAdd(*begin, size) : std::nullopt;
    if (!end) return too_large;
    layout.constants.push_back({operand.digest, {*begin, size}});
    layout.end = *end;
  }
  return layout;
}

}  // namespace

absl::StatusOr<Graph> ReadContainer(const std::string& path, const GraphLimits& limits) {
  MODELD_ASSIGN_OR_RETURN(const Region file, MapFile(path));
  return ParseContainer(file, path, limits);
}

absl::StatusOr<Graph> ParseContainer(const Region& file, const std::string& path, const GraphLimits& limits) {
  const absl::string_view bytes = file.view();
  if (bytes.size() < kHeaderBytes || bytes.substr(0, kMagic.size()) != kMagic) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": not a .modeld file"));
  }
  uint64_t canonical_bytes = 0;
  for (int i = 7; i >= 0; --i) canonical_bytes = canonical_bytes << 8 | static_cast<uint8_t>(bytes[8 + i]);
  if (canonical_bytes > bytes.size() - kHeaderBytes) {
    return absl::DataLossError(absl::StrCat(path, ": cut off within its graph"));
  }
  const absl::string_view canonical = bytes.substr(kHeaderBytes, canonical_bytes);
  if (Digest::Of(canonical).bytes() != bytes.substr(16, Digest::kSize)) {
    return absl::DataLossError(absl::StrCat(path, ": its graph is not the one that the file names"));
  }
  auto graph = DecodeCanonical(canonical, limits);
  if (!graph.ok()) return Annotate(graph.status(), path);
  auto layout = LayOut(*graph, canonical_bytes);
  if (!layout.ok()) return Annotate(layout.status(), path);
  if (layout->end != bytes.size()) {
    return absl::DataLossError(
        absl::StrCat(path, ": ", bytes.size(), " bytes; its graph says ", layout->end));
  }
  const std::map<Digest, std::pair<uint64_t, uint64_t>> places(layout->constants.begin(),
                                                               layout->constants.end());
  for (Operand& operand : graph->operands) {
    if (operand.kind != OperandKind::kConstant) continue;
    const auto& [offset, size] = places.at(operand.digest);
    operand.bytes = Region(file.bytes().subspan(offset, size), file.owner());
  }
  return graph;
}

absl::Status ContainerBody::WriteAt(uint64_t offset_bytes, absl::string_view bytes) {
  const auto place = CheckedAdd(begin_bytes_, offset_bytes);
  if (!place || ::fseeko(file_, static_cast<off_t>(*place), SEEK_SET) != 0 ||
      std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) {
    return SystemError(name_, errno);
  }
  return absl::OkStatus();
}

void ContainerBody::AddCanonical(absl::string_view bytes) {
  absl::StrAppend(&canonical_, bytes);
}

absl::Status ContainerBody::PlaceConstants() {
  if (size_bytes_ != 0) return absl::OkStatus();
  if (Digest::Of(canonical_) != model_id_) {
    return absl::DataLossError(absl::StrCat(name_, ": the daemon sent another graph than asked for"));
  }
  // What the daemon stores, it has checked against its own limits.
  auto graph = DecodeCanonical(canonical_, GraphLimits{});
  if (!graph.ok()) return Annotate(graph.status(), name_);
  MODELD_ASSIGN_OR_RETURN(const Layout layout, LayOut(*graph, canonical_.size()));
  for (const auto& [digest, place] : layout.constants) places_[digest] = {place.first, place.second};
  size_bytes_ = layout.end;
  std::string header(kMagic);
  for (int i = 0; i < 8; ++i) header.push_back(static_cast<char>(canonical_.size() >> (8 * i)));
  absl::StrAppend(&header, model_id_.bytes(), canonical_);
  return WriteAt(0, header);
}

absl::Status ContainerBody::AddConstant(const Digest& digest, uint64_t offset_bytes,
                                        absl::string_view bytes) {
  MODELD_RETURN_IF_ERROR(PlaceConstants());
  const auto place = places_.find(digest);
  if (place == places_.end() || offset_bytes != place->second.written_bytes ||
      bytes.size() > place->second.size_bytes - offset_bytes) {
    return absl::DataLossError(
        absl::StrCat(name_, ": the daemon sent bytes that the graph has no place for"));
  }
  place->second.written_bytes += bytes.size();
  return WriteAt(place->second.offset_bytes + offset_bytes, bytes);
}

absl::StatusOr<uint64_t> ContainerBody::Finish() {
  MODELD_RETURN_IF_ERROR(PlaceConstants());
  for (const auto& [digest, place] : places_) {
    if (place.written_bytes != place.size_bytes) {
      return absl::DataLossError(
          absl::StrCat(name_, ": the daemon did not send all of constant ", digest.ToHex()));
    }
  }
  return size_bytes_;
}

absl::StatusOr<std::unique_ptr<ContainerWriter>> ContainerWriter::Create(const std::string& path,
                                                                         const Digest& model_id,
                                                                         bool replace) {
  if (!replace && ::access(path.c_str(), F_OK) == 0) {
    return absl::AlreadyExistsError(absl::StrCat(path, ": is there already; --force replaces it"));
  }
  std::string partial = absl::StrCat(path, ".partial");
  std::FILE* file = std::fopen(partial.c_str(), "wbe");
  if (file == nullptr) return SystemError(path, errno);
  return std::unique_ptr<ContainerWriter>(new ContainerWriter(path, std::move(partial), file, model_id));
}

ContainerWriter::~ContainerWriter() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  ::unlink(partial_.c_str());
}

absl::Status ContainerWriter::Finish() {
  MODELD_RETURN_IF_ERROR(body_.Finish().status());
  return PutInPlace(std::exchange(file_, nullptr), partial_, path_);
}

}  // namespace modeld::tools
