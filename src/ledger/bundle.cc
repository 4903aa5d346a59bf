// SPDX-License-Identifier: Apache-2.0
#include "ledger/bundle.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>

namespace birthmark::ledger {
namespace {

constexpr size_t kMaxItem = kMaxStoredBytes + 16;
constexpr size_t kChunk = 64 << 10;
constexpr size_t kMaxTypeName = 200;

std::unexpected<Error> Bad(std::string_view what) {
  return Refused("bundle.malformed", fmt::format("evidence bundle: {}", what),
                 "get the bundle again from its maker");
}

// ReadStatement checks what header and checkpoint say about each other.
Result<Checkpoint> ReadStatement(const BundleHeader& h) {
  if (h.format != kBundleFormat) {
    return Refused(
        "bundle.format",
        fmt::format("evidence bundle: format {}, this program knows {}", h.format, kBundleFormat),
        "use a newer release of Birthmark");
  }
  BM_TRY(Note note, ParseNote(h.checkpoint));
  BM_TRY(Checkpoint c, ParseCheckpoint(note.text));
  if (c.origin != h.origin) return Bad("the checkpoint is of another log");
  if (c.size != h.to) return Bad("the checkpoint is of another size");
  if (h.from > h.to) return Bad("the range is upside down");
  return c;
}

}  // namespace

Result<BundleWriter> BundleWriter::Start(std::ostream& out, const BundleHeader& header) {
  BM_CHECK(ReadStatement(header));
  BM_TRY(Frontier left, Frontier::From(header.from, header.left));
  BundleWriter w(out, header, std::move(left));
  BM_CHECK(w.Put(cbor::ToCbor(header)));
  return w;
}

Status BundleWriter::Put(const Bytes& item) {
  out_->write(reinterpret_cast<const char*>(item.data()),
              static_cast<std::streamsize>(item.size()));
  if (!*out_) return std::unexpected(FromErrno("file.write", "evidence bundle", errno));
  return {};
}

Status BundleWriter::Add(ByteView event) {
  if (event.size() > kMaxStoredBytes)
    return Refused("ledger.event-large", "an event is larger than 1 MiB");
  tree_.Append(LeafHash(event));
  Bytes item;
  cbor::Writer(item).ByteString(event);
  return Put(item);
}

Status BundleWriter::AddRedacted(const RedactedLeaf& leaf) {
  tree_.Append(leaf.hash);
  return Put(cbor::ToCbor(leaf));
}

Status BundleWriter::Finish() {
  BM_TRY(Checkpoint c, ReadStatement(header_));
  if (tree_.size() != header_.to) {
    return Refused("bundle.count",
                   fmt::format("evidence bundle: {} leaves for {}", tree_.size() - header_.from,
                               header_.to - header_.from));
  }
  if (tree_.Root() != c.root)
    return Refused("bundle.root", "evidence bundle: the leaves do not make the checkpoint's tree");
  out_->flush();
  if (!*out_) return std::unexpected(FromErrno("file.write", "evidence bundle", errno));
  return {};
}

Result<BundleReader> BundleReader::Start(std::unique_ptr<std::istream> in) {
  BundleReader r(std::move(in));
  BM_TRY(auto item, r.Item());
  if (!item) return Bad("is empty");
  auto header = cbor::FromValue<BundleHeader>(*item);
  if (!header) return Bad(header.error().message);
  r.header_ = std::move(*header);
  BM_TRY(r.checkpoint_, ReadStatement(r.header_));
  BM_TRY(r.tree_, Frontier::From(r.header_.from, r.header_.left));
  return r;
}

Result<std::optional<cbor::Value>> BundleReader::Item() {
  if (buffer_.size() - used_ < kMaxItem && *in_) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<ptrdiff_t>(used_));
    used_ = 0;
    while (buffer_.size() < 2 * kMaxItem && *in_) {
      size_t had = buffer_.size();
      buffer_.resize(had + kChunk);
      in_->read(reinterpret_cast<char*>(buffer_.data() + had), kChunk);
      buffer_.resize(had + static_cast<size_t>(in_->gcount()));
    }
  }
  ByteView rest = ByteView(buffer_).subspan(used_);
  if (rest.empty()) return std::nullopt;
  size_t n = 0;
  // A leaf is one string or a small map; the header has at most 64 hashes.
  auto v = cbor::DecodePrefix(rest.first(std::min(rest.size(), kMaxItem)), &n,
                              {.depth = 4, .items = 200});
  if (!v && v.error().code == "cbor.truncated") {
    if (rest.size() >= kMaxItem) return Bad("an item is larger than 1 MiB");
    return Refused("bundle.truncated", "evidence bundle: the file ends early",
                   "get the bundle again from its maker");
  }
  if (!v) return Bad(v.error().message);
  last_ = rest.first(n);
  used_ += n;
  return std::move(*v);
}

