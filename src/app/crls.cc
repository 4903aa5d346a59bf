// SPDX-License-Identifier: Apache-2.0
#include "app/crls.h"

#include <algorithm>

#include "app/grant.h"
#include "app/ocsp_static.h"
#include "app/roles.h"
#include "base/mapped_file.h"
#include "crypto/digest.h"
#include "crypto/pem.h"
#include "ledger/events_revocation.h"
#include "line/succession.h"
#include "offline/side.h"
#include "pki/crl_request.h"

namespace birthmark::app {
namespace {

using std::chrono::floor;
using std::chrono::seconds;

Result<pki::IssuerIdentity> CrlIssuer(const crypto::Certificate& c) {
  if (!c.public_key()) return std::unexpected(c.public_key().error());
  BM_TRY(pki::Name name, pki::Name::FromDer(c.subject_der()));
  return pki::IssuerIdentity{std::move(name), c.ski().value_or(Bytes{}),
                             c.public_key()->algorithm()};
}

pki::CrlSource SourceOf(ledger::LogReader& reader, const std::string& ca) {
  return [&reader, ca](const std::function<Status(const pki::CrlEntry&)>& fn) {
    return ledger::ForEachRevocation(
        reader.registry().db(), ca, [&](const ledger::RevocationRow& row) {
          return fn(
              {.serial = row.serial,
               .at = TimeFromMillis(row.at),
               .reason = pki::CrlReasonOf(row.reason).value_or(pki::CrlReason::kUnspecified)});
        });
  };
}

// PointOf is the name of the list itself, where another authority has the same name: a relying
// party could not tell their lists apart otherwise (RFC 5280 section 6.3.3 (b)(2)).
Result<std::string> PointOf(ledger::LogReader& reader, const ledger::CaRow& ca,
                            const plan::Level& level) {
  if (!level.crl_url) return std::string();
  BM_TRY(std::vector<ledger::CaRow> cas, reader.registry().CasOf(ca.pki, ca.level));
  const bool shared = std::ranges::any_of(
      cas, [&](const ledger::CaRow& other) { return other.id != ca.id && other.name == ca.name; });
  return shared ? line::UrlsOf(level, ca.id).crl.front() : std::string();
}

// LastOf is the newest list of an authority, whether it is published or kept back.
Result<std::optional<ledger::CrlRow>> LastOf(ledger::LogReader& reader, const std::string& ca) {
  BM_TRY(std::vector<ledger::CrlRow> rows, ledger::CrlsOf(reader.registry().db(), ca));
  if (rows.empty()) return std::nullopt;
  return rows.back();
}
Result<std::optional<ledger::CrlRow>> PublishedOf(ledger::LogReader& reader,
                                                  const std::string& ca) {
  BM_TRY(std::vector<ledger::CrlRow> rows, ledger::CrlsOf(reader.registry().db(), ca));
  if (rows.empty()) return std::nullopt;
  return rows.front();
}

bool IsVoid(uint64_t mark, const ledger::CrlRow& row) { return mark != 0 && mark >= row.upto; }

// WritePemFile writes a list again as PEM, piece by piece.
Status WritePemFile(const fs::path& der, const fs::path& pem) {
  constexpr size_t kPiece = 48 * 1024;  // lines of 48 octets
  BM_TRY(auto file, MappedFile::Open(der, pki::kMaxCrlBytes));
  const fs::path part = pem.string() + ".part";
  std::unique_ptr<FILE, int (*)(FILE*)> out(fopen(part.c_str(), "wbe"), fclose);
  auto failed = [&] { return Environment("file.write", part.string() + ": cannot be written"); };
  if (!out) return failed();
  auto put = [&](std::string_view s) {
    return fwrite(s.data(), 1, s.size(), out.get()) == s.size();
  };
  bool ok = put("-----BEGIN X509 CRL-----\n");
  for (ByteView rest = file->view(); ok && !rest.empty();
       rest = rest.subspan(std::min(kPiece, rest.size()))) {
    const std::string text = ToBase64(rest.first(std::min(kPiece, rest.size())));
    for (size_t at = 0; ok && at < text.size(); at += 64)
      ok = put(std::string_view(text).substr(at, 64)) && put("\n");
  }
  ok = ok && put("-----END X509 CRL-----\n") && fflush(out.get()) == 0;
  out.reset();
  std::error_code ec;
  if (ok) fs::rename(part, pem, ec);
  if (!ok || ec) return failed();
  return {};
}

// Publish moves a list to where the world finds it, with its PEM form; the file is durable already.
Status Publish(const Layout& layout, const std::string& ca, const fs::path& part) {
  const fs::path to = CrlPath(layout, ca);
  std::error_code ec;
  fs::rename(part, to, ec);
  if (ec) return Environment("file.write", to.string() + ": " + ec.message());
  fs::path pem = to;
  pem.replace_extension(".pem");
  BM_CHECK(WritePemFile(to, pem));
  return SyncDir(to.parent_path());
}

Result<Digest> ListDigest(const fs::path& file) {
  BM_TRY(auto mapped, MappedFile::Open(file, pki::kMaxCrlBytes));
  return crypto::Sha256(mapped->view());
}

ledger::CrlSigned BodyOfCrl(const ledger::CrlRow& r) {
  return {.ca = r.ca,
          .upto = r.upto,
          .count = r.count,
          .number = r.number,
          .sha256 = r.sha256,
          .signer = r.signer,
          .reserve = r.reserve,
          .next_update = r.next_update,
          .this_update = r.this_update};
}

BuiltCrl ToBuilt(const ledger::CrlRow& r, std::string what, fs::path file) {
  return {.ca = r.ca,
          .what = std::move(what),
          .number = r.number,
          .count = r.count,
          .this_update = r.this_update,
          .next_update = r.next_update,
          .file = std::move(file)};
}

// Record appends the events of lists that are about to be published.
Status Record(const std::function<Status(ledger::Submission)>& append,
              const ledger::EventContext& context, Time now,
              const std::vector<ledger::CrlRow>& rows) {
  ledger::Submission all;
  for (const ledger::CrlRow& r : rows) {
    BM_TRY(ledger::NewEvent e,
           ledger::Prepare(ledger::MakeEvent(context, now, "ca:" + r.ca, BodyOfCrl(r))));
    all.push_back(std::move(e));
  }
  return append(std::move(all));
}

// Settle records lists that are signed and stand beside their places, then puts them there.
Result<std::vector<BuiltCrl>> Settle(const CrlMaker& m, Time now,
                                     const std::vector<ledger::CrlRow>& rows,
                                     const std::vector<fs::path>& parts) {
  // Nothing leaves before its event is committed.
  BM_CHECK(Record(m.append, m.context, now, rows));
  std::vector<BuiltCrl> out;
  for (size_t i = 0; i < rows.size(); ++i) {
    const ledger::CrlRow& r = rows[i];
    if (!r.reserve) {
      BM_CHECK(Publish(m.layout, r.ca, parts[i]));
      out.push_back(ToBuilt(r, "signed", CrlPath(m.layout, r.ca)));
      continue;
    }
    const fs::path to = ReservePath(m.layout, r.ca, r.number);
    std::error_code ec;
    fs::rename(parts[i], to, ec);
    if (ec) return Environment("file.write", to.string() + ": " + ec.message());
    out.push_back(ToBuilt(r, "reserve", to));
  }
  return out;
}

Status MakeCrlFolders(const Layout& layout) {
  BM_CHECK(MakeDirs(CrlPath(layout, "x").parent_path()));
  return MakeDirs(ReservePath(layout, "x", 0).parent_path(), 0700);
}

// RemoveReserve takes the files of an older reserve away: lists with a lower number are never
// published.
void RemoveReserve(const Layout& layout, const std::string& ca, uint64_t below) {
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(ReservePath(layout, ca, 0).parent_path(), ec)) {
    const std::string name = entry.path().stem().string();
    if (!name.starts_with(ca + "-") || entry.path().extension() != ".crl") continue;
    const std::string number = name.substr(ca.size() + 1);
    if (number.empty() || number.size() > 19 ||
        number.find_first_not_of("0123456789") != number.npos)
      continue;
    if (std::stoull(number) < below) fs::remove(entry.path(), ec);
  }
}

fs::path CrlRequestPath(const Layout& layout, const std::string& ca) {
  return layout.requests() / (ca + ".crl-request");
}

// AskForCrls writes the request for an offline authority's lists.
Result<pki::CrlRequest> AskForCrls(Factory& f, ledger::LogReader& reader, const ledger::CaRow& ca,
                                   const plan::Level& level, const Clock& clock) {
  BM_TRY(crypto::Certificate certificate, CertificateOf(reader, ca));
  if (!certificate.public_key()) return std::unexpected(certificate.public_key().error());
  BM_TRY(std::optional<ledger::CrlRow> last, LastOf(reader, ca.id));
  pki::CrlRequest r{.workspace = f.genesis.workspace,
                    .ca = ca.id,
                    .issuer = certificate.public_key()->spki_digest(),
                    .rehearsal = f.genesis.rehearsal,
                    .number = last ? last->number + 1 : 1,
                    .reserve = level.crl_reserve,
                    .first = floor<seconds>(clock.Now()),
                    .lifetime = *level.crl_lifetime,
                    .upto = reader.size(),
                    .distribution_point = "",
                    .entries = {},
                    .asker = std::nullopt};
  // An offline side never signs a number twice: a request whose answer never came used its own up.
  if (auto before = ReadTextFile(CrlRequestPath(f.layout, ca.id), pki::kMaxCrlRequestBytes)) {
    if (auto asked = pki::ReadCrlRequest(*before))
      r.number = std::max(r.number, asked->number + asked->reserve + 1);
  }
  BM_TRY(r.distribution_point, PointOf(reader, ca, level));
  BM_CHECK(SourceOf(reader, ca.id)([&](const pki::CrlEntry& e) -> Status {
    r.entries.push_back({Bytes(e.serial.begin(), e.serial.end()), e.at, e.reason});
    return {};
  }));
  BM_TRY(auto asker, f.keys.online->Open("log"));
  BM_TRY(std::string text, pki::WriteCrlRequest(r, asker.get()));
  BM_CHECK(MakeDirs(f.layout.requests(), 0700));
  BM_CHECK(WriteFileAtomic(CrlRequestPath(f.layout, ca.id), text));
  BM_CHECK(
      f.log->Append(ledger::MakeEvent(f.context, clock.Now(), "ca:" + ca.id,
                                      ledger::RequestCarried{.ca = ca.id,
                                                             .request = pki::CrlRequestDigest(r),
                                                             .action = "exported",
                                                             .response = {}})));
  return r;
}

Result<std::vector<BuiltCrl>> CarryCrls(Factory& f, ledger::LogReader& reader,
                                        const ledger::CaRow& ca, const pki::CrlRequest& request,
                                        const Clock& clock) {
  // The offline side works from the file that was carried in, not from our memory of it.
  BM_TRY(std::string text, ReadTextFile(CrlRequestPath(f.layout, ca.id), pki::kMaxCrlRequestBytes));
  const fs::path in = f.layout.offline_in() / (ca.id + ".crl-request"),
                 out = f.layout.offline_out() / (ca.id + ".crl-response");
  BM_CHECK(WriteFileAtomic(in, text));
  BM_TRY(text, ReadTextFile(in, pki::kMaxCrlRequestBytes));
  BM_TRY(crypto::Certificate authority, CertificateOf(reader, ca));
  std::string response;
  if (offline::Knows(f.layout.offline(), ca.id)) {
    // As on the other machine: what its authority signs is in its own journal.
    BM_TRY(offline::Answered answered,
           offline::Answer(
               {.side = f.layout.offline(), .ca = ca.id, .name = ca.id}, text,
               [&](const std::string& id) { return f.keys.offline->Open(id); }, clock));
    response = std::move(answered.response);
  } else {
    BM_TRY(response, SignCrlRequest(text, *f.keys.offline, authority));
    BM_CHECK(WriteFileAtomic(out, response));
  }
  BM_CHECK(f.log->Append(
      ledger::MakeEvent(f.context, clock.Now(), "ca:" + ca.id,
                        ledger::RequestCarried{.ca = ca.id,
                                               .request = pki::CrlRequestDigest(request),
                                               .action = "signed",
                                               .response = crypto::Sha256(AsBytes(response))})));
  return ImportCrls(f, response, clock, false);
}

}  // namespace

