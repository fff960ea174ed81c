// WebNN's opSupportLimits as a message and back.
#ifndef MODELD_CLIENT_CODEC_SUPPORT_LIMITS_CODEC_H_
#define MODELD_CLIENT_CODEC_SUPPORT_LIMITS_CODEC_H_

#include "engine/ops/support_limits.h"
#include "modeld/v1/context.pb.h"

namespace modeld {

// Pure and thread-safe.
v1::GetOpSupportLimitsResponse EncodeOpSupportLimits(const OpSupportLimits& limits);

// Data types that this build does not know are left out: a newer daemon may have them.
OpSupportLimits DecodeOpSupportLimits(const v1::GetOpSupportLimitsResponse& message);

}  // namespace modeld

#endif  // MODELD_CLIENT_CODEC_SUPPORT_LIMITS_CODEC_H_