Result<std::optional<BundleLeaf>> BundleReader::Next() {
  BM_TRY(auto item, Item());
  if (tree_.size() == header_.to) {
    if (item)
      return Refused("bundle.trailing",
                     "evidence bundle: more leaves than its checkpoint has events");
    if (tree_.Root() != checkpoint_.root) {
      return Refused("bundle.root",
                     "evidence bundle: its leaves do not make the checkpoint's tree: one was "
                     "changed, dropped or moved",
                     "get the bundle again from its maker");
    }
    return std::nullopt;
  }
  if (!item) {
    return Refused(
        "bundle.truncated",
        fmt::format("evidence bundle: ends after event {} of {}", tree_.size(), header_.to),
        "get the bundle again from its maker");
  }
  BundleLeaf leaf;
  leaf.seq = tree_.size();
  if (auto* raw = item->AsBytes()) {
    tree_.Append(LeafHash(*raw));
    leaf.raw = *raw;
    return leaf;
  }
  auto redacted = cbor::FromValue<RedactedLeaf>(*item);
  if (!redacted) return Bad(fmt::format("leaf {}: {}", leaf.seq, redacted.error().message));
  // Nothing may hide in keys that are not read.
  if (!std::ranges::equal(cbor::ToCbor(*redacted), last_))
    return Bad(fmt::format("leaf {}: unknown keys", leaf.seq));
  if (redacted->type && redacted->type->size() > kMaxTypeName)
    return Bad(fmt::format("leaf {}: a long type", leaf.seq));
  tree_.Append(redacted->hash);
  leaf.redacted = std::move(*redacted);
  return leaf;
}

OpenStream FromFile(std::string path) {
  return [path = std::move(path)]() -> Result<std::unique_ptr<std::istream>> {
    auto in = std::make_unique<std::ifstream>(path, std::ios::binary);
    if (!*in)
      return std::unexpected(
          FromErrno(errno == ENOENT ? "file.missing" : "file.read", path, errno));
    return in;
  };
}

OpenStream FromMemory(Bytes data) {
  return [data = std::string(data.begin(), data.end())]() -> Result<std::unique_ptr<std::istream>> {
    return std::make_unique<std::istringstream>(data);
  };
}

Result<BundleSummary> VerifyBundle(const OpenStream& open, const std::optional<NoteKey>& key) {
  BM_TRY(auto in, open());
  BM_TRY(BundleReader reader, BundleReader::Start(std::move(in)));
  BundleSummary out;
  out.header = reader.header();
  Result<NoteKey> trusted = key ? Result<NoteKey>(*key) : NoteKey::FromText(out.header.vkey);
  if (!trusted) return std::unexpected(std::move(trusted).error());
  BM_TRY(out.checkpoint, OpenCheckpoint(out.header.checkpoint, *trusted));
  EventStamp last;
  for (;;) {
    BM_TRY(auto leaf, reader.Next());
    if (!leaf) return out;
    if (leaf->redacted) {
      ++out.redacted;
      continue;
    }
    auto event = DecodeEvent(leaf->raw);
    if (!event)
      return std::unexpected(std::move(event).error().Context(fmt::format("event {}", leaf->seq)));
    if (event->recorded < last.recorded || (event->id <= last.id && out.events > 0)) {
      return Refused("bundle.order",
                     fmt::format("event {} was recorded before one that precedes it", leaf->seq));
    }
    last = {event->id, event->recorded};
    ++out.events;
  }
}

Result<std::unique_ptr<Bundle>> Bundle::Open(OpenStream open, const std::optional<NoteKey>& key) {
  BM_TRY(BundleSummary summary, VerifyBundle(open, key));
  return std::unique_ptr<Bundle>(new Bundle(std::move(open), std::move(summary)));
}

namespace {
// EachLeaf reads a bundle again; reading checks the tree again, so a file changed since is noticed.
Status EachLeaf(const OpenStream& open, const std::string& checkpoint,
                const std::function<Status(const BundleLeaf&)>& fn) {
  BM_TRY(auto in, open());
  BM_TRY(BundleReader reader, BundleReader::Start(std::move(in)));
  if (reader.header().checkpoint != checkpoint)
    return Bad("the file was replaced while it was read");
  for (;;) {
    BM_TRY(auto leaf, reader.Next());
    if (!leaf) return {};
    BM_CHECK(fn(*leaf));
  }
}
}  // namespace

Status Bundle::ForEach(const EventFn& fn) {
  return EachLeaf(open_, summary_.header.checkpoint, [&](const BundleLeaf& leaf) -> Status {
    if (leaf.redacted) return {};
    auto event = ReadEvent(leaf.raw);
    if (!event)
      return std::unexpected(std::move(event).error().Context(fmt::format("event {}", leaf.seq)));
    return fn(leaf.seq, *event, leaf.raw);
  });
}

Status Bundle::ForEachRedacted(const std::function<Status(uint64_t, const RedactedLeaf&)>& fn) {
  return EachLeaf(open_, summary_.header.checkpoint, [&](const BundleLeaf& leaf) -> Status {
    return leaf.redacted ? fn(leaf.seq, *leaf.redacted) : Status();
  });
}

}  // namespace birthmark::ledger
