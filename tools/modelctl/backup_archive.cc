#include "tools/modelctl/backup_archive.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "tools/modelctl/config_edit.h"
#include "tools/modelctl/local_file.h"
#include "tools/modelctl/tar.h"

namespace modeld::tools {
namespace {

constexpr absl::string_view kIndexName = "index.json";
constexpr absl::string_view kModels = "models";
constexpr uint64_t kMaxIndexBytes = uint64_t{64} << 20;

std::string ModelName(const Digest& model_id) {
  return absl::StrCat(kModels, "/", model_id.ToHex(), ".modeld");
}

// The model of a member's name; INVALID_ARGUMENT for every other name.
absl::StatusOr<Digest> ModelOf(absl::string_view name) {
  const bool fits = absl::ConsumePrefix(&name, kModels) && absl::ConsumePrefix(&name, "/") &&
                    absl::ConsumeSuffix(&name, ".modeld");
  if (!fits) return absl::InvalidArgumentError("no model's name");
  return Digest::FromHex(name);
}

absl::Status CheckIndexSize(const std::string& path, uint64_t size_bytes) {
  if (size_bytes <= kMaxIndexBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(path, ": its index is larger than any backup's"));
}

class TarWriter : public BackupWriter {
 public:
  TarWriter(std::string path, std::string partial, std::FILE* file)
      : path_(std::move(path)), partial_(std::move(partial)), file_(file) {}
  ~TarWriter() override {
    if (file_ == nullptr) return;
    std::fclose(file_);
    ::unlink(partial_.c_str());
  }

  bool Has(const Digest&) const override { return false; }

  absl::Status Add(const Digest& model_id, absl::FunctionRef<absl::Status(ContainerBody&)> fill) override {
    ContainerBody container(path_, file_, end_bytes_ + kTarBlockBytes, model_id);
    absl::Status filled = fill(container);
    absl::StatusOr<uint64_t> size = filled.ok() ? container.Finish() : absl::StatusOr<uint64_t>(filled);
    if (!size.ok()) {
      // What was written of it must not show through the gaps of the next one.
      MODELD_RETURN_IF_ERROR(Cut(end_bytes_));
      return size.status();
    }
    return Close(ModelName(model_id), *size);
  }

  absl::Status Finish(absl::string_view index) override {
    MODELD_RETURN_IF_ERROR(WriteAt(end_bytes_ + kTarBlockBytes, index));
    MODELD_RETURN_IF_ERROR(Close(kIndexName, index.size()));
    // Two blocks of zeros end a tar.
    MODELD_RETURN_IF_ERROR(Cut(end_bytes_ + 2 * kTarBlockBytes));
    return PutInPlace(std::exchange(file_, nullptr), partial_, path_);
  }

 private:
  // Puts the header before a member whose bytes are written, and zeros behind it.
  absl::Status Close(absl::string_view name, uint64_t size_bytes) {
    MODELD_RETURN_IF_ERROR(WriteAt(end_bytes_, TarHeader(name, size_bytes)));
    end_bytes_ += kTarBlockBytes + TarPadded(size_bytes);
    return Cut(end_bytes_);
  }
  absl::Status Cut(uint64_t size_bytes) {
    if (std::fflush(file_) != 0 || ::ftruncate(::fileno(file_), static_cast<off_t>(size_bytes)) != 0) {
      return SystemError(path_, errno);
    }
    return absl::OkStatus();
  }
  absl::Status WriteAt(uint64_t offset_bytes, absl::string_view bytes) {
    if (::fseeko(file_, static_cast<off_t>(offset_bytes), SEEK_SET) != 0 ||
        std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) {
      return SystemError(path_, errno);
    }
    return absl::OkStatus();
  }

  const std::string path_;
  const std::string partial_;
  std::FILE* file_;
  // Where the next member's header goes.
  uint64_t end_bytes_ = 0;
};

class FolderWriter : public BackupWriter {
 public:
  explicit FolderWriter(std::string path) : path_(std::move(path)) {}

  bool Has(const Digest& model_id) const override {
    return ::access(absl::StrCat(path_, "/", ModelName(model_id)).c_str(), F_OK) == 0;
  }
  absl::Status Add(const Digest& model_id, absl::FunctionRef<absl::Status(ContainerBody&)> fill) override {
    MODELD_ASSIGN_OR_RETURN(
        const auto writer,
        ContainerWriter::Create(absl::StrCat(path_, "/", ModelName(model_id)), model_id, /*replace=*/true));
    MODELD_RETURN_IF_ERROR(fill(writer->body()));
    return writer->Finish();
  }
  absl::Status Finish(absl::string_view index) override {
    return ReplaceFile(absl::StrCat(path_, "/", kIndexName), index);
  }

