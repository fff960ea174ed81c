#include "engine/backend/cpu/dnnl_kernel.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "base/status.h"
#include "engine/backend/cpu/dnnl_status.h"
#include "engine/backend/cpu/threads.h"

namespace modeld::cpu {
namespace {

void* ReadOnly(const std::byte* bytes) {
  // oneDNN's memory objects do not know const; primitives never write to their sources.
  return const_cast<std::byte*>(bytes);
}

// Whatever oneDNN's own comparison looks at: the struct's unused bytes say nothing.
std::string DescriptorText(const dnnl_memory_desc_t& desc) {
  if (desc.format_kind != dnnl_blocked) {
    return std::string(reinterpret_cast<const char*>(&desc), sizeof(desc));
  }
  const auto list = [](const dnnl_dim_t* values, int count) {
    return absl::StrJoin(absl::MakeConstSpan(values, count), ",");
  };
  const int rank = desc.ndims;
  const dnnl_blocking_desc_t& blocks = desc.format_desc.blocking;
  return absl::StrCat(desc.data_type, " ", list(desc.dims, rank), " ", list(desc.padded_dims, rank), " ",
                      list(desc.padded_offsets, rank), " ", desc.offset0, " ", list(blocks.strides, rank),
                      " ", list(blocks.inner_blks, blocks.inner_nblks), " ",
                      list(blocks.inner_idxs, blocks.inner_nblks), " ", desc.extra.flags, " ",
                      desc.extra.compensation_mask, " ", desc.extra.scale_adjust, " ",
                      desc.extra.asymm_compensation_mask);
}

}  // namespace

struct DnnlKernel::ArgumentSet {
  dnnl::stream stream;
  // As DnnlKernel::arguments_, then the scratchpad.
  std::vector<dnnl::memory> memories;
  std::vector<void*> handles;
  std::vector<dnnl_exec_arg_t> arguments;
};

DnnlKernel::DnnlKernel(dnnl::engine engine, dnnl::primitive primitive,
                       std::vector<PrimitiveArgument> arguments, dnnl::memory::desc scratchpad, int threads)
    : engine_(std::move(engine)),
      primitive_(std::move(primitive)),
      arguments_(std::move(arguments)),
      scratchpad_(scratchpad),
      scratch_bytes_(scratchpad.get_size()),
      threads_(threads) {
  for (const PrimitiveArgument& argument : arguments_) {
    const bool is_fixed = argument.source == PrimitiveArgument::Source::kFixed;
    fixed_.push_back(is_fixed
                         ? dnnl::memory(argument.descriptor, engine_, ReadOnly(argument.fixed.bytes().data()))
                         : dnnl::memory());
  }
}

DnnlKernel::~DnnlKernel() = default;

absl::StatusOr<std::unique_ptr<const DnnlKernel>> DnnlKernel::Create(const dnnl::engine& engine,
                                                                     dnnl::primitive primitive,
                                                                     std::vector<PrimitiveArgument> arguments,
                                                                     const dnnl::memory::desc& scratchpad,
                                                                     int threads) {
  using Result = absl::StatusOr<std::unique_ptr<const DnnlKernel>>;
  return CatchDnnl("kernel", [&]() -> Result {
    std::unique_ptr<DnnlKernel> kernel(
        new DnnlKernel(engine, std::move(primitive), std::move(arguments), scratchpad, threads));
    // The first execution finds its arguments prepared.
    MODELD_ASSIGN_OR_RETURN(std::unique_ptr<ArgumentSet> set, kernel->MakeArgumentSet());
    absl::MutexLock lock(&kernel->mu_);
    kernel->free_.push_back(std::move(set));
    return kernel;
  });
}

absl::StatusOr<std::unique_ptr<DnnlKernel::ArgumentSet>> DnnlKernel::MakeArgumentSet() const {
  return CatchDnnl("arguments", [&]() -> absl::StatusOr<std::unique_ptr<ArgumentSet>> {
    auto set = std::make_unique<ArgumentSet>();
    set->stream = dnnl::stream(engine_);
    for (size_t i = 0; i < arguments_.size(); ++i) {
      set->memories.push_back(arguments_[i].source == PrimitiveArgument::Source::kFixed
                                  ? fixed_[i]
                                  : dnnl::memory(arguments_[i].descriptor, engine_, nullptr));
      set->arguments.push_back({arguments_[i].argument, set->memories.back().get()});
    }
    if (scratch_bytes_ > 0) {
      set->memories.push_back(dnnl::memory(scratchpad_, engine_, nullptr));
      set->arguments.push_back({DNNL_ARG_SCRATCHPAD, set->memories.back().get()});
    }
    set->handles.resize(set->memories.size(), nullptr);
    return set;
  });
}

absl::StatusOr<std::unique_ptr<DnnlKernel::ArgumentSet>> DnnlKernel::Acquire() const {
  {
    absl::MutexLock lock(&mu_);
    if (!free_.empty()) {
      std::unique_ptr<ArgumentSet> set = std::move(free_.back());
      free_.pop_back();
      return set;
    }
  }
  return MakeArgumentSet();
}

absl::Status DnnlKernel::RunWith(ArgumentSet& set, const KernelArgs& args) const {
  const auto set_handle = [&](size_t i, void* handle) {
    if (set.handles[i] == handle) return absl::OkStatus();
    set.handles[i] = handle;
    return FromDnnl(dnnl_memory_set_data_handle(set.memories[i].get(), handle), "buffer");
  };
  for (size_t i = 0; i < arguments_.size(); ++i) {
    const PrimitiveArgument& argument = arguments_[i];
    if (argument.source == PrimitiveArgument::Source::kFixed) continue;
    const bool is_input = argument.source == PrimitiveArgument::Source::kInput;
    MODELD_RETURN_IF_ERROR(
        set_handle(i, is_input ? ReadOnly(args.inputs[argument.index]) : args.outputs[argument.index]));
  }
  if (scratch_bytes_ > 0) MODELD_RETURN_IF_ERROR(set_handle(arguments_.size(), args.scratch));
  ThreadScope threads(threads_);
  return FromDnnl(dnnl_primitive_execute(primitive_.get(), set.stream.get(),
                                         static_cast<int>(set.arguments.size()), set.arguments.data()),
                  "execution");
}

absl::Status DnnlKernel::Run(const KernelArgs& args) const {
  return CatchDnnl("execution", [&]() -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(std::unique_ptr<ArgumentSet> set, Acquire());
    absl::Status status = RunWith(*set, args);
    absl::MutexLock lock(&mu_);
    free_.push_back(std::move(set));
    return status;
  });
}

