// SPDX-License-Identifier: Apache-2.0
#include "app/ocsp_static.h"

#include "app/crls.h"
#include "app/grant.h"
#include "app/ocsp.h"
#include "crypto/software_signer.h"
#include "ledger/events.h"
#include "line/key_event.h"

namespace birthmark::app {

std::string StaticName(ByteView request) { return ToBase64(request); }

OcspServices ServicesOf(Factory& f, const Clock& clock) {
  return {
      .log_dir = f.layout.ledger(),
      .clock = clock,
      .marks = f.marks,
      .context = f.context,
      .open_key = [&f](const std::string& id) { return f.keys.online->Open(id); },
      .create_key = [&f](const std::string& id, crypto::Algorithm a) -> Result<ledger::KeyCreated> {
        // A key whose certificate never became known is left from an interrupted run.
        if (f.keys.online->Facts(id)) BM_CHECK(f.keys.online->Destroy(id));
        BM_TRY(auto made, f.keys.online->Create(id, a));
        BM_TRY(keystore::KeyFacts facts, f.keys.online->Facts(id));
        return line::KeyMade(id, facts, "ocsp");
      },
      .append = [&f](ledger::Submission s) -> Status {
        BM_CHECK(f.log->Append(std::move(s)));
        return {};
      },
      .find = [&f](const Bytes& serial) { return f.log->registry().IdentityBySerial(serial); }};
}

Status WriteStatics(Factory& f, const std::map<std::string, AdoptedPlan>& plans,
                    std::span<const ledger::CaRow> cas, const fs::path& dir, const Clock& clock) {
  constexpr uint64_t kRowsAtOnce = 1000;
  BM_TRY(auto reader, f.NewReader());
  BM_CHECK(MakeDirs(dir / "crl"));
  for (const ledger::CaRow& ca : cas) {
    std::error_code ec;
    const fs::path list = CrlPath(f.layout, ca.id);
    if (fs::exists(list, ec)) {
      fs::copy_file(list, dir / "crl" / list.filename(), fs::copy_options::overwrite_existing, ec);
      if (ec) return Environment("file.write", (dir / "crl").string() + ": " + ec.message());
    }
    const plan::Level* level = LevelOf(plans, ca);
    if (ca.offline || level == nullptr || !level->ocsp_url || !f.keys.online->Facts(ca.id))
      continue;
    OcspServices services = ServicesOf(f, clock);
    if (level->crl_lifetime) services.lifetime = *level->crl_lifetime;
    OcspDesk desk(std::move(services));
    BM_TRY(crypto::Certificate certificate, CertificateOf(*reader, ca));
    const pki::OcspIssuer issuer(certificate);
    const fs::path folder = dir / "ocsp" / ca.id;
    BM_CHECK(MakeDirs(folder));
    ledger::Page page{.limit = kRowsAtOnce, .after_seq = std::nullopt, .after_unit = std::nullopt};
    ledger::IdentityFilter filter;
    filter.ca = ca.id;
    for (;;) {
      BM_TRY(std::vector<ledger::IdentityRow> rows, reader->registry().Identities(filter, page));
      for (const ledger::IdentityRow& row : rows) {
        const Bytes request = pki::MakeOcspRequest(issuer, row.serial);
        std::string why;
        const OcspAnswered answer = desk.Answer(ca.id, request, &why);
        if (!answer.cacheable) return Refused("ocsp.static", "no answer can be made ahead: " + why);
        const fs::path file = folder / StaticName(request);
        // A slash of base64 makes a folder, as it does in the path that a server looks up.
        if (file.parent_path() != folder) BM_CHECK(MakeDirs(file.parent_path()));
        BM_CHECK(WriteFileAtomic(file, *answer.der));
      }
      if (rows.size() < kRowsAtOnce) break;
      page.after_seq = rows.back().seq;
    }
  }
  return {};
}

}  // namespace birthmark::app
