// SPDX-License-Identifier: Apache-2.0
#include "app/silicon_maker.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "crypto/digest.h"
#include "crypto/ecdsa_form.h"
#include "crypto/pem.h"
#include "crypto/software_signer.h"
#include "manifest/strict_json.h"
#include "pki/issue.h"

namespace birthmark::app {
namespace {

using crypto::SoftwareSigner;

constexpr std::string_view kMakerName = "Rehearsal Silicon";
constexpr size_t kUidOctets = 9;
constexpr size_t kMaxKeyPem = 4096;

// Tray is where parts wait: one file a part, named by its identifier or by the unit it is for.
fs::path Tray(const Layout& layout) { return layout.silicon() / "tray"; }

class Maker {
 public:
  Maker(Factory& f, const Clock& clock)
      : f_(f), clock_(clock), serials_(clock, f.rng, clock.Now()), home_(f.layout.silicon()) {}

  Result<MadeParts> Make(const MakerOptions& o, const std::string& activation) {
    BM_CHECK(MakeDirs(Tray(f_.layout), 0700));
    BM_TRY(root_key_, Key("maker-root"));
    BM_TRY(root_, Authority("maker-root", "Rehearsal Silicon Root", nullptr, nullptr, 1));
    BM_TRY(ca_key_, Key("maker-ca"));
    BM_TRY(ca_, Authority("maker-ca", "Rehearsal Silicon CA", root_key_.get(), &root_, 0));
    BM_TRY(list_key_, Key("manifest-signer"));
    // The list is signed by a key that nobody stands for, as prototypes' lists are.
    BM_TRY(list_signer_, Authority("manifest-signer", "Rehearsal Manifest Signer", nullptr, nullptr,
                                   0, list_key_.get()));
    MadeParts out{.count = o.count,
                  .manifest = o.output.empty() ? home_ / (o.reel + ".json") : o.output,
                  .signer = home_ / "manifest-signer.pem",
                  .root = home_ / "maker-root.pem"};
    fs::path part_file = out.manifest.string() + ".part";
    std::ofstream list(part_file, std::ios::binary | std::ios::trunc);
    for (uint64_t i = 0; i < o.count; ++i) {
      BM_TRY(std::string element, Part(o.reel, activation));
      list << (i == 0 ? "[" : ",\n") << element;
    }
    list << (o.count == 0 ? "[]\n" : "]\n");
    list.close();
    std::error_code ec;
    if (list) fs::rename(part_file, out.manifest, ec);
    if (!list || ec) return Environment("file.write", out.manifest.string() + " cannot be written");
    return out;
  }

 private:
  fs::path KeyFile(const std::string& name) const { return home_ / (name + ".key.pem"); }

