// SPDX-License-Identifier: Apache-2.0
#include "app/backup_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace birthmark::app {
namespace {

constexpr size_t kBlock = 512;
constexpr size_t kBuffer = 256 * 1024;
constexpr size_t kMaxOwnText = 64 * 1024;
constexpr uint64_t kMaxOctal = uint64_t{1} << 33;  // size field: 11 octal digits
constexpr uint64_t kMaxFile = uint64_t{1} << 46;   // 64 TiB
constexpr std::string_view kOwn = "birthmark-backup/";
constexpr std::string_view kFormat = "birthmark-backup/format";
constexpr std::string_view kVkey = "birthmark-backup/log.vkey";
constexpr std::string_view kCheckpoint = "birthmark-backup/checkpoint";
constexpr std::string_view kManifest = "birthmark-backup/manifest";
constexpr std::string_view kSeal = "birthmark-backup/seal";
constexpr std::string_view kSizeRecord = "birthmark-backup/size";
constexpr std::string_view kFormatText = "birthmark backup 1\n";
constexpr const char* kAgain = "use another backup; birthmark backup check F tells of each";

using Block = std::array<uint8_t, kBlock>;

void PutText(Block& b, size_t at, size_t room, std::string_view text) {
  std::copy_n(text.begin(), std::min(room, text.size()), b.begin() + static_cast<ptrdiff_t>(at));
}
void PutOctal(Block& b, size_t at, size_t digits, uint64_t v) {
  PutText(b, at, digits, fmt::format("{:0{}o}", v, digits));
}

// EncodeHeader gives the one header there is for an entry; nothing when its name does not fit.
std::optional<Block> EncodeHeader(std::string_view name, char type, int mode, uint64_t size,
                                  int64_t seconds) {
  std::string path(name);
  if (type == '5') path += '/';
  std::string_view tail = path, prefix;
  if (path.size() > 100) {
    // The prefix is as short as it may be, so that there is one way to cut.
    size_t cut = path.find('/', path.size() - 101);
    if (cut == path.npos || cut > 155 || cut + 1 == path.size()) return std::nullopt;
    prefix = tail.substr(0, cut);
    tail.remove_prefix(cut + 1);
  }
  Block b{};
  PutText(b, 0, 100, tail);
  PutOctal(b, 100, 7, static_cast<uint64_t>(mode));
  PutOctal(b, 108, 7, 0);
  PutOctal(b, 116, 7, 0);
  PutOctal(b, 124, 11, size < kMaxOctal ? size : 0);
  PutOctal(b, 136, 11, static_cast<uint64_t>(seconds));
  b[156] = static_cast<uint8_t>(type);
  PutText(b, 257, 8, std::string_view("ustar\00000", 8));
  PutOctal(b, 329, 7, 0);
  PutOctal(b, 337, 7, 0);
  PutText(b, 345, 155, prefix);
  std::fill_n(b.begin() + 148, 8, ' ');
  uint64_t sum = 0;
  for (uint8_t c : b) sum += c;
  PutOctal(b, 148, 6, sum);
  b[154] = 0;
  return b;
}

std::string_view TextAt(const Block& b, size_t at, size_t room) {
  std::string_view all(reinterpret_cast<const char*>(b.data()) + at, room);
  return all.substr(0, std::min(all.find('\0'), room));
}
std::optional<uint64_t> OctalAt(const Block& b, size_t at, size_t digits) {
  uint64_t v = 0;
  std::string_view text(reinterpret_cast<const char*>(b.data()) + at, digits);
  auto [end, ec] = std::from_chars(text.data(), text.data() + digits, v, 8);
  if (ec != std::errc() || end != text.data() + digits) return std::nullopt;
  return v;
}

// SizeRecord is the extended header of a file that an octal number cannot measure.
std::string SizeRecord(uint64_t size) {
  std::string tail = fmt::format(" size={}\n", size);
  size_t length = tail.size() + 2;  // sizes of 10 to 14 digits: the record has two digits itself
  return fmt::format("{}{}", length, tail);
}

std::string ManifestLine(const BackupEntry& e, const Digest& digest) {
  return fmt::format("{} {:04o} {} {} {}\n", e.folder ? 'd' : 'f', e.mode, e.size,
                     e.folder ? "-" : ToHex(digest), e.name);
}

std::optional<uint64_t> WholeNumber(std::string_view text) {
  uint64_t v = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (ec != std::errc() || fmt::format("{}", v) != text) return std::nullopt;
  return v;
}

std::optional<Digest> DigestOf(std::string_view hex) {
  auto raw = FromHex(hex);
  if (!raw || raw->size() != 32 || ToHex(*raw) != hex) return std::nullopt;
  Digest d{};
  std::copy(raw->begin(), raw->end(), d.begin());
  return d;
}

}  // namespace