fs::path CrlPath(const Layout& layout, const std::string& ca) {
  return layout.public_dir() / "crl" / (ca + ".crl");
}
fs::path ReservePath(const Layout& layout, const std::string& ca, uint64_t number) {
  return layout.root / "crl-reserve" / fmt::format("{}-{}.crl", ca, number);
}

const plan::Level* LevelOf(const std::map<std::string, AdoptedPlan>& plans,
                           const ledger::CaRow& ca) {
  for (const auto& [id, adopted] : plans) {
    const plan::Pki* pki = adopted.plan.FindPki(ca.pki);
    if (pki != nullptr && ca.level >= 1 && ca.level <= pki->levels.size())
      return &pki->levels[ca.level - 1];
  }
  return nullptr;
}

Result<std::vector<BuiltCrl>> CrlMaker::Sign(ledger::LogReader& reader, const ledger::CaRow& ca,
                                             const plan::Level& level,
                                             const fs::path& output) const {
  if (!level.crl_lifetime) {
    return Refused("crl.none", fmt::format("the plan gives {} no revocation list", ca.id),
                   "say crl-lifetime in its level");
  }
  BM_CHECK(MakeCrlFolders(layout));
  BM_TRY(crypto::Certificate certificate, CertificateOf(reader, ca));
  BM_TRY(pki::IssuerIdentity issuer, CrlIssuer(certificate));
  BM_TRY(auto signer, open_key(ca.id));
  BM_TRY(std::optional<ledger::CrlRow> last, LastOf(reader, ca.id));
  BM_TRY(std::optional<ledger::CrlRow> shown, PublishedOf(reader, ca.id));
  const Time now = floor<seconds>(clock.Now());
  if (shown && Millis(now) < shown->this_update) {
    return Refused("crl.clock-back",
                   fmt::format("the list before is of {}, and it is {}",
                               FormatTime(TimeFromMillis(shown->this_update)), FormatTime(now)),
                   "set the clock right");
  }
  BM_TRY(std::string point, PointOf(reader, ca, level));
  std::vector<ledger::CrlRow> rows;
  std::vector<fs::path> parts;
  for (uint32_t n = 0; n <= level.crl_reserve; ++n) {
    const Time from = floor<seconds>(now + *level.crl_lifetime / 10 * 9 * n);
    ledger::CrlRow row;
    row.ca = ca.id;
    row.number = (last ? last->number : 0) + 1 + n;
    row.upto = reader.size();
    row.signer = signer->public_key().spki_digest();
    row.this_update = Millis(from);
    row.next_update = Millis(floor<seconds>(from + *level.crl_lifetime));
    row.reserve = n > 0;
    const pki::CrlTerms terms{.issuer = issuer,
                              .number = row.number,
                              .this_update = from,
                              .next_update = TimeFromMillis(row.next_update),
                              .distribution_point = point};
    const fs::path to =
        row.reserve ? ReservePath(layout, ca.id, row.number) : CrlPath(layout, ca.id);
    parts.emplace_back(to.string() + ".part");
    BM_TRY(pki::WrittenCrl written,
           pki::SignCrlFile(terms, SourceOf(reader, ca.id), *signer, parts.back()));
    row.count = written.count;
    row.sha256 = written.sha256;
    rows.push_back(std::move(row));
  }
  BM_TRY(std::vector<BuiltCrl> out, Settle(*this, clock.Now(), rows, parts));
  RemoveReserve(layout, ca.id, rows.front().number);
  if (!output.empty()) {
    BM_CHECK(MakeDirs(output));
    for (const char* form : {".crl", ".pem"}) {
      std::error_code ec;
      fs::path from = CrlPath(layout, ca.id);
      from.replace_extension(form);
      fs::copy_file(from, output / from.filename(), fs::copy_options::overwrite_existing, ec);
      if (ec)
        return Environment("file.write", (output / from.filename()).string() + ": " + ec.message());
    }
  }
  return out;
}

