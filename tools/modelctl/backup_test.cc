// Backups on the disk: what was written is read, and nothing else is.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "client/cpp/modeld.h"
#include "engine/graph/canonical.h"
#include "tools/data/file.h"
#include "tools/modelctl/backup_archive.h"
#include "tools/modelctl/backup_index.h"
#include "tools/modelctl/tar.h"

namespace modeld::tools {
namespace {

using Catch::Matchers::Contains;

std::string TempPath(const std::string& name) {
  const std::string path = std::string(std::getenv("TEST_TMPDIR")) + "/" + name;
  std::filesystem::remove_all(path);
  return path;
}

// A graph whose id `value` decides.
Graph SmallGraph(float value) {
  client::GraphBuilder b;
  auto x = b.Input("x", {DataType::kFloat32, {3}});
  auto graph = b.Finish({{"y", b.Add(x, b.Constant<float>({3}, {value, 2, 3}))}});
  REQUIRE(graph.status() == absl::OkStatus());
  return *graph;
}

absl::Status Add(BackupWriter& writer, const Graph& graph) {
  return writer.Add(ModelIdOf(graph), [&](ContainerBody& container) {
    container.AddCanonical(EncodeCanonical(graph));
    for (const Operand& operand : graph.operands) {
      if (operand.kind != OperandKind::kConstant) continue;
      const absl::Status status = container.AddConstant(operand.digest, 0, operand.bytes.view());
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  });
}

// A backup of two models; between them one that could not be written.
void WriteBackup(const std::string& path) {
  auto writer = BackupWriter::Create(path, false);
  REQUIRE(writer.status() == absl::OkStatus());
  REQUIRE(Add(**writer, SmallGraph(1)) == absl::OkStatus());
  const Graph lost = SmallGraph(7);
  const absl::Status failed = (*writer)->Add(ModelIdOf(lost), [&](ContainerBody& container) {
    container.AddCanonical(EncodeCanonical(lost));
    for (const Operand& operand : lost.operands) {
      if (operand.kind == OperandKind::kConstant)
        (void)container.AddConstant(operand.digest, 0, operand.bytes.view());
    }
    return absl::DataLossError("broken off");
  });
  CHECK(failed.code() == absl::StatusCode::kDataLoss);
  REQUIRE(Add(**writer, SmallGraph(2)) == absl::OkStatus());
  REQUIRE((*writer)->Finish("the index") == absl::OkStatus());
}

TEST_CASE("A backup gives back its models and its index", "[backup]") {
  for (const char* name : {"backup.tar", "backup"}) {
    const std::string path = TempPath(name);
    CAPTURE(path);
    WriteBackup(path);
    const auto backup = BackupReader::Open(path);
    REQUIRE(backup.status() == absl::OkStatus());
    CHECK((*backup)->index() == "the index");
    for (const float value : {1.0f, 2.0f}) {
      const Graph graph = SmallGraph(value);
      const auto bytes = (*backup)->Model(ModelIdOf(graph));
      REQUIRE(bytes.status() == absl::OkStatus());
      const auto again = ParseContainer(*bytes, "model", {});
      REQUIRE(again.status() == absl::OkStatus());
      CHECK(ModelIdOf(*again) == ModelIdOf(graph));
    }
    CHECK((*backup)->Model(ModelIdOf(SmallGraph(7))).status().code() == absl::StatusCode::kNotFound);
  }
}

TEST_CASE("Models lie the same in a tar and in a folder", "[backup]") {
  const std::string tar = TempPath("backup.tar"), folder = TempPath("backup");
  WriteBackup(tar);
  WriteBackup(folder);
  const auto first = BackupReader::Open(tar), second = BackupReader::Open(folder);
  const Digest id = ModelIdOf(SmallGraph(1));
  CHECK((*first)->Model(id)->view() == (*second)->Model(id)->view());
}

TEST_CASE("What tar(1) says of a backup is what is in it", "[backup]") {
  const std::string path = TempPath("backup.tar"), list = TempPath("list");
  WriteBackup(path);
  REQUIRE(std::system(("tar tf " + path + " > " + list).c_str()) == 0);
  CHECK(*ReadWholeFile(list, 1 << 12) == "models/" + ModelIdOf(SmallGraph(1)).ToHex() + ".modeld\nmodels/" +
                                             ModelIdOf(SmallGraph(2)).ToHex() + ".modeld\nindex.json\n");
}

TEST_CASE("A backup that did not end is none, and a folder's is gone on with", "[backup]") {
  const std::string tar = TempPath("backup.tar"), folder = TempPath("backup");
  for (const std::string& path : {tar, folder}) {
    auto writer = BackupWriter::Create(path, false);
    REQUIRE(Add(**writer, SmallGraph(1)) == absl::OkStatus());
  }
  CHECK(BackupReader::Open(tar).status().code() == absl::StatusCode::kNotFound);
  CHECK(BackupReader::Open(folder).status().code() == absl::StatusCode::kDataLoss);
  auto writer = BackupWriter::Create(folder, false);
  REQUIRE(writer.ok());
  CHECK((*writer)->Has(ModelIdOf(SmallGraph(1))));
  CHECK_FALSE((*writer)->Has(ModelIdOf(SmallGraph(2))));
}

TEST_CASE("A backup never overwrites what is not one", "[backup]") {
  const std::string tar = TempPath("backup.tar"), folder = TempPath("folder");
  WriteBackup(tar);
  CHECK(BackupWriter::Create(tar, false).status().code() == absl::StatusCode::kAlreadyExists);
  CHECK(BackupWriter::Create(tar, true).ok());
  CHECK(BackupReader::Open(tar).ok());  // the new one did not end: the old one is still there
  std::filesystem::create_directories(folder + "/photos");
  CHECK(BackupWriter::Create(folder, true).status().code() == absl::StatusCode::kAlreadyExists);
}

TEST_CASE("Every cut and every wrong byte of a header is noticed", "[backup]") {
  const std::string path = TempPath("backup.tar"), other = TempPath("other.tar");
  WriteBackup(path);
  const std::string whole = *ReadWholeFile(path, 1 << 20);
  const uint64_t ended = whole.size() - 2 * kTarBlockBytes;
  for (uint64_t size = 1; size <= ended; size += 97) {
    REQUIRE(WriteWholeFile(other, whole.substr(0, size)) == absl::OkStatus());
    CHECK_FALSE(BackupReader::Open(other).ok());
  }
  for (uint64_t at = 0; at < kTarBlockBytes; ++at) {
    std::string wrong = whole;
    wrong[at] = static_cast<char>(wrong[at] ^ 0x40);
    CAPTURE(at);
    const auto members = ReadTar(wrong);
    // The last byte of the checksum's field is no part of the sum.
    CHECK((!members.ok() || (at >= 148 && at < 156)));
  }
}

TEST_CASE("Names that lead elsewhere are refused", "[backup]") {
  for (const char* name :
       {"../evil", "/etc/passwd", "models/../../evil.modeld", "models/short.modeld", "other"}) {
    std::string tar = TarHeader(name, 0) + TarHeader("index.json", 0) + std::string(2 * kTarBlockBytes, '\0');
    const std::string path = TempPath("evil.tar");
    REQUIRE(WriteWholeFile(path, tar) == absl::OkStatus());
    CAPTURE(name);
    CHECK(BackupReader::Open(path).status().code() == absl::StatusCode::kInvalidArgument);
  }
  std::string link = TarHeader("index.json", 0);
  link[156] = '2';
  CHECK_FALSE(ReadTar(link + std::string(kTarBlockBytes, '\0')).ok());
}

TEST_CASE("Sizes are compared with the file before they are believed", "[backup]") {
  for (const uint64_t size : {uint64_t{1}, uint64_t{1} << 33, uint64_t{1} << 40, (uint64_t{1} << 63) - 1}) {
    const auto members = ReadTar(TarHeader("index.json", size) + std::string(kTarBlockBytes - 1, '\0'));
    CAPTURE(size);
    CHECK(members.status().code() == absl::StatusCode::kDataLoss);
  }
  CHECK(ReadTar(std::string(kTarBlockBytes, '\0'))->empty());
  CHECK(ReadTar("").status().code() == absl::StatusCode::kDataLoss);
}

BackupIndex SomeIndex() {
  BackupIndex index;
  BackupModel& model = index.models.emplace_back();
  model.id = *Digest::FromHex(std::string(64, 'a'));
  model.size_bytes = 17;
  model.holders = {{"app:a", {"k", "\xC3\xA9"}}, {"web:https://s|https://o", {}}};
  model.pinned = true;
  model.priority = v1::PRIORITY_LOW;
  model.share = BackupShare{.everybody = true, .with = {"https://o"}, .commonness = 0.5};
  BackupModel& bare = index.models.emplace_back();
  bare.id = *Digest::FromHex(std::string(64, 'b'));
  index.partitions.push_back({.partition = "app:a", .quota_bytes = 5, .max_age_seconds = 7});
  return index;
}

TEST_CASE("An index is read as it was written", "[backup]") {
  const BackupIndex index = SomeIndex();
  const auto again = ParseIndex(PrintIndex(index));
  REQUIRE(again.status() == absl::OkStatus());
  CHECK(*again == index);
}

TEST_CASE("A wrong index is refused with the name of what is wrong", "[backup]") {
  const std::string good = PrintIndex(SomeIndex());
  const std::tuple<std::string, std::string, std::string> cases[] = {
      {"modeld-cache", "other", "format"},
      {"\"version\": 1", "\"version\": 2", "version"},
      {std::string(64, 'a'), std::string(63, 'a'), "models[0].model_id"},
      {std::string(64, 'b'), std::string(64, 'a'), "models[1].model_id"},
      {"17", "-17", "models[0].size_bytes"},
      {"17", "1e30", "models[0].size_bytes"},
      {"\"low\"", "\"urgent\"", "models[0].priority"},
      {"0.5", "1.5", "models[0].share.commonness"},
      {"0.5", "\"0.5\"", "models[0].share.commonness"},
      {"\"pinned\": true", "\"pinned\": 1", "models[0].pinned"},
      {"\"quota_bytes\": 5", "\"quota_bytes\": 5.5", "partitions[0].quota_bytes"},
      {"\"keep_at_most\": null", "\"keep_at_most\": 4294967296", "partitions[0].keep_at_most"},
      {"\"app:a\"", "7", "models[0].partitions.name"},
  };
  for (const auto& [from, to, where] : cases) {
    std::string wrong = good;
    const size_t at = wrong.find(from);
    REQUIRE(at != std::string::npos);
    wrong.replace(at, from.size(), to);
    const auto index = ParseIndex(wrong);
    CAPTURE(to);
    REQUIRE(index.status().code() == absl::StatusCode::kInvalidArgument);
    CHECK_THAT(std::string(index.status().message()), Contains(where));
  }
  for (size_t size = 0; size + 2 < good.size(); size += 3) CHECK_FALSE(ParseIndex(good.substr(0, size)).ok());
  CHECK_FALSE(ParseIndex(std::string(100000, '[')).ok());
}

}  // namespace
}  // namespace modeld::tools
