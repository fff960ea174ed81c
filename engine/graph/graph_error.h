// Errors that name the place in a graph.
#ifndef MODELD_ENGINE_GRAPH_GRAPH_ERROR_H_
#define MODELD_ENGINE_GRAPH_GRAPH_ERROR_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/graph/graph.h"

namespace modeld {

// Where in a graph an error is, in a form for programs. Travels as a payload of the absl::Status.
struct ErrorSite {
  std::optional<uint32_t> operation_index = std::nullopt;
  std::string label = "";
  // The operand or attribute at fault: "filter", "strides". May be empty.
  std::string field = "";
  // What the rule wants and what was there: "4", "3". May be empty.
  std::string expected = "";
  std::string found = "";
};

// `conv2d "stem": MESSAGE`, with the site as payload. `site.operation_index` and `site.label` are filled in.
absl::Status OperationError(absl::StatusCode code, const Operation& operation, uint32_t index,
                            absl::string_view message, ErrorSite site = {});

// `status`, which is not OK, with `site` as payload: for errors outside of any operation (an input's name).
absl::Status WithErrorSite(absl::Status status, const ErrorSite& site);

// The site that OperationError attached, if any. Survives base/status.h's Annotate.
std::optional<ErrorSite> ErrorSiteOf(const absl::Status& status);

}  // namespace modeld

#endif  // MODELD_ENGINE_GRAPH_GRAPH_ERROR_H_
