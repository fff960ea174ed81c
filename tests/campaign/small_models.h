// Models that a campaign stores: small, quick to build, and each with answers of its own.
#ifndef MODELD_TESTS_CAMPAIGN_SMALL_MODELS_H_
#define MODELD_TESTS_CAMPAIGN_SMALL_MODELS_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/modeld.h"

namespace modeld::campaign {

// Builds model `number`: y = x * w + b, with a matrix that it shares with one other number and a bias of its
// own.
absl::StatusOr<client::Graph> BuildModel(const client::Context& context, size_t number);

// Runs it. INTERNAL when the answer is not that of model `number`; else the run's error.
absl::Status CheckRun(const client::Graph& graph, size_t number);

}  // namespace modeld::campaign

#endif  // MODELD_TESTS_CAMPAIGN_SMALL_MODELS_H_
