// What the user shares across partitions.
#ifndef MODELD_DAEMON_SERVICES_SHARES_H_
#define MODELD_DAEMON_SERVICES_SHARES_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "base/digest.h"
#include "daemon/cache/budget_keeper.h"
#include "modeld/v1/cache_admin.pb.h"
#include "storage/model_store.h"

namespace modeld {

// CacheAdminService's shares; cache_admin.proto states effects and errors. Thread-safe. Its arguments must
// outlive it.
class Shares {
 public:
  Shares(storage::ModelStore& store, const BudgetKeeper& budgets) : store_(store), budgets_(budgets) {}

  // Empty `with`: everybody.
  absl::Status Share(const Digest& model_id, const std::string& with, std::optional<double> commonness);
  // Empty `with`: whole.
  absl::Status Unshare(const Digest& model_id, const std::string& with);
  v1::ListSharesResponse List() const;

 private:
  storage::ModelStore& store_;
  const BudgetKeeper& budgets_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_SHARES_H_
