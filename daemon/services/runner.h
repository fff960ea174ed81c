// Runs graphs: on tensors (Dispatch) and on bytes in messages (Run).
#ifndef MODELD_DAEMON_SERVICES_RUNNER_H_
#define MODELD_DAEMON_SERVICES_RUNNER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "daemon/metrics/metrics.h"
#include "daemon/services/call_context.h"
#include "daemon/services/graph_maker.h"
#include "daemon/services/limits.h"
#include "daemon/services/objects.h"
#include "daemon/services/scheduler.h"

namespace modeld {

// InferenceService states effects and errors; a mismatch names the tensor, what was expected and what was
// found. Whatever a run uses stays alive until it ends, freed or not. Thread-safe. Its arguments must outlive
// it.
//
// Clients may write to a tensor's memory at any time, also while a kernel reads it. Kernels take indices only
// from integer tensors, so integer inputs and outputs of a dispatch run on private copies: a bound that was
// checked holds. Floats run in place; a client that changes them gets results of its own making.
class Runner {
 public:
  // `metrics`: every call counts once among the inference requests.
  Runner(Scheduler& scheduler, GraphMaker& maker, const Clock& clock, const ServiceLimits& limits,
         Metrics& metrics)
      : scheduler_(scheduler), maker_(maker), clock_(clock), limits_(limits), metrics_(metrics) {}

  // Tensor ids by the graph's names.
  using TensorIds = std::map<std::string, uint64_t>;
  // Returns how long the run itself took.
  absl::StatusOr<absl::Duration> Dispatch(Call& call, uint64_t graph_id, const TensorIds& inputs,
                                          const TensorIds& outputs);

  struct RunResult {
    std::map<std::string, std::string> outputs;
    absl::Duration run_time;
  };
  // `inputs`: bytes by input name, borrowed until this returns. `wanted`: output names; empty: all.
  absl::StatusOr<RunResult> Run(Call& call, uint64_t graph_id,
                                const std::map<std::string, absl::string_view>& inputs,
                                const std::vector<std::string>& wanted);

 private:
  struct Buffers;
  // How far a call has come.
  enum class Stage { kAsked, kBegun, kInEngine };
  absl::StatusOr<absl::Duration> BindAndDispatch(Call& call, uint64_t graph_id, const TensorIds& inputs,
                                                 const TensorIds& outputs, Stage& stage);
  absl::StatusOr<RunResult> BindAndRun(Call& call, uint64_t graph_id,
                                       const std::map<std::string, absl::string_view>& inputs,
                                       const std::vector<std::string>& wanted, Stage& stage);
  // Waits for its turn and executes.
  absl::StatusOr<absl::Duration> Execute(Call& call, LoadedGraph& graph, Buffers& buffers, Stage& stage);
  // Counts a call that ended with `status` at `stage`.
  void Count(const absl::Status& status, Stage stage);

  Scheduler& scheduler_;
  GraphMaker& maker_;
  const Clock& clock_;
  const ServiceLimits& limits_;
  Metrics& metrics_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_RUNNER_H_
