#include "daemon/services/shares.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "daemon/services/errors.h"
#include "policy/partition.h"
#include "storage/ledger.h"
#include "storage/space.h"

namespace modeld {
namespace {

// The normal form of whom a share names; empty stays empty.
absl::StatusOr<std::string> ParseWith(const std::string& with) {
  if (with.empty()) return with;
  absl::StatusOr<std::string> party = ParseParty(with);
  if (!party.ok()) return BadField("with", party.status().message());
  return party;
}

// A decision explains; what was decided holds without it.
void Note(storage::ModelStore& store, const Digest& model_id, const std::string& what,
          const std::string& with) {
  const std::string text = absl::StrCat(what, " with ", with.empty() ? "everybody" : with);
  store.space()
      .Record({.model_id = model_id,
               .partition = storage::kSharedPartition,
               .what = what,
               .text = text,
               .at = {}})
      .IgnoreError();
}

}  // namespace

absl::Status Shares::Share(const Digest& model_id, const std::string& with,
                           std::optional<double> commonness) {
  MODELD_ASSIGN_OR_RETURN(const std::string party, ParseWith(with));
  if (commonness && !(*commonness > 0 && *commonness <= 1)) {
    return BadField("commonness", absl::StrCat("is ", *commonness, ", must be above 0 and at most 1"));
  }
  const absl::Status shared = store_.ledger().Share(model_id, party, commonness);
  if (absl::IsNotFound(shared)) return ModelNotFound();
  if (!shared.ok()) return FromStorage(shared);
  Note(store_, model_id, "shared", party);
  return absl::OkStatus();
}

absl::Status Shares::Unshare(const Digest& model_id, const std::string& with) {
  MODELD_ASSIGN_OR_RETURN(const std::string party, ParseWith(with));
  const absl::Status unshared = store_.ledger().Unshare(model_id, party);
  if (!unshared.ok()) return FromStorage(unshared);
  Note(store_, model_id, "unshared", party);
  return absl::OkStatus();
}

v1::ListSharesResponse Shares::List() const {
  v1::ListSharesResponse response;
  for (const storage::ShareInfo& share : store_.ledger().Shares()) {
    auto& message = *response.add_shares();
    message.set_model_id(std::string(share.model_id.bytes()));
    message.set_everybody(share.everybody);
    for (const std::string& party : share.with) message.add_with(party);
    const BudgetKeeper::Commonness commonness = budgets_.CommonnessOf(share);
    message.set_commonness(commonness.value);
    message.set_commonness_from(std::string(commonness.from));
    message.set_size_bytes(share.size_bytes);
  }
  return response;
}

}  // namespace modeld
