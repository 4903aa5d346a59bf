// SPDX-License-Identifier: Apache-2.0
#include "app/backup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "app/factory.h"
#include "app/record.h"
#include "ledger/events_continuity.h"

namespace birthmark::app {
namespace {

constexpr int kPagesAtOnce = 4096;

// OutFile is a file that vanishes unless it is kept.
class OutFile {
 public:
  explicit OutFile(fs::path path) : path_(std::move(path)) {}
  ~OutFile() {
    if (fd_ >= 0) close(fd_);
    if (!kept_) unlink(path_.c_str());
  }
  OutFile(const OutFile&) = delete;
  OutFile& operator=(const OutFile&) = delete;
  Status Open() {
    fd_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd_ < 0) return std::unexpected(FromErrno("file.write", path_.string(), errno));
    return {};
  }
  Status Write(ByteView data) {
    while (!data.empty()) {
      ssize_t n = write(fd_, data.data(), data.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return std::unexpected(FromErrno("file.write", path_.string(), errno));
      data = data.subspan(static_cast<size_t>(n));
      size_ += static_cast<uint64_t>(n);
    }
    return {};
  }
  Status Sync() {
    if (fsync(fd_) != 0) return std::unexpected(FromErrno("file.write", path_.string(), errno));
    close(std::exchange(fd_, -1));
    return {};
  }
  Status KeepAs(const fs::path& name) {
    // A link refuses to replace what is there, as a rename would not.
    if (::link(path_.c_str(), name.c_str()) != 0) {
      if (errno == EEXIST) {
        return Refused("backup.exists", name.string() + ": is there already",
                       "name another file: a backup never replaces one");
      }
      // A file system without links (FAT on a stick).
      std::error_code ec;
      if (!fs::exists(name)) fs::rename(path_, name, ec);
      if (ec || !fs::exists(name))
        return std::unexpected(FromErrno("file.write", name.string(), ec ? ec.value() : EEXIST));
      kept_ = true;
    }
    return SyncDir(name.has_parent_path() ? name.parent_path() : fs::path("."));
  }
  uint64_t size() const { return size_; }

 private:
  fs::path path_;
  int fd_ = -1;
  uint64_t size_ = 0;
  bool kept_ = false;
};

// Walker visits what of a workspace's folder belongs into a backup, in alphabetical order. The log
// goes in by itself; its index of keys is derived.
class Walker {
 public:
  using OnFile = std::function<Status(const std::string& name, int mode, const fs::path&)>;
  using OnFolder = std::function<Status(const std::string& name, int mode)>;
  Walker(fs::path ledger, std::vector<fs::path> skip, OnFolder folder, OnFile file)
      : ledger_(std::move(ledger)),
        skip_(std::move(skip)),
        folder_(std::move(folder)),
        file_(std::move(file)) {}

  Status Walk(const fs::path& at, const std::string& name) {
    std::error_code ec;
    std::set<fs::path> entries;
    for (fs::directory_iterator it(at, ec), end; !ec && it != end; it.increment(ec))
      entries.insert(it->path());
    if (ec) return std::unexpected(FromErrno("file.read", at.string(), ec.value()));
    BM_TRY(int mode, ModeOf(at));
    BM_CHECK(folder_(name, mode));
    for (const fs::path& path : entries) {
      if (path == ledger_ || std::ranges::find(skip_, fs::absolute(path)) != skip_.end()) continue;
      std::string inner = name + "/" + path.filename().string();
      fs::file_status status = fs::symlink_status(path, ec);
      if (fs::is_socket(status) || path.extension() == ".tmp") continue;
      if (fs::is_directory(status)) {
        BM_CHECK(Walk(path, inner));
      } else if (fs::is_regular_file(status)) {
        BM_TRY(int file_mode, ModeOf(path));
        BM_CHECK(file_(inner, file_mode, path));
      } else {
        return Refused(
            "backup.not-a-file", path.string() + ": is neither a file nor a folder",
            "a link leads out of the workspace: put the thing itself there, or remove it");
      }
    }
    return {};
  }