 private:
  const std::string path_;
};

class TarReader : public BackupReader {
 public:
  static absl::StatusOr<std::unique_ptr<BackupReader>> Open(const std::string& path) {
    auto reader = std::unique_ptr<TarReader>(new TarReader());
    MODELD_ASSIGN_OR_RETURN(reader->file_, MapFile(path));
    auto members = ReadTar(reader->file_.view());
    if (!members.ok()) return Annotate(members.status(), path);
    bool indexed = false;
    for (const TarMember& member : *members) {
      const Region bytes(reader->file_.bytes().subspan(member.begin_bytes, member.size_bytes),
                         reader->file_.owner());
      if (member.name == kIndexName) {
        MODELD_RETURN_IF_ERROR(CheckIndexSize(path, member.size_bytes));
        reader->index_ = bytes;
        indexed = true;
        continue;
      }
      const auto id = ModelOf(member.name);
      if (!id.ok()) return absl::InvalidArgumentError(absl::StrCat(path, ": not a backup of modeld"));
      reader->models_[*id] = bytes;
    }
    if (!indexed) return absl::DataLossError(absl::StrCat(path, ": its index is missing"));
    return reader;
  }
  absl::string_view index() const override { return index_.view(); }
  absl::StatusOr<Region> Model(const Digest& model_id) const override {
    const auto found = models_.find(model_id);
    if (found == models_.end()) {
      return absl::NotFoundError(absl::StrCat(model_id.ToHex(), ": is not in the backup"));
    }
    return found->second;
  }

 private:
  TarReader() = default;

  Region file_;
  Region index_;
  std::map<Digest, Region> models_;
};

class FolderReader : public BackupReader {
 public:
  static absl::StatusOr<std::unique_ptr<BackupReader>> Open(const std::string& path) {
    auto index = MapFile(absl::StrCat(path, "/", kIndexName));
    if (absl::IsNotFound(index.status())) {
      return absl::DataLossError(absl::StrCat(path, ": its index is missing: no backup, or not finished"));
    }
    if (!index.ok()) return index.status();
    MODELD_RETURN_IF_ERROR(CheckIndexSize(path, index->size()));
    return std::unique_ptr<BackupReader>(new FolderReader(path, *std::move(index)));
  }
  absl::string_view index() const override { return index_.view(); }
  absl::StatusOr<Region> Model(const Digest& model_id) const override {
    return MapFile(absl::StrCat(path_, "/", ModelName(model_id)));
  }

 private:
  FolderReader(std::string path, Region index) : path_(std::move(path)), index_(std::move(index)) {}

  const std::string path_;
  const Region index_;
};

absl::StatusOr<std::unique_ptr<BackupWriter>> CreateFolder(const std::string& path) {
  std::error_code error;
  const std::string models = absl::StrCat(path, "/", kModels);
  const bool begun = std::filesystem::is_directory(models, error);
  if (!begun && std::filesystem::exists(path, error) && !std::filesystem::is_empty(path, error)) {
    return absl::AlreadyExistsError(
        absl::StrCat(path, ": is there already, and no backup; a file ends in .tar"));
  }
  std::filesystem::create_directories(models, error);
  if (error) return SystemError(path, error.value());
  // Until this backup is finished there is none.
  ::unlink(absl::StrCat(path, "/", kIndexName).c_str());
  return std::make_unique<FolderWriter>(path);
}

}  // namespace

bool IsTarName(absl::string_view path) {
  return absl::EndsWithIgnoreCase(path, ".tar");
}

absl::StatusOr<std::unique_ptr<BackupWriter>> BackupWriter::Create(const std::string& path, bool replace) {
  if (!IsTarName(path)) return CreateFolder(path);
  if (!replace && ::access(path.c_str(), F_OK) == 0) {
    return absl::AlreadyExistsError(absl::StrCat(path, ": is there already; --force replaces it"));
  }
  std::string partial = absl::StrCat(path, ".partial");
  std::FILE* file = std::fopen(partial.c_str(), "wbe");
  if (file == nullptr) return SystemError(path, errno);
  return std::make_unique<TarWriter>(path, std::move(partial), file);
}

absl::StatusOr<std::unique_ptr<BackupReader>> BackupReader::Open(const std::string& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return SystemError(path, errno);
  return S_ISDIR(info.st_mode) ? FolderReader::Open(path) : TarReader::Open(path);
}

}  // namespace modeld::tools
