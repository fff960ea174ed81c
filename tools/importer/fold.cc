// Shape arithmetic on small tensors whose bytes are known while importing. Larger ones (weights) are left to
// the engine, which folds constants itself.
#include <algorithm>

#include "tools/importer/converters.h"
#include "tools/importer/folders.h"

namespace modeld::importer {
namespace {

constexpr uint64_t kMaxFoldedFloats = 64;
constexpr size_t kMaxFoldedRank = 16;

const Folder* FindFolder(absl::string_view op_type) {
  for (const std::span<const Folder> family : {MathFolders(), ShapeFolders()}) {
    for (const Folder& folder : family) {
      if (folder.op_type == op_type) return &folder;
    }
  }
  return nullptr;
}

}  // namespace

std::optional<Small> Load(const HostTensor& host) {
  Small small{host.descriptor, {}, {}};
  if (small.is_float()) {
    small.doubles = ToDoubles(host);
    return small;
  }
  absl::StatusOr<std::vector<int64_t>> ints = ToInts(host);
  if (!ints.ok()) return std::nullopt;
  small.ints = *std::move(ints);
  return small;
}

HostTensor Store(const Small& small) {
  return small.is_float() ? FromDoubles(small.descriptor.data_type, small.descriptor.shape, small.doubles)
                          : FromInts(small.descriptor.data_type, small.descriptor.shape, small.ints);
}

std::optional<uint64_t> SmallCount(const Shape& shape) {
  uint64_t count = 1;
  for (uint32_t size : shape) {
    if (size == 0) return 0;
    if (count > kMaxFoldedElements) continue;  // a 0 may follow
    count *= size;
  }
  if (count > kMaxFoldedElements) return std::nullopt;
  return count;
}

std::optional<Shape> SmallBroadcast(const Shape& a, const Shape& b) {
  Shape shape(std::max(a.size(), b.size()));
  for (size_t i = 0; i < shape.size(); ++i) {
    const uint32_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
    const uint32_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1) return std::nullopt;
    shape[shape.size() - 1 - i] = x == 1 ? y : x;
  }
  if (!SmallCount(shape)) return std::nullopt;
  return shape;
}

std::vector<uint64_t> BroadcastPositions(const Shape& from, const Shape& to) {
  std::vector<uint64_t> positions;
  const uint64_t count = SmallCount(to).value_or(0);
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t rest = i;
    uint64_t position = 0;
    uint64_t stride = 1;
    for (size_t d = 0; d < to.size(); ++d) {  // from the last dimension
      const uint64_t at = rest % to[to.size() - 1 - d];
      rest /= to[to.size() - 1 - d];
      if (d >= from.size()) continue;
      const uint64_t size = from[from.size() - 1 - d];
      position += (size == 1 ? 0 : at) * stride;
      stride *= size;
    }
    positions.push_back(position);
  }
  return positions;
}

HostTensor Pick(const HostTensor& x, Shape shape, const std::vector<uint64_t>& positions) {
  const uint32_t width = ElementBytes(x.descriptor.data_type);
  std::vector<std::byte> bytes;
  bytes.reserve(positions.size() * width);
  for (uint64_t position : positions) {
    const auto element = x.bytes.bytes().subspan(position * width, width);
    bytes.insert(bytes.end(), element.begin(), element.end());
  }
  return {{x.descriptor.data_type, std::move(shape)}, Region::FromVector(std::move(bytes))};
}

bool CanFold(absl::string_view op_type) {
  return FindFolder(op_type) != nullptr;
}

absl::StatusOr<bool> FoldNode(NodeContext& node) {
  const Folder* folder = FindFolder(node.op_type());
  if (folder == nullptr) return false;
  std::vector<const HostTensor*> inputs;
  if (folder->needs != Needs::kNothing) {
    for (int i = 0; i < node.input_count(); ++i) {
      inputs.push_back(nullptr);
      if (!node.HasInput(i)) continue;
      const HostTensor* host = node.HostInput(i);
      if (host == nullptr || IsPacked(host->descriptor.data_type)) return false;
      if (host->descriptor.shape.size() > kMaxFoldedRank) return false;
      const std::optional<uint64_t> count = SmallCount(host->descriptor.shape);
      if (!count) return false;
      const bool many_floats = IsFloat(host->descriptor.data_type) && *count > kMaxFoldedFloats;
      if (folder->needs == Needs::kIntegers && many_floats) return false;
      inputs.back() = host;
    }
    if (inputs.empty() || inputs[0] == nullptr) return node.Invalid("has no inputs");
  }
  return folder->fold(node, inputs);
}

}  // namespace modeld::importer
