// SPDX-License-Identifier: Apache-2.0
#include "app/shift.h"

#include <algorithm>
#include <set>

#include "app/pool.h"
#include "app/release.h"
#include "app/seeds.h"
#include "app/silicon_maker.h"
#include "app/station_file.h"
#include "app/vendor_roots.h"
#include "cbor/cose.h"
#include "ledger/events.h"
#include "ledger/sqlite/account.h"
#include "line/arrival.h"
#include "line/element_part.h"
#include "line/parts_bin.h"

namespace birthmark::app {
namespace {

class Shift {
 public:
  Shift(Factory& f, const Clock& clock) : f_(f), clock_(clock) {}

  // SignOn proves the person's credential at every station that a step needs.
  Status SignOn() {
    BM_TRY(crypto::Certificate certificate, CredentialOf(f_.context.actor));
    BM_TRY(auto signer, f_.keys.online->Open("credential-" + f_.context.actor));
    std::set<std::string> stations;
    for (const plan::Step& s : f_.adopted.plan.steps) stations.insert(s.station);
    for (const std::string& station : stations) {
      Time now = clock_.Now();
      ledger::SessionStatement said{.at = Millis(now),
                                    .role = "operator",
                                    .station = station,
                                    .workspace = f_.genesis.workspace};
      cbor::CoseSigning how;
      how.headers.x5chain = {Bytes(certificate.der().begin(), certificate.der().end())};
      BM_TRY(cbor::CoseSign1 proof, cbor::SignCose(how, cbor::ToCbor(said), *signer));
      ledger::SessionOpened body{.id = FormatUuid(NewUuid(now, f_.rng)),
                                 .proof = cbor::EncodeCose(proof),
                                 .role = said.role,
                                 .station = station,
                                 .pseudonym = f_.context.actor};
      ledger::EventContext context = f_.context;
      context.station = station;
      BM_CHECK(f_.log->Append(ledger::MakeEvent(context, now, "station:" + station, body)));
      sessions[station] = body.id;
    }
    return {};
  }

  Status SignOff() {
    for (const auto& [station, id] : sessions) {
      ledger::EventContext context = f_.context;
      context.station = station;
      BM_CHECK(f_.log->Append(ledger::MakeEvent(context, clock_.Now(), "station:" + station,
                                                ledger::SessionClosed{.id = id})));
    }
    sessions.clear();
    return {};
  }

  std::map<std::string, std::string> sessions;

 private:
  Result<crypto::Certificate> CredentialOf(const std::string& pseudonym) {
    BM_TRY(std::vector<ledger::CredentialRow> rows, f_.log->registry().Credentials());
    auto row = std::ranges::find(rows, pseudonym, &ledger::CredentialRow::pseudonym);
    if (row == rows.end()) {
      return Refused(
          "shift.no-person", "nobody is enrolled here to run the line",
          "issue a credential: birthmark credential issue WS --role operator; then --as it");
    }
    BM_TRY(auto reader, f_.NewReader());
    BM_TRY(ledger::Event event, reader->EventAt(row->seq));
    BM_TRY(ledger::CredentialIssued body, ledger::BodyOf<ledger::CredentialIssued>(event));
    return crypto::Certificate::FromDer(body.cert);
  }

