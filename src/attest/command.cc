// SPDX-License-Identifier: Apache-2.0
#include "attest/command.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "attest/bundle.h"
#include "attest/facts.h"
#include "base/files.h"
#include "crypto/der.h"
#include "crypto/pem.h"
#include "pki/csr.h"

namespace birthmark::attest {
namespace {

constexpr size_t kMaxInput = 256 * 1024;

// Input is what a file or folder holds.
struct Input {
  Evidence evidence;
  Bytes spki;  // of the request that carried it; empty when there is none
  std::string what;
};

std::unexpected<Error> NotUnderstood(const std::string& file, std::string why) {
  return Refused("attest.input", file + ": " + std::move(why),
                 "give an AttestationBundle, a request that carries one, a TCG_CSR_IDEVID, or a "
                 "folder of tpm2-tools' outputs: docs/attestation.md");
}

Result<Input> FromBundleFile(ByteView der, std::string what) {
  BM_TRY(Bundle b, DecodeBundle(der));
  BM_TRY(Evidence e, EvidenceFrom(b));
  return Input{.evidence = std::move(e), .spki = {}, .what = std::move(what)};
}

Result<Input> FromRequest(const std::string& file, ByteView der) {
  BM_TRY(pki::Csr csr, pki::ReadCsr(der));
  if (csr.attestation.empty()) return NotUnderstood(file, "the request carries no attestation");
  BM_TRY(Input in, FromBundleFile(csr.attestation, "PKCS #10 request with an AttestationBundle"));
  in.spki.assign(csr.key.spki().begin(), csr.key.spki().end());
  return in;
}

// Both are a SEQUENCE of a SEQUENCE; a request's begins with its version, a bundle's with a
// statement.
bool IsRequest(ByteView der) {
  crypto::DerReader r(der);
  auto outer = r.Enter();
  if (!outer) return false;
  auto inner = outer->Enter();
  return inner && inner->NextIs(crypto::der::kInteger);
}

Result<Input> FromFile(const std::string& file) {
  BM_TRY(Bytes bytes, ReadFile(file, kMaxInput));
  if (AsText(bytes).find("-----BEGIN ") != std::string_view::npos) {
    BM_TRY(auto blocks, crypto::ReadPem(AsText(bytes), 16));
    for (const crypto::PemBlock& b : blocks) {
      if (b.label == "CERTIFICATE REQUEST" || b.label == "NEW CERTIFICATE REQUEST")
        return FromRequest(file, b.der);
      if (b.label == "ATTESTATION BUNDLE") return FromBundleFile(b.der, "AttestationBundle");
    }
    return NotUnderstood(file, "no CERTIFICATE REQUEST and no ATTESTATION BUNDLE block");
  }
  if (!bytes.empty() && bytes[0] == crypto::der::kSequence)
    return IsRequest(bytes) ? FromRequest(file, bytes) : FromBundleFile(bytes, "AttestationBundle");
  if (bytes.size() > 4 && bytes[0] == 0 && bytes[1] == 0 && bytes[2] == 1 && bytes[3] == 0) {
    BM_TRY(TcgCsr c, DecodeTcgCsr(bytes));
    BM_TRY(Evidence e, EvidenceFrom(c));
    return Input{.evidence = std::move(e), .spki = {}, .what = "TCG_CSR_IDEVID"};
  }
  return NotUnderstood(file, "it begins like nothing that is understood");
}

Result<std::vector<crypto::Certificate>> CertificatesIn(const fs::path& file) {
  BM_TRY(Bytes bytes, ReadFile(file, kMaxInput));
  if (bytes.empty() || bytes[0] != crypto::der::kSequence)
    return crypto::Certificate::ManyFromPem(AsText(bytes));
  BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(bytes));
  return std::vector<crypto::Certificate>{std::move(c)};
}

Result<Input> FromFolder(const std::string& folder) {
  const fs::path dir(folder);
  Input in{.evidence = {}, .spki = {}, .what = "outputs of tpm2-tools"};
  auto part = [&](const char* name, bool needed) -> Result<Bytes> {
    if (!fs::exists(dir / name)) {
      if (!needed) return Bytes();
      return NotUnderstood(folder, fmt::format("there is no file {}", name));
    }
    return ReadFile(dir / name, kMaxInput);
  };
  TpmStatement& s = in.evidence.statement;
  BM_TRY(s.attest, part("attest", true));
  BM_TRY(s.signature, part("signature", true));
  BM_TRY(s.public_area, part("public", true));
  BM_TRY(s.creation_data, part("creation", false));
  BM_TRY(s.ak_public_area, part("ak", false));
  std::vector<fs::path> files;
  for (const auto& f : fs::directory_iterator(dir)) {
    const std::string e = f.path().extension().string();
    if (e == ".pem" || e == ".der" || e == ".crt") files.push_back(f.path());
  }
  std::ranges::sort(files);
  for (const fs::path& f : files) {
    auto certs = CertificatesIn(f);
    if (!certs) return std::unexpected(std::move(certs).error().Context(f.string()));
    in.evidence.certs.insert(in.evidence.certs.end(), certs->begin(), certs->end());
  }
  return in;
}

Result<Bytes> KeyIn(const std::string& file) {
  BM_TRY(Bytes bytes, ReadFile(file, kMaxInput));
  Bytes der = bytes;
  std::string label;
  if (AsText(bytes).find("-----BEGIN ") != std::string_view::npos) {
    BM_TRY(auto blocks, crypto::ReadPem(AsText(bytes), 16));
    der = blocks.front().der;
    label = blocks.front().label;
  }
  if (label.empty() || label == "PUBLIC KEY") {
    if (auto k = crypto::PublicKey::FromSpki(der)) return Bytes(k->spki().begin(), k->spki().end());
  }
  if (label.empty() || label == "CERTIFICATE") {
    if (auto c = crypto::Certificate::FromDer(der); c && c->public_key())
      return Bytes(c->public_key()->spki().begin(), c->public_key()->spki().end());
  }
  if (label.empty() || label.ends_with("CERTIFICATE REQUEST")) {
    if (auto c = pki::ReadCsr(der)) return Bytes(c->key.spki().begin(), c->key.spki().end());
  }
  return NotUnderstood(file, "no public key, certificate or request is in it");
}

std::string ToJson(const Verdict& v, const Input& in) {
  using Json = nlohmann::ordered_json;
  Json facts = Json::object(), covers = Json::array(), chain = Json::array();
  for (const Fact& f : v.facts) facts[f.name] = f.value;
  for (const Covered& c : v.covers) covers.push_back({{"signer", c.signer}, {"covers", c.what}});
  for (const crypto::Certificate& c : v.chain)
    chain.push_back({{"subject", c.subject()}, {"sha256", ToHex(c.digest())}});
  const Labels labels = LabelsOf(v.facts);
  Json out = {
      {"input", in.what},
      {"kind", v.kind},
      {"key_sha256", ToHex(v.key)},
      {"key_name", ToHex(v.key_name)},
      {"attestation_key_name", ToHex(v.ak_name)},
      {"attestation_key_bound_by", ToText(v.binding)},
      {"facts", std::move(facts)},
      {"labels", {{"source", ToText(labels.source)}, {"protection", ToText(labels.protection)}}},
      {"nonce", ToHex(v.nonce)},
      {"firmware", fmt::format("{:016x}", v.firmware)},
      {"signatures", std::move(covers)},
      {"chain", std::move(chain)},
      {"policies", v.policies}};
  if (!v.product_model.empty() || !v.product_serial.empty())
    out["product"] = {{"model", v.product_model}, {"serial", v.product_serial}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string ToWords(const Verdict& v, const Input& in) {
  const Labels labels = LabelsOf(v.facts);
  std::string out = fmt::format("{}: {}\n", in.what, v.kind);
  auto line = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) out += fmt::format("  {:<22}{}\n", name, value);
  };
  line("key, SHA-256", ToHex(v.key));
  line("its name", ToHex(v.key_name));
  line("attestation key", ToHex(v.ak_name));
  line("bound by", ToText(v.binding));
  line("nonce", ToHex(v.nonce));
  line("source", ToText(labels.source));
  line("protection", ToText(labels.protection));
  line("facts", FormatFacts(v.facts));
  if (!v.product_serial.empty())
    line("product", fmt::format("{} {}", v.product_model, v.product_serial));
  if (v.root) line("root", fmt::format("{}, SHA-256 {}", v.chain.back().subject(), ToHex(*v.root)));
  for (const std::string& p : v.policies) line("policy", p);
  out += "what each signature covers\n";
  for (const Covered& c : v.covers) out += fmt::format("  {}: {}\n", c.signer, c.what);
  return out;
}

}  // namespace

