// What the schedules store, and for whom.
#ifndef MODELD_TESTS_CAMPAIGN_STORED_MODELS_H_
#define MODELD_TESTS_CAMPAIGN_STORED_MODELS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/region.h"
#include "storage/test_store.h"

namespace modeld::campaign {

inline const storage::Partition kPartitions[] = {"app:one", "app:two",
                                                 "web:https://a.example|https://a.example"};
inline const char* const kKeys[] = {"first", "second"};
// Whom models are shared with; "" is everybody.
inline const char* const kSharedWith[] = {"", "https://b.example", "app:three"};
// Whose budgets are kept.
inline const char* const kSites[] = {"https://a.example", "app:one"};

// Several share constants, so that references are counted in earnest.
const std::vector<storage::TestModel>& Models();

// The number of the model in Models(). Fails the Catch2 test that it is called in when there is none.
size_t NumberOf(const Digest& id);

// The bytes of a constant of the model, or its manifest.
const std::string& ContentOf(const storage::TestModel& model, const Digest& digest);

// What a model takes by itself: its manifest and its constants.
std::vector<storage::BlobRef> BlobsOf(size_t model);

// Every model may have so many plans.
inline constexpr size_t kPlansPerModel = 2;
Digest PlanKey(size_t model, size_t plan);
// What a plan says of itself; versions differ in size and bytes.
std::string PlanMetadata(size_t model, size_t plan, uint64_t version);
std::vector<Region> PlanSegments(size_t model, size_t plan, uint64_t version);

}  // namespace modeld::campaign

#endif  // MODELD_TESTS_CAMPAIGN_STORED_MODELS_H_
