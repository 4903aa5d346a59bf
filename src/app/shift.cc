// SPDX-License-Identifier: Apache-2.0
#include "app/shift.h"

#include <set>

#include "app/trials.h"
#include "cbor/cose.h"
#include "crypto/digest.h"
#include "ledger/events.h"

namespace birthmark::app {
namespace {

constexpr size_t kMaxImage = 16 * 1024 * 1024;

// SessionStatement is what a person signs on with; answer/session.h checks it.
struct SessionStatement {
  int64_t at = 0;
  std::string role;
  std::string station;
  std::string workspace;
  template <class V>
  void Fields(V& v) {
    v("at", at);
    v("role", role);
    v("station", station);
    v("workspace", workspace);
  }
};

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
      SessionStatement said{.at = Millis(now),
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

  // Images gives the firmware of the plan in force, made and released now if no run did so before.
  Result<line::Firmware> Images() {
    BM_TRY(auto reader, f_.NewReader());
    line::Materials m{f_.adopted.plan, *f_.keys.online, {}, {}};
    BM_TRY(m.signers, SignersOf(*reader));
    for (const plan::Anchor& a : f_.adopted.plan.anchors) {
      fs::path file = f_.layout.anchors() / a.id;
      if (!fs::exists(file)) continue;
      BM_TRY(m.files[a.id], ReadFile(file, kMaxImage));
    }
    const plan::Anchor* boot = f_.adopted.plan.FindAnchorKind(vocab::AnchorKind::kFirstBoot);
    if (boot == nullptr) return line::Firmware::Make(m);
    BM_TRY(crypto::PublicKey boot_key, line::AnchorKey(m, *boot));
    fs::path folder = f_.layout.images() / ToHex(f_.adopted.plan.digest).substr(0, 16);
    BM_TRY(std::vector<line::Image> released, Released(*reader, folder));
    if (!released.empty())
      return line::Firmware::FromImages(std::move(released), boot_key.spki_digest());
    BM_TRY(line::Firmware firmware, line::Firmware::Make(m));
    BM_CHECK(MakeDirs(folder, 0700));
    ledger::Submission events;
    for (const line::Image& image : firmware.images()) {
      BM_CHECK(WriteFileAtomic(folder / image.partition, image.bytes));
      ledger::ImageReleased body{.stage = image.partition,
                                 .digest = image.digest,
                                 .version = image.version,
                                 .anchors = image.anchors,
                                 .signer = image.signer,
                                 .signer_level = image.signer_level};
      BM_TRY(ledger::NewEvent e, ledger::Prepare(ledger::MakeEvent(
                                     f_.context, clock_.Now(), "image:" + image.partition, body)));
      events.push_back(std::move(e));
    }
    BM_CHECK(f_.log->Append(std::move(events)));
    return firmware;
  }

  // TryAnchors runs the trials of this plan once.
  Status TryAnchors(const line::Firmware& firmware) {
    BM_TRY(auto reader, f_.NewReader());
    BM_TRY(std::vector<uint64_t> seqs, reader->registry().EventsOfType(ledger::TrialsRun::kType));
    for (uint64_t seq : seqs) {
      BM_TRY(ledger::Event event, reader->EventAt(seq));
      if (event.plan == f_.adopted.plan.digest) return {};
    }
    BM_TRY(std::vector<ledger::TrialsRun> runs, RunTrials(f_.layout, f_.adopted.plan, firmware));
    ledger::Submission events;
    for (const ledger::TrialsRun& run : runs) {
      BM_TRY(ledger::NewEvent e, ledger::Prepare(ledger::MakeEvent(f_.context, clock_.Now(),
                                                                   "anchor:" + run.anchor, run)));
      events.push_back(std::move(e));
    }
    if (!events.empty()) BM_CHECK(f_.log->Append(std::move(events)));
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

  // Released gives the images that the log says were released under this plan; their files must be
  // those.
  Result<std::vector<line::Image>> Released(ledger::LogReader& reader, const fs::path& folder) {
    std::vector<line::Image> out;
    BM_TRY(std::vector<uint64_t> seqs,
           reader.registry().EventsOfType(ledger::ImageReleased::kType));
    for (uint64_t seq : seqs) {
      BM_TRY(ledger::Event event, reader.EventAt(seq));
      if (event.plan != f_.adopted.plan.digest) continue;
      BM_TRY(ledger::ImageReleased body, ledger::BodyOf<ledger::ImageReleased>(event));
      line::Image image{.partition = body.stage,
                        .bytes = {},
                        .digest = body.digest,
                        .version = body.version,
                        .anchors = body.anchors,
                        .signer = body.signer.value_or(Digest{}),
                        .signer_level = body.signer_level};
      BM_TRY(image.bytes, ReadFile(folder / body.stage, kMaxImage));
      if (crypto::Sha256(image.bytes) != body.digest) {
        return Refused("shift.image",
                       (folder / body.stage).string() + ": is not the image that was released",
                       "put the released file back, or adopt a plan with a new version");
      }
      out.push_back(std::move(image));
    }
    return out;
  }

  Factory& f_;
  const Clock& clock_;
};

// Unexplained counts identities that are neither installed somewhere nor ended.
Result<uint64_t> Unexplained(ledger::LogWriter& log) {
  return log.registry().CountIdentities(
      {.unit = std::nullopt, .slot = std::nullopt, .ca = std::nullopt, .state = "issued"});
}

}  // namespace

Result<ShiftResult> RunShift(const ShiftOptions& options, const KeySource& keys,
                             const Clock& clock) {
  BM_TRY(auto f, Factory::Open(options.workspace, keys, false, options.product, options.as, clock));
  const plan::Plan& plan = f->adopted.plan;
  if (!plan.board) {
    return Refused("shift.link",
                   "the plan names no emulated board, and real links wait for a connection",
                   "add [device] board = \"bmc\" to rehearse with emulated devices");
  }
  Shift shift(*f, clock);
  BM_CHECK(shift.SignOn());
  BM_TRY(line::Firmware firmware, shift.Images());
  BM_CHECK(shift.TryAnchors(firmware));
  line::IssuingDesk desk({.log = *f->log,
                          .log_dir = f->layout.ledger(),
                          .keys = *f->keys.online,
                          .plan = plan,
                          .marks = f->marks,
                          .serials = *f->serials,
                          .clock = clock,
                          .context = f->context});
  std::string board(plan::ToText(*plan.board));
  line::LineRun run({.log = *f->log,
                     .log_dir = f->layout.ledger(),
                     .plan = plan,
                     .firmware = firmware,
                     .desk = desk,
                     .clock = clock,
                     .rng = f->rng,
                     .place =
                         [&](const std::string& serial) {
                           return line::Fixture::PlaceEmulated(board, f->layout.devices() / serial);
                         },
                     .sessions = shift.sessions,
                     .tell = options.tell,
                     .context = f->context});
  ShiftResult result;
  BM_TRY(std::vector<std::string> waiting, run.Unfinished());
  result.begun_before = waiting.size();
  for (uint64_t i = 0; i < options.units; ++i) {
    if (options.stop && options.stop()) {
      result.stopped = true;
      break;
    }
    std::string serial;
    if (i < waiting.size()) {
      serial = waiting[i];
    } else {
      BM_TRY(serial, run.NextSerial());
    }
    BM_TRY(line::UnitResult unit, run.RunUnit(serial));
    ++(unit.lamp == line::UnitResult::Lamp::kGood ? result.good : result.scrapped);
  }
  BM_CHECK(shift.SignOff());
  BM_TRY(result.unexplained, Unexplained(*f->log));
  return result;
}

}  // namespace birthmark::app
