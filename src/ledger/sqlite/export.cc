// SPDX-License-Identifier: Apache-2.0
#include "ledger/sqlite/export.h"

namespace birthmark::ledger {

Status ExportBundle(LogReader& log, const std::string& checkpoint, const ExportOptions& options,
                    std::ostream& out) {
  BM_TRY(NoteKey key, log.Key());
  BM_TRY(Checkpoint c, OpenCheckpoint(checkpoint, key));
  if (c.size > log.size() || options.from > c.size) {
    return Refused("merkle.range", fmt::format("no events {} to {} in a ledger of {}", options.from,
                                               c.size, log.size()));
  }
  BundleHeader header;
  header.from = options.from;
  header.to = c.size;
  BM_TRY(Frontier left, log.FrontierOf(options.from));
  header.left = left.hashes();
  header.vkey = key.ToText();
  header.origin = c.origin;
  header.checkpoint = checkpoint;
  BM_TRY(BundleWriter writer, BundleWriter::Start(out, header));
  BM_CHECK(
      log.ForRange(options.from, c.size, [&](uint64_t, const Event& e, ByteView raw) -> Status {
        bool hide = options.redact && options.redact(e);
        return hide ? writer.AddRedacted({LeafHash(raw), e.type}) : writer.Add(raw);
      }));
  return writer.Finish();
}

}  // namespace birthmark::ledger