dnnl::memory::desc DescriptorOf(const Shape& shape, const Layout& layout) {
  if (shape.empty()) return {{1}, dnnl::memory::data_type::f32, dnnl::memory::dims{1}};
  return {dnnl::memory::dims(shape.begin(), shape.end()), dnnl::memory::data_type::f32,
          StridesOf(shape, layout)};
}

absl::StatusOr<AlignedBytes> AllocateAligned(size_t size) {
  constexpr size_t kAlignment = 64;
  if (size > SIZE_MAX - kAlignment) return absl::ResourceExhaustedError("packed constant: too large");
  const size_t rounded = (size + kAlignment - 1) / kAlignment * kAlignment;
  std::shared_ptr<std::byte> owner(static_cast<std::byte*>(std::aligned_alloc(kAlignment, rounded)),
                                   std::free);
  if (owner == nullptr && rounded > 0) return absl::ResourceExhaustedError("packed constant: out of memory");
  return AlignedBytes{owner.get(), Region(std::span<const std::byte>(owner.get(), size), owner)};
}

absl::StatusOr<Region> PackConstant(const dnnl::engine& engine, const Region& source,
                                    const dnnl::memory::desc& from, const dnnl::memory::desc& to) {
  return CatchDnnl("packing", [&]() -> absl::StatusOr<Region> {
    MODELD_ASSIGN_OR_RETURN(const AlignedBytes packed, AllocateAligned(to.get_size()));
    dnnl::memory input(from, engine, ReadOnly(source.bytes().data()));
    dnnl::memory output(to, engine, packed.data);
    dnnl::stream stream(engine);
    dnnl::reorder(input, output).execute(stream, input, output);
    stream.wait();
    // Otherwise a model's weights would be in memory twice until the program is done.
    source.Release();
    return packed.region;
  });
}

std::string PackedFormat(const dnnl::memory::desc& from, const dnnl::memory::desc& to) {
  return absl::StrCat("oneDNN ", DescriptorText(from.data), " > ", DescriptorText(to.data));
}

}  // namespace modeld::cpu