 private:
  static Result<int> ModeOf(const fs::path& path) {
    struct stat st{};
    if (lstat(path.c_str(), &st) != 0)
      return std::unexpected(FromErrno("file.read", path.string(), errno));
    return static_cast<int>(st.st_mode & 0777);
  }
  fs::path ledger_;
  std::vector<fs::path> skip_;
  OnFolder folder_;
  OnFile file_;
};

// Quiet is the workspace while nobody else changes it: its lock, or a server's loan.
struct Quiet {
  std::optional<Loan> loan;
  std::optional<FileLock> lock;
  static Result<Quiet> Take(const Layout& layout) {
    Quiet q;
    auto lock = FileLock::Take(layout.ledger() / ledger::kLockFile, "ledger.locked");
    if (!lock && Lends(layout)) {
      BM_TRY(q.loan, Loan::Ask(layout));
      lock = FileLock::Take(layout.ledger() / ledger::kLockFile, "ledger.locked");
    }
    BM_TRY(q.lock, std::move(lock));
    return q;
  }
};

}  // namespace

Status CopyLog(const ledger::LogReader& reader, const fs::path& to) {
  BM_TRY(ledger::Db copy, ledger::Db::Open(to.string(), ledger::Db::Mode::kCreate));
  BM_CHECK(copy.Exec("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF"));
  sqlite3_backup* b = sqlite3_backup_init(copy.get(), "main", reader.db().get(), "main");
  if (b == nullptr) return std::unexpected(ledger::SqliteError(copy.get(), "copying the log"));
  int rc = SQLITE_OK;
  while (rc == SQLITE_OK) rc = sqlite3_backup_step(b, kPagesAtOnce);
  int end = sqlite3_backup_finish(b);
  if (rc != SQLITE_DONE || end != SQLITE_OK)
    return std::unexpected(ledger::SqliteError(copy.get(), "copying the log"));
  return {};
}

Result<BackupMadeResult> CreateBackup(const BackupOptions& o, const KeySource& source,
                                      const Clock& clock) {
  Layout layout(o.workspace);
  if (fs::exists(o.file)) {
    return Refused("backup.exists", o.file.string() + ": is there already",
                   "name another file: a backup never replaces one");
  }
  {
    BM_CHECK(OpenReader(o.workspace));
  }  // names what is missing before a passphrase is asked for
  if (fs::exists(layout.ledger() / ledger::kFenceFile)) {
    return Refused("ledger.fenced", o.workspace.string() + ": was restored and is still fenced",
                   "keep the backup it came from, or lift the fence first");
  }
  if (o.offline && !fs::exists(layout.offline_keys())) {
    return Refused("backup.no-offline", layout.offline().string() + ": is not on this machine",
                   "leave --with-offline out, and back it up where it is");
  }
  BM_TRY(OpenKeys keys, UnlockOnline(layout, source));
  BM_TRY(Quiet quiet, Quiet::Take(layout));
  BM_TRY(auto reader, OpenReader(o.workspace));
  BM_TRY(auto log_key, keys.online->Open("log"));
  if (!std::ranges::equal(log_key->public_key().spki(), reader->genesis().log_key))
    return Refused("keys.log", "the key \"log\" is not the one that this log began with");
  ledger::EventContext context;
  BM_TRY(context.actor, ActorHere(layout, o.as));

  BackupMadeResult out;
  out.seal = {.origin = reader->genesis().origin,
              .made = FormatTime(clock.Now()),
              .program = "birthmark " BIRTHMARK_VERSION,
              .events = reader->size(),
              .root = {},
              .offline = o.offline};
  BM_TRY(out.seal.root, reader->Root(reader->size()));
  fs::path part = o.file, spool = o.file, copy = o.file;
  part += ".part";
  spool += ".part.manifest";
  copy += ".part.sqlite";
  std::vector<fs::path> skip;
  for (const fs::path& p : {o.file, part, spool, copy}) skip.push_back(fs::absolute(p));
  for (const fs::path& p : {layout.lock()}) skip.push_back(fs::absolute(p));
  if (o.dry_run) {
    Walker walker(
        layout.ledger(), skip, [](const std::string&, int) { return Status(); },
        [&](const std::string&, int, const fs::path& path) -> Status {
          ++out.files;
          out.size += fs::file_size(path);
          return {};
        });
    BM_CHECK(walker.Walk(layout.root, "ws"));
    if (o.offline) BM_CHECK(walker.Walk(layout.offline(), "offline"));
    ++out.files;
    out.size += fs::file_size(layout.ledger() / ledger::kLogFile);
    return out;
  }

  OutFile file(part), log_copy(copy);
  BM_CHECK(file.Open());
  BM_TRY(BackupWriter writer,
         BackupWriter::Start([&](ByteView b) { return file.Write(b); }, spool, clock.Now()));
  Walker walker(
      layout.ledger(), skip,
      [&](const std::string& name, int mode) { return writer.AddFolder(name, mode); },
      [&](const std::string& name, int mode, const fs::path& path) {
        ++out.files;
        return writer.AddFile(name, mode, path);
      });
  // What changes together with the log is read while nobody writes; the log itself is read from
  // the snapshot, which stays as it is.
  BM_CHECK(walker.Walk(layout.root, "ws"));
  if (o.offline) BM_CHECK(walker.Walk(layout.offline(), "offline"));
  quiet.lock.reset();
  quiet.loan.reset();
  BM_CHECK(log_copy.Open());
  BM_CHECK(CopyLog(*reader, copy));
  BM_CHECK(writer.AddFolder("ws/ledger", 0700));
  BM_CHECK(writer.AddFile("ws/ledger/log.sqlite", 0600, copy));
  ++out.files;
  reader.reset();
  BM_TRY(out.seal, writer.Finish(out.seal, *log_key));
  BM_TRY(out.checkpoint, ledger::SignCheckpoint({.origin = out.seal.origin,
                                                 .size = out.seal.events,
                                                 .root = out.seal.root,
                                                 .extensions = {}},
                                                *log_key));
  BM_CHECK(file.Sync());
  out.size = file.size();
  BM_CHECK(file.KeepAs(o.file));
  BM_CHECK(AppendHere(layout,
                      ledger::MakeEvent(context, clock.Now(), "",
                                        ledger::BackupMade{.files = out.files,
                                                           .events = out.seal.events,
                                                           .octets = out.seal.octets,
                                                           .offline = out.seal.offline,
                                                           .manifest = out.seal.manifest}),
                      clock));
  return out;
}

namespace {

Result<BackupContents> ReadBackupFile(const fs::path& file,
                                      const std::optional<ledger::NoteKey>& key,
                                      BackupTarget* target) {
  int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return std::unexpected(
        FromErrno(errno == ENOENT ? "file.missing" : "file.read", file.string(), errno));
  }
  struct Close {
    int fd;
    ~Close() { close(fd); }
  } closing{fd};
  ReadFn read = [&](std::span<uint8_t> out) -> Result<size_t> {
    for (;;) {
      ssize_t n = ::read(fd, out.data(), out.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return std::unexpected(FromErrno("file.read", file.string(), errno));
      return static_cast<size_t>(n);
    }
  };
  auto contents = ReadBackup(read, key, target);
  if (!contents) return std::unexpected(std::move(contents).error().Context(file.string()));
  return contents;
}

// Unpacker writes what it is given under two folders that vanish unless they are kept.
class Unpacker : public BackupTarget {
 public:
  explicit Unpacker(const Layout& meant)
      : meant_(meant),
        layout_(meant.root.parent_path() /
                fmt::format(".{}.restore-{}", meant.root.filename().string(), getpid())) {}
  ~Unpacker() override {
    if (fd_ >= 0) close(fd_);
    if (kept_) return;
    std::error_code ec;
    fs::remove_all(layout_.root, ec);
    fs::remove_all(layout_.offline(), ec);
  }

