// SPDX-License-Identifier: Apache-2.0
#include "app/discovery.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "crypto/der.h"
#include "crypto/digest.h"
#include "disclose/signed.h"
#include "pki/profile.h"
#include "voucher/cms.h"
#include "voucher/verify.h"

namespace birthmark::app {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMaxMud = size_t{256} * 1024;
constexpr size_t kMaxUrl = 253;  // RFC 8520 section 11 and the profile's own bound
constexpr std::string_view kTransparency = "ietf-mud-transparency:transparency";

fs::path FileFor(const fs::path& folder, const WebPlace& place) {
  return folder / place.host / place.path.substr(1);
}

// Sibling is the URL of a file beside another.
std::string Sibling(const std::string& url, const std::string& name) {
  return url.substr(0, url.rfind('/') + 1) + name;
}

std::string SignatureName(const std::string& url) {
  const size_t slash = url.rfind('/'), dot = url.rfind('.');
  return (dot != url.npos && dot > slash ? url.substr(0, dot) : url) + ".p7s";
}

// NewestDisclosure is the file of a product's last disclosure.
Result<Bytes> NewestDisclosure(const Layout& layout, const std::string& product) {
  fs::path newest;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(layout.disclosures(), ec)) {
    const std::string name = entry.path().filename().string();
    // Versions have four digits, so that the names sort.
    if (name.size() == product.size() + std::string_view("-0001.birthmark").size() &&
        name.starts_with(product + "-") && name.ends_with(".birthmark"))
      newest = std::max(newest, entry.path());
  }
  if (newest.empty()) {
    return Refused("discovery.no-disclosure", "nothing was disclosed for " + product + " yet",
                   "run birthmark disclose first");
  }
  return ReadFile(newest, disclose::kMaxFileBytes);
}

std::string MudFile(const plan::Product& p, const std::string& mud_url,
                    const std::string& disclosure_url, ByteView disclosure, const MudOptions& o,
                    Time now) {
  ordered_json transparency = ordered_json::object();
  if (!o.sbom_url.empty())
    transparency["sboms"] =
        ordered_json::array({{{"version-info", p.firmware}, {"sbom-url", o.sbom_url}}});
  if (!o.vuln_url.empty()) transparency["vuln-url"] = ordered_json::array({o.vuln_url});
  transparency[std::string(kDisclosureModule) + ":disclosure"] = {
      {"version-info", p.firmware},
      {"disclosure-url", disclosure_url},
      {"sha256", ToHex(crypto::Sha256(disclosure))}};
  ordered_json mud{{"mud-version", 1},
                   {"mud-url", mud_url},
                   {"mud-signature", SignatureName(mud_url)},
                   {"last-update", FormatTime(now)},
                   {"cache-validity", 48},
                   {"is-supported", true},
                   {"systeminfo", p.name.substr(0, 60)},
                   {"mfg-name", p.manufacturer},
                   {"firmware-rev", p.firmware},
                   {"model-name", p.id},
                   {"extensions", {"transparency", kDisclosureModule}}};
  mud[std::string(kTransparency)] = std::move(transparency);
  ordered_json top;
  top["ietf-mud:mud"] = std::move(mud);
  return top.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::string TextIn(const ordered_json& object, std::string_view name) {
  auto it = object.find(std::string(name));
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

// Fetched reads a file that a URL names, or notes that it is wanted.
std::optional<Bytes> Fetched(const std::string& url, const fs::path& folder, size_t limit,
                             Discovered& d) {
  auto place = PlaceOf(url);
  if (!place) {
    d.findings.Error(place.error().code, place.error().message);
    return std::nullopt;
  }
  auto bytes = ReadFile(FileFor(folder, *place), limit);
  if (!bytes && bytes.error().code == "file.missing") {
    d.wanted.push_back(url);
    return std::nullopt;
  }
  if (!bytes) {
    d.findings.Error(bytes.error().code, bytes.error().message);
    return std::nullopt;
  }
  return std::move(*bytes);
}

void CheckMudSignature(ByteView mud, ByteView signature,
                       const std::vector<crypto::Certificate>& anchors, Time at, Discovered& d) {
  auto carried = voucher::ReadCms(signature);
  auto signer = carried ? voucher::CheckCms(signature, anchors, mud)
                        : Result<crypto::Certificate>(std::unexpected(carried.error()));
  if (!signer) {
    d.findings.Error("discovery.mud-signature", "the MUD file: " + signer.error().message);
    return;
  }
  if (anchors.empty()) return;
  if (auto path = voucher::ChainTo(*signer, carried->certificates, anchors, at); !path)
    d.findings.Error("discovery.mud-signer", "the MUD file: " + path.error().message);
}

void CheckDisclosure(ByteView file, const ordered_json& node,
                     const std::vector<crypto::Certificate>& anchors, Discovered& d) {
  if (TextIn(node, "sha256") != ToHex(crypto::Sha256(file))) {
    d.findings.Error("discovery.digest", "the disclosure is not the one that the MUD file names");
  }
  auto opened = disclose::OpenDisclosure(file);
  if (!opened) {
    d.findings.Error(opened.error().code, "the disclosure: " + opened.error().message);
    return;
  }
  d.disclosed_product = opened->disclosure.product.id;
  if (!anchors.empty() && std::ranges::none_of(anchors, [&](const crypto::Certificate& a) {
        return a.digest() == opened->chain.back().digest();
      })) {
    d.findings.Error("discovery.signer", "the disclosure leads to none of the anchors");
  }
}

}  // namespace

Result<WebPlace> PlaceOf(std::string_view url) {
  auto bad = [&](std::string_view why) {
    return Refused("discovery.url", fmt::format("{}: {}", url.substr(0, kMaxUrl), why));
  };
  constexpr std::string_view kScheme = "https://";
  if (url.size() > kMaxUrl || !url.starts_with(kScheme)) return bad("no https URL");
  const std::string_view rest = url.substr(kScheme.size());
  const size_t slash = rest.find('/');
  if (slash == 0 || slash == rest.npos || slash + 1 == rest.size()) return bad("it names no file");
  WebPlace out{.host = std::string(rest.substr(0, slash)), .path = std::string(rest.substr(slash))};
  auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
  };
  // It becomes a file's name, so nothing in it may climb.
  const bool names = std::ranges::all_of(out.host, [&](char c) { return plain(c) || c == ':'; }) &&
                     std::ranges::all_of(out.path, [&](char c) { return plain(c) || c == '/'; });
  if (!names || out.host.starts_with('.') || out.path.find("/.") != out.path.npos ||
      out.path.find("//") != out.path.npos || out.path.back() == '/')
    return bad("it has a query, an escape or an empty part");
  return out;
}

