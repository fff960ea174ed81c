// The C++ client library of modeld: the one header to include. client/README.md has an example and tells how
// the pieces play together.
//
//   Client        a connection to the daemon (client.h)
//   Context       a choice of device, in which graphs and tensors live (context.h)
//   GraphBuilder  puts graphs together, with WebNN's methods (graph_builder.h)
//   Graph         a compiled graph: Dispatch, Run, Store (graph.h)
//   Tensor        a buffer in memory that the daemon shares (tensor.h)
//   ModelCache    Fetch, Save, Load, List, Delete (model_cache.h)
//
// Everything is in the namespace modeld::client; data types, shapes, digests and portable graphs are modeld's
// own. No exception leaves the library, and it never logs: errors are absl::Status, their details come from
// ErrorDetailOf (status.h).
#ifndef MODELD_CLIENT_CPP_MODELD_H_
#define MODELD_CLIENT_CPP_MODELD_H_

#include "base/digest.h"                   // IWYU pragma: export
#include "base/region.h"                   // IWYU pragma: export
#include "client/cpp/client.h"             // IWYU pragma: export
#include "client/cpp/context.h"            // IWYU pragma: export
#include "client/cpp/graph.h"              // IWYU pragma: export
#include "client/cpp/graph_builder.h"      // IWYU pragma: export
#include "client/cpp/model_cache.h"        // IWYU pragma: export
#include "client/cpp/operation_options.h"  // IWYU pragma: export
#include "client/cpp/options.h"            // IWYU pragma: export
#include "client/cpp/recurrent_options.h"  // IWYU pragma: export
#include "client/cpp/status.h"             // IWYU pragma: export
#include "client/cpp/tensor.h"             // IWYU pragma: export
#include "engine/graph/canonical.h"        // IWYU pragma: export
#include "engine/graph/graph.h"            // IWYU pragma: export

#endif  // MODELD_CLIENT_CPP_MODELD_H_
