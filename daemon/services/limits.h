// What one session, one call and the daemon as a whole may take, as data.
#ifndef MODELD_DAEMON_SERVICES_LIMITS_H_
#define MODELD_DAEMON_SERVICES_LIMITS_H_

#include <cstdint>

#include "engine/graph/limits.h"

namespace modeld {

// GetCapabilities publishes the first two groups. A plain value.
struct ServiceLimits {
  // Of one message or call.
  GraphLimits graph;
  uint64_t max_message_bytes = uint64_t{64} << 20;
  uint64_t max_chunk_bytes = uint64_t{1} << 20;
  // StoreOptions::digest_chunk_bytes.
  uint64_t digest_chunk_bytes = uint64_t{4} << 20;
  uint32_t max_fetch_candidates = 32;
  uint32_t max_key_bytes = 1'024;

  // Of one session.
  uint32_t max_contexts = 64;
  uint32_t max_graphs = 256;
  uint32_t max_tensors = 4'096;
  uint64_t max_session_tensor_bytes = uint64_t{8} << 30;
  uint32_t max_uploads = 4;
  uint32_t max_calls = 32;
  // Memory on its way in through the memory socket: pieces, and bytes together.
  uint32_t max_memories = 64;
  uint64_t max_session_memory_bytes = uint64_t{16} << 30;
  uint32_t max_open_tickets = 64;
  // Canonical bytes of the session's graphs together, which the daemon keeps for Store.
  uint64_t max_session_graph_bytes = uint64_t{256} << 20;
  // Constants of uncacheable graphs, in memory.
  uint64_t max_session_uncacheable_bytes = uint64_t{4} << 30;

  // Tensors and handed-over memory of all sessions of one app.
  uint32_t max_app_shared_memories = 8'192;

  // Of the daemon.
  // Tensors and handed-over memory; each takes a descriptor and one of the 65,530 mappings that Linux gives a
  // process by default.
  uint32_t max_shared_memories = 16'384;
  // Executions at once; 0: one per core.
  uint32_t max_concurrent_runs = 0;
  uint32_t max_queued_runs = 256;
  // Compilations at once; 0: half of the cores, at least one.
  uint32_t max_concurrent_compiles = 0;
  uint32_t max_queued_compiles = 64;
  // Intermediate memory of one execution.
  uint64_t max_arena_bytes = uint64_t{8} << 30;
  // An arena larger than this is given back after each run instead of being kept for the next.
  uint64_t max_idle_arena_bytes = uint64_t{256} << 20;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_LIMITS_H_
