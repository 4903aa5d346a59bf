// SPDX-License-Identifier: Apache-2.0
#include "app/change_trials.h"

#include <fmt/format.h>

#include <algorithm>

#include "anchors/trial_build.h"
#include "cbor/cose.h"
#include "crypto/digest.h"
#include "crypto/software_signer.h"
#include "link/image.h"
#include "link/owner_area.h"
#include "voucher/message.h"

namespace birthmark::app {
namespace {

// kMaxOffer is the largest image that fits one message of the station protocol.
constexpr size_t kMaxOffer = 16000;

// VerifierOf is the anchor that a device checks a partition's image with; null: nobody does.
const plan::Anchor* VerifierOf(const plan::Plan& plan, const std::string& partition) {
  if (partition == "first-stage") return plan.FindAnchorKind(vocab::AnchorKind::kFirstBoot);
  if (partition == "store") {
    for (const plan::Anchor& a : plan.anchors) {
      if (a.verifies == "bundle" && a.generated) return &a;
    }
    return nullptr;
  }
  for (const plan::Stage& s : plan.stages) {
    if (vocab::ToText(s.kind) == partition && s.verified_by) return plan.FindAnchor(*s.verified_by);
  }
  return nullptr;
}

// VoucherVerifier is the anchor that says whose a device is; null: none does.
const plan::Anchor* VoucherVerifier(const plan::Plan& plan) {
  const auto it = std::ranges::find(plan.anchors, "voucher", &plan::Anchor::verifies);
  return it == plan.anchors.end() ? nullptr : &*it;
}

// ArrivesLater is true for an anchor that an owner brings: nothing of it leaves the factory.
bool ArrivesLater(const plan::Anchor& a) {
  return !a.generated && a.file.empty() &&
         std::ranges::find(a.kinds, vocab::AnchorKind::kNetworkLocal) != a.kinds.end();
}

// OtherCertificate is a certificate of somebody we never heard of.
Result<Bytes> OtherCertificate() {
  anchors::TrialKeys keys;
  SystemRng rng;
  anchors::TrialSetup setup;
  setup.now = SystemClock().Now();
  anchors::TrialBuilder builder(std::move(setup), keys, rng);
  anchors::TrialSpec spec;
  spec.id = "other";
  spec.right_key = false;
  spec.algorithm = "ecdsa-p256-sha256";
  BM_TRY(anchors::TrialObject object, builder.Build(spec, ToBytes("other")));
  return std::move(object.x5chain.front());
}

// Another is an anchor's data with another key in it, in the same form.
Result<Bytes> Another(const link::StageAnchor& anchor) {
  if (anchor.form == "certificate") return OtherCertificate();
  BM_TRY(auto key, crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
  const crypto::PublicKey& k = key->public_key();
  if (anchor.form == "spki") return Bytes(k.spki().begin(), k.spki().end());
  if (anchor.form == "digest") return Bytes(k.spki_digest().begin(), k.spki_digest().end());
  Bytes file = anchor.data;
  const Bytes tail = ToBytes("\n# and one more\n");
  file.insert(file.end(), tail.begin(), tail.end());
  return file;
}

// Unsign takes the signature out of an image: zeros stand in its place.
void Unsign(Bytes& image) {
  const size_t end = 8 + (image[4] | size_t{image[5]} << 8);
  std::fill_n(image.begin() + static_cast<std::ptrdiff_t>(end - 64), 64, uint8_t{0});
}

// Changed is a stage with one thing done to one anchor.
struct Changed {
  std::string_view aspect;
  link::Stage stage;
};

// Changes lists what is done to the anchor. Where it is the only one for what it verifies, it is
// also taken away with another in its place: a device must not be left with none.
Result<std::vector<Changed>> Changes(const link::Stage& stage, const std::string& id) {
  std::vector<Changed> out;
  const auto at =
      std::ranges::find(stage.anchors, id, &link::StageAnchor::id) - stage.anchors.begin();
  const link::StageAnchor& anchor = stage.anchors[static_cast<size_t>(at)];
  BM_TRY(Bytes other, Another(anchor));
  Changed replaced{"replace", stage};
  replaced.stage.anchors[static_cast<size_t>(at)].data = other;
  link::StageAnchor beside = anchor;
  beside.id = id + "-other";
  // A bundle of a machine's size does not fit twice.
  beside.data = anchor.form == "file" ? ToBytes("# another anchor\n") : std::move(other);
  Changed added{"add", stage};
  added.stage.anchors.push_back(beside);
  Changed removed{"remove", stage};
  removed.stage.anchors.erase(removed.stage.anchors.begin() + at);
  const bool alone =
      std::ranges::count(stage.anchors, anchor.verifies, &link::StageAnchor::verifies) == 1;
  out.push_back(std::move(replaced));
  out.push_back(std::move(added));
  out.push_back(removed);
  if (alone) {
    removed.stage.anchors.push_back(std::move(beside));
    out.push_back(std::move(removed));
  }
  return out;
}

}  // namespace

// Container is what holds an anchor: the image as it was released, and who may sign another.
struct ChangeTrials::Container {
  std::string partition;
  std::string verifier;
  link::Manifest manifest;
  link::Stage stage;
  Bytes released;  // empty: nothing is there yet
  std::vector<std::string> ways;
  std::unique_ptr<crypto::Signer> right, wrong;
  link::SignerHeaders headers;

