// SPDX-License-Identifier: Apache-2.0
#include "app/artifact_send.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/factory.h"
#include "app/record.h"
#include "app/units.h"
#include "artifact/suit.h"
#include "artifact/tam.h"
#include "cbor/codec.h"
#include "cbor/cose.h"
#include "crypto/digest.h"
#include "ledger/events_anchors.h"
#include "link/image.h"

namespace birthmark::app {
namespace {

constexpr size_t kImageHead = 8;
// kMaxOfferedFile is the largest image that fits one message of the station protocol.
constexpr size_t kMaxOfferedFile = 16000;
constexpr size_t kUpdatePiece = 8192;
constexpr uint64_t kNoAnchor = 5;  // the verdict of a device that has none (link::VerdictWord)

// Boxed is a device image as far as a sender needs it; the rest is the device's to judge.
struct Boxed {
  std::string kind;  // as its manifest says
  uint64_t version = 0;
  uint32_t oem = 0;  // 0: it names no product
  std::string model, hardware;
  Bytes file;
  size_t envelope = 0;
  ByteView Envelope() const { return ByteView(file).subspan(kImageHead, envelope); }
  ByteView Payload() const { return ByteView(file).subspan(kImageHead + envelope); }
  std::string Partition() const { return kind == "bundle" ? "store" : kind; }
};

bool LooksLikeImage(ByteView file) {
  return file.size() > kImageHead && AsText(file.first(4)) == "BMI1";
}

std::unexpected<Error> BadImage(std::string_view what) {
  return Refused("artifact.malformed", fmt::format("no device image: {}", what),
                 "make it again: birthmark artifact sign --kind device-image");
}

Result<Boxed> Unbox(Bytes file) {
  if (!LooksLikeImage(file)) return BadImage("its first octets are others");
  Boxed out;
  out.envelope = file[4] | size_t{file[5]} << 8 | size_t{file[6]} << 16 | size_t{file[7]} << 24;
  if (out.envelope > file.size() - kImageHead)
    return BadImage("its envelope is longer than the file");
  out.file = std::move(file);
  BM_TRY(const cbor::CoseSign1 cose, cbor::ParseCose(out.Envelope()));
  if (!cose.payload) return BadImage("its envelope has no manifest");
  BM_TRY(const cbor::Value manifest, cbor::Decode(*cose.payload));
  const cbor::Value* kind = manifest.Find("kind");
  const cbor::Value* version = manifest.Find("version");
  if (kind == nullptr || kind->AsText() == nullptr || version == nullptr ||
      version->AsUint() == nullptr)
    return BadImage("its manifest names no kind or no version");
  out.kind = *kind->AsText();
  out.version = *version->AsUint();
  const cbor::Value* product = manifest.Find("product");
  const cbor::Value* oem = product == nullptr ? nullptr : product->Find("oem");
  const cbor::Value* model = product == nullptr ? nullptr : product->Find("model");
  const cbor::Value* hardware = product == nullptr ? nullptr : product->Find("hardware");
  if (oem && model && hardware && oem->AsUint() && model->AsText() && hardware->AsText()) {
    out.oem = static_cast<uint32_t>(*oem->AsUint());
    out.model = *model->AsText();
    out.hardware = *hardware->AsText();
  }
  return out;
}

// Sender is one delivery.
struct Sender {
  const SendOptions& options;
  const SendProgress& progress;
  link::DeviceConsole& console;
  Sent& out;

  void Said(bool accepted, uint64_t verdict, const std::string& text) {
    out.accepted = accepted;
    out.why = link::VerdictWord(verdict);
    out.text = text;
  }

  // Stream writes an application, wherever it goes.
  Status Stream(const Boxed& image) {
    const char* policy = options.in_place ? "in-place" : "double-buffer";
    BM_TRY(link::Offered said, console.BeginUpdate(image.Envelope(), policy));
    out.into = said.into;
    Said(said.accepted, said.verdict, said.text);
    if (!said.accepted) return {};
    const ByteView payload = image.Payload();
    for (size_t at = 0; at < payload.size(); at += kUpdatePiece) {
      const size_t n = std::min(kUpdatePiece, payload.size() - at);
      BM_CHECK(console.WriteUpdate(at, payload.subspan(at, n)));
      if (progress) progress(at + n, payload.size());
    }
    BM_TRY(said, console.FinishUpdate());
    Said(said.accepted, said.verdict, said.text);
    return {};
  }

  Status Offer(const Boxed& image) {
    if (image.file.size() > kMaxOfferedFile) {
      return Refused(
          "artifact.too-large",
          fmt::format("an image of {} octets for {} fits no message of the protocol, and "
                      "only applications are streamed",
                      image.file.size(), image.Partition()),
          fmt::format("make it {} octets at most", kMaxOfferedFile));
    }
    BM_TRY(const link::Offered said, console.OfferImage(image.Partition(), image.file));
    Said(said.accepted, said.verdict, said.text);
    out.anchor = said.anchor;
    out.into = said.into;
    return {};
  }