bool IsBackupName(std::string_view name) {
  if (name.size() > 255) return false;
  for (char c : name)
    if (c < 0x20 || c > 0x7e || c == '\\') return false;
  size_t slash = name.find('/');
  if (slash == name.npos) return name == "ws" || name == "offline";
  std::string_view top = name.substr(0, slash);
  if (top != "ws" && top != "offline" && name.substr(0, slash + 1) != kOwn) return false;
  while (!name.empty()) {
    std::string_view part = name.substr(0, name.find('/'));
    if (part.empty() || part == "." || part == "..") return false;
    if (part.size() == name.size()) return true;
    name.remove_prefix(part.size() + 1);
  }
  return false;  // ends in a slash
}

std::string FormatSeal(const BackupSeal& s) {
  return fmt::format("birthmark backup 1\n{}\n{}\n{}\n{} {}\n{} {}\n{}\n{}\n", s.origin, s.made,
                     s.program, s.events, ToHex(s.root), s.entries, s.octets,
                     s.offline ? "with-offline" : "without-offline", ToHex(s.manifest));
}

Result<BackupSeal> ParseSeal(std::string_view text) {
  auto bad = [](std::string_view what) {
    return Refused("backup.seal", fmt::format("the backup's seal: {}", what), kAgain);
  };
  if (text.size() > 4096) return bad("is too long");
  std::vector<std::string_view> lines;
  for (std::string_view rest = text; !rest.empty();) {
    size_t end = rest.find('\n');
    if (end == rest.npos) return bad("the last line has no end");
    lines.push_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  if (lines.size() != 8) return bad("has not eight lines");
  BackupSeal s;
  s.origin = lines[1];
  s.made = lines[2];
  s.program = lines[3];
  auto pair = [](std::string_view line) {
    size_t space = line.find(' ');
    return std::pair(line.substr(0, space),
                     space == line.npos ? std::string_view() : line.substr(space + 1));
  };
  auto [events, root] = pair(lines[4]);
  auto [entries, octets] = pair(lines[5]);
  auto n = WholeNumber(events), files = WholeNumber(entries), size = WholeNumber(octets);
  auto tree = DigestOf(root), manifest = DigestOf(lines[7]);
  if (!n || !files || !size || !tree || !manifest) return bad("a number or a digest is malformed");
  s.events = *n;
  s.root = *tree;
  s.entries = *files;
  s.octets = *size;
  s.offline = lines[6] == "with-offline";
  s.manifest = *manifest;
  if (s.origin.empty() || FormatSeal(s) != text) return bad("is not in its one form");
  return s;
}

Result<BackupWriter> BackupWriter::Start(Sink sink, const fs::path& spool, Time made) {
  int fd = open(spool.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return std::unexpected(FromErrno("file.write", spool.string(), errno));
  unlink(spool.c_str());
  BackupWriter w(std::move(sink), fd, made);
  BM_CHECK(w.AddText(std::string(kFormat), kFormatText));
  return w;
}

BackupWriter::BackupWriter(BackupWriter&& o) noexcept
    : sink_(std::move(o.sink_)),
      spool_(std::exchange(o.spool_, -1)),
      made_(o.made_),
      entries_(o.entries_),
      octets_(o.octets_),
      lines_size_(o.lines_size_),
      lines_(o.lines_) {}

BackupWriter::~BackupWriter() {
  if (spool_ >= 0) close(spool_);
}

Status BackupWriter::Header(const BackupEntry& e) {
  auto bad = [&] {
    return Refused("backup.name", fmt::format("\"{}\" is no name that a backup can hold", e.name),
                   "rename that file, or move it out of the workspace's folder");
  };
  if (!IsBackupName(e.name)) return bad();
  if (++entries_ > kMaxBackupEntries) {
    return Refused("backup.large", fmt::format("more than {} files", kMaxBackupEntries),
                   "move labels or devices of long ago out of the workspace's folder");
  }
  int64_t seconds = Millis(made_) / 1000;
  if (e.size >= kMaxOctal) {
    std::string record = SizeRecord(e.size);
    BM_CHECK(sink_(*EncodeHeader(kSizeRecord, 'x', 0600, record.size(), seconds)));
    BM_CHECK(sink_(AsBytes(record)));
    BM_CHECK(Pad(record.size()));
  }
  auto block = EncodeHeader(e.name, e.folder ? '5' : '0', e.mode, e.size, seconds);
  if (!block) return bad();
  octets_ += e.size;
  return sink_(*block);
}

Status BackupWriter::Pad(uint64_t size) {
  static constexpr Block kZero{};
  size_t over = size % kBlock;
  return over == 0 ? Status() : sink_(ByteView(kZero).first(kBlock - over));
}

Status BackupWriter::Line(const BackupEntry& e, const Digest& digest) {
  std::string line = ManifestLine(e, digest);
  lines_.Update(AsBytes(line));
  lines_size_ += line.size();
  for (size_t done = 0; done < line.size();) {
    ssize_t n = write(spool_, line.data() + done, line.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::unexpected(FromErrno("file.write", "the backup's manifest", errno));
    done += static_cast<size_t>(n);
  }
  return {};
}

Status BackupWriter::AddFolder(const std::string& name, int mode) {
  BackupEntry e{.name = name, .folder = true, .mode = mode, .size = 0};
  BM_CHECK(Header(e));
  return Line(e, Digest{});
}

Status BackupWriter::AddFile(const std::string& name, int mode, const fs::path& from) {
  int fd = open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return std::unexpected(FromErrno("file.read", from.string(), errno));
  struct Close {
    int fd;
    ~Close() { close(fd); }
  } closing{fd};
  struct stat st{};
  if (fstat(fd, &st) != 0) return std::unexpected(FromErrno("file.read", from.string(), errno));
  BackupEntry e{
      .name = name, .folder = false, .mode = mode, .size = static_cast<uint64_t>(st.st_size)};
  BM_CHECK(Header(e));
  crypto::Sha256Hasher hash;
  Bytes buffer(std::min<uint64_t>(kBuffer, e.size));
  for (uint64_t left = e.size; left > 0;) {
    ssize_t n = read(fd, buffer.data(), std::min<uint64_t>(buffer.size(), left));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::unexpected(FromErrno("file.read", from.string(), errno));
    if (n == 0) {
      return Environment("backup.changing", from.string() + ": became shorter while it was copied",
                         "see what else writes there, then make the backup again");
    }
    ByteView part = ByteView(buffer).first(static_cast<size_t>(n));
    hash.Update(part);
    BM_CHECK(sink_(part));
    left -= static_cast<size_t>(n);
  }
  BM_CHECK(Pad(e.size));
  return Line(e, hash.Finish());
}

Status BackupWriter::AddText(const std::string& name, std::string_view text) {
  BackupEntry e{.name = name, .folder = false, .mode = 0644, .size = text.size()};
  BM_CHECK(Header(e));
  BM_CHECK(sink_(AsBytes(text)));
  BM_CHECK(Pad(e.size));
  return Line(e, crypto::Sha256(AsBytes(text)));
}

Result<BackupSeal> BackupWriter::Finish(BackupSeal seal, crypto::Signer& log_key) {
  BM_TRY(ledger::NoteKey key, ledger::NoteKey::Of(seal.origin, log_key.public_key()));
  BM_CHECK(AddText(std::string(kVkey), key.ToText() + "\n"));
  BM_TRY(std::string checkpoint,
         ledger::SignCheckpoint(
             {.origin = seal.origin, .size = seal.events, .root = seal.root, .extensions = {}},
             log_key));
  BM_CHECK(AddText(std::string(kCheckpoint), checkpoint));
  seal.entries = entries_;
  seal.octets = octets_;
  seal.made = FormatTime(made_);
  seal.manifest = lines_.Finish();
  int64_t seconds = Millis(made_) / 1000;
  auto own = [&](std::string_view name, uint64_t size) -> Status {
    if (size >= kMaxOctal) return Refused("backup.large", "the manifest is larger than 8 GiB");
    return sink_(*EncodeHeader(name, '0', 0644, size, seconds));
  };
  BM_CHECK(own(kManifest, lines_size_));
  Bytes buffer(kBuffer);
  for (uint64_t at = 0; at < lines_size_;) {
    ssize_t n = pread(spool_, buffer.data(), buffer.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return std::unexpected(FromErrno("file.read", "the backup's manifest", errno));
    BM_CHECK(sink_(ByteView(buffer).first(static_cast<size_t>(n))));
    at += static_cast<size_t>(n);
  }
  BM_CHECK(Pad(lines_size_));
  ledger::Note note;
  note.text = FormatSeal(seal);
  BM_TRY(Bytes signature, log_key.Sign(AsBytes(note.text)));
  note.signatures.push_back({seal.origin, key.id(), std::move(signature)});
  std::string text = ledger::FormatNote(note);
  BM_CHECK(own(kSeal, text.size()));
  BM_CHECK(sink_(AsBytes(text)));
  BM_CHECK(Pad(text.size()));
  constexpr std::array<uint8_t, 2 * kBlock> kEnd{};  // POSIX: two blocks of zeros
  BM_CHECK(sink_(kEnd));
  return seal;
}

namespace {

class BackupParser {
 public:
  BackupParser(const ReadFn& read, const std::optional<ledger::NoteKey>& key, BackupTarget* target)
      : read_(read), key_(key), target_(target) {}

  Result<BackupContents> Run() {
    BM_TRY(std::optional<BackupEntry> first, NextEntry());
    std::string text;
    if (!first || first->name != kFormat) return NotOne();
    BM_CHECK(Take(*first, &text));
    if (text != kFormatText) {
      return Refused("backup.not-one", "the backup is of a form that this program does not know",
                     "use the release of Birthmark that wrote it, or a newer one");
    }
    std::string vkey;
    for (;;) {
      BM_TRY(std::optional<BackupEntry> e, NextEntry());
      if (!e) return CutShort("before its manifest");
      if (e->name == kManifest) {
        BM_CHECK(CheckManifest(*e));
        break;
      }
      std::string* own = e->name == kVkey ? &vkey : e->name == kCheckpoint ? &checkpoint_ : nullptr;
      if (own == nullptr && e->name.starts_with(kOwn)) return Damaged("has an entry " + e->name);
      BM_CHECK(Take(*e, own));
    }
    BM_TRY(std::optional<BackupEntry> last, NextEntry());
    if (!last || last->name != kSeal) return CutShort("before its seal");
    std::string seal;
    BM_CHECK(Take(*last, &seal, false));
    BM_TRY(std::optional<BackupEntry> more, NextEntry());
    if (more) return Damaged("goes on behind its seal");
    return CheckSeal(vkey, seal);
  }

 private:
  std::unexpected<Error> NotOne() {
    return Refused("backup.not-one", "the file is no backup of a workspace",
                   "name a file that `birthmark backup create` wrote");
  }
  std::unexpected<Error> Damaged(std::string_view what) {
    if (at_ <= kBlock) return NotOne();
    return Refused("backup.damaged", fmt::format("the backup {} (near octet {})", what, at_),
                   kAgain);
  }
  std::unexpected<Error> CutShort(std::string_view where) {
    return Refused("backup.cut-short", fmt::format("the backup ends {}", where), kAgain);
  }

  // Fill reads exactly so much; false at a clean end.
  Result<bool> Fill(std::span<uint8_t> out) {
    size_t done = 0;
    while (done < out.size()) {
      BM_TRY(size_t n, read_(out.subspan(done)));
      if (n == 0 && done == 0) return false;
      if (n == 0) return CutShort("within an entry");
      done += n;
      at_ += n;
    }
    return true;
  }
  Status Padding(uint64_t size) {
    size_t over = size % kBlock;
    if (over == 0) return {};
    Block rest{};
    BM_TRY(bool there, Fill(std::span(rest).first(kBlock - over)));
    if (!there) return CutShort("within an entry");
    if (std::ranges::any_of(std::span(rest).first(kBlock - over), [](uint8_t c) { return c != 0; }))
      return Damaged("has octets in its padding");
    return {};
  }

  // NextEntry reads a header; nothing at the two blocks that end the archive.
  Result<std::optional<BackupEntry>> NextEntry() {
    Block b{};
    BM_TRY(bool there, Fill(b));
    if (!there) return CutShort("without the mark of its end");
    if (std::ranges::all_of(b, [](uint8_t c) { return c == 0; })) {
      BM_TRY(bool second, Fill(b));
      if (!second || std::ranges::any_of(b, [](uint8_t c) { return c != 0; }))
        return Damaged("has half a mark of its end");
      BM_TRY(bool more, Fill(std::span(b).first(1)));
      if (more) return Damaged("goes on behind its end");
      return std::nullopt;
    }
    BM_TRY(BackupEntry e, Parse(b));
    return e;
  }

  Result<BackupEntry> Parse(const Block& first) {
    Block b = first;
    std::optional<uint64_t> large;
    if (b[156] == 'x') {
      auto size = OctalAt(b, 124, 11);
      auto seconds = OctalAt(b, 136, 11);
      if (!size || *size > 64 || !seconds ||
          b != EncodeHeader(kSizeRecord, 'x', 0600, *size, static_cast<int64_t>(*seconds)))
        return Damaged("has an extended header");
      std::string record(*size, '\0');
      BM_TRY(bool there, Fill(std::span(reinterpret_cast<uint8_t*>(record.data()), *size)));
      if (!there) return CutShort("within an entry");
      BM_CHECK(Padding(*size));
      size_t equals = record.find('=');
      if (equals == record.npos || record.empty()) return Damaged("has an extended header");
      large = WholeNumber(std::string_view(record).substr(equals + 1, record.size() - equals - 2));
      if (!large || *large < kMaxOctal || *large > kMaxFile || SizeRecord(*large) != record)
        return Damaged("has an extended header");
      BM_TRY(there, Fill(b));
      if (!there) return CutShort("within an entry");
    }
    BackupEntry e;
    std::string_view prefix = TextAt(b, 345, 155);
    e.name = std::string(prefix) + (prefix.empty() ? "" : "/") + std::string(TextAt(b, 0, 100));
    e.folder = b[156] == '5';
    if (e.folder && e.name.ends_with('/')) e.name.pop_back();
    auto mode = OctalAt(b, 100, 7);
    auto size = OctalAt(b, 124, 11);
    auto seconds = OctalAt(b, 136, 11);
    if (!mode || *mode > 0777 || !size || !seconds) return Damaged("has a malformed header");
    e.mode = static_cast<int>(*mode);
    e.size = large.value_or(*size);
    // Whatever else the header says, it must be the one that the writer makes of this.
    if (b != EncodeHeader(e.name, e.folder ? '5' : '0', e.mode, e.size,
                          static_cast<int64_t>(*seconds)) ||
        (e.folder && e.size != 0))
      return Damaged("has a malformed header");
    if (!IsBackupName(e.name)) return Damaged(fmt::format("names \"{}\"", e.name));
    return e;
  }

  // Take reads an entry's contents. A text of the archive's own is small.
  Status Take(const BackupEntry& e, std::string* own, bool in_manifest = true) {
    const bool give = target_ != nullptr && !e.name.starts_with(kOwn);
    if (own != nullptr && (e.folder || e.size > kMaxOwnText))
      return Damaged("has a large " + e.name);
    if (e.folder) {
      if (give) BM_CHECK(target_->Folder(e));
      return Remember(e, Digest{});
    }
    if (give) BM_CHECK(target_->Begin(e));
    crypto::Sha256Hasher hash;
    buffer_.resize(std::max<size_t>(buffer_.size(), kBuffer));
    for (uint64_t left = e.size; left > 0;) {
      auto part = std::span(buffer_).first(std::min<uint64_t>(buffer_.size(), left));
      BM_TRY(bool there, Fill(part));
      if (!there) return CutShort("within " + e.name);
      hash.Update(part);
      if (give) BM_CHECK(target_->Data(part));
      if (own != nullptr) own->append(part.begin(), part.end());
      left -= part.size();
    }
    BM_CHECK(Padding(e.size));
    if (give) BM_CHECK(target_->End());
    return in_manifest ? Remember(e, hash.Finish()) : Status();
  }

  Status Remember(const BackupEntry& e, const Digest& digest) {
    if (lines_.size() >= kMaxBackupEntries) return Refused("backup.large", "has too many entries");
    lines_.push_back(crypto::Sha256(AsBytes(ManifestLine(e, digest))));
    octets_ += e.size;
    files_ += !e.folder && !e.name.starts_with(kOwn);
    return {};
  }

  // CheckManifest compares it line by line with what was read, and so names what differs.
  Status CheckManifest(const BackupEntry& e) {
    if (e.folder || e.size > kMaxBackupEntries * 512) return Damaged("has a strange manifest");
    std::string line;
    size_t n = 0;
    buffer_.resize(std::max<size_t>(buffer_.size(), kBuffer));
    for (uint64_t left = e.size; left > 0;) {
      auto part = std::span(buffer_).first(std::min<uint64_t>(buffer_.size(), left));
      BM_TRY(bool there, Fill(part));
      if (!there) return CutShort("within its manifest");
      manifest_.Update(part);
      left -= part.size();
      for (uint8_t c : part) {
        line += static_cast<char>(c);
        if (c != '\n') {
          if (line.size() > 512) return Damaged("has a strange line in its manifest");
          continue;
        }
        if (n >= lines_.size() || crypto::Sha256(AsBytes(line)) != lines_[n]) {
          size_t space = 0;
          for (int i = 0; i < 4 && space != line.npos; ++i)
            space = line.find(' ', space + (i > 0 ? 1 : 0));
          std::string name = space == line.npos ? "an entry" : line.substr(space + 1);
          if (!name.empty() && name.back() == '\n') name.pop_back();
          return Refused("backup.changed",
                         fmt::format("{} is not what the backup's manifest says",
                                     IsBackupName(name) ? name : "an entry"),
                         kAgain);
        }
        ++n;
        line.clear();
      }
    }
    if (!line.empty() || n != lines_.size()) return Damaged("has half a manifest");
    return Padding(e.size);
  }

  Result<BackupContents> CheckSeal(std::string_view vkey, std::string_view text) {
    BM_TRY(ledger::Note note, ledger::ParseNote(text));
    if (vkey.ends_with('\n')) vkey.remove_suffix(1);
    auto named = key_ ? Result<ledger::NoteKey>(*key_) : ledger::NoteKey::FromText(vkey);
    if (!named) return std::unexpected(std::move(named).error());
    if (Status s = ledger::VerifyNote(note, *named); !s) {
      Error e = std::move(s).error();
      if (e.code == "note.unsigned" && key_) {
        return Refused("backup.seal", fmt::format("the backup is not sealed by {}", key_->name()),
                       "name the log.vkey that was kept for this workspace");
      }
      return std::unexpected(std::move(e));
    }
    BM_TRY(BackupSeal seal, ParseSeal(note.text));
    if (seal.origin != named->name() || seal.entries != lines_.size() || seal.octets != octets_ ||
        seal.manifest != manifest_.Finish())
      return Refused("backup.seal", "the seal is that of another backup", kAgain);
    BM_TRY(ledger::Checkpoint c, ledger::OpenCheckpoint(checkpoint_, *named));
    if (c.size != seal.events || c.root != seal.root)
      return Refused("backup.seal", "the checkpoint is that of another backup", kAgain);
    return BackupContents{.seal = std::move(seal),
                          .key = std::move(*named),
                          .checkpoint = checkpoint_,
                          .files = files_};
  }

  const ReadFn& read_;
  const std::optional<ledger::NoteKey>& key_;
  BackupTarget* target_;
  uint64_t at_ = 0, octets_ = 0, files_ = 0;
  std::vector<Digest> lines_;
  crypto::Sha256Hasher manifest_;
  std::string checkpoint_;
  Bytes buffer_;
};

}  // namespace

Result<BackupContents> ReadBackup(const ReadFn& read, const std::optional<ledger::NoteKey>& key,
                                  BackupTarget* target) {
  return BackupParser(read, key, target).Run();
}

}  // namespace birthmark::app
