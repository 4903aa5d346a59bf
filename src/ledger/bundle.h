// SPDX-License-Identifier: Apache-2.0
// Evidence bundles: the end of a log from one event on, as one file that proves itself against a
// signed checkpoint. A leaf may be redacted to its hash: counts stay complete and the redaction
// shows. Leaves out where events come from and whom to trust (`key`). Source:
// docs/formats/evidence.md. One thread an object.
#pragma once

#include <functional>
#include <istream>
#include <memory>
#include <ostream>
#include <string>

#include "ledger/checkpoint.h"
#include "ledger/event_codec.h"
#include "ledger/merkle.h"

namespace birthmark::ledger {

inline constexpr uint32_t kBundleFormat = 1;

// BundleHeader opens a bundle.
struct BundleHeader {
  uint64_t to = 0;           // one past the last event: the checkpoint's size
  uint64_t from = 0;         // the first event in the bundle
  std::vector<Digest> left;  // the frontier of the events [0, from)
  std::string vkey;          // the log's key as the bundle's maker names it: a hint, not trust
  uint32_t format = kBundleFormat;
  std::string origin;
  std::string checkpoint;  // signed note
  template <class V>
  void Fields(V& v) {
    v("to", to);
    v("from", from);
    v("left", left);
    v("vkey", vkey);
    v("format", format);
    v("origin", origin);
    v("checkpoint", checkpoint);
  }
};

// RedactedLeaf stands for an event that is not shown. `type` is what the maker says it was.
struct RedactedLeaf {
  Digest hash{};
  std::optional<std::string> type;
  template <class V>
  void Fields(V& v) {
    v("hash", hash);
    v("type", type);
  }
};

// BundleWriter writes a bundle leaf by leaf.
class BundleWriter {
 public:
  // Start writes the header. `out` must outlive the writer. Errors: file.write.
  static Result<BundleWriter> Start(std::ostream& out, const BundleHeader& header);
  Status Add(ByteView event);
  Status AddRedacted(const RedactedLeaf& leaf);
  // Finish checks that the leaves make the checkpoint's tree and flushes.
  // Errors: bundle.root, bundle.count, file.write.
  Status Finish();

 private:
  BundleWriter(std::ostream& out, const BundleHeader& header, Frontier left)
      : out_(&out), header_(header), tree_(std::move(left)) {}
  Status Put(const Bytes& item);
  std::ostream* out_;
  BundleHeader header_;
  Frontier tree_;
};

// BundleLeaf is one leaf as read: an event with its bytes, or a redaction.
struct BundleLeaf {
  uint64_t seq = 0;
  Bytes raw;  // empty when redacted
  std::optional<RedactedLeaf> redacted;
};

// BundleReader reads a bundle leaf by leaf in bounded memory.
class BundleReader {
 public:
  // Start reads the header. Errors: bundle.malformed, bundle.format.
  static Result<BundleReader> Start(std::unique_ptr<std::istream> in);
  const BundleHeader& header() const { return header_; }
  // Next is the next leaf, or nothing after the last, when the tree has been found to be the
  // checkpoint's. Errors: bundle.malformed, bundle.truncated, bundle.trailing, bundle.root.
  Result<std::optional<BundleLeaf>> Next();

 private:
  explicit BundleReader(std::unique_ptr<std::istream> in) : in_(std::move(in)) {}
  // Item reads the next data item of the sequence, or nothing at the end of the file.
  Result<std::optional<cbor::Value>> Item();
  std::unique_ptr<std::istream> in_;
  Bytes buffer_;     // what was read ahead, at most a few items of the largest size
  size_t used_ = 0;  // of the buffer
  ByteView last_;    // the octets of the last item
  BundleHeader header_;
  Checkpoint checkpoint_;
  Frontier tree_;
};

// BundleSummary is what VerifyBundle counted.
struct BundleSummary {
  BundleHeader header;
  Checkpoint checkpoint;
  uint64_t events = 0;
  uint64_t redacted = 0;
};

// OpenStream gives the bundle's octets from their beginning; it is called once for each pass.
using OpenStream = std::function<Result<std::unique_ptr<std::istream>>()>;
// FromFile opens a file. Errors: file.missing, file.read.
OpenStream FromFile(std::string path);
OpenStream FromMemory(Bytes data);

// VerifyBundle reads everything: the leaves make the checkpoint's tree, every event decodes
// strictly and follows the one before, and the checkpoint is signed by `key`; without a key, by the
// one that the bundle itself names, which says that it is intact and nothing about whose it is.
// Errors: those of BundleReader and OpenCheckpoint, bundle.order, those of DecodeEvent.
Result<BundleSummary> VerifyBundle(const OpenStream& open, const std::optional<NoteKey>& key);

// Bundle is a verified bundle as a source of events.
class Bundle : public EventSource {
 public:
  static Result<std::unique_ptr<Bundle>> Open(OpenStream open, const std::optional<NoteKey>& key);
  const BundleSummary& summary() const { return summary_; }
  Status ForEach(const EventFn& fn) override;
  // ForEachRedacted shows what is not shown.
  Status ForEachRedacted(const std::function<Status(uint64_t seq, const RedactedLeaf&)>& fn);

 private:
  Bundle(OpenStream open, BundleSummary summary)
      : open_(std::move(open)), summary_(std::move(summary)) {}
  OpenStream open_;
  BundleSummary summary_;
};

}  // namespace birthmark::ledger
