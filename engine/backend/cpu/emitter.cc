#include "engine/backend/cpu/emitter.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/backend/cpu/copy.h"
#include "engine/backend/cpu/dnnl_kernel.h"

namespace modeld::cpu {

namespace {

// The value of a form that nobody has asked for.
constexpr ProgramBuilder::Value kUnmade = std::numeric_limits<ProgramBuilder::Value>::max();

}  // namespace

Emitter::Emitter(const core::Graph& graph, const dnnl::engine& engine, int threads, PackedWeights* packed,
                 ProgramBuilder& builder)
    : engine_(engine), threads_(threads), packed_(packed), builder_(builder) {
  entries_.resize(graph.values.size());
  for (size_t i = 0; i < graph.values.size(); ++i) {
    entries_[i].descriptor = graph.values[i].descriptor;
    if (!graph.values[i].is_constant()) continue;
    entries_[i].constant = &graph.values[i];
    entries_[i].forms.push_back({kUnmade, PlainLayout(graph.values[i].descriptor.shape.size())});
  }
  for (core::ValueId input : graph.inputs) {
    entries_[input].forms.push_back({builder_.AddInput(descriptor(input)), PlainLayout(shape(input).size())});
  }
}

core::ValueId Emitter::NewValue(TensorDescriptor descriptor) {
  entries_.emplace_back().descriptor = std::move(descriptor);
  return static_cast<core::ValueId>(entries_.size() - 1);
}

core::ValueId Emitter::BroadcastSource(core::ValueId id) const {
  while (entries_[id].broadcast_of.has_value()) id = *entries_[id].broadcast_of;
  return id;
}

uint64_t Emitter::BytesOf(core::ValueId id) const {
  return descriptor(id).ByteSize().value_or(0);
}

absl::StatusOr<Region> Emitter::ConstantBytes(core::ValueId id) {
  const core::Value& value = *entries_[id].constant;
  if (!value.deferred) return value.constant;
  if (packed_ == nullptr)
    return absl::InternalError(absl::StrCat(label_, ": constant ", id, " has no bytes"));
  return packed_->Constant(id);
}

absl::StatusOr<Emitter::PackedConstant> Emitter::Packed(
    core::ValueId id, std::string format, uint64_t size,
    absl::FunctionRef<absl::StatusOr<Region>(const Region&)> pack) {
  const PackedKey key = {id, std::move(format)};
  std::optional<Region> packed = packed_ == nullptr ? std::nullopt : packed_->Find(key);
  if (packed.has_value()) {
    if (packed->size() != size) {
      return absl::InvalidArgumentError(absl::StrCat(label_, ": packed constant ", id, " has ",
                                                     packed->size(), " bytes, its format takes ", size));
    }
  } else {
    MODELD_ASSIGN_OR_RETURN(const Region bytes, ConstantBytes(id));
    MODELD_ASSIGN_OR_RETURN(packed, pack(bytes));
    if (packed_ != nullptr) packed_->Keep(key, *packed);
  }
  return PackedConstant{builder_.AddConstant(*packed, true), *packed};
}

absl::StatusOr<Form> Emitter::Preferred(core::ValueId id) {
  Entry& entry = entries_[id];
  if (entry.constant != nullptr && entry.forms.front().value == kUnmade) {
    MODELD_ASSIGN_OR_RETURN(Region bytes, ConstantBytes(id));
    entry.forms.front().value = builder_.AddConstant(std::move(bytes), false);
  }
  if (!entry.forms.empty()) return entry.forms.front();
  const Layout plain = PlainLayout(entry.descriptor.shape.size());
  if (!entry.broadcast_of.has_value()) {
    return absl::InternalError(label_ + ": reads a value that no node has written");
  }
  const core::ValueId source = BroadcastSource(id);
  MODELD_ASSIGN_OR_RETURN(const Form form, Preferred(source));
  const Shape& dims = shape(id);
  const ProgramBuilder::Value output = Define(id, plain);
  Step(MakeCopyKernel(type(id), dims, {StridesOf(dims, plain), 0},
                      {BroadcastStrides(shape(source), form.layout, dims, plain), 0}, threads_),
       {form.value}, output);
  return entries_[id].forms.front();
}

Layout Emitter::PreferredLayout(core::ValueId id) const {
  const Entry& entry = entries_[id];
  return entry.forms.empty() ? PlainLayout(entry.descriptor.shape.size()) : entry.forms.front().layout;
}

absl::StatusOr<ProgramBuilder::Value> Emitter::In(core::ValueId id, const Layout& layout) {
  // A constant in another form does not need its first one.
  if (!is_constant(id) || SameBytes(shape(id), PreferredLayout(id), layout)) {
    MODELD_RETURN_IF_ERROR(Preferred(id).status());
  }
  for (const Form& form : entries_[id].forms) {
    if (SameBytes(shape(id), form.layout, layout)) return form.value;
  }
  MODELD_ASSIGN_OR_RETURN(const ProgramBuilder::Value value, Rearranged(id, layout));
  entries_[id].forms.push_back({value, layout});
  return value;
}

absl::StatusOr<ProgramBuilder::Value> Emitter::Plain(core::ValueId id) {
  return In(id, PlainLayout(shape(id).size()));
}

absl::StatusOr<ProgramBuilder::Value> Emitter::Rearranged(core::ValueId id, const Layout& layout) {
  const Form from = entries_[id].forms.front();
  const Shape dims = PhysicalShape(shape(id), layout);
  const auto strides_in = [&](const Layout& of) {
    return ToPhysical<int64_t>(StridesOf(shape(id), of), layout);
  };
  std::unique_ptr<const Kernel> kernel =
      MakeCopyKernel(type(id), dims, {strides_in(layout), 0}, {strides_in(from.layout), 0}, threads_);
  if (is_constant(id)) {
    const auto rearrange = [&](const Region& bytes) -> absl::StatusOr<Region> {
      MODELD_ASSIGN_OR_RETURN(const AlignedBytes packed, AllocateAligned(bytes.size()));
      const std::byte* input = bytes.bytes().data();
      std::byte* output = packed.data;
      MODELD_RETURN_IF_ERROR(
          kernel->Run({.inputs = {&input, 1}, .outputs = {&output, 1}, .scratch = nullptr}));
      return packed.region;
    };
    // All forms of a constant are made of the row-major one.
    std::string format = "order";
    format.append(layout.begin(), layout.end());
    MODELD_ASSIGN_OR_RETURN(const PackedConstant packed,
                            Packed(id, std::move(format), BytesOf(id), rearrange));
    return packed.value;
  }
  const ProgramBuilder::Value output = AddBuffer(BytesOf(id));
  Step(std::move(kernel), {from.value}, output);
  return output;
}

ProgramBuilder::Value Emitter::Define(core::ValueId id, const Layout& layout) {
  const ProgramBuilder::Value value = builder_.AddIntermediate(BytesOf(id));
  entries_[id].forms.push_back({value, layout});
  return value;
}

void Emitter::DefineAlias(core::ValueId id, ProgramBuilder::Value source, const Layout& layout) {
  entries_[id].forms.push_back({builder_.AddAlias(source), layout});
}

void Emitter::DefineBroadcast(core::ValueId id, core::ValueId source) {
  entries_[id].broadcast_of = source;
}

void Emitter::Step(std::unique_ptr<const Kernel> kernel, std::vector<ProgramBuilder::Value> inputs,
                   ProgramBuilder::Value output) {
  builder_.AddStep(std::move(kernel), std::move(inputs), {output}, label_);
}

}  // namespace modeld::cpu
