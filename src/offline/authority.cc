// SPDX-License-Identifier: Apache-2.0
#include "offline/authority.h"

#include <fmt/format.h>

#include <algorithm>

#include "cbor/reflect.h"
#include "crypto/pem.h"
#include "pki/path.h"
#include "pki/profile.h"

namespace birthmark::offline {
namespace {

constexpr std::string_view kAuthorityLabel = "BIRTHMARK AUTHORITY";
constexpr size_t kMaxAuthorityFile = 256 * 1024;
constexpr size_t kMaxAuthorities = 10'000;

// The block of the file, docs/formats/request.md.
struct AuthorityOnFile {
  std::string id;
  std::vector<std::string> crl;
  std::string pki;
  std::vector<std::string> ocsp;
  uint32_t level = 1;
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("crl", crl);
    v("pki", pki);
    v("ocsp", ocsp);
    v("level", level);
  }
};

std::unexpected<Error> BadAuthority(std::string_view why) {
  return Refused("offline.authority",
                 fmt::format("a file of the offline side's authorities does not read: {}", why),
                 "bring it back from a backup of that folder");
}

}  // namespace

std::string WriteAuthority(const OfflineAuthority& a) {
  std::string out;
  for (const crypto::Certificate& c : a.chain) out += c.ToPem();
  return out + crypto::WritePem(kAuthorityLabel, cbor::ToCbor(AuthorityOnFile{
                                                     .id = a.id,
                                                     .crl = a.urls.crl,
                                                     .pki = a.pki,
                                                     .ocsp = a.urls.ocsp,
                                                     .level = static_cast<uint32_t>(a.level)}));
}

Result<OfflineAuthority> ReadAuthority(std::string_view text) {
  if (text.size() > kMaxAuthorityFile) return BadAuthority("it is too large");
  auto blocks = crypto::ReadPem(text, pki::kMaxPathCertificates + 1);
  if (!blocks) return BadAuthority(blocks.error().message);
  if (blocks->size() < 2 || blocks->back().label != kAuthorityLabel)
    return BadAuthority(fmt::format("certificates and a {} block", kAuthorityLabel));
  auto about = cbor::FromCbor<AuthorityOnFile>(blocks->back().der, {.depth = 4, .items = 64});
  if (!about) return BadAuthority(about.error().message);
  if (!std::ranges::equal(cbor::ToCbor(*about), blocks->back().der))
    return BadAuthority("a block with other keys");
  blocks->pop_back();
  if (about->level < 1 || about->level > 16) return BadAuthority("a level out of range");
  OfflineAuthority out{.id = about->id,
                       .pki = about->pki,
                       .level = static_cast<int>(about->level),
                       .chain = {},
                       .urls = {.crl = about->crl, .ocsp = about->ocsp},
                       .rehearsal = true};
  for (const crypto::PemBlock& b : *blocks) {
    if (b.label != "CERTIFICATE") return BadAuthority(fmt::format("a {} block", b.label));
    auto c = crypto::Certificate::FromDer(b.der);
    if (!c) return BadAuthority(c.error().message);
    out.chain.push_back(std::move(*c));
  }
  const auto& policies = out.chain.front().policies();
  out.rehearsal = std::ranges::find(policies, pki::oid::kRehearsalPolicy) != policies.end();
  return out;
}

Status KeepAuthority(const fs::path& side, const OfflineAuthority& a) {
  const fs::path folder = side / "authorities";
  const fs::path file = folder / (a.id + ".pem");
  if (fs::exists(file)) return {};
  BM_CHECK(MakeDirs(folder, 0700));
  return WriteFileAtomic(file, WriteAuthority(a));
}

Result<std::vector<OfflineAuthority>> AuthoritiesOf(const fs::path& side) {
  const fs::path folder = side / "authorities";
  std::vector<fs::path> files;
  std::error_code ec;
  fs::directory_iterator it(folder, ec), end;
  for (; !ec && it != end; it.increment(ec)) {
    if (it->path().extension() == ".pem") files.push_back(it->path());
    if (files.size() > kMaxAuthorities) return BadAuthority("there are too many");
  }
  if (ec || files.empty()) {
    return Environment("offline.none", folder.string() + ": no offline side keeps authorities here",
                       "name the folder WS.offline; one of an earlier release signs with the "
                       "workspace beside it: birthmark request sign WS FILE");
  }
  std::ranges::sort(files);
  std::vector<OfflineAuthority> out;
  for (const fs::path& file : files) {
    BM_TRY(std::string text, ReadTextFile(file, kMaxAuthorityFile));
    auto a = ReadAuthority(text);
    if (!a) return std::unexpected(std::move(a).error().Context(file.string()));
    if (a->id != file.stem().string())
      return BadAuthority(file.string() + " belongs to another name");
    out.push_back(std::move(*a));
  }
  return out;
}

}  // namespace birthmark::offline
