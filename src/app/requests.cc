// SPDX-License-Identifier: Apache-2.0
#include "app/requests.h"

#include <algorithm>
#include <map>

#include "app/factory.h"
#include "ledger/events.h"
#include "pki/crl_request.h"

namespace birthmark::app {
namespace {

// FilesThatWait reads the requests that stand in a workspace's folder, by their digest. One that
// does not read is somebody else's file.
Result<std::map<Digest, std::pair<fs::path, std::string>>> FilesThatWait(const Layout& layout) {
  std::map<Digest, std::pair<fs::path, std::string>> out;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(layout.requests(), ec)) {
    const fs::path& file = entry.path();
    if (file.extension() != ".request" && file.extension() != ".crl-request" &&
        file.extension() != ".artifact-request")
      continue;
    BM_TRY(std::string text, ReadTextFile(file, pki::kMaxCrlRequestBytes));
    auto shown = offline::Show(text);
    if (shown) out[shown->digest] = {file, shown->kind};
  }
  return out;
}

}  // namespace

Result<std::vector<CarriedRow>> CarriedRequests(const fs::path& workspace) {
  BM_TRY(auto reader, OpenReader(workspace));
  BM_TRY(std::vector<uint64_t> seqs,
         reader->registry().EventsOfType(ledger::RequestCarried::kType));
  std::vector<CarriedRow> out;
  std::map<Digest, size_t> at;
  for (uint64_t seq : seqs) {
    BM_TRY(ledger::Event event, reader->EventAt(seq));
    BM_TRY(ledger::RequestCarried body, ledger::BodyOf<ledger::RequestCarried>(event));
    auto [it, fresh] = at.emplace(body.request, out.size());
    if (fresh) out.push_back({.id = body.ca, .kind = "", .request = body.request, .file = {}});
    CarriedRow& row = out[it->second];
    std::optional<int64_t>& when = body.action == "exported" ? row.exported
                                   : body.action == "signed" ? row.signed_at
                                                             : row.imported;
    if (!when) when = event.at;
  }
  BM_TRY(auto files, FilesThatWait(Layout(workspace)));
  for (auto& [digest, found] : files) {
    auto it = at.find(digest);
    if (it == at.end()) continue;
    out[it->second].file = found.first;
    out[it->second].kind = found.second;
  }
  return out;
}

Result<std::vector<CarriedRow>> ExportRequests(const fs::path& workspace, const fs::path& to,
                                               bool dry_run) {
  BM_TRY(std::vector<CarriedRow> all, CarriedRequests(workspace));
  std::erase_if(all, [](const CarriedRow& row) { return !row.Waits(); });
  if (all.empty()) {
    return Refused("request.nothing-waiting", "no request waits to be carried",
                   "birthmark ca rotate WS and birthmark crl build WS make requests");
  }
  if (dry_run) return all;
  BM_CHECK(MakeDirs(to, 0700));
  for (CarriedRow& row : all) {
    BM_TRY(std::string text, ReadTextFile(row.file, pki::kMaxCrlRequestBytes));
    row.file = to / row.file.filename();
    BM_CHECK(WriteFileAtomic(row.file, text));
  }
  return all;
}

Result<offline::Answered> AnswerOffline(const offline::SignOptions& options,
                                        const fs::path& request, const KeySource& source,
                                        const Clock& clock) {
  BM_TRY(std::string text, ReadTextFile(request, pki::kMaxCrlRequestBytes));
  offline::SignOptions o = options;
  if (o.name.empty()) o.name = request.stem().string();
  std::unique_ptr<keystore::RoutedKeyStore> keys;
  return offline::Answer(
      o, text,
      [&](const std::string& id) -> Result<std::unique_ptr<crypto::Signer>> {
        BM_TRY(keys, UnlockOffline(o.side, source));
        return keys->Open(id);
      },
      clock);
}

}  // namespace birthmark::app
