#include "engine/backend/cpu/cpu_backend.h"

#include <cpuid.h>
#include <omp.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/backend/cpu/dnnl_status.h"
#include "engine/backend/cpu/emit.h"
#include "engine/backend/cpu/product.h"
#include "engine/backend/cpu/support.h"
#include "engine/backend/cpu/threads.h"

namespace modeld {
namespace {

// More threads than this gain nothing on one graph and cost stacks.
constexpr int kMaxThreads = 256;

int ThreadsFor(const CompileOptions& options) {
  if (options.num_threads == 0) return std::min(omp_get_num_procs(), kMaxThreads);
  return static_cast<int>(std::min<uint32_t>(options.num_threads, kMaxThreads));
}

std::string LibraryVersion() {
  const dnnl::version_t* version = dnnl::version();
  return absl::StrCat("oneDNN ", version->major, ".", version->minor, ".", version->patch);
}

// The brand string that the processor reports.
std::string ProcessorName() {
#if defined(__x86_64__)
  std::array<unsigned, 12> words{};
  constexpr unsigned kFirstLeaf = 0x80000002u;
  if (__get_cpuid_max(0x80000000u, nullptr) >= kFirstLeaf + 2) {
    for (unsigned i = 0; i < 3; ++i) {
      unsigned* leaf = &words[4 * i];
      __get_cpuid(kFirstLeaf + i, &leaf[0], &leaf[1], &leaf[2], &leaf[3]);
    }
    std::array<char, sizeof(words) + 1> text{};
    std::memcpy(text.data(), words.data(), sizeof(words));
    return std::string(absl::StripAsciiWhitespace(text.data()));
  }
#endif
  return "processor";
}

absl::Status EmitNode(cpu::Emitter& emitter, const core::Node& node) {
  emitter.set_label(node.label);
  const auto emit = [&](const core::Node& alone) {
    return std::visit([&](const auto& op) { return cpu::Emit(emitter, alone, op); }, alone.op);
  };
  return cpu::TakesPostOps(node.op) ? emit(node) : cpu::EmitThenPostOps(emitter, node, emit);
}

class CpuBackend : public Backend {
 public:
  explicit CpuBackend(dnnl::engine engine) : engine_(std::move(engine)) {}

  DeviceDescription Describe() const override {
    const int isa = static_cast<int>(dnnl::get_effective_cpu_isa());
    const int threads = ThreadsFor({});
    return {.name = "cpu",
            .description = absl::StrCat(ProcessorName(), " (", LibraryVersion(), ")"),
            .fingerprint = absl::StrCat("cpu ", LibraryVersion(), " ", dnnl::version()->hash, " isa 0x",
                                        absl::Hex(isa), " threads ", threads)};
  }

  bool Claims(const Graph& graph, const Operation& operation) const override {
    return cpu::Claims(graph, operation);
  }

  bool Fuses(const core::Graph& graph, const core::Node& node, const core::PostOp& next) const override {
    return cpu::Fuses(graph, node, next);
  }

  absl::StatusOr<std::unique_ptr<Program>> Compile(const core::Graph& graph, const CompileOptions& options,
                                                   const CompileReuse& reuse) const override {
    return cpu::CatchDnnl("compile", [&] { return CompileOrThrow(graph, ThreadsFor(options), reuse); });
  }

 private:
  absl::StatusOr<std::unique_ptr<Program>> CompileOrThrow(const core::Graph& graph, int threads,
                                                          const CompileReuse& reuse) const {
    const cpu::ThreadScope scope(threads);
    ProgramBuilder builder;
    cpu::Emitter emitter(graph, engine_, threads, reuse.packed, builder);
    for (const core::Node& node : graph.nodes) MODELD_RETURN_IF_ERROR(EmitNode(emitter, node));
    emitter.set_label("outputs");
    for (core::ValueId output : graph.outputs) {
      MODELD_ASSIGN_OR_RETURN(const ProgramBuilder::Value value, emitter.Plain(output));
      builder.AddOutput(value, graph.descriptor(output));
    }
    return std::move(builder).Build(reuse.layout);
  }

  const dnnl::engine engine_;
};

}  // namespace

std::unique_ptr<Backend> MakeCpuBackend() {
  try {
    return std::make_unique<CpuBackend>(dnnl::engine(dnnl::engine::kind::cpu, 0));
  } catch (const dnnl::error&) {
    return nullptr;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

}  // namespace modeld
