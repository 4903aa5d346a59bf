// SPDX-License-Identifier: Apache-2.0
#include "artifact/tam.h"

#include <fmt/format.h>

#include <algorithm>

#include "cbor/codec.h"
#include "cbor/cose.h"
#include "crypto/digest.h"

namespace birthmark::artifact {
namespace {

constexpr std::string_view kType = "application/vnd.birthmark.tam-message+cbor";

Status CheckTam(const TamMessage& m) {
  auto bad = [&](std::string what) {
    return Refused("artifact.tam", fmt::format("a message \"{}\" {}", m.action, what),
                   "docs/formats/tam-message.md");
  };
  const auto& actions = TamActions();
  if (std::ranges::find(actions, m.action) == actions.end())
    return bad(fmt::format("is none of {}", fmt::join(actions, ", ")));
  const bool puts = m.action == "anchor-add" || m.action == "anchor-replace";
  const bool takes = m.action == "anchor-replace" || m.action == "anchor-remove";
  if (puts != m.anchor.has_value()) return bad(puts ? "needs an anchor" : "carries no anchor");
  if (takes != !m.target.empty()) return bad(takes ? "needs the anchor's id" : "has no target");
  if ((m.action == "retire-application") != m.version.has_value())
    return bad("says a version only when it retires the application's older ones, and then must");
  return {};
}

cbor::Value EncodeTam(const TamMessage& m) {
  cbor::Map out{{"do", m.action}, {"sequence", m.sequence}};
  if (m.uid) out.emplace_back("uid", *m.uid);
  if (!m.target.empty()) out.emplace_back("id", m.target);
  if (m.version) out.emplace_back("version", *m.version);
  if (m.anchor) {
    out.emplace_back("anchor", cbor::Map{{"id", m.anchor->id},
                                         {"kind", m.anchor->kind},
                                         {"verifies", m.anchor->verifies},
                                         {"form", m.anchor->form},
                                         {"data", m.anchor->data}});
  }
  return out;
}

}  // namespace

const std::vector<std::string>& TamActions() {
  static const std::vector<std::string> words = {"anchor-add", "anchor-replace", "anchor-remove",
                                                 "retire-application", "read-private"};
  return words;
}

Bytes EncodeTamMessage(const TamMessage& message) { return cbor::Encode(EncodeTam(message)); }

Result<Bytes> SignTam(const TamMessage& m, const Signing& signing) {
  BM_CHECK(CheckTam(m));
  cbor::CoseSigning what;
  what.headers.type = cbor::Value(kType);
  for (const crypto::Certificate& c : signing.chain)
    what.headers.x5chain.emplace_back(c.der().begin(), c.der().end());
  if (signing.chain.empty()) {
    const ByteView spki = signing.signer.public_key().spki();
    what.headers.other.emplace_back("spki", Bytes(spki.begin(), spki.end()));
  }
  BM_TRY(const cbor::CoseSign1 message,
         cbor::SignCose(what, cbor::Encode(EncodeTam(m)), signing.signer));
  return cbor::EncodeCose(message);
}

bool LooksLikeTam(ByteView file) { return !file.empty() && file.front() == 0xd2; }

Result<Opened> OpenTam(ByteView file) {
  if (file.size() > kMaxEnvelope) return BadArtifact(Kind::kTam, "it is larger than any message");
  BM_TRY(const cbor::CoseSign1 message, cbor::ParseCose(file));
  if (message.headers.TypeText() != kType || !message.payload)
    return BadArtifact(Kind::kTam, "its type is another one");
  BM_TRY(const cbor::Value payload, cbor::Decode(*message.payload));
  const cbor::Value* action = payload.Find("do");
  const cbor::Value* sequence = payload.Find("sequence");
  if (action == nullptr || action->AsText() == nullptr || sequence == nullptr ||
      sequence->AsUint() == nullptr)
    return BadArtifact(Kind::kTam, "it does not say what to do, or has no sequence number");
  Opened out;
  out.kind = Kind::kTam;
  out.name = *action->AsText();
  out.version = *sequence->AsUint();
  out.algorithm = fmt::format("cose {}", message.headers.algorithm.value_or(0));
  out.content = crypto::Sha256(*message.payload);
  out.content_size = message.payload->size();
  if (const cbor::Value* id = payload.Find("id"); id != nullptr && id->AsText() != nullptr)
    out.facts.emplace_back("target", *id->AsText());
  if (const cbor::Value* anchor = payload.Find("anchor")) {
    const cbor::Value* data = anchor->Find("data");
    if (data != nullptr && data->AsBytes() != nullptr)
      out.facts.emplace_back("anchor-sha256", ToHex(crypto::Sha256(*data->AsBytes())));
  }
  for (const Bytes& der : message.headers.x5chain) {
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(der));
    out.chain.push_back(std::move(c));
  }
  out.signed_by = [message](const crypto::PublicKey& key) {
    return cbor::VerifyCose(message, key).has_value();
  };
  return out;
}

}  // namespace birthmark::artifact
