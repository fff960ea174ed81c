#include "daemon/cache/space_view.h"

#include <algorithm>

namespace modeld {
namespace {

policy::Priority PriorityOf(const storage::Wish& wish) {
  if (wish.priority == 0) return policy::Priority::kNormal;
  return wish.priority < 0 ? policy::Priority::kLow : policy::Priority::kHigh;
}

// A model that came again has the figures of its earlier stay until its first use is noted: storing it was a
// use, too, so that it is not too old at once.
absl::Time LastUse(const storage::HeldModel& model) {
  return std::max(model.figures.last_used, model.created);
}

}  // namespace

policy::PartitionSnapshot ViewOf(const storage::PartitionSnapshot& partition, absl::Time now) {
  policy::PartitionSnapshot view;
  view.now = now;
  view.inflation = partition.inflation;
  view.blob_bytes = partition.blob_bytes;
  for (const storage::HeldModel& model : partition.models) {
    const storage::UseFigures& figures = model.figures;
    view.models.push_back({.id = model.model_id,
                           .blobs = model.blobs,
                           .uses = {figures.frequency, figures.credit, LastUse(model)},
                           .compile_time = figures.compile_time,
                           .priority = PriorityOf(model.wish),
                           .pinned = model.wish.pinned || model.shared,
                           .in_use = model.in_use});
  }
  for (const storage::HeldPlan& plan : partition.plans) {
    view.plans.push_back({.key = plan.key,
                          .size_bytes = plan.size_bytes,
                          .uses = static_cast<double>(plan.uses),
                          .last_used = plan.last_used,
                          .compile_time = plan.compile_time,
                          .in_use = false});
  }
  if (partition.keep_at_most != 0) view.keep_at_most = partition.keep_at_most;
  if (partition.max_age != absl::InfiniteDuration()) view.max_age = partition.max_age;
  return view;
}

policy::GlobalSnapshot ViewOf(const storage::StoreSnapshot& all, const std::vector<Digest>& plans_in_use,
                              absl::Time now) {
  policy::GlobalSnapshot view;
  view.now = now;
  view.used_bytes = all.totals.used_bytes;
  view.limit_bytes = all.totals.limit_bytes == UINT64_MAX ? 0 : all.totals.limit_bytes;  // 0: none
  view.free_disk_bytes = all.totals.free_bytes;
  view.floor_bytes = all.totals.min_free_bytes;
  for (const storage::PartitionSnapshot& partition : all.partitions) {
    for (const storage::HeldModel& model : partition.models) {
      view.models.push_back({.partition = partition.partition,
                             .id = model.model_id,
                             .exclusive_bytes = model.own_bytes,
                             .size_bytes = model.logical_bytes,
                             .compile_time = model.figures.compile_time,
                             .last_used = LastUse(model),
                             .priority = PriorityOf(model.wish),
                             .pinned = model.wish.pinned || model.shared,
                             .in_use = model.in_use});
    }
  }
  for (const storage::HeldPlan& plan : all.plans) {
    const bool in_use = std::find(plans_in_use.begin(), plans_in_use.end(), plan.key) != plans_in_use.end();
    view.plans.push_back({.key = plan.key,
                          .size_bytes = plan.size_bytes,
                          .compile_time = plan.compile_time,
                          .last_used = plan.last_used,
                          .in_use = in_use});
  }
  return view;
}

policy::SpaceBounds BoundsOf(const storage::PartitionSnapshot& partition,
                             const storage::StoreTotals& totals) {
  return {partition.quota_bytes, totals.limit_bytes, totals.min_free_bytes};
}

policy::SpaceFigures FiguresOf(const storage::PartitionSnapshot& partition,
                               const storage::StoreTotals& totals) {
  return {.partition_bytes = partition.logical_bytes + partition.staged_bytes + partition.plan_bytes,
          .partition_reserved_bytes = partition.reserved_bytes,
          .used_bytes = totals.used_bytes,
          .reserved_bytes = 0,
          .free_disk_bytes = totals.free_bytes};
}

}  // namespace modeld