  Factory& f_;
  const Clock& clock_;
};

// LinksOf are the real links of a shift; nothing: its devices are emulated.
Result<std::optional<line::Links>> LinksOf(const ShiftOptions& options) {
  std::string link = options.link, port = options.port;
  if (link.empty() && IsStation(options.workspace)) {
    BM_TRY(StationFile file, ReadStationFile(options.workspace));
    link = file.link;
    if (port.empty()) port = file.port;
  }
  if (link.empty() || link.starts_with("emulator:")) {
    if (!port.empty() || options.scan) {
      return Usage("shift.link", "a port and a scanner are for real links",
                   "say --link, or give the station one in station.toml");
    }
    return std::nullopt;
  }
  BM_TRY(line::Links links, line::ReadLinks(link, port));
  return links;
}

}  // namespace

Result<ShiftResult> RunShift(const ShiftOptions& options, const KeySource& keys,
                             const Clock& clock) {
  BM_TRY(auto f, Factory::Open(options.workspace, keys, false, options.product, options.as, clock));
  const plan::Plan& plan = f->adopted.plan;
  if (!plan.board) {
    return Refused("shift.link", "the plan does not say which board is on the fixture",
                   "add [device] board = \"bmc\" to the plan");
  }
  BM_TRY(std::optional<line::Links> links, LinksOf(options));
  if (links && !options.faults.empty()) {
    return Refused("shift.fault", "faults on purpose are for emulated devices",
                   "leave --fault out, or the real link");
  }
  if (!options.faults.empty() && !f->genesis.rehearsal) {
    return Refused("shift.fault", "only a rehearsal has faults on purpose",
                   "leave --fault out, or rehearse in another workspace");
  }
  Shift shift(*f, clock);
  BM_CHECK(shift.SignOn());
  BM_TRY(line::Firmware firmware, ReleaseImages(*f, clock));
  BM_CHECK(TryAnchorsOnce(*f, firmware, clock));
  line::IssuingDesk desk({.log = *f->log,
                          .log_dir = f->layout.ledger(),
                          .keys = *f->keys.online,
                          .plan = plan,
                          .marks = f->marks,
                          .serials = *f->serials,
                          .clock = clock,
                          .context = f->context});
  BM_TRY(std::unique_ptr<line::Pool> pool, OpenPool(*f, clock));
  line::SecretDesk secrets({.log = *f->log,
                            .log_dir = f->layout.ledger(),
                            .keys = *f->keys.online,
                            .folder = f->layout.secrets(),
                            .plan = plan,
                            .desk = desk,
                            .clock = clock,
                            .rng = f->rng,
                            .context = f->context});
  SeedOrigins origins(f->log->registry(), EventsOf(f->log->registry()));
  line::PartsBin bin(*f->log, f->layout.ledger(), plan, clock, desk);
  const bool parts = std::ranges::any_of(plan.identities, [](const plan::IdentitySlot& s) {
    return s.method == vocab::Method::kSapodilla;
  });
  line::Faults faults(options.faults);
  std::string board(plan::ToText(*plan.board));
  bool firmware_runs =
      std::ranges::any_of(plan.stations, [](const plan::Station& s) { return s.link == "qemu"; });
  line::Arrivals* arrivals = nullptr;
  line::LineRun run(
      {.log = *f->log,
       .log_dir = f->layout.ledger(),
       .plan = plan,
       .firmware = firmware,
       .desk = desk,
       .clock = clock,
       .rng = f->rng,
       .place = [&](const std::string& serial) -> Result<line::Fixture> {
         if (arrivals != nullptr) return arrivals->Place();
         fs::path state = f->layout.devices() / serial;
         if (firmware_runs) return line::Fixture::PlaceFirmware(state);
         if (parts) BM_CHECK(TakePart(f->layout, state));
         BM_TRY(std::vector<std::string> extra, FusesOf(*f, origins, serial));
         for (std::string& fault : faults.ForEmulator()) extra.push_back(std::move(fault));
         BM_TRY(std::string element,
                line::EmulatedElement(plan, state, f->layout.parts_maker(), serial));
         return line::Fixture::PlaceEmulated(board, state, extra, element);
       },
       .sessions = shift.sessions,
       .tell = options.tell,
       .context = f->context,
       .faults = &faults,
       .labels = f->layout.labels(),
       .vendor_roots =
           [&](const std::string& slot) { return VendorRootsOf(f->layout, plan.product.id, slot); },
       .elements = &bin,
       .secrets = &secrets,
       .seeds = &origins,
       .pool = pool.get(),
       .patient = links.has_value()});
  std::optional<line::Arrivals> coming;
  if (links) {
    coming.emplace(line::ArrivalServices{.run = run,
                                         .plan = plan,
                                         .links = *links,
                                         .scan = options.scan,
                                         .stop = options.stop,
                                         .tell = options.note ? options.note : [](const auto&) {}});
    arrivals = &*coming;
  }
  ShiftResult result;
  BM_TRY(std::vector<std::string> waiting, run.Unfinished());
  result.begun_before = waiting.size();
  for (uint64_t i = 0; i < options.units; ++i) {
    if (options.stop && options.stop()) {
      result.stopped = true;
      break;
    }
    std::string serial;
    if (arrivals != nullptr) {
      BM_TRY(std::optional<std::string> next, arrivals->Next());
      if (!next) {
        result.stopped = true;
        break;
      }
      serial = std::move(*next);
    } else if (i < waiting.size()) {
      serial = waiting[i];
    } else {
      BM_TRY(serial, run.NextSerial());
    }
    BM_TRY(line::UnitResult unit, run.RunUnit(serial));
    if (unit.lamp == line::UnitResult::Lamp::kRetry) {  // a real device comes back, or another does
      arrivals->Again();
      --i;
      continue;
    }
    ++(unit.lamp == line::UnitResult::Lamp::kGood   ? result.good
       : unit.lamp == line::UnitResult::Lamp::kWait ? result.waiting
                                                    : result.scrapped);
  }
  BM_CHECK(shift.SignOff());
  BM_TRY(result.unexplained, ledger::InNoDevice(f->log->registry().db()));
  return result;
}

}  // namespace birthmark::app
