// SPDX-License-Identifier: Apache-2.0
// The rehearsal's maker of TPMs: a root that plans pin and an intermediate that swtpm's tools sign
// endorsement certificates with. Its keys are files in the clear, which only a rehearsal may have.
#include <fmt/format.h>

#include "base/ids.h"
#include "crypto/pem.h"
#include "crypto/software_signer.h"
#include "element/parts/internal.h"
#include "element/parts/parts.h"
#include "pki/issue.h"

namespace birthmark::element {
namespace {

pki::Contents AuthorityContents(pki::Name name, crypto::PublicKey key, std::optional<int> below) {
  return {.subject = std::move(name),
          .key = std::move(key),
          .not_after = std::nullopt,
          .path_len = below,
          .hardware = std::nullopt,
          .masa_url = "",
          .mud_url = "",
          .dns_names = {},
          .crl_urls = {}};
}

}  // namespace

fs::path MakerRoot(const fs::path& maker) { return maker / "root.pem"; }

Status MakeMaker(const fs::path& maker) {
  if (fs::exists(MakerRoot(maker))) return {};
  BM_CHECK(MakeDirs(maker, 0700));
  SystemClock clock;
  SystemRng rng;
  pki::SerialSource serials(clock, rng, clock.Now());
  BM_TRY(auto root_key, crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
  BM_TRY(auto key, crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
  BM_TRY(pki::Name root_name,
         pki::Name::Make({{"O", "Rehearsal Parts"}, {"CN", "Rehearsal TPM Root"}}));
  BM_TRY(pki::Name name,
         pki::Name::Make({{"O", "Rehearsal Parts"}, {"CN", "Rehearsal TPM EK CA"}}));
  BM_TRY(pki::Stamp first, serials.Next());
  BM_TRY(crypto::Certificate root,
         pki::SelfSign(*root_key, pki::RootProfile(), pki::RehearsalMarks(), first,
                       AuthorityContents(root_name, root_key->public_key(), std::nullopt)));
  BM_TRY(pki::Issuer issuer, pki::Issuer::Make(root, *root_key));
  BM_TRY(pki::Stamp second, serials.Next());
  BM_TRY(crypto::Certificate intermediate,
         pki::Issue(issuer, pki::SubordinateProfile(), pki::RehearsalMarks(), second,
                    AuthorityContents(name, key->public_key(), 0)));
  BM_TRY(SecretBytes pkcs8, key->ToPkcs8());
  std::string pem = crypto::WritePem("PRIVATE KEY", pkcs8.Read(SecretAccess()));
  Status kept = WriteFileAtomic(maker / "signkey.pem", pem, 0600);
  Wipe(pem.data(), pem.size());
  BM_CHECK(std::move(kept));
  BM_CHECK(WriteFileAtomic(maker / "issuercert.pem", intermediate.ToPem()));
  return WriteFileAtomic(MakerRoot(maker), root.ToPem());  // last: it says that all is there
}

Status WriteSetup(const fs::path& maker, const fs::path& localca) {
  if (fs::exists(maker / "setup.conf")) return {};
  // Absolute paths: swtpm_setup starts swtpm_localca in a folder of its own.
  const std::string dir = fs::absolute(maker).string();
  BM_CHECK(WriteFileAtomic(maker / "localca.conf",
                           fmt::format("statedir = {0}\nsigningkey = {0}/signkey.pem\n"
                                       "issuercert = {0}/issuercert.pem\n"
                                       "certserial = {0}/certserial\n",
                                       dir)));
  BM_CHECK(WriteFileAtomic(maker / "localca.options",
                           "--platform-manufacturer Rehearsal\n--platform-version 1.0\n"
                           "--platform-model Rehearsal\n"));
  return WriteFileAtomic(
      maker / "setup.conf",
      fmt::format("create_certs_tool = {}\ncreate_certs_tool_config = {}/localca.conf\n"
                  "create_certs_tool_options = {}/localca.options\nactive_pcr_banks = sha256\n",
                  localca.string(), dir, dir));
}

}  // namespace birthmark::element