Result<MudExport> ExportMud(const MudOptions& o, const KeySource& keys, const Clock& clock) {
  BM_TRY(auto f, Factory::Open(o.workspace, keys, false, o.product, o.as, clock));
  const plan::Product& product = f->adopted.plan.product;
  if (!product.mud_url) {
    return Refused("discovery.no-url", "the plan of " + product.id + " has no mud-url",
                   "its devices name none, so nothing leads to this file");
  }
  MudExport out{.mud_url = *product.mud_url,
                .disclosure_url = Sibling(*product.mud_url, product.id + ".birthmark"),
                .files = {}};
  BM_TRY(WebPlace mud_place, PlaceOf(out.mud_url));
  BM_TRY(WebPlace signature_place, PlaceOf(SignatureName(out.mud_url)));
  BM_TRY(WebPlace disclosure_place, PlaceOf(out.disclosure_url));
  for (const std::string* url : {&o.sbom_url, &o.vuln_url}) {
    if (!url->empty() && !url->starts_with("https://"))
      return Usage("discovery.url", *url + " is no https URL");
  }
  BM_TRY(Bytes disclosure, NewestDisclosure(f->layout, product.id));
  const std::string mud =
      MudFile(product, out.mud_url, out.disclosure_url, disclosure, o, clock.Now());

  BM_TRY(auto reader, f->NewReader());
  BM_TRY(auto signers, SignersOf(*reader));
  const plan::Pki* pki = f->adopted.plan.DisclosurePki();
  auto chain = pki == nullptr ? signers.end() : signers.find(pki->id);
  if (chain == signers.end() || chain->second.chain.empty())
    return Internal("disclose.signer", "this workspace has no disclosure signer");
  BM_TRY(auto signer, f->keys.online->Open(chain->second.key_id));
  BM_TRY(Bytes signature, voucher::SignCms(AsBytes(mud),
                                           {.content_type = std::string(voucher::kMudType),
                                            .chain = chain->second.chain,
                                            .at = clock.Now(),
                                            .detached = true},
                                           *signer));
  const fs::path folder = o.output.empty() ? f->layout.public_dir() / "web" : o.output;
  for (const auto& [place, bytes] :
       {std::pair(disclosure_place, ByteView(disclosure)),
        std::pair(signature_place, ByteView(signature)), std::pair(mud_place, AsBytes(mud))}) {
    const fs::path file = FileFor(folder, place);
    out.files.push_back(file);
    if (o.dry_run) continue;
    BM_CHECK(MakeDirs(file.parent_path()));
    BM_CHECK(WriteFileAtomic(file, bytes));
  }
  return out;
}