  // Install gives the device an image, and restarts it with that.
  Status Install(const Boxed& image) {
    out.component = image.Partition();
    out.version = image.version;
    if (options.dry_run) return {};
    BM_CHECK(image.kind == "application" ? Stream(image) : Offer(image));
    if (!out.accepted) return {};
    BM_CHECK(console.Reset());
    out.restarted = true;
    return {};
  }

  // ManifestJudged has the device's own verifier look at a manifest's signature, under the anchors
  // that verify what the manifest is about. The first that accepts decides.
  Status ManifestJudged(const artifact::OpenedUpdate& update, const std::string& component) {
    BM_TRY(const std::vector<link::AnchorInForce> anchors, console.AnchorsInForce());
    Said(false, kNoAnchor, "no anchor for this object");
    bool first = true;
    for (const link::AnchorInForce& a : anchors) {
      if (a.verifies != component) continue;
      BM_TRY(const link::Trial trial, console.Try(update.attached, a.id));
      if (first || trial.accepted) Said(trial.accepted, trial.verdict, trial.text);
      first = false;
      if (!trial.accepted) continue;
      out.anchor = a.id;
      return {};
    }
    return {};
  }

  Status Update(ByteView file) {
    out.kind = "update";
    BM_TRY(const artifact::OpenedUpdate update, artifact::OpenUpdate(file));
    auto bad = [](std::string what, std::string fix) {
      return Refused("artifact.send-content", std::move(what), std::move(fix));
    };
    if (options.content.empty())
      return bad("an update manifest goes to a device together with its content", "--content FILE");
    BM_TRY(Bytes content, ReadFile(options.content, artifact::kMaxImage));
    const artifact::UpdateManifest& m = update.manifest;
    if (content.size() != m.content.size || crypto::Sha256(content) != m.content.sha256) {
      return Refused("artifact.content", options.content.string() + ": not what the manifest names",
                     "give the file that was signed");
    }
    if (!LooksLikeImage(content)) {
      return bad("the content is no device image, and this device core installs nothing else",
                 "an operating system installs its packages itself");
    }
    BM_TRY(const Boxed image, Unbox(std::move(content)));
    if (m.component.back() != image.Partition()) {
      return bad(fmt::format("the manifest is about {}, and the content is for {}",
                             fmt::join(m.component, "/"), image.Partition()),
                 "sign a manifest for it: --name " + image.Partition());
    }
    const Bytes vendor = artifact::VendorId(image.oem);
    if (image.oem == 0 || m.vendor != vendor ||
        m.device_class != artifact::ClassId(vendor, image.model + " " + image.hardware)) {
      return bad("the manifest and its content are not for the same product",
                 "sign the manifest with the plan of the content's product");
    }
    if (!options.dry_run) {
      BM_CHECK(ManifestJudged(update, image.Partition()));
      if (!out.accepted) {
        out.component = image.Partition();
        out.version = m.sequence;
        return {};
      }
    }
    return Install(image);
  }

  Status Message(const Bytes& file) {
    out.kind = "tam";
    BM_TRY(const artifact::Opened opened, artifact::OpenTam(file));
    out.component = opened.name;
    out.version = opened.version.value_or(0);
    if (options.dry_run) return {};
    BM_TRY(link::TamJudged said, console.TamMessage(file));
    Said(said.accepted, said.verdict, said.text);
    out.counters = std::move(said.counters);
    return {};
  }

  Status Recognise() {
    BM_TRY(Bytes file, ReadFile(options.file, artifact::kMaxImage));
    if (LooksLikeImage(file)) {
      out.kind = "device-image";
      BM_TRY(const Boxed image, Unbox(std::move(file)));
      return Install(image);
    }
    if (artifact::LooksLikeUpdate(file)) return Update(file);
    if (artifact::LooksLikeTam(file)) return Message(file);
    return Refused("artifact.send-kind",
                   options.file.string() +
                       ": a device of this core takes device images, update "
                       "manifests and messages to its TAM",
                   "what others verify goes to them: a boot loader's image is flashed, a package "
                   "is installed");
  }