Result<std::string> CrlDue(ledger::LogReader& reader, const ledger::CaRow& ca,
                           const plan::Level& level, Time now) {
  if (!level.crl_lifetime) return std::string();
  BM_TRY(std::optional<ledger::CrlRow> row, PublishedOf(reader, ca.id));
  if (!row) return std::string("none");
  BM_TRY(uint64_t mark, ledger::RevocationMark(reader.registry().db(), ca.id));
  if (IsVoid(mark, *row)) return std::string("revoked");
  if (Millis(now) >= row->this_update + (row->next_update - row->this_update) / 2)
    return std::string("time");
  return std::string();
}

Result<std::vector<BuiltCrl>> PublishDue(ledger::LogReader& reader, const Layout& layout,
                                         Time now) {
  std::vector<BuiltCrl> out;
  BM_TRY(std::vector<ledger::CrlRow> rows, ledger::Crls(reader.registry().db()));
  for (const ledger::CrlRow& row : rows) {
    if (!row.reserve || row.this_update > Millis(now)) continue;
    const fs::path from = ReservePath(layout, row.ca, row.number);
    std::error_code ec;
    if (!fs::exists(from, ec)) continue;  // it is out already
    BM_TRY(uint64_t mark, ledger::RevocationMark(reader.registry().db(), row.ca));
    if (IsVoid(mark, row)) continue;
    BM_TRY(Digest found, ListDigest(from));
    if (found != row.sha256) {
      return Refused("crl.unrecorded", from.string() + ": is not the list that was signed",
                     "find out who changed it, and sign a new reserve");
    }
    BM_CHECK(MakeCrlFolders(layout));
    if (fs::exists(CrlPath(layout, row.ca), ec)) {
      BM_TRY(auto shown, MappedFile::Open(CrlPath(layout, row.ca), pki::kMaxCrlBytes));
      BM_TRY(pki::Crl list, pki::ReadCrl(shown->view()));
      if (list.number.value_or(0) >= row.number) continue;
    }
    BM_CHECK(Publish(layout, row.ca, from));
    out.push_back(ToBuilt(row, "published", CrlPath(layout, row.ca)));
  }
  return out;
}