WebFiles::WebFiles(fs::path folder) {
  std::error_code ec;
  for (const auto& host : fs::directory_iterator(folder, ec)) {
    for (fs::recursive_directory_iterator it(host.path(), ec), end; !ec && it != end;
         it.increment(ec)) {
      if (it->is_regular_file(ec) && !it->is_symlink(ec))
        files_.emplace("/" + fs::relative(it->path(), host.path(), ec).string(), it->path());
    }
  }
}

std::vector<std::string> WebFiles::paths() const {
  std::vector<std::string> out;
  for (const auto& [path, file] : files_) out.push_back(path);
  return out;
}

void WebFiles::Handle(enroll::HttpRequest request, enroll::Reply reply) {
  enroll::HttpResponse r;
  auto it = files_.find(request.path);
  if (request.method != "GET" && request.method != "HEAD") {
    r.status = 405;
    r.headers = {{"Allow", "GET, HEAD"}};
    return reply(std::move(r));
  }
  Result<Bytes> bytes = it == files_.end() ? Refused("file.missing", request.path)
                                           : ReadFile(it->second, disclose::kMaxFileBytes);
  if (!bytes) {
    r.status = 404;
    r.note = bytes.error().ToString();
    return reply(std::move(r));
  }
  r.content_type = request.path.ends_with(".json")        ? "application/mud+json"
                   : request.path.ends_with(".p7s")       ? "application/pkcs7-signature"
                   : request.path.ends_with(".birthmark") ? std::string(disclose::kDisclosureType)
                                                          : "application/octet-stream";
  r.headers = {{"Cache-Control", "public, max-age=3600"}, {"X-Content-Type-Options", "nosniff"}};
  r.body = std::move(*bytes);
  reply(std::move(r));
}

Result<Discovered> Discover(const crypto::Certificate& device, const fs::path& fetched,
                            const std::vector<crypto::Certificate>& anchors, Time at) {
  Discovered d;
  d.serial = device.subject_serial_number().value_or("");
  const crypto::CertExtension* url = device.Extension(pki::oid::kMudUrl);
  if (url == nullptr)
    return Refused("discovery.no-url", "the certificate has no MUD URL (RFC 8520 section 11)");
  crypto::DerReader reader(url->value);
  BM_TRY(ByteView text, reader.Expect(crypto::der::kIa5String));
  d.mud_url = AsText(text);
  BM_TRY(WebPlace place, PlaceOf(d.mud_url));
  std::optional<Bytes> mud = Fetched(d.mud_url, fetched, kMaxMud, d);
  if (!mud) return d;
  auto bad = [](std::string why) { return Refused("discovery.mud", "the MUD file " + why); };
  const ordered_json top = ordered_json::parse(mud->begin(), mud->end(), nullptr, false);
  if (top.is_discarded() || !top.is_object() || !top.contains("ietf-mud:mud") ||
      !top["ietf-mud:mud"].is_object())
    return bad("is no ietf-mud:mud in JSON");
  const ordered_json& body = top["ietf-mud:mud"];
  if (TextIn(body, "mud-url") != d.mud_url) return bad("is for another MUD URL");
  d.model = TextIn(body, "systeminfo");
  d.signature_url = TextIn(body, "mud-signature");
  // RFC 8520 section 13.2: without a signature that verifies, the file counts for nothing.
  if (d.signature_url.empty()) {
    d.findings.Error("discovery.mud-signature", "the MUD file names no signature");
  } else if (auto signature = Fetched(d.signature_url, fetched, kMaxMud, d)) {
    CheckMudSignature(*mud, *signature, anchors, at, d);
  }
  auto transparency = body.find(std::string(kTransparency));
  if (transparency == body.end() || !transparency->is_object())
    return bad("has no transparency extension (RFC 9472)");
  if (auto sboms = transparency->find("sboms");
      sboms != transparency->end() && sboms->is_array() && !sboms->empty())
    d.sbom_url = TextIn(sboms->front(), "sbom-url");
  auto node = transparency->find(std::string(kDisclosureModule) + ":disclosure");
  if (node == transparency->end() || !node->is_object()) return bad("points to no disclosure");
  d.disclosure_url = TextIn(*node, "disclosure-url");
  if (auto file = Fetched(d.disclosure_url, fetched, disclose::kMaxFileBytes, d))
    CheckDisclosure(*file, *node, anchors, d);
  return d;
}

}  // namespace birthmark::app