std::string FormatFacts(const std::vector<Fact>& facts) {
  std::string out;
  for (const Fact& f : facts)
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", f.name, f.value ? "true" : "false");
  return out;
}

Result<std::string> RunVerify(const VerifyArgs& args) {
  BM_TRY(Input in, fs::is_directory(args.file) ? FromFolder(args.file) : FromFile(args.file));
  std::vector<crypto::Certificate> roots;
  for (size_t from = 0; from < args.anchors.size();) {
    const size_t end = std::min(args.anchors.find(',', from), args.anchors.size());
    const std::string file = args.anchors.substr(from, end - from);
    from = end + 1;
    if (file.empty()) continue;
    auto some = CertificatesIn(file);
    if (!some) return std::unexpected(std::move(some).error().Context(file));
    roots.insert(roots.end(), some->begin(), some->end());
  }
  VerifyOptions options{.roots = roots, .at = SystemClock().Now()};
  if (!args.at.empty()) {
    auto at = ParseTime(args.at);
    if (!at)
      return Usage("attest.usage", "--at " + args.at + " is no time", "2026-11-21T10:00:00Z");
    options.at = *at;
  }
  if (!args.nonce.empty()) {
    options.nonce = FromHex(args.nonce);
    if (!options.nonce) return Usage("attest.usage", "--nonce is no hexadecimal");
  }
  if (args.facts_only) {
    options.needed = 0;
    options.need_binding = false;
  }
  Bytes spki = in.spki;
  if (!args.key.empty()) {
    BM_TRY(spki, KeyIn(args.key));
    if (!in.spki.empty() && in.spki != spki) {
      return Refused("attest.key-differs", "the request is not for the key in " + args.key);
    }
  }
  BM_TRY(Verdict v, Verify(in.evidence, spki, options));
  return args.json ? ToJson(v, in) : ToWords(v, in);
}

}  // namespace birthmark::attest
