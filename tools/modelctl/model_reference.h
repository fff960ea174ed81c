// What people call a model on the command line.
#ifndef MODELD_TOOLS_MODELCTL_MODEL_REFERENCE_H_
#define MODELD_TOOLS_MODELCTL_MODEL_REFERENCE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/digest.h"
#include "client/cpp/model_cache.h"
#include "tools/modelctl/environment.h"

namespace modeld::tools {

// A model that was found.
struct ModelReference {
  Digest model_id;
  // The key that it was called by; empty when it was called by its id.
  std::string key;
};

// Whether the text is a file to be imported on the way: it ends in ".onnx" or ".modeld".
bool IsModelFile(absl::string_view text);

// Which of `ids` the hexadecimal `prefix` of at least 8 digits begins. NOT_FOUND: none. INVALID_ARGUMENT:
// several, listed; or `prefix` is no such prefix.
absl::StatusOr<Digest> MatchPrefix(absl::string_view prefix, const std::vector<Digest>& ids);

// Finds a model by key or id: "key:NAME" and "id:HEX" say which it is; else a key of the partition goes
// before an id, and an id may be shortened to a prefix of 8 digits that only one model of any partition has.
// A text that is both a key and the id of another model is a usage error. NOT_FOUND.
absl::StatusOr<ModelReference> FindModel(Environment& environment, const std::string& text);

// Finds an unfinished upload by the digest of what is being sent, or a unique prefix of 8 digits. NOT_FOUND:
// none, or the text is no such prefix.
absl::StatusOr<Digest> FindUpload(Environment& environment, const std::string& text);

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_MODEL_REFERENCE_H_