  Status Folder(const BackupEntry& e) override { return MakeDirs(PathOf(e.name), e.mode | 0700); }
  Status Begin(const BackupEntry& e) override {
    path_ = PathOf(e.name);
    fd_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, e.mode | 0600);
    if (fd_ < 0) return std::unexpected(FromErrno("file.write", path_.string(), errno));
    return {};
  }
  Status Data(ByteView data) override {
    while (!data.empty()) {
      ssize_t n = write(fd_, data.data(), data.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return std::unexpected(FromErrno("file.write", path_.string(), errno));
      data = data.subspan(static_cast<size_t>(n));
    }
    return {};
  }
  Status End() override {
    if (fsync(fd_) != 0) return std::unexpected(FromErrno("file.write", path_.string(), errno));
    close(std::exchange(fd_, -1));
    return {};
  }

  const Layout& layout() const { return layout_; }
  // Keep renames the offline side first: a workspace never stands without it.
  Status Keep(bool offline) {
    std::error_code ec;
    if (offline) fs::rename(layout_.offline(), meant_.offline(), ec);
    if (!ec) fs::rename(layout_.root, meant_.root, ec);
    if (ec) return std::unexpected(FromErrno("restore.rename", meant_.root.string(), ec.value()));
    kept_ = true;
    fs::path parent = meant_.root.parent_path();
    return SyncDir(parent.empty() ? fs::path(".") : parent);
  }

 private:
  fs::path PathOf(const std::string& name) const {
    size_t slash = name.find('/');
    fs::path top = name.substr(0, slash) == "ws" ? layout_.root : layout_.offline();
    return slash == name.npos ? top : top / name.substr(slash + 1);
  }
  const Layout& meant_;
  Layout layout_;
  fs::path path_;
  int fd_ = -1;
  bool kept_ = false;
};

}  // namespace

Result<BackupContents> CheckBackup(const fs::path& file,
                                   const std::optional<ledger::NoteKey>& key) {
  return ReadBackupFile(file, key, nullptr);
}

Result<BackupContents> RestoreBackup(const fs::path& file, const fs::path& workspace,
                                     const std::optional<ledger::NoteKey>& key,
                                     const Clock& clock) {
  Layout meant(workspace);
  for (const fs::path& p : {meant.root, meant.offline()}) {
    if (fs::exists(p)) {
      return Refused("restore.exists", p.string() + ": is there already",
                     "name another folder: a restore never replaces a workspace");
    }
  }
  Unpacker unpacker(meant);
  BM_TRY(BackupContents contents, ReadBackupFile(file, key, &unpacker));
  const Layout& layout = unpacker.layout();
  {
    BM_TRY(auto reader, OpenReader(layout.root));
    BM_TRY(ledger::NoteKey own, reader->Key());
    BM_TRY(Digest root, reader->Root(reader->size()));
    if (own.ToText() != contents.key.ToText() || reader->size() != contents.seal.events ||
        root != contents.seal.root) {
      return Refused("restore.log",
                     file.string() + ": the log inside is not the one that was sealed",
                     "use another backup");
    }
  }
  BM_CHECK(WriteFileAtomic(
      layout.ledger() / ledger::kFenceFile,
      FormatFence({contents.seal.manifest, contents.seal.events, FormatTime(clock.Now())}), 0600));
  BM_CHECK(unpacker.Keep(contents.seal.offline));
  return contents;
}

std::string FormatFence(const FenceMark& m) {
  return fmt::format(
      "birthmark fence 1\nmanifest {}\nevents {}\nrestored {}\n"
      "This copy was restored from a backup. It is read-only until it is compared with what the\n"
      "world saw: birthmark backup restore --unfence WS CHECKPOINT\n",
      ToHex(m.manifest), m.events, m.restored);
}

Result<FenceMark> ParseFence(std::string_view text) {
  auto bad = [] {
    return Refused("restore.fence", "the file ledger/fence is not as a restore wrote it",
                   "restore the backup again");
  };
  FenceMark m;
  auto take = [&](std::string_view head) -> std::optional<std::string_view> {
    size_t end = text.find('\n');
    if (end == text.npos || !text.starts_with(head)) return std::nullopt;
    std::string_view line = text.substr(head.size(), end - head.size());
    text.remove_prefix(end + 1);
    return line;
  };
  auto first = take("birthmark fence 1"), manifest = take("manifest "), events = take("events "),
       restored = take("restored ");
  if (!first || !first->empty() || !manifest || !events || !restored) return bad();
  auto raw = FromHex(*manifest);
  auto [end, ec] = std::from_chars(events->data(), events->data() + events->size(), m.events);
  if (!raw || raw->size() != 32 || ec != std::errc() || end != events->data() + events->size() ||
      !ParseTime(*restored))
    return bad();
  std::copy(raw->begin(), raw->end(), m.manifest.begin());
  m.restored = *restored;
  return m;
}

}  // namespace birthmark::app
