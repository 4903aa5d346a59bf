// SPDX-License-Identifier: Apache-2.0
// From a device's certificate to its maker's disclosure: the MUD URL in the IDevID, the signed MUD
// file there (RFC 8520), its transparency extension (RFC 9472), and beside that the disclosure's
// URL. Written as files for any web server, served by `serve`, and read back. No network here.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/factory.h"
#include "base/findings.h"
#include "enroll/http.h"

namespace birthmark::app {

// The extension's own module; docs/discovery.md describes it.
inline constexpr std::string_view kDisclosureModule = "birthmark-mud";

// WebPlace is an https URL taken apart; its path has only letters, digits and -._~/ and no "..".
struct WebPlace {
  std::string host, path;  // path: "/ridgeback-s1.json"
};
// PlaceOf. Errors: discovery.url.
Result<WebPlace> PlaceOf(std::string_view url);

struct MudOptions {
  fs::path workspace;
  std::string product, as;
  fs::path output;       // a folder: HOST/PATH below it; empty: public/web of the workspace
  std::string sbom_url;  // of the firmware's software bill of materials; empty: none
  std::string vuln_url;  // of vulnerability information; empty: none
  bool dry_run = false;
};
struct MudExport {
  std::string mud_url, disclosure_url;
  std::vector<fs::path> files;
};
// ExportMud writes the MUD file, its detached signature by the disclosure signer, and the newest
// disclosure. Errors: discovery.no-url (the plan has no mud-url), discovery.no-disclosure (nothing
// was disclosed yet), discovery.url, those of the key store and of files.
Result<MudExport> ExportMud(const MudOptions& options, const KeySource& keys, const Clock& clock);

// WebFiles gives out what stands in public/web, by path: on whichever host, since one workspace is
// one maker. Thread-safe.
class WebFiles : public enroll::Handler {
 public:
  explicit WebFiles(fs::path folder);
  void Handle(enroll::HttpRequest request, enroll::Reply reply) override;
  // paths are those to be routed here: what was there at the start.
  std::vector<std::string> paths() const;

 private:
  std::map<std::string, fs::path> files_;  // by path
};

// Discovered is the way from a certificate, as far as it could be gone.
struct Discovered {
  std::string mud_url, signature_url, disclosure_url, sbom_url;
  std::string serial, model, disclosed_product;
  std::vector<std::string> wanted;  // URLs whose files are not here yet
  Findings findings;
};
// Discover follows the URLs through files that were fetched before: DIR/HOST/PATH. Signatures of
// the MUD file and of the disclosure must lead to `anchors`. Errors: discovery.no-url (no MUD URL
// in the certificate), discovery.mud (the file does not read).
Result<Discovered> Discover(const crypto::Certificate& device, const fs::path& fetched,
                            const std::vector<crypto::Certificate>& anchors, Time at);

}  // namespace birthmark::app