Result<std::vector<BuiltCrl>> BuildCrls(const CrlOptions& o, const KeySource& source,
                                        const Clock& clock) {
  const bool offline_here = fs::exists(Layout(o.workspace).offline_keys());
  BM_TRY(auto first_look, OpenReader(o.workspace));
  BM_TRY(auto plans, PlansOf(*first_look));
  std::vector<ledger::CaRow> cas;
  if (o.ca.empty()) {
    BM_TRY(cas, first_look->registry().Cas());
  } else {
    BM_TRY(std::optional<ledger::CaRow> ca, first_look->registry().Ca(o.ca));
    if (!ca)
      return Refused("ca.unknown", "no such authority: " + o.ca,
                     "`birthmark ca list WS` lists them");
    cas.push_back(std::move(*ca));
  }
  std::erase_if(cas, [&](const ledger::CaRow& ca) {
    const plan::Level* level = LevelOf(plans, ca);
    return level == nullptr || !level->crl_lifetime;
  });
  if (cas.empty()) {
    return Refused("crl.none", "the plan gives no authority here a revocation list",
                   "say crl-lifetime = \"P7D\" in a [[pki.level]]");
  }
  const bool offline_too =
      offline_here && std::ranges::any_of(cas, [](const ledger::CaRow& ca) { return ca.offline; });
  first_look.reset();
  BM_TRY(auto f, Factory::Open(o.workspace, source, offline_too, "", o.as, clock));
  BM_CHECK(RequireRole(*f, {"maintainer", "administrator"}, "signing revocation lists"));
  BM_TRY(auto reader, f->NewReader());
  const CrlMaker maker{.layout = f->layout,
                       .clock = clock,
                       .context = f->context,
                       .open_key = [&](const std::string& id) { return f->keys.online->Open(id); },
                       .append = [&](ledger::Submission s) -> Status {
                         BM_CHECK(f->log->Append(std::move(s)));
                         return {};
                       }};
  std::vector<BuiltCrl> out;
  if (!o.dry_run) {
    BM_TRY(out, PublishDue(*reader, f->layout, clock.Now()));
  }
  for (const ledger::CaRow& ca : cas) {
    const plan::Level& level = *LevelOf(plans, ca);
    // The keys of stations' and of others' authorities are not here: their lists are theirs.
    if (!ca.offline && !f->keys.online->Facts(ca.id)) continue;
    if (o.dry_run) {
      out.push_back({.ca = ca.id, .what = ca.offline ? "requested" : "signed", .file = {}});
      continue;
    }
    if (!ca.offline) {
      BM_TRY(std::vector<BuiltCrl> made, maker.Sign(*reader, ca, level, o.output));
      out.insert(out.end(), made.begin(), made.end());
      continue;
    }
    BM_TRY(pki::CrlRequest request, AskForCrls(*f, *reader, ca, level, clock));
    if (f->keys.offline == nullptr || !f->keys.offline->Facts(ca.id)) {
      out.push_back({.ca = ca.id,
                     .what = "requested",
                     .number = request.number,
                     .count = request.entries.size(),
                     .file = CrlRequestPath(f->layout, ca.id)});
      continue;
    }
    BM_TRY(std::vector<BuiltCrl> made, CarryCrls(*f, *reader, ca, request, clock));
    out.insert(out.end(), made.begin(), made.end());
  }
  if (!o.statics.empty() && !o.dry_run) BM_CHECK(WriteStatics(*f, plans, cas, o.statics, clock));
  return out;
}