  // Key is a key of the maker's, kept from one rehearsal to the next. Plain: it guards nothing.
  Result<std::unique_ptr<SoftwareSigner>> Key(const std::string& name) {
    if (fs::exists(KeyFile(name))) {
      BM_TRY(std::string pem, ReadTextFile(KeyFile(name), kMaxKeyPem));
      BM_TRY(Bytes der, crypto::ReadOnePem(pem, "PRIVATE KEY"));
      return SoftwareSigner::FromPkcs8(SecretBytes::Take(std::move(der)));
    }
    BM_TRY(auto key, SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
    BM_TRY(SecretBytes der, key->ToPkcs8());
    BM_CHECK(WriteFileAtomic(KeyFile(name),
                             crypto::WritePem("PRIVATE KEY", der.Read(SecretAccess())), 0600));
    return key;
  }

  // Authority is a certificate of the maker's: of itself where no issuer is named.
  Result<crypto::Certificate> Authority(const std::string& file, const char* name,
                                        crypto::Signer* issuer, const crypto::Certificate* above,
                                        int path_len, SoftwareSigner* own = nullptr) {
    fs::path path = home_ / (file + ".pem");
    if (fs::exists(path)) {
      BM_TRY(std::string pem, ReadTextFile(path, kMaxKeyPem));
      return crypto::Certificate::FromPem(pem);
    }
    SoftwareSigner& key = own != nullptr ? *own : file == "maker-ca" ? *ca_key_ : *root_key_;
    BM_TRY(pki::Stamp stamp, serials_.Next());
    pki::Contents contents;
    BM_TRY(contents.subject, pki::Name::Make({{"O", std::string(kMakerName)}, {"CN", name}}));
    contents.key = key.public_key();
    contents.path_len = path_len;
    crypto::Certificate made;
    if (issuer == nullptr) {
      BM_TRY(made, pki::SelfSign(key, pki::RootProfile(), pki::RehearsalMarks(), stamp, contents));
    } else {
      BM_TRY(pki::Issuer by, pki::Issuer::Make(*above, *issuer));
      BM_TRY(made,
             pki::Issue(by, pki::SubordinateProfile(), pki::RehearsalMarks(), stamp, contents));
    }
    BM_CHECK(WriteFileAtomic(path, made.ToPem()));
    return made;
  }

  // Part makes one element: its file for the tray and its entry of the list.
  Result<std::string> Part(const std::string& reel, const std::string& activation) {
    Bytes uid(kUidOctets);
    f_.rng.Fill(uid);
    std::string name = ToHex(uid);
    BM_TRY(auto key, SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
    BM_TRY(pki::Stamp stamp, serials_.Next());
    pki::Contents contents;
    BM_TRY(contents.subject,
           pki::Name::Make({{"O", std::string(kMakerName)}, {"serialNumber", name}}));
    contents.key = key->public_key();
    contents.hardware = pki::HardwareModule{"1.3.6.1.4.1.32473.1.2", uid};
    BM_TRY(pki::Issuer issuer, pki::Issuer::Make(ca_, *ca_key_));
    BM_TRY(crypto::Certificate cert,
           pki::Issue(issuer, pki::IDevIdProfile(), pki::RehearsalMarks(), stamp, contents));
    BM_TRY(SecretBytes scalar, key->ToP256Scalar());
    std::string file =
        fmt::format("uid {}\nkey {}\ncertificate {}\ncertificate {}\n", name,
                    ToHex(scalar.Read(SecretAccess())), ToHex(cert.der()), ToHex(ca_.der()));
    if (!activation.empty()) file += "password " + activation + "\n";
    BM_CHECK(WriteFileAtomic(Tray(f_.layout) / name, file, 0600));
    Wipe(file.data(), file.size());
    return Entry(name, reel, cert);
  }

  Result<std::string> Entry(const std::string& uid, const std::string& reel,
                            const crypto::Certificate& cert) {
    BM_TRY(crypto::PublicKey key, cert.public_key());
    ByteView point = key.spki().last(64);
    std::string payload = fmt::format(
        R"({{"version":3,"model":"ATECC608C","partNumber":"REHEARSAL-608C",)"
        R"("manufacturer":{{"organizationName":"{0}"}},"provisioner":{{"organizationName":"{0}"}},)"
        R"("distributor":{{"organizationName":"{0}"}},"groupId":"{1}",)"
        R"("provisioningTimestamp":"{2}","uniqueId":"{3}","publicKeySet":{{"keys":[{{"kid":"0",)"
        R"("kty":"EC","crv":"P-256","x":"{4}","y":"{5}","x5c":["{6}","{7}"]}}]}}}})",
        kMakerName, reel, FormatTime(clock_.Now()), uid, manifest::ToBase64Url(point.first(32)),
        manifest::ToBase64Url(point.last(32)), ToBase64(cert.der()), ToBase64(ca_.der()));
    BM_TRY(crypto::PublicKey signer, list_signer_.public_key());
    auto id = signer.KeyIdentifier();
    Bytes kid = list_signer_.ski() ? *list_signer_.ski() : Bytes(id.begin(), id.end());
    std::string head = manifest::ToBase64Url(AsBytes(
        fmt::format(R"({{"typ":"JWT","alg":"ES256","kid":"{}","x5t#S256":"{}"}})",
                    manifest::ToBase64Url(kid), manifest::ToBase64Url(list_signer_.digest()))));
    std::string body = manifest::ToBase64Url(AsBytes(payload));
    BM_TRY(Bytes der, list_key_->Sign(AsBytes(head + "." + body)));
    BM_TRY(Bytes raw, crypto::EcdsaDerToRaw(der, 32));
    return fmt::format(
        R"({{"payload":"{}","protected":"{}","header":{{"uniqueId":"{}"}},"signature":"{}"}})",
        body, head, uid, manifest::ToBase64Url(raw));
  }

  Factory& f_;
  const Clock& clock_;
  pki::SerialSource serials_;
  fs::path home_;
  std::unique_ptr<SoftwareSigner> root_key_, ca_key_, list_key_;
  crypto::Certificate root_, ca_, list_signer_;
};

}  // namespace

Result<MadeParts> MakeParts(Factory& f, const MakerOptions& o, const Clock& clock) {
  if (!f.genesis.rehearsal) {
    return Refused("manifest.rehearsal", "parts are made up in a rehearsal alone",
                   "a production line's parts come from their maker");
  }
  for (const plan::IdentitySlot& s : f.adopted.plan.identities) {
    if (s.method != vocab::Method::kSapodilla || s.ca_option != plan::CaOption::kGeneric) continue;
    return Maker(f, clock).Make(o, s.activation);
  }
  return Refused("manifest.slot", "the plan has no sapodilla identity with ca-option generic",
                 "with the other options the maker's authority is one of yours: docs/sapodilla.md");
}

Status TakePart(const Layout& layout, const fs::path& device) {
  std::error_code ec;
  if (fs::exists(device / "element", ec)) return {};
  BM_CHECK(MakeDirs(device, 0700));
  // A part that was certified for this very unit; else whichever comes first.
  fs::path part = Tray(layout) / device.filename();
  if (!fs::exists(part, ec)) {
    std::vector<fs::path> all;
    for (const auto& entry : fs::directory_iterator(Tray(layout), ec)) all.push_back(entry.path());
    if (all.empty()) {
      return Refused("fixture.tray-empty", "no part is left in the tray",
                     "birthmark manifest new WS --rehearsal makes more; import their manifest");
    }
    part = *std::ranges::min_element(all);
  }
  fs::rename(part, device / "element", ec);
  if (ec)
    return Environment("file.write", "the part cannot be put onto the board: " + ec.message());
  return {};
}

}  // namespace birthmark::app
