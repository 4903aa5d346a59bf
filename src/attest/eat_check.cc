// SPDX-License-Identifier: Apache-2.0
#include "attest/eat_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/digest.h"

namespace birthmark::attest {
namespace {

using Is = Row::Is;

// Rows collects; a row differs unless its words are equal or it is told otherwise.
class Rows {
 public:
  void Add(std::string claim, std::string said, std::string meant, bool agrees,
           std::string_view code) {
    rows_.push_back({.is = agrees ? Is::kAgrees : Is::kDiffers,
                     .claim = std::move(claim),
                     .said = std::move(said),
                     .meant = std::move(meant),
                     .code = agrees ? "" : std::string(code)});
  }
  void Leave(std::string claim, std::string said, std::string why) {
    rows_.push_back({.is = Is::kNotCompared,
                     .claim = std::move(claim),
                     .said = std::move(said),
                     .meant = std::move(why),
                     .code = ""});
  }
  std::vector<Row> Take() { return std::move(rows_); }

 private:
  std::vector<Row> rows_;
};

std::string Short(ByteView digest) {
  return digest.empty() ? "nothing" : ToHex(digest.first(std::min<size_t>(8, digest.size())));
}

void Provenance(const Token& t, const Records& r, Rows& out) {
  const Signer& s = r.signer;
  switch (s.whose) {
    case Signer::Whose::kThisUnit:
      out.Add("signature", "key of slot " + s.slot, "a live key of this unit", true, "");
      break;
    case Signer::Whose::kOtherUnit:
      out.Add("signature", fmt::format("key of {}, slot {}", s.unit, s.slot),
              "a live key of " + r.unit, false, "eat.other-unit");
      break;
    case Signer::Whose::kNobody:
      out.Add("signature", "a key that the log does not know", "a live key of " + r.unit, false,
              "eat.provenance");
  }
  if (r.seen_before) {
    out.Add("eat_nonce", "a token that was shown before", "a new one", false, "eat.replayed");
  } else if (r.nonce) {
    out.Add("eat_nonce", Short(t.nonce), Short(*r.nonce), t.nonce == *r.nonce, "eat.replayed");
  } else {
    out.Leave("eat_nonce", Short(t.nonce), "no nonce was given: it may be of any time");
  }
  if (r.idevid) {
    ByteView id = ByteView(t.ueid).subspan(1);
    out.Add("ueid", Short(id), Short(*r.idevid), std::ranges::equal(id, *r.idevid),
            "eat.other-unit");
  } else {
    out.Leave("ueid", Short(t.ueid), "the log has no IDevID of this unit");
  }
}

// ModelOf is hwmodel as a device writes a product's id: a name longer than 32 bytes by its digest.
Bytes ModelOf(const std::string& product) {
  if (product.size() <= 32) return ToBytes(product);
  Digest d = crypto::Sha256(AsBytes(product));
  return Bytes(d.begin(), d.end());
}

std::string ModelText(const Bytes& model) {
  if (model.empty()) return "not claimed";
  bool text = std::ranges::all_of(model, [](uint8_t b) { return b > 0x20 && b < 0x7f; });
  return text ? std::string(AsText(model)) : ToHex(model);
}

void Kind(const Token& t, const Records& r, Rows& out) {
  out.Add("oemid", t.oem ? std::to_string(*t.oem) : "not claimed", std::to_string(r.oem),
          t.oem == r.oem, "eat.maker");
  out.Add("hwmodel", ModelText(t.model), r.product, t.model == ModelOf(r.product), "eat.kind");
  out.Add("hwversion", t.oem ? t.hardware : "not claimed", r.hardware,
          t.oem && t.hardware == r.hardware, "eat.kind");
}

std::string_view DebugWord(uint64_t status) {
  constexpr std::string_view kWords[] = {"enabled", "disabled", "disabled since boot",
                                         "disabled permanently", "disabled fully and permanently"};
  return kWords[std::min<uint64_t>(status, 4)];
}

void State(const Token& t, const Records& r, Rows& out) {
  out.Add("oemboot", t.oemboot ? "true" : "false", r.secure_boot ? "true" : "false",
          t.oemboot == r.secure_boot, "eat.boot");
  if (r.debug_closed) {
    out.Add("dbgstat", std::string(DebugWord(t.debug)), "disabled permanently", t.debug >= 3,
            "eat.debug");
  } else {
    out.Leave("dbgstat", std::string(DebugWord(t.debug)), "the plan closes no port");
  }
  out.Add("boot log", fmt::format("{} entries", t.log.size()), "extended, they give the register",
          LogReplays(t), "eat.boot-log");
  // What the claims say beside the log has to be what the log says.
  const BootEvent* running = t.Running();
  const BootEvent* rom =
      t.boot.empty() || t.boot.front().event != "rom" ? nullptr : &t.boot.front();
  const bool closed = rom != nullptr && (rom->port_lock || rom->seal);
  const bool same = rom != nullptr && running != nullptr && running->name == t.software &&
                    std::to_string(running->version) == t.version && (t.debug >= 3) == closed &&
                    (!t.oemboot || rom->secure_boot);
  out.Add("claims beside log", same ? "one story" : "two stories", "one story", same,
          "eat.boot-log");
}

const Released* FindImage(const Records& r, const std::string& stage, const Bytes& digest) {
  auto at = std::ranges::find_if(r.released, [&](const Released& x) {
    return x.stage == stage && std::ranges::equal(x.digest, digest);
  });
  return at == r.released.end() ? nullptr : &*at;
}

// StageOf is a partition's stage: the other buffer holds the application too.
std::string StageOf(const std::string& partition) {
  return partition == "application-b" ? "application" : partition;
}

void Firmware(const Token& t, const Records& r, Rows& out) {
  std::vector<std::string> started;
  for (const BootEvent& e : t.boot) {
    if (e.event != "stage") continue;
    const std::string stage = StageOf(e.partition);
    const Released* image = FindImage(r, stage, e.sha256);
    std::string said = fmt::format("{} version {}", Short(e.sha256), e.version);
    if (!e.usable) {
      out.Add(e.partition, said + fmt::format(", refused (verdict {})", e.verdict), "started",
              false, "eat.boot");
      continue;
    }
    started.push_back(stage);
    const bool was_verified = !r.secure_boot || e.verdict == 0;
    if (stage == "store" && image == nullptr && e.verdict == 0) {
      out.Leave(e.partition, said, "what its owner put there is not in the log");
      continue;
    }
    out.Add(e.partition, said + (was_verified ? "" : ", not verified"),
            image ? "released, version " + image->version : "no image that was released",
            image != nullptr && was_verified, image ? "eat.boot" : "eat.firmware");
  }
  for (const std::string& stage : r.stages) {
    if (std::ranges::find(started, stage) != started.end()) continue;
    out.Add(stage, "did not start", "started", false, "eat.boot");
  }
}

void Disclosure(const Token& t, const Records& r, Rows& out) {
  if (!r.disclosed) return;
  const Records::Disclosed& d = *r.disclosed;
  out.Add("disclosure: signer", d.signer, "a key of this workspace", d.ours, "eat.disclosure");
  out.Add("disclosure: product", ModelText(t.model), d.product, t.model == ModelOf(d.product),
          "eat.kind");
  if (!d.hardware.empty()) {
    out.Add("disclosure: hardware", t.hardware, d.hardware, t.hardware == d.hardware, "eat.kind");
  }
  const BootEvent* running = t.Running();
  if (d.application && running != nullptr) {
    out.Add("disclosure: firmware", Short(running->sha256), Short(*d.application),
            std::ranges::equal(running->sha256, *d.application), "eat.disclosure");
  } else {
    out.Leave("disclosure: firmware", running ? Short(running->sha256) : "nothing",
              "it names no digest of the application");
  }
}

}  // namespace

std::string_view ToText(Row::Is is) {
  return is == Is::kAgrees ? "agrees" : is == Is::kDiffers ? "differs" : "not compared";
}

std::vector<Row> Compare(const Token& token, const Records& records) {
  Rows out;
  Provenance(token, records, out);
  Kind(token, records, out);
  State(token, records, out);
  Firmware(token, records, out);
  Disclosure(token, records, out);
  return out.Take();
}

}  // namespace birthmark::attest