Result<std::string> SignCrlRequest(std::string_view text, keystore::KeyStore& offline,
                                   const crypto::Certificate& authority) {
  BM_TRY(pki::CrlRequest request, pki::ReadCrlRequest(text));
  BM_TRY(auto signer, offline.Open(request.ca));
  BM_TRY(std::vector<Bytes> lists, pki::SignCrls(request, authority, *signer));
  return pki::WriteCrlResponse(lists);
}

Result<std::vector<BuiltCrl>> ImportCrls(Factory& f, std::string_view response, const Clock& clock,
                                         bool dry_run) {
  auto blocks = crypto::ReadPem(response, pki::kMaxCrlReserve + 1);
  if (!blocks || blocks->empty())
    return Refused("crl.request", "these are no revocation lists in PEM");
  BM_TRY(pki::Crl first, pki::ReadCrl(blocks->front().der));
  BM_TRY(auto reader, f.NewReader());
  BM_TRY(std::optional<ledger::CaRow> ca, reader->registry().CaByKeyId(first.key_id));
  if (!ca) return Refused("ca.unknown", "the lists are of an authority that is not here");
  BM_TRY(std::optional<ledger::CrlRow> last, LastOf(*reader, ca->id));
  if (last && first.number.value_or(0) <= last->number) {
    return Refused("crl.older",
                   fmt::format("the list has the number {}, and {} was signed before",
                               first.number.value_or(0), last->number),
                   "ask for a new one: birthmark crl build WS --ca " + ca->id);
  }
  const fs::path file = CrlRequestPath(f.layout, ca->id);
  if (!fs::exists(file)) {
    return Refused("request.not-waiting", ca->id + " was asked for no lists",
                   "ask first: birthmark crl build WS --ca " + ca->id);
  }
  BM_TRY(std::string text, ReadTextFile(file, pki::kMaxCrlRequestBytes));
  BM_TRY(pki::CrlRequest request, pki::ReadCrlRequest(text));
  BM_TRY(crypto::Certificate authority, CertificateOf(*reader, *ca));
  BM_TRY(std::vector<Bytes> lists, pki::CheckCrlResponse(response, request, authority));
  std::vector<ledger::CrlRow> rows;
  for (uint32_t n = 0; n < lists.size(); ++n) {
    ledger::CrlRow row;
    row.ca = ca->id;
    row.number = request.number + n;
    row.upto = request.upto;
    row.count = request.entries.size();
    row.sha256 = crypto::Sha256(lists[n]);
    row.signer = request.issuer;
    row.this_update = Millis(floor<seconds>(request.At(n)));
    row.next_update = Millis(floor<seconds>(request.At(n) + request.lifetime));
    row.reserve = n > 0;
    rows.push_back(std::move(row));
  }
  if (dry_run) {
    std::vector<BuiltCrl> out;
    for (const ledger::CrlRow& r : rows)
      out.push_back(ToBuilt(r, r.reserve ? "reserve" : "signed", {}));
    return out;
  }
  BM_CHECK(MakeCrlFolders(f.layout));
  std::vector<fs::path> parts;
  for (size_t n = 0; n < lists.size(); ++n) {
    const fs::path to =
        n > 0 ? ReservePath(f.layout, ca->id, rows[n].number) : CrlPath(f.layout, ca->id);
    parts.emplace_back(to.string() + ".part");
    BM_CHECK(WriteFileAtomic(parts.back(), lists[n]));
  }
  BM_CHECK(f.log->Append(
      ledger::MakeEvent(f.context, clock.Now(), "ca:" + ca->id,
                        ledger::RequestCarried{.ca = ca->id,
                                               .request = pki::CrlRequestDigest(request),
                                               .action = "imported",
                                               .response = crypto::Sha256(AsBytes(response))})));
  const CrlMaker maker{.layout = f.layout,
                       .clock = clock,
                       .context = f.context,
                       .open_key = {},
                       .append = [&](ledger::Submission s) -> Status {
                         BM_CHECK(f.log->Append(std::move(s)));
                         return {};
                       }};
  BM_TRY(std::vector<BuiltCrl> out, Settle(maker, clock.Now(), rows, parts));
  RemoveReserve(f.layout, ca->id, rows.front().number);
  std::error_code ec;
  fs::remove(file, ec);  // it is answered
  return out;
}

}  // namespace birthmark::app
