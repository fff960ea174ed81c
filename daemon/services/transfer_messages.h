// How the state of uploads appears in messages.
#ifndef MODELD_DAEMON_SERVICES_TRANSFER_MESSAGES_H_
#define MODELD_DAEMON_SERVICES_TRANSFER_MESSAGES_H_

#include <cstdint>

#include "modeld/v1/inference.pb.h"
#include "policy/transfer.h"

namespace modeld {

// All pure and thread-safe.

v1::UploadState StateMessage(policy::TransferState state);

// `quiet_seconds` of messages: whole seconds, 0 when no byte ever came.
uint64_t QuietSeconds(const policy::TransferVerdict& verdict);

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_TRANSFER_MESSAGES_H_
