// A backend's answers as tests want them.
#ifndef MODELD_ENGINE_LOWER_FAKE_SUPPORT_H_
#define MODELD_ENGINE_LOWER_FAKE_SUPPORT_H_

#include <functional>
#include <set>
#include <string>

#include "engine/core/op_support.h"

namespace modeld {

// Claims the operations of these types; fuses what `fuses` says, by default nothing. Not thread-safe.
struct FakeSupport : core::OpSupport {
  std::set<std::string> claims;
  std::function<bool(const core::Graph&, const core::Node&, const core::PostOp&)> fuses;

  bool Claims(const Graph&, const Operation& operation) const override {
    return claims.count(operation.type) != 0;
  }
  bool Fuses(const core::Graph& graph, const core::Node& node, const core::PostOp& next) const override {
    return fuses && fuses(graph, node, next);
  }
};

}  // namespace modeld

#endif  // MODELD_ENGINE_LOWER_FAKE_SUPPORT_H_