  // Settled looks at what runs after the restart, and keeps it where that is wanted.
  Status Settled() {
    BM_TRY(link::UpdateState state, console.ReadUpdateState());
    out.fell_back = out.restarted && state.fell_back && out.component == "application";
    out.on_trial = state.trial == "begun";
    if (!options.confirm || options.dry_run || (!options.file.empty() && !out.restarted)) return {};
    BM_TRY(const uint64_t floor, console.ConfirmUpdate());
    (void)floor;
    out.confirmed = true;
    out.on_trial = false;
    return {};
  }
};

void CompareAnchors(const std::vector<link::AnchorInForce>& before,
                    const std::vector<link::AnchorInForce>& after, Sent& out) {
  // The buffers of the application are one place.
  auto place = [](const link::AnchorInForce& a) {
    return a.place == "application-b" ? "application" : a.place;
  };
  auto find = [&](const std::vector<link::AnchorInForce>& in, const link::AnchorInForce& what) {
    return std::ranges::find_if(in, [&](const link::AnchorInForce& a) {
      return a.id == what.id && place(a) == place(what);
    });
  };
  for (const link::AnchorInForce& a : before) {
    const auto now = find(after, a);
    if (now != after.end() && now->sha256 == a.sha256) continue;
    out.anchors.push_back({.anchor = a.id,
                           .place = place(a),
                           .before = ToHex(a.sha256),
                           .after = now == after.end() ? "" : ToHex(now->sha256)});
  }
  for (const link::AnchorInForce& a : after) {
    if (find(before, a) != before.end()) continue;
    out.anchors.push_back(
        {.anchor = a.id, .place = place(a), .before = "", .after = ToHex(a.sha256)});
  }
}

// RecordReplaced writes down which of the plan's anchors were replaced in a device that is in use;
// the same replacement in the next unit is no other one.
Status RecordReplaced(const SendOptions& o, const std::string& unit, const Sent& sent,
                      const Clock& clock) {
  std::vector<ledger::AnchorReplaced> made;
  for (const Sent::Change& c : sent.anchors) {
    if (c.before.empty() || c.after.empty()) continue;
    const auto before = FromHex(c.before);
    const auto after = FromHex(c.after);
    if (!before || !after || before->size() != 32 || after->size() != 32) continue;
    ledger::AnchorReplaced body{.means = "signed-update", .anchor = c.anchor};
    std::ranges::copy(*before, body.before.begin());
    std::ranges::copy(*after, body.after.begin());
    made.push_back(std::move(body));
  }
  if (made.empty()) return {};
  BM_TRY(auto reader, OpenReader(o.workspace));
  BM_TRY(const AdoptedPlan adopted, PlanOf(*reader, unit.substr(0, unit.find('/'))));
  BM_TRY(const std::vector<uint64_t> seqs,
         reader->registry().EventsOfType(ledger::AnchorReplaced::kType));
  std::vector<ledger::AnchorReplaced> known;
  for (uint64_t seq : seqs) {
    BM_TRY(const ledger::Event event, reader->EventAt(seq));
    BM_TRY(ledger::AnchorReplaced body, ledger::BodyOf<ledger::AnchorReplaced>(event));
    known.push_back(std::move(body));
  }
  reader.reset();
  const Layout layout{o.workspace};
  ledger::EventContext context;
  BM_TRY(context.actor, ActorHere(layout, o.as));
  context.plan = adopted.plan.digest;
  for (const ledger::AnchorReplaced& body : made) {
    const bool there = std::ranges::any_of(known, [&](const ledger::AnchorReplaced& k) {
      return k.anchor == body.anchor && k.before == body.before && k.after == body.after;
    });
    if (there || adopted.plan.FindAnchor(body.anchor) == nullptr) continue;
    BM_CHECK(AppendHere(
        layout, ledger::MakeEvent(context, clock.Now(), "anchor:" + body.anchor, body), clock));
  }
  return {};
}

}  // namespace

Result<Sent> SendArtifact(const SendOptions& o, const Clock& clock, const SendProgress& progress) {
  if (o.file.empty() && !o.confirm) {
    return Usage("artifact.options", "no file is named",
                 "birthmark artifact send FILE --device URI, or --confirm alone");
  }
  BM_TRY(DeviceLink device, DeviceLink::Open(o.device, o.workspace));
  link::DeviceConsole& console = device.console();
  Sent out;
  BM_TRY(const link::Hello hello, console.SayHello());
  out.device = hello.serial.empty() ? ToHex(hello.uid) : hello.serial;
  std::string unit;  // found before anything is sent, so that a wrong workspace changes nothing
  if (!o.workspace.empty()) {
    BM_TRY(auto reader, OpenReader(o.workspace));
    BM_TRY(unit, ResolveUnit(reader->registry(), hello.serial));
  }
  BM_TRY(out.before, console.BootReport());
  BM_TRY(const std::vector<link::AnchorInForce> before, console.AnchorsInForce());
  Sender sender{.options = o, .progress = progress, .console = console, .out = out};
  if (!o.file.empty()) BM_CHECK(sender.Recognise());
  out.after = out.before;
  if (out.accepted) {
    BM_TRY(out.after, console.BootReport());
    BM_TRY(const std::vector<link::AnchorInForce> after, console.AnchorsInForce());
    CompareAnchors(before, after, out);
  }
  if (out.accepted || o.file.empty()) BM_CHECK(sender.Settled());
  if (!unit.empty() && out.accepted) BM_CHECK(RecordReplaced(o, unit, out, clock));
  return out;
}

}  // namespace birthmark::app
