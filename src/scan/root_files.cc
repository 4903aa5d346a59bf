// SPDX-License-Identifier: Apache-2.0
// root-anchors.xml with root-anchors.p7s beside it: who signed it, as a fact of the store.
#include "anchors/root_anchors.h"
#include "scan/scanner.h"

namespace birthmark::scan {
namespace {

constexpr size_t kMaxRootFile = 128 << 10, kMaxRootFolders = 100;

}  // namespace

void Scanner::RootFile(const Where& where, const SourcePtr& file, std::optional<size_t> store) {
  const size_t slash = where.path.rfind('/');
  const std::string name = slash == std::string::npos ? where.path : where.path.substr(slash + 1);
  const bool list = name == "root-anchors.xml", signature = name == "root-anchors.p7s";
  // IANA publishes the authority's certificate under this name, and unbound keeps it so.
  if (!list && !signature && name != "icannbundle.pem") return;
  const std::string key = where.in + "!" + where.path.substr(0, where.path.size() - name.size());
  if (roots_.size() >= kMaxRootFolders && !roots_.contains(key)) return;
  auto data = ReadWhole(*file, kMaxRootFile);
  if (!data) return Unreadable(where, data.error());
  RootFolder& folder = roots_[key];
  (list ? folder.xml : signature ? folder.p7s : folder.authority) = std::move(*data);
  if (store) folder.store = store;
}

void Scanner::FinishRoots() {
  for (const auto& [key, folder] : roots_) {
    if (!folder.store || folder.p7s.empty()) continue;
    std::vector<Fact>& facts = report_.stores[*folder.store].facts;
    if (folder.authority.empty()) {
      facts.push_back({"scan.root-signature",
                       "root-anchors.p7s lies beside it and was not checked: icannbundle.pem, the "
                       "certificate of the authority that signs it, is not there"});
      continue;
    }
    const auto read =
        anchors::VerifyRootAnchors(folder.xml, folder.p7s, folder.authority, options_.at);
    if (!read) {
      facts.push_back({"scan.root-signature", read.error().message});
      continue;
    }
    for (const anchors::FactNote& note : read->notes) {
      if (note.code == "anchors.root-signed") facts.push_back({"scan.root-signed", note.text});
    }
  }
}

}  // namespace birthmark::scan
