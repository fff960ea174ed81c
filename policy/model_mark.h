// What budgets keep of a model id.
#ifndef MODELD_POLICY_MODEL_MARK_H_
#define MODELD_POLICY_MODEL_MARK_H_

#include <array>
#include <cstdint>

#include "base/digest.h"

namespace modeld::policy {

// The first 16 bytes: enough to tell models apart, half the disk.
using ModelMark = std::array<uint8_t, 16>;

// Pure.
ModelMark MarkOf(const Digest& model);

}  // namespace modeld::policy

#endif  // MODELD_POLICY_MODEL_MARK_H_
