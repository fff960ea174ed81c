// The built daemon, configured as an administrator does: signed lists decide what shared models cost a site.
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/signature.h"
#include "client/cpp/cache_admin.h"
#include "client/cpp/modeld.h"
#include "tests/support/scratch_daemon.h"

namespace modeld {
namespace {

using Ids = std::array<Digest, 3>;

const std::string kSeed(32, 's');
const std::string kSite = "web:https://reader.example|https://reader.example";

// A daemon with three bits for each site, whose administrator this program is.
class Daemon {
 public:
  explicit Daemon(const std::vector<std::string>& flags = {}) {
    std::vector<std::string> all = {"--bits-budget", "3", "--admins",
                                    std::filesystem::read_symlink("/proc/self/exe").string()};
    all.insert(all.end(), flags.begin(), flags.end());
    auto daemon = testing::ScratchDaemon::Start(all);
    INFO(daemon.status());
    REQUIRE(daemon.ok());
    daemon_ = *std::move(daemon);
    auto client = client::Client::Connect({.host = daemon_->host()});
    REQUIRE(client.ok());
    client_.emplace(*std::move(client));
  }

  // Stores three models and shares them with everybody, without saying how common they are. Always the same.
  Ids Share() {
    Ids ids;
    const auto context = client_->CreateContext();
    REQUIRE(context.ok());
    for (size_t i = 0; i < ids.size(); ++i) {
      client::GraphBuilder builder(*context);
      const auto w = builder.Constant<float>({2}, {static_cast<float>(i), 1});
      const auto graph =
          builder.Build({{"y", builder.Add(builder.Input("x", {DataType::kFloat32, {2}}), w)}});
      REQUIRE(graph.ok());
      const auto id = graph->Store();
      REQUIRE(id.ok());
      ids[i] = *id;
      REQUIRE(client::CacheAdmin(*client_).Share(*id, "", std::nullopt).ok());
    }
    return ids;
  }
  // Whether the site gets the model.
  bool Fetches(const Digest& id) {
    const client::Client site = client_->ForPartition(kSite);
    const auto context = site.CreateContext();
    REQUIRE(context.ok());
    const auto fetched = site.Cache().Fetch(*context, {&id, 1});
    if (!fetched.ok()) CHECK(absl::IsNotFound(fetched.status()));
    return fetched.ok();
  }

 private:
  std::unique_ptr<testing::ScratchDaemon> daemon_;
  std::optional<client::Client> client_;
};

// A file that goes with this.
class List {
 public:
  explicit List(const std::string& lines) {
    REQUIRE(mkdtemp(folder_.data()) != nullptr);
    const std::string text = absl::StrCat("modeld-commonness 1\n", lines);
    std::ofstream(path()) << text << "signature " << absl::BytesToHexString(Sign(kSeed, text)->signature)
                          << "\n";
    std::filesystem::permissions(path(), std::filesystem::perms(0600));
  }
  ~List() { std::filesystem::remove_all(folder_); }
  std::string path() const { return folder_ + "/list"; }

 private:
  std::string folder_ = "/tmp/modeld-list-XXXXXX";
};

std::string KeyOf(const std::string& seed) {
  const PublicKey key = Sign(seed, "")->key;
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(key.bytes.data()), key.bytes.size()));
}

TEST_CASE("A list that the configuration names changes what a fetch of a shared model costs a site") {
  Ids ids;
  {
    // Nobody says how common they are: each costs more than the site may learn.
    Daemon daemon;
    ids = daemon.Share();
    for (const Digest& id : ids) CHECK_FALSE(daemon.Fetches(id));
  }
  const List list(
      absl::StrCat(ids[0].ToHex(), " 0.25\n", ids[1].ToHex(), " 0.25\n", ids[2].ToHex(), " 0.5\n"));
  SECTION("signed by a key of the configuration, it counts") {
    Daemon daemon({"--commonness-lists", list.path(), "--commonness-keys", KeyOf(kSeed)});
    CHECK(daemon.Share() == ids);
    CHECK(daemon.Fetches(ids[0]));        // two bits of three
    CHECK_FALSE(daemon.Fetches(ids[1]));  // two more do not fit
    CHECK(daemon.Fetches(ids[2]));        // one does
    CHECK(daemon.Fetches(ids[0]));        // what the site knows costs nothing
  }
  SECTION("signed by another key, it does not") {
    Daemon daemon({"--commonness-lists", list.path(), "--commonness-keys", KeyOf(std::string(32, 't'))});
    CHECK(daemon.Share() == ids);
    for (const Digest& id : ids) CHECK_FALSE(daemon.Fetches(id));
  }
}

}  // namespace
}  // namespace modeld
