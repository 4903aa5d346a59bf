// SPDX-License-Identifier: Apache-2.0
// birthmark-element: what a device's own software does with its secure element when it enrols over
// a network: makes the key, opens the server's credential, signs a request that carries the
// element's statement, keeps the certificate. Also makes the emulated parts of a rehearsal. Talks
// to no server.
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "base/files.h"
#include "crypto/pem.h"
#include "element/bundle.h"
#include "element/parts/parts.h"
#include "pki/name.h"

namespace birthmark::element {
namespace {

constexpr const char* kUsage =
    "usage: birthmark-element URI COMMAND [SLOT] [--NAME VALUE]…\n"
    "URI is tpm2:TCTI, pkcs11:…, swtpm:FOLDER or softhsm:FOLDER. Commands:\n"
    "  info                               what the part is\n"
    "  endorse --ek F --ak F [--chain F]  its endorsement certificate (DER), the public area of "
    "its\n"
    "                                     attestation key, the certificates above (PEM)\n"
    "  activate --credential F -o F       opens a credential (tpm2_makecredential's form)\n"
    "  make SLOT [-o F]                   makes the slot's key inside; its public key (PEM)\n"
    "  facts SLOT                         the module's own words about the key\n"
    "  attest SLOT --nonce F -o F         an AttestationBundle over the nonce (DER)\n"
    "  certify SLOT --nonce F -o PREFIX   the same in pieces: .attest .sig .pub .ak\n"
    "  csr SLOT --subject serialNumber=…,O=… [--nonce F] -o F   a request, with the statement\n"
    "  store SLOT --certificate F         keeps a certificate (DER)\n"
    "  read SLOT -o F                     the certificate it keeps (DER)\n"
    "  part --maker FOLDER --serial TEXT  makes an emulated TPM or token, for rehearsals\n";

struct Arguments {
  std::string uri, command, slot;
  std::map<std::string, std::string> named;
  // Path refuses a name that was not given.
  Result<fs::path> Path(const std::string& name) const {
    auto it = named.find(name);
    if (it != named.end()) return fs::path(it->second);
    return Usage("element.usage", command + " needs " + name, "see birthmark-element --help");
  }
};

Result<Arguments> Parse(int argc, char** argv) {
  Arguments a;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (word.starts_with("-")) {
      if (i + 1 == argc) return Usage("element.usage", word + " needs a value");
      a.named[word] = argv[++i];
    } else if (a.uri.empty()) {
      a.uri = word;
    } else if (a.command.empty()) {
      a.command = word;
    } else if (a.slot.empty()) {
      a.slot = word;
    } else {
      return Usage("element.usage", "too many arguments: " + word);
    }
  }
  return a;
}

constexpr size_t kMaxFile = 64 * 1024;

Result<Bytes> NameOf(const std::string& text) {
  BM_TRY(pki::Name name, pki::Name::Parse(text));
  return Bytes(name.der().begin(), name.der().end());
}

Status MakePart(const Arguments& a) {
  if (a.uri.starts_with("softhsm:")) return MakeToken(a.uri.substr(8));
  if (!a.uri.starts_with("swtpm:"))
    return Usage("element.usage", "a part is swtpm:FOLDER or softhsm:FOLDER");
  BM_TRY(fs::path maker, a.Path("--maker"));
  BM_TRY(fs::path serial, a.Path("--serial"));
  BM_CHECK(MakeMaker(maker));
  return MakeTpm(a.uri.substr(6), maker, serial.string());
}

Status Endorsed(const Arguments& a, Element& e) {
  BM_TRY(fs::path ek, a.Path("--ek"));
  BM_TRY(fs::path ak, a.Path("--ak"));
  BM_TRY(Endorsement who, e.Endorse());
  if (who.certificates.empty())
    return Refused("element.missing", "the part holds no endorsement certificate");
  std::string above;
  for (size_t i = 1; i < who.certificates.size(); ++i)
    above += crypto::WritePem("CERTIFICATE", who.certificates[i]);
  BM_CHECK(WriteFileAtomic(ek, who.certificates.front()));
  BM_CHECK(WriteFileAtomic(ak, who.ak_public));
  return a.named.contains("--chain") ? WriteFileAtomic(a.named.at("--chain"), above) : Status();
}

// Activated reads what tpm2_makecredential writes: magic and version, then both structures with
// their sizes.
Status Activated(const Arguments& a, Element& e) {
  BM_TRY(fs::path file, a.Path("--credential"));
  BM_TRY(fs::path out, a.Path("-o"));
  BM_TRY(Bytes b, ReadFile(file, kMaxFile));
  static constexpr uint8_t kHead[] = {0xba, 0xdc, 0xc0, 0xde, 0, 0, 0, 1};
  auto bad = [] { return Refused("element.credential", "this is no credential file"); };
  if (b.size() < 12 || !std::equal(std::begin(kHead), std::end(kHead), b.begin())) return bad();
  ByteView rest = ByteView(b).subspan(sizeof kHead);
  auto sized = [&]() -> std::optional<ByteView> {
    if (rest.size() < 2) return std::nullopt;
    size_t n = rest[0] << 8 | rest[1];
    if (rest.size() < 2 + n) return std::nullopt;
    ByteView part = rest.subspan(2, n);
    rest = rest.subspan(2 + n);
    return part;
  };
  std::optional<ByteView> id = sized(), secret = sized();
  if (!id || !secret || !rest.empty()) return bad();
  BM_TRY(SecretBytes opened, e.Activate(*id, *secret));
  return WriteFileAtomic(out, opened.Read(SecretAccess()), 0600);
}

Result<Bytes> NonceOf(const Arguments& a) {
  if (!a.named.contains("--nonce")) return Bytes();
  return ReadFile(a.named.at("--nonce"), 64);
}

Status Certified(const Arguments& a, Element& e) {
  BM_TRY(fs::path prefix, a.Path("-o"));
  BM_TRY(Bytes nonce, NonceOf(a));
  BM_TRY(Evidence said, e.Attest(a.slot, nonce));
  BM_TRY(Endorsement who, e.Endorse());
  BM_CHECK(WriteFileAtomic(prefix.string() + ".attest", said.certify));
  BM_CHECK(WriteFileAtomic(prefix.string() + ".sig", said.certify_signature));
  BM_CHECK(WriteFileAtomic(prefix.string() + ".pub", said.public_area));
  return WriteFileAtomic(prefix.string() + ".ak", who.ak_public);
}

Status Requested(const Arguments& a, Element& e) {
  BM_TRY(fs::path out, a.Path("-o"));
  BM_TRY(fs::path subject, a.Path("--subject"));
  BM_TRY(Bytes name, NameOf(subject.string()));
  BM_TRY(Bytes nonce, NonceOf(a));
  Bytes bundle;
  if (!nonce.empty()) {
    BM_TRY(bundle, BundleOf(e, a.slot, nonce));
  }
  BM_TRY(Bytes der, RequestOf(e, a.slot, name, bundle));
  return WriteFileAtomic(out, der);
}

Status Run(const Arguments& a) {
  if (a.command == "part") return MakePart(a);
  BM_TRY(Part part, OpenPart(a.uri));
  Element& e = *part.element;
  if (a.command == "info") {
    BM_TRY(Description d, e.Describe());
    std::printf("%s %s %s %s\n", d.kind.c_str(), d.manufacturer.c_str(), d.model.c_str(),
                d.firmware.c_str());
    return {};
  }
  if (a.command == "endorse") return Endorsed(a, e);
  if (a.command == "activate") return Activated(a, e);
  if (a.command == "certify") return Certified(a, e);
  if (a.command == "csr") return Requested(a, e);
  if (a.command == "make") {
    BM_TRY(Bytes spki, e.Make(a.slot, false));
    std::string pem = crypto::WritePem("PUBLIC KEY", spki);
    if (a.named.contains("-o")) return WriteFileAtomic(a.named.at("-o"), pem);
    std::fputs(pem.c_str(), stdout);
    return {};
  }
  if (a.command == "facts") {
    BM_TRY(std::vector<Fact> facts, e.Facts(a.slot));
    for (const Fact& f : facts) std::printf("%s %s\n", f.name.c_str(), f.value ? "true" : "false");
    return {};
  }
  if (a.command == "attest") {
    BM_TRY(fs::path out, a.Path("-o"));
    BM_TRY(Bytes nonce, NonceOf(a));
    BM_TRY(Bytes bundle, BundleOf(e, a.slot, nonce));
    return WriteFileAtomic(out, bundle);
  }
  if (a.command == "store") {
    BM_TRY(fs::path file, a.Path("--certificate"));
    BM_TRY(Bytes der, ReadFile(file, kMaxFile));
    return e.StoreCertificate(a.slot, der);
  }
  if (a.command == "read") {
    BM_TRY(fs::path out, a.Path("-o"));
    BM_TRY(Bytes der, e.ReadCertificate(a.slot));
    return WriteFileAtomic(out, der);
  }
  return Usage("element.usage", "no such command: " + a.command, "see birthmark-element --help");
}

}  // namespace
}  // namespace birthmark::element

int main(int argc, char** argv) {
  using namespace birthmark;
  if (argc == 2 && std::string_view(argv[1]) == "--help") {
    std::fputs(element::kUsage, stdout);
    return 0;
  }
  auto arguments = element::Parse(argc, argv);
  Status done = arguments ? element::Run(*arguments) : Status(std::unexpected(arguments.error()));
  if (arguments && arguments->command.empty())
    done = Usage("element.usage", "say an element and a command", element::kUsage);
  if (done) return 0;
  std::fprintf(stderr, "%s\n", done.error().ToString().c_str());
  return ExitCode(done.error().kind);
}
