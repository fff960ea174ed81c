// A graph's inputs and outputs, as seen from outside.
#ifndef MODELD_CLIENT_CPP_BINDING_H_
#define MODELD_CLIENT_CPP_BINDING_H_

#include <string>

#include "engine/graph/tensor_descriptor.h"

namespace modeld::client {

// An input or output of a graph. A plain value.
struct Binding {
  std::string name;
  TensorDescriptor descriptor;

  friend bool operator==(const Binding&, const Binding&) = default;
};

}  // namespace modeld::client

#endif  // MODELD_CLIENT_CPP_BINDING_H_