  // Seal signs a stage: by "right-key", "wrong-key", "nobody".
  Result<Bytes> Seal(const link::Stage& content, const link::Manifest& m,
                     std::string_view by) const {
    crypto::Signer& signer = by == "right-key" ? *right : *wrong;
    BM_TRY(Bytes image, link::BuildImage(m, link::EncodeStage(content), signer, headers));
    if (by == "nobody") Unsign(image);
    return image;
  }
};

std::vector<ChangePlan> PlanChanges(const plan::Plan& plan, const line::Firmware& firmware) {
  std::vector<ChangePlan> out;
  std::optional<link::Board> board =
      plan.board ? link::FindBoard(plan::ToText(*plan.board)) : std::nullopt;
  const plan::Anchor* boot = plan.FindAnchorKind(vocab::AnchorKind::kFirstBoot);
  for (const plan::Anchor& a : plan.anchors) {
    ChangePlan p{.anchor = a.id, .partition = {}, .verifier = {}, .ways = {}, .why_not = {}};
    p.partition = line::PartitionHolding(plan, a);
    if (!board) {
      p.why_not = "no board is emulated";
    } else if (ArrivesLater(a)) {
      p.partition = "owner";
      const std::optional<link::OwnerArea> area = link::OwnerAreaOf(board->name);
      const plan::Anchor* masa = VoucherVerifier(plan);
      // A voucher is for a serial number, which such a board takes before it is closed.
      if (masa != nullptr && plan.FindStep(vocab::StepKind::kPrivateMemoryInit) != nullptr) {
        p.verifier = masa->id;
        p.ways.push_back("voucher");
      }
      if (area && !area->internal) p.ways.push_back("chip");
      p.ways.push_back("reset");
    } else if (p.partition.empty() && &a == boot) {
      p.ways = {"fuses", "port"};
    } else if (p.partition.empty()) {
      p.why_not = "the emulated chip has no fuses for it";
    } else if (board->Find(p.partition) == nullptr) {
      p.why_not = "the emulated board has no partition " + p.partition;
    } else {
      const plan::Anchor* verifier = VerifierOf(plan, p.partition);
      if (verifier != nullptr) p.verifier = verifier->id;
      const line::Image* image = firmware.Find(p.partition);
      if (image == nullptr || image->bytes.size() <= kMaxOffer) p.ways.push_back("update");
      if (!board->Find(p.partition)->internal) p.ways.push_back("chip");
      if (p.ways.empty()) p.why_not = "its image is larger than a message of the protocol";
    }
    out.push_back(std::move(p));
  }
  return out;
}

Result<ChangeTrials::Container> ChangeTrials::Open(const ChangePlan& what) {
  Container c;
  c.partition = what.partition;
  c.verifier = what.verifier;
  c.ways = what.ways;
  c.manifest = {.kind = what.partition == "store" ? "bundle" : what.partition,
                .name = plan_.product.id + " anchors",
                .version = 1,
                .factory_commands = false};
  if (const line::Image* image = firmware_.Find(what.partition)) {
    BM_TRY(link::DecodedImage decoded, link::DecodeImage(image->bytes));
    BM_TRY(c.stage, link::DecodeStage(decoded.payload));
    c.manifest = decoded.manifest;
    c.headers.x5chain = decoded.x5chain;
    c.released = image->bytes;
  }
  c.headers.bare_key = c.headers.x5chain.empty();
  const plan::Anchor* verifier = what.verifier.empty() ? nullptr : plan_.FindAnchor(what.verifier);
  if (verifier != nullptr && verifier->pki && signers_.contains(*verifier->pki)) {
    const line::SignerChain& chain = signers_.at(*verifier->pki);
    BM_TRY(c.right, keys_.Open(chain.key_id));
  }
  BM_TRY(c.wrong, crypto::SoftwareSigner::Generate(c.right ? c.right->algorithm()
                                                           : crypto::Algorithm::kEcdsaP256));
  return c;
}

Result<bool> ChangeTrials::InUse(const std::string& partition, ByteView image) {
  BM_TRY(link::DeviceConsole * console, device_.Console());
  BM_TRY(std::vector<link::BootStage> boot, console->BootReport());
  const Digest meant = crypto::Sha256(image);
  return std::ranges::any_of(boot, [&](const link::BootStage& s) {
    const bool here =
        s.partition == partition || (partition == "application" && s.partition == "application-b");
    return here && s.usable && std::ranges::equal(s.sha256, meant);
  });
}

Result<ledger::ChangeTry> ChangeTrials::Update(const Container& c, ByteView image) {
  ledger::ChangeTry t{.by = {},
                      .way = "update",
                      .held = false,
                      .aspect = {},
                      .object = crypto::Sha256(image),
                      .signer = {},
                      .verdict = {},
                      .accepted = false};
  BM_TRY(link::DeviceConsole * console, device_.Console());
  Result<link::Offered> said = console->OfferImage(c.partition, image);
  if (!said && !link::IsRefusal(said.error())) return std::unexpected(std::move(said).error());
  if (!said) {
    t.verdict = said.error().message;
    return t;
  }
  t.verdict = said->text;
  t.accepted = said->accepted;
  if (!t.accepted) return t;
  BM_CHECK(device_.Restart());
  BM_TRY(t.held, InUse(c.partition, image));
  // An application is on trial in the other buffer: nobody confirms it, so the next restart goes
  // back.
  BM_CHECK(c.partition == "application" ? device_.Restart()
                                        : device_.Clip(c.partition, c.released));
  return t;
}

Result<ledger::ChangeTry> ChangeTrials::Chip(const Container& c, ByteView image) {
  BM_CHECK(device_.Clip(c.partition, image));
  BM_CHECK(device_.Restart());
  ledger::ChangeTry t{.by = {},
                      .way = "chip",
                      .held = false,
                      .aspect = {},
                      .object = crypto::Sha256(image),
                      .signer = {},
                      .verdict = "not there at boot",
                      .accepted = false};
  BM_TRY(link::DeviceConsole * console, device_.Console());
  BM_TRY(std::vector<link::BootStage> boot, console->BootReport());
  for (const link::BootStage& s : boot) {
    if (s.partition == c.partition) t.verdict = s.text;
  }
  BM_TRY(t.held, InUse(c.partition, image));
  t.accepted = t.held;
  BM_CHECK(device_.Clip(c.partition, c.released));
  return t;
}

Status ChangeTrials::TryImage(const ChangePlan& what, ledger::ChangesTried& out) {
  BM_TRY(Container c, Open(what));
  std::vector<std::string_view> by{"nobody"};
  if (c.right) by = {"right-key", "wrong-key", "nobody"};
  auto put = [&](ledger::ChangeTry t, std::string_view who, std::string_view aspect) {
    t.by = who;
    t.aspect = aspect;
    if (who == "right-key") t.signer = c.verifier;
    out.results.push_back(std::move(t));
  };
  auto has = [&](std::string_view way) { return std::ranges::find(c.ways, way) != c.ways.end(); };
  if (std::ranges::find(c.stage.anchors, what.anchor, &link::StageAnchor::id) ==
      c.stage.anchors.end()) {
    // A store that starts empty: the anchor is brought in first, then changed.
    const plan::Anchor& a = *plan_.FindAnchor(what.anchor);
    BM_TRY(Bytes certificate, OtherCertificate());
    link::StageAnchor first{.id = a.id,
                            .kind = std::string(vocab::ToText(a.kinds.front())),
                            .verifies = a.verifies,
                            .form = "certificate",
                            .data = std::move(certificate),
                            .policy = {}};
    c.stage.anchors.push_back(std::move(first));
    BM_TRY(c.released, c.Seal(c.stage, c.manifest, c.right ? "right-key" : "nobody"));
    BM_CHECK(device_.Clip(c.partition, c.released));
    BM_CHECK(device_.Restart());
  }
  BM_TRY(std::vector<Changed> changes, Changes(c.stage, what.anchor));
  if (c.right && has("update") && c.manifest.version > 0) {
    link::Manifest older = c.manifest;
    --older.version;
    BM_TRY(Bytes image, c.Seal(c.stage, older, "right-key"));
    BM_TRY(ledger::ChangeTry t, Update(c, image));
    put(std::move(t), "right-key", "roll-back");
  }
  // Everything the device's own way before the chip: a refused chip leaves a device that runs
  // nothing, and so takes no offers.
  for (std::string_view way : {"update", "chip"}) {
    if (!has(way)) continue;
    for (const Changed& change : changes) {
      for (std::string_view who : by) {
        // What a container refuses it refuses whatever is inside: on the chip once is enough.
        // Nor does the chip tell anything of the right key that its own way did not.
        const bool told = std::ranges::any_of(out.results, [&](const ledger::ChangeTry& t) {
          return t.aspect == change.aspect && t.by == "right-key" && t.held;
        });
        if (way == "chip" && by.size() > 1 &&
            (who == "right-key" ? told : change.aspect != "replace"))
          continue;
        BM_TRY(Bytes image, c.Seal(change.stage, c.manifest, who));
        if (image.size() > device_.board().Find(c.partition)->size) continue;
        BM_TRY(ledger::ChangeTry t, way == "chip" ? Chip(c, image) : Update(c, image));
        put(std::move(t), who, change.aspect);
      }
    }
  }
  const line::Image* released = firmware_.Find(c.partition);
  BM_CHECK(device_.Clip(c.partition, released == nullptr ? Bytes{} : released->bytes));
  BM_CHECK(device_.Restart());
  if (released == nullptr) return {};
  BM_TRY(bool back, InUse(c.partition, released->bytes));
  if (back) return {};
  return Refused("trial.unsteady",
                 fmt::format("after the tries on anchor \"{}\" the device does not start as before",
                             what.anchor),
                 "run `birthmark anchor try` again, and report it when it stays so");
}

Status ChangeTrials::TryFuses(ledger::ChangesTried& out) {
  const Digest& meant = firmware_.boot_anchor();
  // Fuses only go from 0 to 1: a digest that could ever be reached has every bit of the old one.
  Digest more = meant, all;
  for (size_t i = 0; i < more.size(); i += 5) more[i] |= static_cast<uint8_t>(0x11U << (i % 4));
  if (more == meant) more[0] ^= 0xFF;
  all.fill(0xFF);
  struct Try {
    std::string_view aspect, fuse;
    Digest digest;
  };
  const Try tries[] = {{"replace", "boot-anchor", more},
                       {"add", "boot-anchor-2", more},
                       {"remove", "boot-anchor", all},
                       {"remove", "retire-1", {}}};
  auto held = [&]() -> Result<bool> {
    BM_TRY(link::DeviceConsole * console, device_.Console());
    BM_TRY(std::vector<link::AnchorInForce> now, console->AnchorsInForce());
    const Digest same = crypto::Sha256(meant);
    return std::ranges::none_of(now, [&](const link::AnchorInForce& a) {
      return a.id == "fuse" && std::ranges::equal(a.sha256, same);
    });
  };
  for (const Try& t : tries) {
    for (const std::string_view way : {"fuses", "port"}) {
      const bool digest = t.fuse.starts_with("boot-anchor");
      Status done;
      if (way == "fuses") {
        BM_TRY(link::DeviceConsole * console, device_.Console());
        Result<bool> already = digest ? console->Blow(std::string(t.fuse), t.digest)
                                      : console->Blow(std::string(t.fuse));
        if (!already) done = std::unexpected(std::move(already).error());
      } else {
        Result<link::Programmer*> port = device_.Port();
        done = !port ? Status(std::unexpected(port.error()))
                     : (*port)->BlowNamed(std::string(t.fuse), t.digest);
        device_.ReleasePort();
      }
      ledger::ChangeTry tried{.by = "nobody",
                              .way = std::string(way),
                              .held = false,
                              .aspect = std::string(t.aspect),
                              .object = crypto::Sha256(AsBytes(t.fuse), t.digest),
                              .signer = {},
                              .verdict = done ? "done" : done.error().message,
                              .accepted = done.has_value()};
      if (tried.accepted) {
        BM_CHECK(device_.Restart());
        BM_TRY(tried.held, held());
      }
      out.results.push_back(std::move(tried));
    }
  }
  BM_CHECK(device_.Restart());
  BM_TRY(bool changed, held());
  for (ledger::ChangeTry& t : out.results) t.held = t.held || (changed && t.accepted);
  return {};
}

Result<bool> ChangeTrials::OwnedBy(const Bytes* certificate) {
  BM_CHECK(device_.Restart());
  BM_TRY(link::DeviceConsole * console, device_.Console());
  BM_TRY(std::vector<link::AnchorInForce> now, console->AnchorsInForce());
  std::erase_if(now, [](const link::AnchorInForce& a) { return a.place != "owner"; });
  return certificate == nullptr
             ? now.empty()
             : now.size() == 1 &&
                   std::ranges::equal(now.front().sha256, crypto::Sha256(*certificate));
}

Status ChangeTrials::TryVouchers(const ChangePlan& what, ledger::ChangesTried& out) {
  const plan::Anchor& masa = *plan_.FindAnchor(what.verifier);
  const auto chain = masa.pki ? signers_.find(*masa.pki) : signers_.end();
  if (chain == signers_.end() || chain->second.key_id.empty()) return {};
  BM_TRY(auto right, keys_.Open(chain->second.key_id));
  BM_TRY(auto wrong, crypto::SoftwareSigner::Generate(right->algorithm()));
  BM_TRY(const Bytes first, OtherCertificate());
  BM_TRY(const Bytes second, OtherCertificate());
  const Time now = SystemClock().Now();
  // Nobody first: the last one would be hidden by an owner who is there already.
  const struct {
    std::string_view aspect, by;
    const Bytes* owner;
  } tries[] = {{"add", "nobody", &first},         {"add", "wrong-key", &first},
               {"add", "right-key", &first},      {"replace", "nobody", &second},
               {"replace", "wrong-key", &second}, {"replace", "right-key", &second}};
  for (const auto& t : tries) {
    voucher::Statement s;
    s.created_on = now;
    s.expires_on = now + std::chrono::hours(1);
    s.serial_number = Sacrifice::kSerial;
    s.assertion = voucher::Assertion::kLogged;
    s.pinned_domain_cert = *t.owner;
    BM_TRY(Bytes object, voucher::Sign(s, voucher::Form::kCose, chain->second.chain, now, *right));
    if (t.by != "right-key") {
      BM_TRY(cbor::CoseSign1 m, cbor::ParseCose(object));
      if (t.by == "nobody") {
        std::ranges::fill(m.signature, uint8_t{0});
      } else {
        cbor::CoseSigning how;
        how.headers = m.headers;
        BM_TRY(m, cbor::SignCose(how, *m.payload, *wrong));
      }
      object = cbor::EncodeCose(m);
    }
    BM_TRY(link::DeviceConsole * console, device_.Console());
    BM_TRY(const link::VoucherJudged said, console->GiveVoucher(object));
    BM_TRY(const bool held, OwnedBy(t.owner));
    out.results.push_back({.by = std::string(t.by),
                           .way = "voucher",
                           .held = held,
                           .aspect = std::string(t.aspect),
                           .object = crypto::Sha256(object),
                           .signer = t.by == "right-key" ? masa.id : "",
                           .verdict = said.text,
                           .accepted = said.accepted});
  }
  return {};
}

// TryReset asks for what a person at the device may do, with nobody there: the console alone must
// not be enough.
Status ChangeTrials::TryReset(ledger::ChangesTried& out) {
  BM_TRY(link::DeviceConsole * console, device_.Console());
  const Result<bool> done = console->ResetOwner();
  if (!done && !link::IsRefusal(done.error())) return std::unexpected(done.error());
  BM_TRY(const bool gone, OwnedBy(nullptr));
  out.results.push_back({.by = "nobody",
                         .way = "reset",
                         .held = done.has_value() && gone,
                         .aspect = "remove",
                         .object = crypto::Sha256(AsBytes("owner reset")),
                         .signer = {},
                         .verdict = done ? "forgotten" : done.error().message,
                         .accepted = done.has_value()});
  return {};
}

Status ChangeTrials::TryOwner(const ChangePlan& what, ledger::ChangesTried& out) {
  auto has = [&](std::string_view way) {
    return std::ranges::find(what.ways, way) != what.ways.end();
  };
  if (has("voucher")) BM_CHECK(TryVouchers(what, out));
  BM_CHECK(TryReset(out));
  if (!has("chip")) return {};
  const link::OwnerArea area = *link::OwnerAreaOf(device_.board().name);
  BM_TRY(Bytes first, OtherCertificate());
  BM_TRY(Bytes second, OtherCertificate());
  // Nobody's voucher stands behind what is written to the chip from outside.
  const std::pair<std::string_view, const Bytes*> tries[] = {
      {"add", &first}, {"replace", &second}, {"remove", nullptr}};
  uint32_t sequence = 1;
  for (const auto& [aspect, certificate] : tries) {
    Bytes region(area.size, 0xFF);
    if (certificate != nullptr) {
      std::ranges::copy(link::OwnerCell({*certificate}, sequence++), region.begin());
    }
    BM_CHECK(device_.ClipAt(area.offset, region));
    BM_TRY(const bool held, OwnedBy(certificate));
    out.results.push_back({.by = "nobody",
                           .way = "chip",
                           .held = held,
                           .aspect = std::string(aspect),
                           .object = crypto::Sha256(region),
                           .signer = {},
                           .verdict = held ? "believed" : "not believed",
                           .accepted = held});
  }
  return {};
}

Result<ledger::ChangesTried> ChangeTrials::Try(const ChangePlan& what) {
  ledger::ChangesTried out{
      .unit = device_.unit(), .anchor = what.anchor, .results = {}, .verifier = device_.core()};
  BM_CHECK(what.partition.empty()      ? TryFuses(out)
           : what.partition == "owner" ? TryOwner(what, out)
                                       : TryImage(what, out));
  return out;
}

}  // namespace birthmark::app
