#include "policy/model_mark.h"

#include <algorithm>

namespace modeld::policy {

ModelMark MarkOf(const Digest& model) {
  ModelMark mark;
  std::copy_n(model.bytes().begin(), mark.size(), mark.begin());
  return mark;
}

}  // namespace modeld::policy
