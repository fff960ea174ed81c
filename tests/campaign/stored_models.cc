#include "tests/campaign/stored_models.h"

#include "absl/strings/str_cat.h"

namespace modeld::campaign {

using storage::BlobRef;
using storage::Bytes;
using storage::RefOf;
using storage::TestModel;

const std::vector<TestModel>& Models() {
  static const std::vector<TestModel> models = {
      {"graph 0", {Bytes(300, 1), Bytes(400, 2)}},
      {"graph 1", {Bytes(400, 2), Bytes(500, 3), Bytes(60, 4)}},
      {"graph 2", {Bytes(60, 4)}},
      {"graph 3", {}},
      {"graph 4", {Bytes(9000, 5), Bytes(300, 1)}},
      {"graph 5", {Bytes(1, 6), Bytes(2, 7), Bytes(3, 8), Bytes(4, 9)}},
  };
  return models;
}

size_t NumberOf(const Digest& id) {
  size_t number = 0;
  while (number < Models().size() && Models()[number].id() != id) ++number;
  REQUIRE(number < Models().size());
  return number;
}

const std::string& ContentOf(const TestModel& model, const Digest& digest) {
  for (const std::string& constant : model.constants) {
    if (RefOf(constant).digest == digest) return constant;
  }
  return model.manifest;
}

std::vector<BlobRef> BlobsOf(size_t model) {
  std::vector<BlobRef> blobs = Models()[model].refs();
  blobs.push_back(RefOf(Models()[model].manifest));
  return blobs;
}

Digest PlanKey(size_t model, size_t plan) {
  return Digest::Of(absl::string_view(absl::StrCat("plan ", plan, " of ", model)));
}

std::string PlanMetadata(size_t model, size_t plan, uint64_t version) {
  return absl::StrCat(version, " is the version of plan ", plan, " of ", model);
}

std::vector<Region> PlanSegments(size_t model, size_t plan, uint64_t version) {
  const uint64_t seed = 1000 * version + 10 * model + plan;
  return {Region::Copy(absl::string_view(Bytes(100 + 5000 * (version % 2), seed))),
          Region::Copy(absl::string_view(Bytes(700, seed + 1)))};
}

}  // namespace modeld::campaign
