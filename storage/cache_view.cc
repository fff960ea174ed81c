// The user's view: what removing would give back, and what lies in quarantine.
#include <map>
#include <set>
#include <utility>

#include "base/status.h"
#include "storage/model_store.h"
#include "storage/store_core.h"

namespace modeld::storage {

uint64_t ModelStore::FreedBy(std::span<const HoldName> holds) const {
  std::set<Owned> going;
  for (const HoldName& hold : holds)
    going.insert({Digest::Of(absl::string_view(hold.partition)), hold.model_id});
  absl::MutexLock lock(&core_->mu);
  const Index& index = core_->index;
  std::map<Digest, uint64_t> holders;  // that go, by model
  for (const Owned& hold : going) {
    if (index.records().holds.contains(hold)) ++holders[hold.second];
  }
  std::map<BlobRef, uint64_t> namers;  // models that go, by blob
  for (const auto& [id, count] : holders) {
    const auto model = index.records().models.find(id);
    if (model == index.records().models.end() || count < index.Holders(id)) continue;
    for (const BlobRef& blob : BlobsOf(id, model->second)) ++namers[blob];
  }
  uint64_t bytes = 0;
  for (const auto& [blob, count] : namers) {
    const bool stays = count < index.References(blob.digest) || index.HasFinishedUpload(blob.digest);
    if (!stays && index.HealthOfBlob(blob.digest) == Health::kWhole) bytes += blob.size_bytes;
  }
  return bytes;
}

uint64_t ModelStore::DamagesFound() const {
  absl::MutexLock lock(&core_->mu);
  return core_->damages_found;
}

absl::StatusOr<std::vector<QuarantinedInfo>> ModelStore::ListQuarantined() const {
  MODELD_ASSIGN_OR_RETURN(const std::vector<BlobFiles::Entry> files, core_->files.ListQuarantine());
  std::map<Digest, QuarantinedInfo> list;
  for (const BlobFiles::Entry& file : files) {
    if (!file.digest) continue;
    const auto found = core_->files.cache().Stat(file.path);
    // The collector may have removed it meanwhile.
    if (found.ok()) list[*file.digest].blob = {*file.digest, found->size_bytes};
  }
  absl::MutexLock lock(&core_->mu);
  for (const auto& [digest, damage] : core_->index.records().damage) {
    const auto info = list.find(digest);
    if (info != list.end()) info->second.found = absl::FromUnixMicros(damage.found_us());
  }
  if (!list.empty()) {
    for (const auto& [id, model] : core_->index.records().models) {
      for (const BlobRef& named : BlobsOf(id, model)) {
        const auto info = list.find(named.digest);
        if (info != list.end()) info->second.models.push_back(id);
      }
    }
  }
  std::vector<QuarantinedInfo> infos;
  for (auto& [digest, info] : list) infos.push_back(std::move(info));
  return infos;
}

}  // namespace modeld::storage
