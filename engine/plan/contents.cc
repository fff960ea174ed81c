#include "engine/plan/contents.h"

#include <array>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/plan/byte_codec.h"
#include "engine/plan/op_fields.h"
#include "engine/plan/plan.h"

namespace modeld::plan {
namespace {

// kPlanFormat follows.
constexpr absl::string_view kMagic("modeldp\0", 8);
// More dimensions than any decomposition makes of WebNN's eight; kernels number them in a byte.
constexpr size_t kMaxRank = 64;
constexpr uint32_t kOps = std::variant_size_v<core::Op>;

// What a value is, in the metadata.
enum class ValueKind : uint8_t { kComputed, kConstant, kFolded };

template <size_t... kIndices>
core::Op MakeOp(uint32_t index, std::index_sequence<kIndices...>) {
  using Make = core::Op (*)();
  constexpr std::array<Make, kOps> kMakers = {[] { return core::Op(std::in_place_index<kIndices>); }...};
  return kMakers[index]();
}

void OpAndFields(ByteWriter& writer, const core::Op& op) {
  writer.Uint(op.index());
  std::visit([&](const auto& fields) { Fields(writer, fields); }, op);
}

void OpAndFields(ByteReader& reader, core::Op& op) {
  uint32_t index = 0;
  reader.Enum(index, kOps - 1);
  op = MakeOp(index, std::make_index_sequence<kOps>());
  std::visit([&](auto& fields) { Fields(reader, fields); }, op);
}

// The following write and read alike: `Archive` is ByteWriter and the data const, or ByteReader.

template <typename Archive, typename Descriptor>
void DescriptorFields(Archive& a, Descriptor& descriptor) {
  a.Enum(descriptor.data_type, DataType::kUint4);
  a.List(descriptor.shape);
}

template <typename Archive, typename Bytes>
void SegmentFields(Archive& a, Bytes& bytes) {
  a.Uint32(bytes.segment);
  a.Uint(bytes.offset);
  a.Uint(bytes.size);
}

template <typename Archive, typename Node>
void NodeFields(Archive& a, Node& node) {
  OpAndFields(a, node.op);
  a.List(node.inputs);
  a.List(node.outputs);
  a.Each(node.post_ops, [&](auto& post) {
    OpAndFields(a, post.op);
    a.List(post.extra_inputs);
    a.Bool(post.swapped);
  });
  a.Uint32(node.operation);
}

// All but the values and the packed forms, which take their keys along.
template <typename Archive, typename Contents>
void RemainingFields(Archive& a, Contents& contents) {
  a.Each(contents.graph.nodes, [&](auto& node) { NodeFields(a, node); });
  a.List(contents.graph.inputs);
  a.List(contents.graph.outputs);
  a.Each(contents.layout, [&](auto& offset) { a.Uint(offset); });
}

void WriteValues(ByteWriter& writer, const PlanContents& contents) {
  core::ValueId id = 0;
  writer.Each(contents.graph.values, [&](const core::Value& value) {
    DescriptorFields(writer, value.descriptor);
    const auto place = contents.constants.find(id++);
    if (place == contents.constants.end()) {
      writer.Enum(ValueKind::kComputed, ValueKind::kFolded);
    } else if (const auto* digest = std::get_if<Digest>(&place->second)) {
      writer.Enum(ValueKind::kConstant, ValueKind::kFolded);
      writer.Name(*digest);
    } else {
      writer.Enum(ValueKind::kFolded, ValueKind::kFolded);
      SegmentFields(writer, std::get<SegmentBytes>(place->second));
    }
  });
}

void ReadValues(ByteReader& reader, PlanContents& contents) {
  core::ValueId id = 0;
  reader.Each(contents.graph.values, [&](core::Value& value) {
    DescriptorFields(reader, value.descriptor);
    if (value.descriptor.shape.size() > kMaxRank) reader.Fail();
    ValueKind kind{};
    reader.Enum(kind, ValueKind::kFolded);
    const core::ValueId own = id++;
    value.deferred = kind != ValueKind::kComputed;
    if (kind == ValueKind::kConstant) {
      reader.Name(contents.constants[own].emplace<Digest>());
    } else if (kind == ValueKind::kFolded) {
      SegmentFields(reader, contents.constants[own].emplace<SegmentBytes>());
    }
  });
}

using PackedEntry = std::pair<PackedKey, SegmentBytes>;

template <typename Archive, typename Entry>
void PackedFields(Archive& a, Entry& entry) {
  a.Uint32(entry.first.constant);
  a.String(entry.first.format);
  SegmentFields(a, entry.second);
}

}  // namespace

std::string EncodeContents(const PlanContents& contents) {
  ByteWriter writer;
  writer.Raw(kMagic);
  writer.Uint(kPlanFormat);
  writer.Name(contents.structure);
  WriteValues(writer, contents);
  RemainingFields(writer, contents);
  const std::vector<PackedEntry> packed(contents.packed.begin(), contents.packed.end());
  writer.Each(packed, [&](const PackedEntry& entry) { PackedFields(writer, entry); });
  return writer.Take();
}

absl::StatusOr<PlanContents> DecodeContents(absl::string_view bytes) {
  ByteReader reader(bytes);
  uint32_t format = 0;
  if (reader.Raw(kMagic.size()) != kMagic) return absl::InvalidArgumentError("plan: is none");
  reader.Uint32(format);
  if (format != kPlanFormat) {
    return absl::InvalidArgumentError(absl::StrCat("plan: has format ", format, ", expected ", kPlanFormat));
  }
  PlanContents contents;
  reader.Name(contents.structure);
  ReadValues(reader, contents);
  RemainingFields(reader, contents);
  std::vector<PackedEntry> packed;
  reader.Each(packed, [&](PackedEntry& entry) { PackedFields(reader, entry); });
  for (PackedEntry& entry : packed) {
    if (!contents.packed.insert(std::move(entry)).second) reader.Fail();
  }
  if (!reader.ok() || !reader.at_end()) {
    return absl::InvalidArgumentError(absl::StrCat("plan: damaged at byte ", reader.position()));
  }
  return contents;
}

}  // namespace modeld::plan
